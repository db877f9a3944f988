/** Names that move, ports that swallow, resets at every stage, and a Nextcloud that is down, slow or mad. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { elapse, eventually } from '../support/deadline.ts'
import { FakeNextcloud, type FakeAnswer } from '../support/fake-nextcloud.ts'
import type { RawOutcome } from '../support/raw-http.ts'
import { BlackHole } from './black-hole.ts'
import { newAppId, openSockets, RawApp, requestHead, responseOf, Stage, untilSockets } from './stage.ts'

let stage: Stage
let socketsAtStart = 0

beforeAll(async () => {
  stage = await Stage.open({ HP_TIMEOUT_SERVER: '1s', HP_TIMEOUT_CONNECT: '1s' })
  socketsAtStart = await openSockets(stage.pid)
})

afterAll(async () => {
  await untilSockets(stage.pid, socketsAtStart + 3)
  expect(await stage.close()).toMatchObject({ code: 0 })
})

const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const kindOf = (outcome: RawOutcome): number | string =>
  outcome.kind === 'response' ? outcome.response.status : outcome.kind

/** An app on a fixed address and port that answers every request and says where it is. */
async function appAt(host: string, port: number): Promise<RawApp> {
  const app = await RawApp.start(
    (socket) => {
      socket.on('data', () =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${host.length}\r\n\r\n${host}`),
      )
      socket.once('end', () => socket.end())
    },
    { host, port },
  )
  return app
}

test('a name whose address changes is followed when the old one is gone, without a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'harp-test-'))
  const zone = join(directory, 'zone')
  const preload = join(directory, 'resolver.mjs')
  // Stands in for the DNS of a container network: the file has the address of every name.
  await writeFile(
    preload,
    `import dns from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
dns.lookup = async () => {
  const address = readFileSync(${JSON.stringify(zone)}, 'utf8')
  if (address === '') throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  return [{ address, family: 4 }]
}
syncBuiltinESMExports()
`,
  )
  await writeFile(zone, '127.0.0.2')
  await using own = await Stage.open({ NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` })
  const old = await appAt('127.0.0.2', 0)
  const path = own.addApp(old.port, { host: 'nc-app-test' })
  const before = responseOf(await own.send({ target: `${path}/x` }))

  await old.stop()
  const fresh = await appAt('127.0.0.3', old.port)
  await writeFile(zone, '127.0.0.3')
  const after = responseOf(await own.send({ target: `${path}/x` }))
  await fresh.stop()
  await writeFile(zone, '')
  const gone = await own.send({ target: `${path}/x` })
  const back = await appAt('127.0.0.2', old.port)
  await writeFile(zone, '127.0.0.2')
  const again = await own.send({ target: `${path}/x` })
  await back.stop()
  await rm(directory, { recursive: true, force: true })

  expect([before.body.toString(), after.body.toString()]).toEqual(['127.0.0.2', '127.0.0.3'])
  expect(kindOf(gone)).toBe(503)
  expect(responseOf(again).body.toString()).toBe('127.0.0.2')
})

test('a port that swallows connections is a 503 after one connection timeout', async () => {
  const blackHole = await BlackHole.open()
  const startedAt = performance.now()

  const outcome = await stage.send({ target: `${stage.addApp(blackHole.port)}/x` })
  const tookMs = performance.now() - startedAt
  await blackHole.close()

  expect(kindOf(outcome)).toBe(503)
  expect(responseOf(outcome).body.toString()).toContain('No server is available to handle this request.')
  expect(tookMs).toBeLessThan(3_500)
})

