import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientOptions, type PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws'
import { deadlineIn, elapse, eventually, WaitTimeout, within } from '../support/deadline.ts'
import { mebibyte, openSockets, residentBytes, Stage, untilSockets } from './stage.ts'

let stage: Stage
let socketsAtStart = 0

beforeAll(async () => {
  stage = await Stage.open()
  socketsAtStart = await openSockets(stage.pid)
})

afterAll(async () => {
  await untilSockets(stage.pid, socketsAtStart + 2)
  expect(await stage.close()).toMatchObject({ code: 0 })
})

interface WebSocketApp {
  readonly path: string
  /** The app's ends, in the order of their opening. */
  readonly peers: WebSocket[]
  readonly requests: IncomingMessage[]
}

/** An app of `ws` on Node's own HTTP server; `onPeer` is all it does. */
async function webSocketApp(
  onPeer: (peer: WebSocket) => void,
  options: { perMessageDeflate?: boolean | PerMessageDeflateOptions; on?: Stage; protocol?: string } = {},
): Promise<WebSocketApp> {
  const { on = stage, protocol, perMessageDeflate = false } = options
  const server = createServer((_request, response) => response.writeHead(426).end('use a WebSocket'))
  const webSockets = new WebSocketServer({
    server,
    perMessageDeflate,
    maxPayload: 64 * mebibyte,
    ...(protocol === undefined ? {} : { handleProtocols: () => protocol }),
  })
  const peers: WebSocket[] = []
  const requests: IncomingMessage[] = []
  webSockets.on('connection', (peer, request) => {
    peers.push(peer)
    requests.push(request)
    peer.on('error', () => peer.terminate())
    onPeer(peer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  on.own(async () => {
    for (const peer of webSockets.clients) peer.terminate()
    server.closeAllConnections()
    await new Promise((resolve) => {
      server.close(resolve)
    })
  })
  return { path: on.addApp((server.address() as AddressInfo).port), peers, requests }
}

function echoTo(peer: WebSocket): void {
  peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }))
}

interface OpenOptions extends ClientOptions {
  readonly protocols?: string[]
  readonly on?: Stage
}

async function open(path: string, options: OpenOptions = {}): Promise<WebSocket> {
  const { protocols = [], on = stage, ...rest } = options
  const client = new WebSocket(`ws://127.0.0.1:${on.gateway.port}${path}/ws`, protocols, {
    maxPayload: 64 * mebibyte,
    perMessageDeflate: false,
    ...rest,
  })
  const opened = new Promise<void>((resolve, reject) => {
    client.once('open', resolve).once('error', reject)
  })
  await within(opened, deadlineIn(5_000, 'the WebSocket to open'))
  client.on('error', () => undefined)
  return client
}

async function nextMessage(client: WebSocket, timeoutMs: number = 15_000): Promise<[Buffer, boolean]> {
  const message = once(client, 'message') as Promise<[Buffer, boolean]>
  return within(message, deadlineIn(timeoutMs, 'a message'))
}

async function nextClose(client: WebSocket, timeoutMs: number = 5_000): Promise<[number, string]> {
  const [code, reason] = (await within(
    once(client, 'close'),
    deadlineIn(timeoutMs, 'the WebSocket to be closed'),
  )) as [number, Buffer]
  return [code, reason.toString()]
}

test.each([
  ['an empty text', ''],
  ['a text', 'grüße 🦜'],
  ['a text of 125 bytes', 'x'.repeat(125)],
  ['a text of 126 bytes', 'x'.repeat(126)],
  ['a text of 65536 bytes', 'x'.repeat(65_536)],
])('%s comes back as it went', async (_name, text) => {
  const { path } = await webSocketApp(echoTo)
  const client = await open(path)

  client.send(text)
  const [data, isBinary] = await nextMessage(client)

  expect(data.toString()).toBe(text)
  expect(isBinary).toBe(false)
  client.terminate()
})

