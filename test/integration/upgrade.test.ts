import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { headerValue } from '../support/http1-wire.ts'
import {
  mebibyte,
  openSockets,
  requestHead,
  residentBytes,
  responseOf,
  Stage,
  untilSockets,
} from './stage.ts'

let stage: Stage
let socketsAtStart = 0

beforeAll(async () => {
  stage = await Stage.open({ HP_TIMEOUT_TUNNEL: '4s' })
  socketsAtStart = await openSockets(stage.pid)
})

afterAll(async () => {
  // NOTE: half-closed tunnels of silent apps end with the tunnel timeout; a connection to Nextcloud may stay.
  await untilSockets(stage.pid, socketsAtStart + 2)
  expect(await stage.close()).toMatchObject({ code: 0 })
})

const upgradeTo = (protocol: string): [string, string][] => [
  ['Connection', 'Upgrade'],
  ['Upgrade', protocol],
]

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n'

/** An app that accepts every upgrade and hands over its socket, paused, with the bytes that came early. */
async function tunnelApp(
  accept: (socket: Socket, early: Buffer, head: string) => void,
): Promise<{ path: string; nextSocket: () => Promise<Socket> }> {
  const waiting: Socket[] = []
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      ({ head, rest }) => {
        socket.write(switching)
        waiting.push(socket)
        accept(socket, rest, head)
      },
      () => undefined,
    )
  })
  return { path, nextSocket: () => eventually('a tunnel at the app', () => waiting.shift()) }
}

/** The client's end of an accepted tunnel: paused, half-open allowed, with what came along with the 101. */
async function openTunnel(
  path: string,
  protocol: string = 'test',
): Promise<{ socket: Socket; early: Buffer }> {
  const socket = connect({ host: '127.0.0.1', port: stage.gateway.port, allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(`GET ${path}/t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
  const { head, rest } = await within(requestHead(socket), deadlineIn(5_000, 'a 101'))
  expect(head).toMatch(/^HTTP\/1\.1 101 /)
  return { socket, early: rest }
}

function pattern(bytes: number, seed: number): Buffer {
  const block = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at += 1) block[at] = (at * 31 + seed + (at >>> 8)) & 0xff
  return block
}

/** Reads to the end and gives size and hash. */
async function digest(
  socket: Socket,
  early: Buffer = Buffer.alloc(0),
): Promise<{ bytes: number; sha256: string; tail: string }> {
  const hash = createHash('sha256').update(early)
  let bytes = early.length
  let last = early
  const done = (async () => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      last = chunk.length >= 16 ? chunk : Buffer.concat([last, chunk]).subarray(-16)
    }
  })()
  await within(done, deadlineIn(20_000, 'the end of a tunnel'))
  return { bytes, sha256: hash.digest('hex'), tail: last.toString('latin1').slice(-3) }
}

function sha256(...parts: Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

test('20 MiB and an end come back whole from an echo that then says goodbye', async () => {
  const { path } = await stage.exapp()
  const { socket, early } = await openTunnel(path, 'echo-bytes')
  const data = pattern(20 * mebibyte, 1)

  const echoed = digest(socket, early)
  socket.write(data)
  socket.end()

  expect(await echoed).toEqual({
    bytes: data.length + 3,
    sha256: sha256(data, Buffer.from('bye')),
    tail: 'bye',
  })
})

test('an app that ends first still receives everything the client sends afterwards', async () => {
  const fromApp = pattern(20 * mebibyte, 2)
  const fromClient = pattern(20 * mebibyte, 3)
  const { path, nextSocket } = await tunnelApp((socket) => socket.end(fromApp))
  const { socket, early } = await openTunnel(path)
  const appSocket = await nextSocket()

  const atClient = await digest(socket, early)
  const atApp = digest(appSocket)
  socket.end(fromClient)

  expect(atClient.sha256).toBe(sha256(fromApp))
  expect(await atApp).toMatchObject({ bytes: fromClient.length, sha256: sha256(fromClient) })
})

test('a client that ends first still receives everything the app sends afterwards', async () => {
  const fromApp = pattern(20 * mebibyte, 4)
  const { path, nextSocket } = await tunnelApp(() => undefined)
  const { socket, early } = await openTunnel(path)
  const appSocket = await nextSocket()

  socket.end('last words')
  const heard = await digest(appSocket)
  appSocket.end(fromApp)

  expect(heard).toMatchObject({ bytes: 10, sha256: sha256(Buffer.from('last words')) })
  expect(await digest(socket, early)).toMatchObject({ bytes: fromApp.length, sha256: sha256(fromApp) })
})

test('bytes that the client sends along with the handshake reach the app in order', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(
    `GET ${path}/t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\nearly `,
  )
  const head = await connection.readHead()
  await connection.send('late')
  connection.end()

  expect(head?.status).toBe(101)
  expect((await connection.readToEnd()).toString()).toBe('early latebye')
})

test('a client that ends right behind its handshake gets the whole answer of the app', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(
    `GET ${path}/t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\nall at once`,
  )
  connection.end()
  const head = await connection.readHead()

  expect(head?.status).toBe(101)
  expect((await connection.readToEnd()).toString()).toBe('all at oncebye')
})

test('bytes that the app sends in one packet with its 101 arrive after it', async () => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => socket.write(`${switching}hello`),
      () => undefined,
    )
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/t`, headers: upgradeTo('test') })

  expect((await connection.readHead())?.status).toBe(101)
  const hello = await connection.reader.take(5, deadlineIn(5_000, 'the first bytes of the app'))
  expect(hello.toString()).toBe('hello')
})

