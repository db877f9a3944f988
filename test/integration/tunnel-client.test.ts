/** The tunnel client against a scripted frps: every transport, every way to fail, and back again. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../../src/base/logger.ts'
import { parseFrpcConfig } from '../../src/gateway/tunnel-client/frpc-config.ts'
import {
  startTunnelClient,
  type TunnelClient,
  type TunnelClientOptions,
} from '../../src/gateway/tunnel-client/tunnel-client.ts'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import { HarpProcess } from '../support/gateway-process.ts'
import { ScriptedFrps, type ScriptedFrpsOptions } from '../support/scripted-frps.ts'
import { makeSelfSigned } from '../support/self-signed.ts'

const directory = mkdtempSync(join(tmpdir(), 'harp-tunnel-'))
const server = makeSelfSigned({ names: ['harp.nc'] })
const client = makeSelfSigned({ names: ['harp.client.nc'] })
const appSocket = join(directory, 'app.sock')
const cleanups: (() => unknown)[] = []
let app: Server

beforeAll(async () => {
  for (const [name, text] of Object.entries({ 'ca.crt': server.cert, 'client.crt': client.cert })) {
    writeFileSync(join(directory, name), text)
  }
  writeFileSync(join(directory, 'client.key'), client.key)
  app = await listenApp(appSocket)
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

afterAll(() => {
  app.close()
  rmSync(directory, { recursive: true })
})

/** Sends back what comes, and ends when the other side has. */
async function listenApp(path: string): Promise<Server> {
  const listening = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => {
    listening.listen(path, resolve)
  })
  return listening
}

async function startFrps(options: ScriptedFrpsOptions = {}): Promise<ScriptedFrps> {
  const frps = await ScriptedFrps.start(options)
  cleanups.push(() => frps.stop())
  return frps
}

interface Started {
  readonly client: TunnelClient
  /** Log lines as objects. */
  readonly lines: Record<string, unknown>[]
  readonly text: () => string
}

interface StartOptions {
  /** Lines for the top of the file; without them there is no TLS. */
  readonly config?: string
  /** Lines for the proxy. */
  readonly proxy?: string
  readonly app?: string
  readonly loginFailExit?: boolean
  readonly policy?: TunnelClientOptions['policy']
}

const plain = 'transport.tls.enable = false\n'

function configText(port: number, options: StartOptions = {}): string {
  const { config = plain, proxy = '', app: unixPath = appSocket, loginFailExit = false } = options
  return `serverAddr = "127.0.0.1"
serverPort = ${port}
loginFailExit = ${loginFailExit}
metadatas.token = "the-shared-key"
${config}
[[proxies]]
name = "app"
type = "tcp"
remotePort = 23001
${proxy}
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "${unixPath}"
`
}

function startClient(port: number, options: StartOptions = {}): Started {
  const { config, problems } = parseFrpcConfig(configText(port, options), {})
  if (config === null) throw new Error(JSON.stringify(problems))
  const chunks: string[] = []
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, callback) => {
      chunks.push(chunk.toString())
      callback()
    },
  })
  const log = createLogger('debug', sink)
  const { policy } = options
  const started = startTunnelClient({ config, log, ...(policy === undefined ? {} : { policy }) })
  started.done.catch(() => {})
  cleanups.push(async () => {
    void started.stop()
    await started.stop()
  })
  return {
    client: started,
    text: () => chunks.join(''),
    get lines() {
      return chunks.map((each) => JSON.parse(each) as Record<string, unknown>)
    },
  }
}

function withMessage(started: Started, message: string): Record<string, unknown>[] {
  return started.lines.filter((each) => each['msg'] === message)
}

async function logged(
  started: Started,
  message: string,
  timeoutMs = 5_000,
): Promise<Record<string, unknown>> {
  return eventually(`"${message}" in the log`, () => withMessage(started, message)[0], { timeoutMs })
}

async function listen(listening: HttpServer): Promise<number> {
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve)
  })
  cleanups.push(() => {
    listening.closeAllConnections()
    listening.close()
  })
  return (listening.address() as AddressInfo).port
}