test('a binary message of 16 MiB comes back byte for byte', async () => {
  const { path } = await webSocketApp(echoTo)
  const client = await open(path)
  const sent = Buffer.alloc(16 * mebibyte)
  for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE((at * 2_654_435_761) >>> 0, at)

  client.send(sent)
  const [data, isBinary] = await nextMessage(client)

  expect(data.equals(sent)).toBe(true)
  expect(isBinary).toBe(true)
  client.terminate()
})

test('a message in fragments, with a ping between them, is one message to the app', async () => {
  const { path } = await webSocketApp(echoTo)
  const client = await open(path)
  const pong = once(client, 'pong') as Promise<[Buffer]>

  client.send('one ', { fin: false })
  client.ping('between')
  client.send('two ', { fin: false })
  client.send('three', { fin: true })
  const [data] = await nextMessage(client)

  expect(data.toString()).toBe('one two three')
  expect((await pong)[0].toString()).toBe('between')
  client.terminate()
})

test('a thousand small messages keep their order in both directions', async () => {
  const { path } = await webSocketApp(echoTo)
  const client = await open(path)
  const count = 1_000
  const received: string[] = []
  const all = new Promise<void>((resolve) => {
    client.on('message', (data: Buffer) => {
      received.push(data.toString())
      if (received.length === count) resolve()
    })
  })

  for (let at = 0; at < count; at += 1) client.send(`message ${at}`)
  await within(all, deadlineIn(10_000, 'all messages'))

  expect(received).toEqual(Array.from({ length: count }, (_each, at) => `message ${at}`))
  client.terminate()
})

test('permessage-deflate is agreed between the two ends and compresses both ways', async () => {
  const { path, peers } = await webSocketApp(echoTo, { perMessageDeflate: { threshold: 0 } })
  const client = await open(path, { perMessageDeflate: { threshold: 0 } })
  const text = 'compressible '.repeat(100_000)

  client.send(text)
  const [data] = await nextMessage(client)

  expect(client.extensions).toContain('permessage-deflate')
  expect(peers[0]?.extensions).toContain('permessage-deflate')
  expect(data.toString()).toBe(text)
  client.terminate()
})

test('pings of the app reach the client, and its pongs come back', async () => {
  const { path, peers } = await webSocketApp(() => undefined)
  const client = await open(path)
  const pinged = once(client, 'ping') as Promise<[Buffer]>
  const peer = await eventually('the app to have a peer', () => peers[0])
  const ponged = once(peer, 'pong') as Promise<[Buffer]>

  peer.ping('are you there')

  const [[ping], [pong]] = await within(Promise.all([pinged, ponged]), deadlineIn(5_000, 'ping and pong'))
  expect(ping.toString()).toBe('are you there')
  expect(pong.toString()).toBe('are you there')
  client.terminate()
})

test.each([
  [1000, 'done'],
  [1001, ''],
  [4321, 'an application code'],
])('close code %i of the client reaches the app', async (code, reason) => {
  const { path, peers } = await webSocketApp(() => undefined)
  const client = await open(path)
  const peer = await eventually('the app to have a peer', () => peers[0])
  const closed = nextClose(peer)

  client.close(code, reason)

  expect(await closed).toEqual([code, reason])
})

test.each([
  [1000, ''],
  [1011, 'went wrong'],
  [1013, 'try again'],
])('close code %i of the app reaches the client', async (code, reason) => {
  const { path } = await webSocketApp((peer) => peer.close(code, reason))
  const client = await open(path)

  expect(await nextClose(client)).toEqual([code, reason])
})

test('a client that vanishes is an abnormal closure at the app, and the other way round', async () => {
  const { path, peers } = await webSocketApp(() => undefined)
  const first = await open(path)
  const second = await open(path)
  await eventually('the app to have its peers', () => peers[1])
  const atApp = nextClose(peers[0]!)
  const atClient = nextClose(second)

  first.terminate()
  peers[1]?.terminate()

  expect((await atApp)[0]).toBe(1006)
  expect((await atClient)[0]).toBe(1006)
})