test('an app whose old address swallows connections is found at its new one', async () => {
  const blackHole = await BlackHole.open()
  await using own = await Stage.open({ HP_TIMEOUT_CONNECT: '500ms', HARP_RECORD_TTL: '1h' })
  const { app } = await own.exapp()
  const id = newAppId()
  const warm = await own.exapp()
  const path = own.addApp(warm.app.port, {}, id)
  expect(kindOf(await own.send({ target: `${path}/x` }))).toBe(200)
  // The record that the gateway has says the black hole, Nextcloud already knows better.
  const record = JSON.stringify({
    exapp_token: 'T',
    exapp_version: '1',
    host: '127.0.0.1',
    port: blackHole.port,
    routes: [{ url: '.*', access_level: 0, bruteforce_protection: [] }],
  })
  const push = await own.send({
    method: 'POST',
    target: `/exapps/app_api/exapp_storage/${id}`,
    headers: [['harp-shared-key', 'sekret']],
    body: record,
  })
  own.addApp(app.port, {}, id)
  // An app is asked about at most once a second.
  await elapse(1_100)

  const outcome = await own.send({ target: `${path}/x` })
  await blackHole.close()

  expect(kindOf(push)).toBe(204)
  expect(kindOf(outcome)).toBe(200)
  expect(app.requests()).toHaveLength(1)
})

test('a refused connection is the stock page within a second', async () => {
  const app = await RawApp.start(() => undefined)
  await app.stop()
  const path = stage.addApp(app.port)
  await stage.send({ target: `${path}/x` })
  const startedAt = performance.now()

  const answer = responseOf(await stage.send({ target: `${path}/x` }))

  expect(answer.status).toBe(503)
  expect(answer.body.toString()).toBe(
    '<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n',
  )
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

test.each([
  ['within the status line', 'HTTP/1.1 20', 502],
  ['within the head', 'HTTP/1.1 200 OK\r\nContent-Len', 502],
  ['after an interim answer', 'HTTP/1.1 103 Hints\r\n\r\n', 502],
  ['within a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', 'cut'],
  ['within chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', 'cut'],
  ['within a body that ends with the connection', 'HTTP/1.1 200 OK\r\n\r\npart', 'cut'],
])('a reset by the app %s shows', async (_name, bytes, expected) => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write(bytes)
        // Once what was written has been read: a reset drops what has not.
        setTimeout(() => socket.resetAndDestroy(), 50)
      },
      () => undefined,
    )
  })

  expect(kindOf(await stage.send({ target: `${path}/x` }))).toBe(expected)
})

test.each([
  ['before the head', '', 504],
  ['within the head', 'HTTP/1.1 200 OK\r\nContent-Len', 504],
  ['within the body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', 'cut'],
])('an app that falls silent %s is given up after the server timeout', async (_name, bytes, expected) => {
  const { app, path } = await stage.rawApp((socket) => {
    socket.on('data', () => {
      if (bytes !== '') socket.write(bytes)
    })
    socket.once('end', () => socket.end())
  })
  const startedAt = performance.now()

  expect(kindOf(await stage.send({ target: `${path}/x` }))).toBe(expected)

  expect(performance.now() - startedAt).toBeGreaterThan(900)
  await eventually('the app to be left alone', () => (app.sockets.size === 0 ? true : undefined))
})

test('an app that sends a little again and again is not given up', async () => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n')
        let left = 6
        const timer = setInterval(() => {
          socket.write('x')
          left -= 1
          if (left === 0) clearInterval(timer)
        }, 400)
      },
      () => undefined,
    )
  })

  expect(responseOf(await stage.send({ target: `${path}/x` })).body.toString()).toBe('xxxxxx')
})

/** Serves the first request of a connection and resets it at the second; what came is counted by method. */
async function fickleApp(): Promise<{ path: string; counts: Record<string, number> }> {
  const counts: Record<string, number> = {}
  const { path } = await stage.rawApp((socket) => {
    let served = 0
    socket.on('data', (chunk) => {
      const method = /^[A-Z]+(?= )/.exec(chunk.toString('latin1'))?.[0]
      if (method === undefined) return
      counts[method] = (counts[method] ?? 0) + 1
      served += 1
      if (served === 1) socket.write(whole)
      else socket.resetAndDestroy()
    })
  })
  return { path, counts }
}

