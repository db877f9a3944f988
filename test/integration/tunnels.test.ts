/** Contract rows 81 and 143-149 and the tighter rules, with an frpc that shares no code with the gateway. */
import { readFile, stat, writeFile, mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import type { FrpcOptions } from '../support/frpc-options.ts'
import type { FakeExApp } from '../support/fake-exapp.ts'
import { HarpProcess, prepareGatewayPlace } from '../support/gateway-process.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { mebibyte, newAppId, responseOf, Stage } from './stage.ts'

let plain: Stage
let secure: Stage
let certs: { ca: string; cert: string; key: string }

beforeAll(async () => {
  ;[plain, secure] = await Promise.all([
    Stage.open({ HARP_DOCKER_SOCKET: 'off' }),
    Stage.open({ HP_FRP_DISABLE_TLS: 'false', HARP_DOCKER_SOCKET: 'off' }),
  ])
  certs = await clientFiles(secure)
}, 30_000)

afterAll(async () => {
  for (const stage of [plain, secure]) expect(await stage.close()).toMatchObject({ code: 0 })
})

async function clientFiles(stage: Stage): Promise<{ ca: string; cert: string; key: string }> {
  const read = (name: string): Promise<string> =>
    readFile(join(stage.gateway.place.certsDir, 'frp', name), 'utf8')
  const [ca, cert, key] = await Promise.all([read('ca.crt'), read('client.crt'), read('client.key')])
  return { ca, cert, key }
}

type Frpc = Omit<Partial<FrpcOptions>, 'proxies'> & {
  readonly name?: string
  readonly port?: number
  readonly target?: number
}

/** A client of the plain gateway, or of the secure one with its files, serving `target` under a port. */
function optionsFor(stage: Stage, frpc: Frpc): FrpcOptions {
  const { name = newAppId(), port = nextPort(), target = 1, ...rest } = frpc
  const tls = stage === secure ? { tls: { ...certs, serverName: 'harp.nc' } } : { tls: 'off' as const }
  return {
    server: { host: '127.0.0.1', port: stage.gateway.place.ports.frp },
    token: 'sekret',
    ...tls,
    proxies: [{ name, remotePort: port, target: { port: target } }],
    ...rest,
  }
}

let lastPort = 23_000
const nextPort = (): number => (lastPort += 1)

async function tunnel(stage: Stage, frpc: Frpc = {}): Promise<FrpcStandIn> {
  const client = await FrpcStandIn.connected(optionsFor(stage, frpc))
  stage.own(() => client.stop())
  return client
}

/** An app behind a tunnel, and its path at the gateway. */
async function tunnelledApp(
  stage: Stage,
  frpc: Frpc = {},
): Promise<{ app: FakeExApp; path: string; frpc: FrpcStandIn }> {
  const { app } = await stage.exapp()
  const port = frpc.port ?? nextPort()
  const name = newAppId()
  const path = stage.addApp(port, {}, name)
  return { app, path, frpc: await tunnel(stage, { name, target: app.port, ...frpc, port }) }
}

const statusOf = async (stage: Stage, path: string): Promise<number> =>
  responseOf(await stage.send({ method: 'GET', target: path })).status

/** The error of the client's only proxy. */
async function proxyError(stage: Stage, frpc: Frpc): Promise<string> {
  const client = await tunnel(stage, frpc)
  return [...client.proxyResponses.values()][0]?.error ?? ''
}

const modes: [string, Frpc][] = [
  ['as HaRP writes it', {}],
  ['frpc 0.69', { version: '0.69.1' }],
  ['wire v2', { version: '0.69.1', wire: 2 }],
  ['without yamux', { mux: false }],
  ['wire v2 without yamux', { version: '0.69.1', wire: 2, mux: false }],
  ['over WebSocket, text frames', { websocket: 'text' }],
  ['over WebSocket, binary frames', { websocket: 'binary' }],
]

test.each(modes)('row 143: an app behind a tunnel is served: %s', async (_mode, options) => {
  for (const stage of [plain, secure]) {
    const { app, path, frpc } = await tunnelledApp(stage, options)
    const size = 3 * mebibyte

    expect(await statusOf(stage, `${path}/x`)).toBe(200)
    const download = responseOf(
      await stage.send({ method: 'GET', target: `${path}/x?do=bytes&size=${size}` }),
    )
    expect(download.body.length).toBe(size)
    const body = Buffer.alloc(size, 'harp')
    const upload = responseOf(await stage.send({ method: 'POST', target: `${path}/up`, body }))
    expect(upload.status).toBe(200)
    expect(app.requests(({ method }) => method === 'POST')[0]?.bodyBytes).toBe(size)
    expect([...frpc.proxyResponses.values()][0]).toMatchObject({
      error: '',
      remoteAddr: expect.stringMatching(/^:23\d{3}$/) as string,
    })
    await frpc.stop()
  }
})

test('row 143: TLS with the byte that older frpc put before it', async () => {
  const { path } = await tunnelledApp(secure, { customByte: true })

  expect(await statusOf(secure, `${path}/x`)).toBe(200)
})

test('useEncryption works, useCompression is refused by name', async () => {
  const { app } = await plain.exapp()
  const name = newAppId()
  const port = nextPort()
  const path = plain.addApp(port, {}, name)
  await FrpcStandIn.connected({
    ...optionsFor(plain, {}),
    proxies: [{ name, remotePort: port, useEncryption: true, target: { port: app.port } }],
  }).then((client) => plain.own(() => client.stop()))
  expect(await statusOf(plain, `${path}/x`)).toBe(200)

  const compressed = await FrpcStandIn.connected({
    ...optionsFor(plain, {}),
    proxies: [{ name: 'c', remotePort: nextPort(), useCompression: true, target: { port: app.port } }],
  })
  plain.own(() => compressed.stop())
  expect(compressed.proxyResponses.get('c')?.error).toContain('useCompression is not supported')
})

test('row 143: nothing listens on the port of a tunnel, on no address', async () => {
  const port = nextPort()
  await tunnelledApp(plain, { port })

  await expect(reach(port)).rejects.toThrow('ECONNREFUSED')
})

test('row 143: HARP_FRP_LOOPBACK=1 opens the port on 127.0.0.1, and closes it with the tunnel', async () => {
  await using stage = await Stage.open({ HARP_FRP_LOOPBACK: '1', HARP_DOCKER_SOCKET: 'off' })
  const { app } = await stage.exapp()
  const port = 23_900 + Math.floor(Math.random() * 99)
  const name = newAppId()
  const client = await FrpcStandIn.connected({
    ...optionsFor(stage, {}),
    proxies: [{ name, remotePort: port, target: { port: app.port } }],
  })

  expect(await reach(port)).toMatch(/^HTTP\/1.1 200 /)
  await client.stop()
  await eventually('the port to close', async () => {
    const answer = await reach(port).catch((error: unknown) => String(error))
    return answer.includes('ECONNREFUSED') ? true : undefined
  })
})

async function reach(port: number): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  socket.on('error', reject).on('data', (chunk) => resolve(chunk.toString()))
  socket.write('GET /x HTTP/1.1\r\nhost: a\r\n\r\n')
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}