test('the subprotocol that the app chooses is the one the client gets', async () => {
  const { path, requests } = await webSocketApp(echoTo, { protocol: 'chat.v2' })

  const client = await open(path, { protocols: ['chat.v1', 'chat.v2'] })

  expect(client.protocol).toBe('chat.v2')
  expect(requests[0]?.headers['sec-websocket-protocol']).toBe('chat.v1,chat.v2')
  client.terminate()
})

test('the app knows who opened the WebSocket, by the headers of the gateway and no others', async () => {
  const { path, requests } = await webSocketApp(echoTo)

  const client = await open(path, { headers: { 'ex-app-version': '9.9.9', 'x-own': 'kept' } })

  expect(requests[0]?.headers).toMatchObject({
    'ex-app-version': '1.2.3',
    'authorization-app-api': Buffer.from(':TOK').toString('base64'),
    'x-own': 'kept',
  })
  client.terminate()
})

test('the answer of an app that speaks no WebSocket reaches the client', async () => {
  const { path } = await stage.rawApp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 418 No\r\nContent-Length: 8\r\n\r\na teapot'))
  })
  const client = new WebSocket(`ws://127.0.0.1:${stage.gateway.port}${path}/ws`)
  client.on('error', () => undefined)

  const [, response] = (await within(
    once(client, 'unexpected-response'),
    deadlineIn(5_000, 'the refusal'),
  )) as [unknown, IncomingMessage]

  expect(response.statusCode).toBe(418)
  expect(response.headers['content-length']).toBe('8')
  client.terminate()
})

test('an app that floods a client which does not read is slowed down, not buffered', async () => {
  let sent = 0
  const block = Buffer.alloc(mebibyte, 'f')
  const { path } = await webSocketApp((peer) => {
    const next = (): void => {
      if (peer.readyState === WebSocket.OPEN && sent < 256) peer.send(block, next)
      sent += 1
    }
    next()
  })
  const before = await residentBytes(stage.pid)
  const client = await open(path)
  client.pause()
  let last = -1
  await eventually(
    'the app to stand still',
    () => {
      const isStill = sent === last
      last = sent
      return isStill ? true : undefined
    },
    { timeoutMs: 15_000, everyMs: 300 },
  )
  const grown = (await residentBytes(stage.pid)) - before

  expect(sent).toBeLessThan(64)
  expect(grown).toBeLessThan(48 * mebibyte)
  client.resume()
  client.terminate()
})

test('an idle WebSocket outlives the client timeout and ends with the tunnel timeout', async () => {
  await using own = await Stage.open({
    HP_TIMEOUT_CLIENT: '250ms',
    HP_TIMEOUT_SERVER: '250ms',
    HP_TIMEOUT_TUNNEL: '1200ms',
  })
  const { path } = await webSocketApp(echoTo, { on: own })
  const client = await open(path, { on: own })
  const closed = nextClose(client, 5_000)

  await elapse(800)
  client.send('still here')
  const [data] = await nextMessage(client)
  const startedAt = performance.now()
  const [code] = await closed

  expect(data.toString()).toBe('still here')
  expect(code).toBe(1006)
  expect(performance.now() - startedAt).toBeGreaterThan(1_000)
})

test.each(['0', '0s'])('a tunnel timeout of %s is none', async (timeout) => {
  await using own = await Stage.open({
    HP_TIMEOUT_CLIENT: '100ms',
    HP_TIMEOUT_SERVER: '100ms',
    HP_TIMEOUT_TUNNEL: timeout,
  })
  const { path } = await webSocketApp(echoTo, { on: own })
  const client = await open(path, { on: own })

  await expect(nextClose(client, 1_500)).rejects.toThrow(WaitTimeout)

  client.send('still here')
  expect((await nextMessage(client))[0].toString()).toBe('still here')
  client.terminate()
})