test.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND'])(
  'a %s without a body on a connection that the app resets is sent again, once',
  async (method) => {
    const { path, counts } = await fickleApp()
    await using connection = await stage.connect()
    await connection.sendRequest({ method: 'TRACE', target: `${path}/first` })
    await connection.readOutcome()
    await connection.sendRequest({ method, target: `${path}/x` })

    expect(kindOf(await connection.readOutcome({ method }))).toBe(200)
    expect(counts).toEqual({ TRACE: 1, [method]: 2 })
  },
)

test.each([
  ['POST', undefined],
  ['PATCH', undefined],
  ['MKCOL', undefined],
  ['POST', 'body'],
  ['PUT', 'body'],
])('a %s that may have been processed is never sent twice (body %s)', async (method, body) => {
  const { path, counts } = await fickleApp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/first` })
  await connection.readOutcome()
  await connection.sendRequest({ method, target: `${path}/x`, ...(body === undefined ? {} : { body }) })

  expect(kindOf(await connection.readOutcome())).toBe(502)
  expect(counts).toEqual({ GET: 1, [method]: 1 })
})

test('an app that resets every connection gets a request twice at most', async () => {
  let seen = 0
  const { path } = await stage.rawApp((socket, connection) => {
    socket.on('data', () => {
      seen += 1
      if (connection === 1 && seen === 1) socket.write(whole)
      else socket.resetAndDestroy()
    })
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/first` })
  await connection.readOutcome()
  await connection.sendRequest({ target: `${path}/x` })

  expect(kindOf(await connection.readOutcome())).toBe(502)
  expect(seen).toBe(3)
})

test.each([
  ['in the middle of a download', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nstart', 'reset'],
  [
    'in the middle of a download',
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstart\r\n',
    'reset',
  ],
  ['in the middle of a download', 'GET', 'HTTP/1.1 200 OK\r\n\r\nstart', 'reset'],
  ['in the middle of its upload', 'PUT', '', 'reset'],
  ['in the middle of its upload', 'PUT', '', 'end'],
  ['before any answer', 'GET', '', 'reset'],
])('a client that leaves %s frees the app (%#)', async (_name, method, answer, how) => {
  const { app, path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        if (answer !== '') socket.write(answer)
        socket.once('end', () => socket.end())
        socket.resume()
      },
      () => undefined,
    )
  })
  const client = connect(stage.gateway.port, '127.0.0.1')
  client.on('error', () => undefined)
  const length = method === 'PUT' ? 'Content-Length: 1000000\r\n' : ''
  client.write(`${method} ${path}/x HTTP/1.1\r\nHost: h\r\n${length}\r\n${method === 'PUT' ? 'start' : ''}`)
  if (answer === '') {
    await eventually('the app to be asked', () => (app.sockets.size === 1 ? true : undefined))
  } else await once(client, 'data')

  if (how === 'reset') client.resetAndDestroy()
  else client.end()

  await eventually('the app to be left alone', () => (app.sockets.size === 0 ? true : undefined))
  expect(app.connectionCount).toBe(1)
  client.destroy()
})

test('a client that leaves while Nextcloud is asked leaves nothing behind', async () => {
  const { app } = await stage.rawApp((socket) => socket.resume())
  const id = newAppId()
  stage.nextcloud.setApp(id, {
    record: { exapp_token: 'T', exapp_version: '1', host: '127.0.0.1', port: app.port, routes: [] },
    delayMs: 300,
  })
  const before = await openSockets(stage.pid)
  const clients = Array.from({ length: 20 }, () => {
    const client = connect(stage.gateway.port, '127.0.0.1')
    client.on('error', () => undefined)
    client.write(`GET /exapps/${id}/x HTTP/1.1\r\nHost: h\r\n\r\n`)
    return client
  })
  await stage.nextcloud.waitForCall((call) => call.appId === id)
  for (const client of clients) client.resetAndDestroy()

  await untilSockets(stage.pid, before + 2)
  expect(app.connectionCount).toBe(0)
})