async function connectionCount(listening: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    listening.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

const mutualTls = `
transport.tls.certFile = "${directory}/client.crt"
transport.tls.keyFile = "${directory}/client.key"
transport.tls.trustedCaFile = "${directory}/ca.crt"
transport.tls.serverName = "harp.nc"
`
const tlsServer: ScriptedFrpsOptions = {
  tls: { cert: server.cert, key: server.key, clientCa: client.cert },
}

interface Mode {
  readonly name: string
  readonly config: string
  readonly proxy?: string
  readonly frps?: ScriptedFrpsOptions
}

const modes: Mode[] = [
  { name: 'plain', config: plain },
  { name: 'plain, tcpMux off', config: `${plain}transport.tcpMux = false` },
  { name: 'mutual TLS', config: mutualTls, frps: tlsServer },
  { name: 'mutual TLS, tcpMux off', config: `${mutualTls}transport.tcpMux = false`, frps: tlsServer },
  {
    name: 'TLS after 0x17',
    config: `${mutualTls}transport.tls.disableCustomTLSFirstByte = false`,
    frps: tlsServer,
  },
  { name: 'TLS without verification', config: '', frps: { tls: { cert: server.cert, key: server.key } } },
  { name: 'WebSocket', config: `${plain}transport.protocol = "websocket"` },
  {
    name: 'WebSocket, tcpMux off',
    config: `${plain}transport.protocol = "websocket"\ntransport.tcpMux = false`,
  },
  { name: 'TLS in WebSocket', config: `${mutualTls}transport.protocol = "websocket"`, frps: tlsServer },
  { name: 'wire v2', config: `${plain}transport.wireProtocol = "v2"` },
  { name: 'wire v2, tcpMux off', config: `${plain}transport.wireProtocol = "v2"\ntransport.tcpMux = false` },
  { name: 'useEncryption', config: plain, proxy: 'transport.useEncryption = true' },
  {
    name: 'auth.token with all scopes',
    config: `${plain}auth.token = "s3cret"\nauth.additionalScopes = ["HeartBeats", "NewWorkConns"]\ntransport.heartbeatInterval = 1`,
    proxy: 'transport.useEncryption = true',
    frps: { authToken: 's3cret' },
  },
]

test.each(modes)('bytes reach the app and come back: $name', async ({ config, proxy, frps: options }) => {
  const frps = await startFrps(options)
  const { client: tunnel } = startClient(frps.port, { config, ...(proxy === undefined ? {} : { proxy }) })
  const user = await frps.openUser('app', 'hello')

  expect((await user.receive(5)).toString()).toBe('hello')
  expect(frps.logins[0]).toMatchObject({ runId: '', poolCount: 1, metas: { token: 'the-shared-key' } })
  expect(frps.proxies[0]).toMatchObject({ proxyName: 'app', proxyType: 'tcp', remotePort: 23001 })
  user.wire.end()
  await tunnel.stop()
  await eventually('no connection', () => (frps.openSockets === 0 ? true : undefined))
})

test.each(modes)('4 MiB stay as they are both ways, and an end is passed on: $name', async (mode) => {
  const frps = await startFrps(mode.frps)
  startClient(frps.port, { config: mode.config, ...(mode.proxy === undefined ? {} : { proxy: mode.proxy }) })
  const bytes = randomBytes(4_194_304)
  const user = await frps.openUser()

  await user.send(bytes)
  await user.receive(bytes.length, 15_000)
  // NOTE: a WebSocket alone has no half-close; its end ends both directions.
  user.wire.end()
  await eventually('the end', () => (user.hasEnded || user.isClosed ? true : undefined))

  expect(user.received.equals(bytes)).toBe(true)
})

test('what a user sends before its end still gets its answer', async () => {
  const frps = await startFrps()
  startClient(frps.port)
  const user = await frps.openUser('app', 'question')

  user.wire.end()

  await eventually('the end', () => (user.hasEnded ? true : undefined))
  expect(user.received.toString()).toBe('question')
})

test('the client certificate is shown to the server', async () => {
  const frps = await startFrps(tlsServer)
  startClient(frps.port, { config: mutualTls })

  await frps.connected()

  expect(frps.clientCertificates.every((each) => each !== '')).toBe(true)
})

test.each([
  ['of another authority', client, 'harp.nc', /certificate/],
  ['for another name', server, 'other.example', /other\.example/],
])('a server certificate %s is refused', async (_name, { cert, key }, serverName, reason) => {
  const frps = await startFrps({ tls: { cert, key } })
  const started = startClient(frps.port, {
    config: `transport.tls.trustedCaFile = "${directory}/ca.crt"\ntransport.tls.serverName = "${serverName}"`,
  })

  const line = await logged(started, 'tunnel server not reached')

  expect(line).toMatchObject({ code: 'TUNNEL_CLIENT_TLS_FAILED', problem: expect.stringMatching(reason) })
  expect(frps.logins).toEqual([])
})

test('a client without the certificate that the server wants is told where to look', async () => {
  const frps = await startFrps(tlsServer)
  const started = startClient(frps.port, { config: '' })

  const line = await logged(started, 'tunnel server not reached')

  expect(line).toMatchObject({ fix: expect.stringContaining('certificate') })
})

test('the tunnel goes through an HTTP proxy, with its password', async () => {
  const frps = await startFrps()
  const proxy = createHttpServer()
  let seen: unknown[] = []
  proxy.on('connect', (request, socket: Socket, head) => {
    seen = [request.url, request.headers['proxy-authorization']]
    const upstream = connect(frps.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.write(head)
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  const port = await listen(proxy)
  startClient(frps.port, { config: `${plain}transport.proxyURL = "http://me:pass%20word@127.0.0.1:${port}"` })

  const user = await frps.openUser('app', 'hello')

  expect((await user.receive(5)).toString()).toBe('hello')
  const credentials = Buffer.from('me:pass word').toString('base64')
  expect(seen).toEqual([`127.0.0.1:${frps.port}`, `Basic ${credentials}`])
})

test('an HTTP proxy that says no is named', async () => {
  const proxy = createHttpServer()
  proxy.on('connect', (_request, socket: Socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'))
  const port = await listen(proxy)

  const line = await logged(
    startClient(9, { config: `${plain}transport.proxyURL = "http://127.0.0.1:${port}"` }),
    'tunnel server not reached',
  )

  expect(line).toMatchObject({ problem: 'transport.proxyURL: the proxy answered 407' })
})

test('an app that does not listen ends its users at once, is named once, and is back when it listens', async () => {
  const frps = await startFrps()
  const path = join(directory, 'late.sock')
  const started = startClient(frps.port, { app: path })

  for (let count = 0; count < 3; count += 1) {
    const user = await frps.openUser('app', 'hello')
    await eventually('the end', () => (user.isClosed ? true : undefined))
  }
  expect(withMessage(started, 'app not listening')).toMatchObject([
    { code: 'TUNNEL_CLIENT_TARGET_REFUSED', proxy: 'app', target: path, fix: expect.any(String) },
  ])

  const late = await listenApp(path)
  cleanups.push(() => late.close())
  const user = await frps.openUser('app', 'hello')
  expect((await user.receive(5)).toString()).toBe('hello')
  expect(withMessage(started, 'app answers again')).toHaveLength(1)
})

test.each([true, false])(
  'a work connection that the server ends costs the app nothing (tcpMux %s)',
  async (mux) => {
    const frps = await startFrps()
    startClient(frps.port, { config: `${plain}transport.tcpMux = ${mux}` })
    const user = await frps.openUser('app', 'hello')
    await user.receive(5)
    expect(await connectionCount(app)).toBe(1)

    user.wire.destroy()

    await eventually('the app to be left', async () =>
      (await connectionCount(app)) === 0 ? true : undefined,
    )
  },
)

test.each([true, false])('every request for work is answered, a few at a time (tcpMux %s)', async (mux) => {
  const frps = await startFrps()
  startClient(frps.port, { config: `${plain}transport.tcpMux = ${mux}` })
  const session = await frps.connected()
  for (let count = 0; count < 400; count += 1) session.channel.send({ kind: 'ReqWorkConn' })

  await eventually('the first', () => (session.pool.length >= 128 ? true : undefined))
  expect(session.pool).toHaveLength(128)
  const users = []
  while (users.length < 400) {
    const work = await eventually('the next', () => session.pool.shift(), { everyMs: 2 })
    users.push(frps.startWork(work, 'app', `user ${users.length}`))
  }
  for (const [index, user] of users.entries()) {
    const expected = `user ${index}`
    expect((await user.receive(expected.length)).toString()).toBe(expected)
  }
})

const badServers: [string, ScriptedFrpsOptions, string, RegExp][] = [
  ['refuses the login', { answerLogin: () => 'wrong token' }, 'TUNNEL_CLIENT_LOGIN_REFUSED', /wrong token/],
  ['closes', { closesAtLogin: true }, 'TUNNEL_CLIENT_NO_LOGIN_ANSWER', /closed|reset/],
]

test.each(badServers)(
  'with loginFailExit it ends when the server %s',
  async (_name, options, code, message) => {
    const frps = await startFrps(options)
    const { client: tunnel } = startClient(frps.port, { loginFailExit: true })

    await expect(within(tunnel.done, deadlineIn(5_000, 'the end'))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  },
)

test('with loginFailExit it ends when nobody listens', async () => {
  const frps = await startFrps()
  await frps.stop()

  const { client: tunnel } = startClient(frps.port, { loginFailExit: true })

  await expect(within(tunnel.done, deadlineIn(5_000, 'the end'))).rejects.toMatchObject({
    code: 'TUNNEL_CLIENT_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

test('loginFailExit is about the first login only', async () => {
  const frps = await startFrps({ answerLogin: (_login, count) => (count === 2 ? 'not now' : '') })
  const started = startClient(frps.port, { loginFailExit: true, policy: { delayAfter: () => 1 } })
  await frps.connected()

  frps.dropConnections()

  await frps.connected(2)
  expect(frps.logins).toHaveLength(3)
  expect(withMessage(started, 'tunnel login refused')).toHaveLength(1)
})

test('a refusal is said once until it changes, and shows no key', async () => {
  const frps = await startFrps({ answerLogin: (_login, count) => (count <= 5 ? 'no' : 'still no') })
  const started = startClient(frps.port, { policy: { delayAfter: () => 1 } })

  await eventually('a few refusals', () => (frps.logins.length > 10 ? true : undefined))

  expect(withMessage(started, 'tunnel login refused')).toMatchObject([
    { code: 'TUNNEL_CLIENT_LOGIN_REFUSED', problem: 'the server refused the login: no' },
    { problem: 'the server refused the login: still no' },
  ])
  expect(started.text()).not.toContain('the-shared-key')
})

test('a lost session is followed by another with its run id, and never stands beside it', async () => {
  const frps = await startFrps()
  const started = startClient(frps.port)
  const first = await frps.connected()
  const user = await frps.openUser('app', 'hello')
  await user.receive(5)

  frps.dropConnections()

  const second = await frps.connected(2)
  expect(second.login.runId).toBe(first.login.runId)
  expect(frps.openSockets).toBe(1)
  await eventually('the old connection to end', async () =>
    (await connectionCount(app)) === 0 ? true : undefined,
  )
  expect(withMessage(started, 'tunnel lost')).toHaveLength(1)
  const again = await frps.openUser('app', 'again')
  expect((await again.receive(5)).toString()).toBe('again')
})

test.each([true, false])(
  'a control connection that the server ends is a lost session (tcpMux %s)',
  async (mux) => {
    const frps = await startFrps()
    startClient(frps.port, { config: `${plain}transport.tcpMux = ${mux}` })
    const first = await frps.connected()
    const user = await frps.openUser('app', 'hello')
    await user.receive(5)

    first.channel.destroySoon()

    const second = await frps.connected(2)
    expect(second.login.runId).toBe(first.login.runId)
    await eventually('the old connection to end', () => (user.hasEnded || user.isClosed ? true : undefined))
    await eventually('the app to be left', async () =>
      (await connectionCount(app)) === 0 ? true : undefined,
    )
  },
)

test('a server that comes back on its port is found within 3 s', async () => {
  const frps = await startFrps()
  startClient(frps.port)
  await frps.connected()
  await frps.stop()
  await elapse(2_500)

  const startedAt = performance.now()
  const again = await startFrps({ port: frps.port })
  await again.connected()

  expect(performance.now() - startedAt).toBeLessThan(3_000)
})

test.each([
  ['tcpMux on', 'transport.tcpMuxKeepaliveInterval = 1'],
  ['tcpMux off', 'transport.tcpMux = false\ntransport.heartbeatInterval = 1\ntransport.heartbeatTimeout = 2'],
])('a server that says nothing any more is given up, and found again: %s', async (_name, lines) => {
  const frps = await startFrps()
  const started = startClient(frps.port, { config: plain + lines })
  await frps.connected()

  frps.goSilent()
  await logged(started, 'tunnel lost', 10_000)
  frps.isSilent = false

  const again = await frps.connected(2)
  expect(again.login.runId).toBe(frps.sessions[0]?.login.runId)
})

test('Pings are answered and signed where the scope asks for it', async () => {
  const frps = await startFrps({ authToken: 's3cret' })
  startClient(frps.port, {
    config: `${plain}auth.token = "s3cret"\nauth.additionalScopes = ["HeartBeats"]\ntransport.heartbeatInterval = 1`,
  })

  const ping = await eventually('a Ping', () => frps.messages.find((each) => each.kind === 'Ping'))

  expect(ping).toMatchObject({ privilegeKey: expect.stringMatching(/^[0-9a-f]{32}$/) })
})

test('a refused proxy is asked for again, in the same session', async () => {
  const error = 'proxy [app] already exists'
  const frps = await startFrps({ answerProxy: (_proxy, count) => (count === 1 ? error : '') })
  const started = startClient(frps.port)

  await logged(started, 'proxy ready')

  expect(frps.logins).toHaveLength(1)
  expect(withMessage(started, 'proxy refused')).toMatchObject([
    { code: 'TUNNEL_CLIENT_PROXY_REFUSED', problem: error, remotePort: 23001 },
  ])
})

test('nothing is left of 1,000 sessions', { timeout: 60_000 }, async () => {
  const frps = await startFrps({ poolCount: 2 })
  const started = startClient(frps.port, { policy: { delayAfter: () => 0 } })
  const resources = (): number =>
    process.getActiveResourcesInfo().filter((each) => /^(?:TCP|Pipe|Timeout)/.test(each)).length
  let before = 0
  await frps.connected()
  for (let count = 2; count <= 1_000; count += 1) {
    // One way to lose a session after the other, at any moment of its life.
    if (count % 2 === 0) frps.dropConnections()
    else if (count % 10 > 1) frps.session?.channel.destroy()
    else {
      const user = await frps.openUser('app', 'x')
      await user.receive(1)
      frps.session?.channel.destroySoon()
    }
    await eventually('the next session', () => (frps.sessions.length >= count ? true : undefined), {
      everyMs: 1,
    })
    if (count === 20) before = resources()
  }

  await eventually('one connection', () => (frps.openSockets === 1 ? true : undefined))
  await eventually('no more resources', () => (resources() <= before + 2 ? true : undefined))
  expect(new Set(frps.logins.slice(1).map((each) => each.runId)).size).toBe(1)
  expect(withMessage(started, 'tunnel connected').length).toBeGreaterThan(900)
})

test('a stop closes the proxy, lets running connections finish, and takes no more', async () => {
  const frps = await startFrps()
  const { client: tunnel } = startClient(frps.port)
  const session = await frps.connected()
  const user = await frps.openUser('app', 'first')
  await user.receive(5)

  const stopped = tunnel.stop()
  await eventually('CloseProxy', () => frps.messages.find((each) => each.kind === 'CloseProxy'))
  session.channel.send({ kind: 'ReqWorkConn' })
  user.wire.write(', second')
  await user.receive('first, second'.length)
  user.wire.end()

  await within(stopped, deadlineIn(5_000, 'the stop'))
  await tunnel.done
  expect(user.received.toString()).toBe('first, second')
  expect(frps.workConnections).toHaveLength(1)
  await eventually('no connection', () => (frps.openSockets === 0 ? true : undefined))
})

test('a second stop waits for nothing', async () => {
  const frps = await startFrps()
  const { client: tunnel } = startClient(frps.port)
  const user = await frps.openUser('app', 'first')
  await user.receive(5)

  void tunnel.stop()
  await within(tunnel.stop(), deadlineIn(2_000, 'the stop'))

  await expect(tunnel.done).resolves.toBeUndefined()
  await eventually('no connection', () => (frps.openSockets === 0 ? true : undefined))
})

test('a stop while the server is not there is immediate', async () => {
  const frps = await startFrps()
  await frps.stop()
  const started = startClient(frps.port)
  await logged(started, 'tunnel server not reached')

  await within(started.client.stop(), deadlineIn(1_000, 'the stop'))

  await expect(started.client.done).resolves.toBeUndefined()
})

test('renewed certificate files are used for the next connection', async () => {
  const renewed = makeSelfSigned({ names: ['harp.client.nc'] })
  const frps = await startFrps({
    tls: { cert: server.cert, key: server.key, clientCa: client.cert + renewed.cert },
  })
  writeFileSync(join(directory, 'new.crt'), client.cert)
  writeFileSync(join(directory, 'new.key'), client.key)
  const config = mutualTls.replace('client.crt', 'new.crt').replace('client.key', 'new.key')
  const started = startClient(frps.port, { config: `${config}transport.tcpMux = false` })
  await frps.connected()

  writeFileSync(join(directory, 'new.crt'), renewed.cert)
  started.client.reload()
  expect(withMessage(started, 'TLS files unusable; the old ones stay in use')).toHaveLength(1)
  const withOld = await frps.openUser('app', 'hello')
  await withOld.receive(5)
  writeFileSync(join(directory, 'new.key'), renewed.key)
  started.client.reload()
  const withNew = await frps.openUser('app', 'hello')
  await withNew.receive(5)

  const [first, second, third] = frps.clientCertificates
  expect(second).toBe(first)
  expect(third).not.toBe(first)
})

test('harp tunnel serves until SIGTERM, and exits 0', async () => {
  const frps = await startFrps()
  const file = join(directory, 'good.toml')
  writeFileSync(file, configText(frps.port))
  const program = new HarpProcess(['tunnel', '-c', file], {})
  cleanups.push(() => program.stop())
  await frps.connected(1, 15_000)
  const user = await frps.openUser('app', 'hello')
  await user.receive(5)
  user.wire.destroy()

  program.signal('SIGHUP')
  program.signal('SIGTERM')

  expect(await program.waitForExit()).toMatchObject({ code: 0 })
  expect(program.stdout).toContain('proxy ready')
  expect(program.stdout + program.stderr).not.toContain('the-shared-key')
})

test('harp tunnel exits 1 with the reason when the first login fails', async () => {
  const frps = await startFrps({ answerLogin: () => '\u001B[2Jthis key\nis wrong' })
  const file = join(directory, 'refused.toml')
  writeFileSync(file, configText(frps.port, { loginFailExit: true }))

  const exit = await run(['tunnel', '-c', file])

  expect(exit).toMatchObject({ code: 1, stderr: expect.stringContaining('this key is wrong') })
  // What a server says draws nothing on the terminal.
  expect(exit.stderr).not.toContain('\u001B')
})

test('harp tunnel --check names every problem, or what is in effect', async () => {
  const [good, bad] = [join(directory, 'check.toml'), join(directory, 'bad.toml')]
  writeFileSync(good, configText(8_782, { config: '' }))
  writeFileSync(
    bad,
    `${configText(8_782, { config: 'serverport = 1' })}[[proxies]]\nname = "b"\ntype = "udp"\n`,
  )

  const [accepted, refused, missing] = await Promise.all([
    run(['tunnel', '--check', '-c', good]),
    run(['tunnel', '--check', '-c', bad]),
    run(['tunnel', '--check', '-c', join(directory, 'none.toml')]),
  ])

  expect(accepted).toMatchObject({ code: 0, stdout: expect.stringContaining('Configuration is valid.') })
  expect(accepted.stdout).toMatch(/WARNING: transport\.tls\.trustedCaFile /)
  expect(accepted.stdout).toMatch(/metadatas\.token +\[secret\]/)
  expect(refused.code).toBe(1)
  expect(refused.stdout).toMatch(/ERROR: serverport /)
  expect(refused.stdout).toMatch(/ERROR: proxies\[1\]\.type /)
  expect(missing).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('none.toml cannot be read (ENOENT)'),
  })
})

async function run(args: readonly string[]): ReturnType<HarpProcess['waitForExit']> {
  const program = new HarpProcess(args, {})
  cleanups.push(() => program.stop())
  return program.waitForExit()
}