test('rows 144 and 81: wrong tokens are refused, counted with HTTP’s failures, and banned', async () => {
  await using stage = await Stage.open({ HP_BLACKLIST_COUNT: '3', HP_TRUSTED_PROXY_IPS: '192.0.2.1' })
  for (let count = 0; count < 3; count++) {
    const client = await tunnel(stage, { token: 'wrong' })
    expect((await client.loginResponse).error).toContain('metadatas.token')
  }
  const banned = await tunnel(stage, {})

  expect((await banned.loginResponse).error).toContain('banned')
  expect(await stage.send({ method: 'GET', target: '/exapps/any/x' })).toEqual({ kind: 'drop' })
})

test('row 144: no token at all is refused with the name of what is missing', async () => {
  const client = await FrpcStandIn.connected({ ...optionsFor(plain, {}), token: '' })
  plain.own(() => client.stop())

  expect((await client.loginResponse).error).toContain('metadatas.token is missing')
})

const foreign = makeSelfSigned({ commonName: 'harp.client.nc' })

test.each([
  ['plain TCP', { tls: 'off' }],
  ['no client certificate', { tls: {} }],
  ['a certificate of another authority', { tls: { cert: foreign.cert, key: foreign.key } }],
] satisfies [string, Frpc][])('row 145: %s is refused in TLS mode', async (_what, options) => {
  const client = FrpcStandIn.connect(optionsFor(secure, options))
  secure.own(() => client.stop())

  await client.ended()
  expect(client.logins).toEqual([])
  expect(client.received('LoginResp')).toEqual([])
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'row 145: with %s no byte is answered to a foreign certificate',
  async (version) => {
    const socket = connectTls({
      port: secure.gateway.place.ports.frp,
      host: '127.0.0.1',
      cert: foreign.cert,
      key: foreign.key,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    })
    let received = 0
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {}).on('data', (chunk: Buffer) => (received += chunk.length))
    // A yamux stream: a server that admits foreign certificates acknowledges it.
    socket.write(Buffer.from('000100010000000100000000', 'hex'))
    await closed

    expect(received).toBe(0)
  },
)