const mad: readonly [string, FakeAnswer][] = [
  ['an error', { kind: 'reply', status: 500, body: 'oops' }],
  ['no JSON', { kind: 'reply', status: 200, body: '<html>maintenance</html>' }],
  ['JSON of another shape', { kind: 'reply', status: 200, body: '[1,2,3]' }],
  ['an endless answer', { kind: 'reply', status: 200, body: `{"exapp_token":"${'x'.repeat(2_000_000)}"}` }],
  ['a reset', { kind: 'reset' }],
  ['a redirect to another host', { kind: 'reply', status: 302, headers: { location: 'http://192.0.2.1/' } }],
]

test.each(mad)(
  'a Nextcloud that answers %s fails those who need it, nobody else, and for no longer',
  async (_name, answer) => {
    const { path } = await stage.exapp()
    expect(kindOf(await stage.send({ target: `${path}/x` }))).toBe(200)
    const id = newAppId()
    const { app } = await stage.exapp()
    const record = {
      exapp_token: 'T',
      exapp_version: '1',
      host: '127.0.0.1',
      port: app.port,
      routes: [{ url: '.*', access_level: 0, bruteforce_protection: [] }],
    }
    stage.nextcloud.setApp(id, { record, metaAnswer: answer })

    expect(kindOf(await stage.send({ target: `/exapps/${id}/x` }))).toSatisfy((status) =>
      [404, 503].includes(Number(status)),
    )
    expect(kindOf(await stage.send({ target: `${path}/x` }))).toBe(200)
    stage.nextcloud.setApp(id, { record })
    expect(kindOf(await stage.send({ target: `/exapps/${id}/x` }))).toBe(200)
  },
)

test('a Nextcloud that is down leaves known apps served, and is used again when it is back', async () => {
  const port = await (async () => {
    const nextcloud = await FakeNextcloud.start()
    const found = nextcloud.port
    await nextcloud.stop()
    return found
  })()
  await using own = await Stage.open({ NC_INSTANCE_URL: `http://127.0.0.1:${port}` })
  const { app } = await own.exapp()
  const id = newAppId()
  const signed: [string, string][] = [
    ['AA-VERSION', '32'],
    ['EX-APP-ID', id],
    ['EX-APP-VERSION', '1.0.0'],
    ['AUTHORIZATION-APP-API', 'OlRPSw=='],
    ['harp-shared-key', 'sekret'],
    ['ex-app-host', '127.0.0.1'],
    ['ex-app-port', String(app.port)],
  ]

  expect(kindOf(await own.send({ target: `/exapps/${id}/x` }))).toBe(503)
  expect(kindOf(await own.send({ target: `/exapps/${id}/heartbeat`, headers: signed }))).toBe(200)
  const nextcloud = await FakeNextcloud.start({ port })
  own.own(() => nextcloud.stop())
  nextcloud.setApp(id, {
    record: {
      exapp_token: 'T',
      exapp_version: '1',
      host: '127.0.0.1',
      port: app.port,
      routes: [{ url: '.*', access_level: 0, bruteforce_protection: [] }],
    },
  })
  expect(kindOf(await own.send({ target: `/exapps/${id}/x` }))).toBe(200)
  await nextcloud.stop()
  expect(kindOf(await own.send({ target: `/exapps/${id}/x` }))).toBe(200)
})

test('half-open clients (an end, then nothing) are answered and closed', async () => {
  const { path } = await stage.exapp()
  const halves = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const socket: Socket = connect({ host: '127.0.0.1', port: stage.gateway.port, allowHalfOpen: true })
      socket.end(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`)
      let text = ''
      for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        text += chunk.toString('latin1')
      }
      return text.slice(0, 12)
    }),
  )

  expect(halves).toEqual(halves.map(() => 'HTTP/1.1 200'))
})