test('the app gets the upgrade as the client asked for it, and one connection option', async () => {
  const heads: string[] = []
  const { path } = await tunnelApp((socket, _early, head) => {
    heads.push(head.toLowerCase())
    socket.end()
  })
  await using connection = await stage.connect()
  await connection.sendRequest({
    target: `${path}/t`,
    headers: [
      ['Connection', 'keep-alive, Upgrade'],
      ['Upgrade', 'h2c, my-protocol/7, TLS/1.3'],
      ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ],
  })

  expect((await connection.readHead())?.status).toBe(101)
  expect(heads[0]?.match(/^upgrade: .*$/gm)).toEqual(['upgrade: my-protocol/7'])
  expect(heads[0]?.match(/^connection: .*$/gm)).toEqual(['connection: upgrade'])
  expect(heads[0]).not.toContain('http2-settings')
})

test.each(['h2c', 'h2', 'HTTP/2.0', 'TLS/1.2, h2c', 'H2C'])(
  'an upgrade to %s is an ordinary request to the app, so no second HTTP connection passes unseen',
  async (protocol) => {
    const { app, path } = await stage.exapp()
    await using connection = await stage.connect()
    await connection.sendRequest({
      target: `${path}/x`,
      headers: [...upgradeTo(protocol), ['HTTP2-Settings', 'AAMAAABkAAQAAP__']],
    })
    const first = await connection.readOutcome()
    await connection.sendRequest({ target: `${path}/y` })
    const second = await connection.readOutcome()

    expect(first).toMatchObject({ kind: 'response', response: { status: 200 } })
    expect(second).toMatchObject({ kind: 'response', response: { status: 200 } })
    expect(app.requests().map((request) => request.header('upgrade'))).toEqual([undefined, undefined])
    expect(app.requests()[0]?.header('http2-settings')).toBeUndefined()
  },
)

test('an upgrade with a body is an ordinary request: where the body ends and a tunnel begins cannot be disputed', async () => {
  const { app, path } = await stage.exapp()

  const outcome = await stage.send({
    method: 'POST',
    target: `${path}/x`,
    headers: upgradeTo('echo-bytes'),
    body: 'twelve bytes',
  })

  expect(outcome).toMatchObject({ kind: 'response', response: { status: 200 } })
  expect(app.requests()[0]).toMatchObject({ bodyBytes: 12 })
  expect(app.requests()[0]?.header('upgrade')).toBeUndefined()
})