test('row 146: ports outside the ranges, and a second proxy in one session', async () => {
  expect(await proxyError(plain, { port: 22_000 })).toBe('port not allowed')
  const client = await FrpcStandIn.connected({
    ...optionsFor(plain, {}),
    proxies: [
      { name: 'first', remotePort: nextPort(), target: { port: 1 } },
      { name: 'second', remotePort: nextPort(), target: { port: 1 } },
    ],
  })
  plain.own(() => client.stop())
  const errors = ['first', 'second'].map((name) => client.proxyResponses.get(name)?.error)

  expect(new Set(errors)).toEqual(new Set(['', 'exceed the max_ports_per_client']))
})

test('row 147: with TLS disabled no certificates are made, and a client that insists on TLS still connects', async () => {
  await expect(stat(join(plain.gateway.place.certsDir, 'frp'))).rejects.toThrow('ENOENT')
  const { path } = await tunnelledApp(plain, { tls: {} })

  expect(await statusOf(plain, `${path}/x`)).toBe(200)
})

test('with TLS disabled, an app deployed while it was on still connects: its certificates are there', async () => {
  await using stage = await Stage.open({ HARP_CERTS_DIR: secure.gateway.place.certsDir })
  const { path } = await tunnelledApp(stage, { tls: { ...certs, serverName: 'harp.nc' } })

  expect(await statusOf(stage, `${path}/x`)).toBe(200)
})

test('row 148: certificates that are there stay byte for byte, and are the ones in use', async () => {
  const place = await prepareGatewayPlace('http://127.0.0.1:9', {
    environment: { HP_FRP_DISABLE_TLS: 'false' },
  })
  const names = ['ca.crt', 'ca.key', 'server.crt', 'server.key', 'client.crt', 'client.key']
  const from = join(secure.gateway.place.certsDir, 'frp')
  const before = await Promise.all(names.map((name) => readFile(join(from, name))))
  await mkdir(join(place.certsDir, 'frp'))
  for (const [index, name] of names.entries()) {
    await writeFile(join(place.certsDir, 'frp', name), before[index] ?? '', { mode: 0o600 })
  }
  const gateway = new HarpProcess(['gateway'], place.environment)
  try {
    const { error } = await eventually(
      'a login',
      async () => {
        const client = FrpcStandIn.connect({
          ...optionsFor(secure, {}),
          server: { host: '127.0.0.1', port: place.ports.frp },
        })
        const response = await client.loginResponse.catch(() => undefined)
        await client.stop()
        return response
      },
      { timeoutMs: 20_000 },
    )
    expect(error).toBe('')
    const after = await Promise.all(names.map((name) => readFile(join(place.certsDir, 'frp', name))))
    expect(after.map((file) => file.toString())).toEqual(before.map((file) => file.toString()))
  } finally {
    await gateway.stop()
  }
})

test('row 149: the engine port of the mounted Docker socket answers _ping, and secrets stay here', async () => {
  await using stage = await Stage.open({ HARP_DOCKER_SOCKET: '/tmp/none' })
  const seen: Record<string, unknown>[] = []
  const engine = createServer((request, response) => {
    seen.push({ url: request.url, ...request.headers })
    response.end('OK')
  })
  const path = join(stage.gateway.place.directory, 'docker.sock')
  await new Promise<void>((resolve) => engine.listen(path, resolve))
  stage.own(async () => engine.close())
  await using mounted = await Stage.open({ HARP_DOCKER_SOCKET: path })
  const call = (on: Stage, port: string) =>
    on.send({
      method: 'GET',
      target: '/exapps/app_api/v1.44/_ping?a=b',
      headers: [
        ['harp-shared-key', 'sekret'],
        ['docker-engine-port', port],
        ['authorization', 'Basic c2VjcmV0'],
        ['cookie', 'a=b'],
      ],
    })

  const answer = responseOf(await call(mounted, '24000'))
  expect([answer.status, answer.body.toString()]).toEqual([200, 'OK'])
  expect(seen.map(({ url }) => url)).toContain('/v1.44/_ping?a=b')
  const names = seen.flatMap((each) => Object.keys(each))
  for (const secret of ['harp-shared-key', 'docker-engine-port', 'authorization', 'cookie']) {
    expect(names).not.toContain(secret)
  }
  expect(responseOf(await call(stage, '24000')).status).toBe(503)
})

test('nobody reaches an engine by calling it an app: not by AppAPI’s headers, not by a pushed record', async () => {
  const calls: (string | undefined)[] = []
  const engine = createServer((request, response) => {
    calls.push(request.url)
    response.end('[]')
  })
  const directory = plain.gateway.place.directory
  const path = join(directory, 'engine.sock')
  await new Promise<void>((resolve) => engine.listen(path, resolve))
  plain.own(async () => engine.close())
  await using stage = await Stage.open({ HARP_DOCKER_SOCKET: path })
  const asApp = await stage.send({
    method: 'POST',
    target: '/exapps/evil/v1.44/containers/create',
    headers: [
      ['harp-shared-key', 'sekret'],
      ['aa-version', '32'],
      ['ex-app-id', 'evil'],
      ['ex-app-version', '1'],
      ['authorization-app-api', 'eDp5'],
      ['aa-request-id', '1'],
      ['ex-app-host', '127.0.0.1'],
      ['ex-app-port', '24000'],
    ],
    body: '{}',
  })
  const pushed = stage.addApp(24_000)

  expect(responseOf(asApp).status).toBe(403)
  expect(await statusOf(stage, `${pushed}/containers/json`)).toBe(403)
  expect(calls).toEqual([])
})

test('an engine behind a tunnel is reached by its port, and a live one cannot be displaced', async () => {
  const engine = createServer((_request, response) => response.end('OK'))
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve))
  plain.own(async () => engine.close())
  const address = engine.address()
  const target = address !== null && typeof address === 'object' ? address.port : 0
  await tunnel(plain, { name: 'gpu', port: 24_007, target })
  const ping = () =>
    plain.send({
      method: 'GET',
      target: '/exapps/app_api/v1.41/_ping',
      headers: [
        ['harp-shared-key', 'sekret'],
        ['docker-engine-port', '24007'],
      ],
    })

  expect(responseOf(await ping()).status).toBe(200)
  expect(await proxyError(plain, { name: 'thief', port: 24_007 })).toBe('port already used')
  expect(await proxyError(plain, { name: 'gpu', port: 24_008 })).toBe('proxy [gpu] already exists')
  expect(responseOf(await ping()).status).toBe(200)
})

test('an app gets the port that Nextcloud has for it and no other, and takes it from a squatter', async () => {
  const { app } = await plain.exapp()
  const [port, wrong] = [nextPort(), nextPort()]
  const name = newAppId()
  const squatter = await tunnel(plain, { name: newAppId(), port })
  const path = plain.addApp(port, {}, name)

  expect(await proxyError(plain, { name, port: wrong })).toContain(`Nextcloud has port ${port}`)
  await tunnel(plain, { name, port, target: app.port })
  await squatter.ended()
  expect(await statusOf(plain, `${path}/x`)).toBe(200)
})

test('the same client logs in again with its run id and has its port at once', async () => {
  const port = nextPort()
  const first = await tunnel(plain, { name: 'again', port })
  const runId = first.runId
  const second = await tunnel(plain, { name: 'again', port, runId })

  expect(second.runId).toBe(runId)
  expect(second.proxyResponses.get('again')).toMatchObject({ error: '', remoteAddr: `:${port}` })
  await first.ended()
})

test('a login with the run id of a live engine does not displace it; of a dead one it does', async () => {
  const engine = await tunnel(plain, { name: 'live', port: 24_011 })
  const replay = await tunnel(plain, { name: 'live', port: 24_011, runId: engine.runId })

  expect(replay.runId).not.toBe(engine.runId)
  expect(replay.proxyResponses.get('live')?.error).toBe('proxy [live] already exists')
  expect(engine.ends).toEqual([])

  const frozen = await tunnel(plain, { name: 'frozen engine', port: 24_012 })
  frozen.freeze()
  const again = await tunnel(plain, { name: 'frozen engine', port: 24_012, runId: frozen.runId })
  expect(again.proxyResponses.get('frozen engine')?.error).toBe('')
})