test.each([
  [
    426,
    'HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket/14\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\nnope',
  ],
  [400, 'HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope'],
  [403, 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n'],
])(
  'a refusal with %i reaches the client, and both connections serve the next request',
  async (status, answer) => {
    const { app, path } = await stage.rawApp((socket) => {
      socket.on('data', (chunk) => {
        socket.write(chunk.includes('upgrade: ') ? answer : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      })
    })
    await using connection = await stage.connect()
    await connection.sendRequest({ target: `${path}/x`, headers: upgradeTo('websocket') })
    const refusal = await connection.readOutcome()
    await connection.sendRequest({ target: `${path}/y` })
    const next = await connection.readOutcome()

    const { headers, body, status: refusedWith } = responseOf(refusal)
    expect(refusedWith).toBe(status)
    expect(body.toString()).toBe('nope')
    expect(headerValue(headers, 'upgrade')).toBe(status === 426 ? 'websocket/14' : undefined)
    expect(next).toMatchObject({ kind: 'response', response: { status: 200 } })
    expect(app.connectionCount).toBe(1)
  },
)

test('a 101 that nobody asked for is a 502, and nothing behind it is taken for an answer', async () => {
  const { app, path } = await stage.rawApp((socket) => {
    socket.on('data', () => socket.write(`${switching}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad`))
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x` })
  const first = await connection.readOutcome()
  await connection.sendRequest({ target: `${path}/x` })
  const second = await connection.readOutcome()

  expect(first).toMatchObject({ kind: 'response', response: { status: 502 } })
  expect(second).toMatchObject({ kind: 'response', response: { status: 502 } })
  expect(app.connectionCount).toBe(2)
})

test.each(['the app', 'the client'])('a reset by %s ends the tunnel on the other side', async (who) => {
  const { path, nextSocket } = await tunnelApp((socket) => socket.resume())
  const { socket } = await openTunnel(path)
  const appSocket = await nextSocket()
  socket.on('error', () => undefined)
  socket.resume()
  const [breaking, other] = who === 'the app' ? [appSocket, socket] : [socket, appSocket]
  const closed = once(other, 'close')
  other.once('end', () => other.end())

  breaking.resetAndDestroy()

  await within(closed, deadlineIn(5_000, 'the other side to be closed'))
  expect(other.destroyed).toBe(true)
})

test.each(['the client', 'the app'])(
  '%s that stops reading stops the sender; nothing is lost when it goes on',
  async (who) => {
    const { path, nextSocket } = await tunnelApp(() => undefined)
    const { socket, early } = await openTunnel(path)
    const appSocket = await nextSocket()
    const [sender, reader] = who === 'the client' ? [appSocket, socket] : [socket, appSocket]
    const block = pattern(mebibyte, 9)
    const before = await residentBytes(stage.pid)
    const hash = createHash('sha256')
    const total = 128
    let sent = 0
    const sending = (async () => {
      for (; sent < total; sent += 1) {
        hash.update(block)
        if (!sender.write(block)) await once(sender, 'drain')
      }
      sender.end()
    })()
    await eventually(
      'the sender to stand still',
      standingStill(() => sent),
      { timeoutMs: 15_000, everyMs: 200 },
    )
    const sentUnread = sent
    const grown = (await residentBytes(stage.pid)) - before

    const received = await digest(reader, who === 'the client' ? early : Buffer.alloc(0))
    await within(sending, deadlineIn(20_000, 'the sender to finish'))

    expect(sentUnread).toBeLessThan(32)
    expect(grown).toBeLessThan(32 * mebibyte)
    expect(received).toMatchObject({ bytes: total * mebibyte, sha256: hash.digest('hex') })
    socket.destroy()
  },
)

test('a tunnel with one side ended is closed after the tunnel timeout', async () => {
  await using own = await Stage.open({ HP_TIMEOUT_TUNNEL: '600ms', HP_TIMEOUT_CLIENT: '200ms' })
  const { path } = await own.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write(switching)
        socket.resume()
      },
      () => undefined,
    )
  })
  await using connection = await own.connect()
  await connection.sendRequest({ target: `${path}/x`, headers: upgradeTo('test') })
  expect((await connection.readHead())?.status).toBe(101)
  const startedAt = performance.now()
  connection.end()

  expect(await connection.readToEnd(4_000)).toHaveLength(0)

  expect(performance.now() - startedAt).toBeGreaterThan(500)
})

/** Undefined until a counter that has moved is the same twice in a row. */
function standingStill(counter: () => number): () => true | undefined {
  let last = -1
  return () => {
    const now = counter()
    const isStill = now === last && now > 0
    last = now
    return isStill ? true : undefined
  }
}