test('a client whose machine froze loses its place to its successor, without waiting for a keep-alive', async () => {
  const port = nextPort()
  const frozen = await tunnel(plain, { name: 'frozen', port })
  frozen.freeze()
  const startedAt = performance.now()
  const successor = await tunnel(plain, { name: 'frozen', port })

  expect(successor.proxyResponses.get('frozen')?.error).toBe('')
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('a work connection must belong to its session', async () => {
  const { path, frpc } = await tunnelledApp(plain, {})
  const thief = await tunnel(plain, { misbehave: { workRunId: frpc.runId } })
  await thief.openWorkConnection()

  await eventually('the refusal', () => thief.received('StartWorkConn')[0])
  expect(thief.received('StartWorkConn')[0]?.body['error']).toContain('no session here')
  for (let count = 0; count < 3; count++) expect(await statusOf(plain, `${path}/x`)).toBe(200)
})

test('an idle work connection that died is not used', async () => {
  const { path, frpc } = await tunnelledApp(plain, { poolCount: 3 })
  await eventually('pooled connections', () => (frpc.pooledConnections === 3 ? true : undefined))
  frpc.breakPooled('rst')

  expect(await statusOf(plain, `${path}/x`)).toBe(200)
})

test('an app that is gone behind its tunnel is a 5xx at once, and back as soon as it listens', async () => {
  const port = nextPort()
  const [target = 0] = await freePorts(1)
  const name = newAppId()
  const path = plain.addApp(port, {}, name)
  await tunnel(plain, { name, port, target })
  expect(await statusOf(plain, `${path}/x`)).toBeGreaterThanOrEqual(502)
  const server = createServer((_request, response) => response.end('back'))
  await new Promise<void>((resolve) => server.listen(target, '127.0.0.1', resolve))
  plain.own(async () => server.close())

  expect(await statusOf(plain, `${path}/x`)).toBe(200)
})

test('a tunnel that is gone answers 503 within a second, and a client that asks for no work 503 in its time', async () => {
  const { path, frpc } = await tunnelledApp(plain, {})
  await frpc.stop()
  const startedAt = performance.now()

  expect(await statusOf(plain, `${path}/x`)).toBe(503)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('what is no client is cut: nonsense at once, silence in time', async () => {
  const cutAfter = async (bytes: string): Promise<number> => {
    const startedAt = performance.now()
    const socket = connectTcp(plain.gateway.place.ports.frp, '127.0.0.1')
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {}).write(bytes)
    await closed
    return performance.now() - startedAt
  }
  const [nonsense, silence] = await Promise.all([cutAfter('EHLO there\r\n'), cutAfter('')])

  expect(nonsense).toBeLessThan(5_000)
  expect(silence).toBeGreaterThan(9_000)
}, 20_000)

test('`harp tunnels` and the metrics show what is open, and why others were refused', async () => {
  const { frpc } = await tunnelledApp(secure, { user: 'someone', version: '0.69.1' })
  const tool = new HarpProcess(['tunnels', '--json'], secure.gateway.place.environment)
  const { stdout } = await tool.waitForExit()
  const overview = JSON.parse(stdout) as {
    tunnels: Record<string, unknown>[]
    refused: Record<string, unknown>[]
  }

  expect(overview.tunnels).toContainEqual(
    expect.objectContaining({
      state: 'open',
      user: 'someone',
      clientVersion: '0.69.1',
      transport: 'tls',
      mux: true,
      runId: frpc.runId.slice(0, 4),
      certificate: expect.objectContaining({ subject: 'CN=harp.client.nc' }) as object,
    }),
  )
  expect(overview.refused.map((each) => each['problem']).join()).toContain('certificate')
  const metrics = await fetch(`http://127.0.0.1:${secure.gateway.place.ports.admin}/metrics`).then((answer) =>
    answer.text(),
  )
  expect(metrics).toMatch(/^harp_tunnels [1-9]/m)
  expect(metrics).toMatch(/^harp_tunnel_logins_total\{result="admitted"\} [1-9]/m)
})
