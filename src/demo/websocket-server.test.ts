import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { deadlineIn, within } from '../../test/support/deadline.ts'
import { RawConnection } from '../../test/support/raw-http.ts'
import { listenOnLoopback } from './loopback-server.ts'
import { defaultWebSocketLimits, WebSocketServer, type WebSocketLimits } from './websocket-server.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Echo {
  readonly port: number
  readonly server: WebSocketServer
  readonly closes: number[]
  /** Advances the server's clock. */
  readonly pass: (ms: number) => void
}

/** Echoes text; `flood` sends until the connection is over; `leave` makes the server close with 4001. */
async function startEcho(limits: Partial<WebSocketLimits> = {}): Promise<Echo> {
  let now = 0
  const closes: number[] = []
  const server = new WebSocketServer({ ...defaultWebSocketLimits, sweepMs: 5, ...limits }, () => now)
  const http = createServer()
  http.on('upgrade', (request, socket, head) => {
    const peer = server.accept(request, socket, head, {
      onText: (text) => {
        if (text === 'leave') peer?.close(4001, 'as asked')
        else if (text === 'flood') {
          for (let i = 0; i < 10_000 && !socket.destroyed; i++) peer?.send('x'.repeat(16_000))
        } else peer?.send(text)
      },
      onClose: (code) => closes.push(code),
    })
  })
  const bound = await listenOnLoopback(http, [0])
  cleanups.push(
    () => bound.stop(),
    () => server.stop(),
  )
  return {
    port: bound.address.port,
    server,
    closes,
    pass: (ms) => {
      now += ms
    },
  }
}

async function openClient(port: number): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  cleanups.push(() => client.terminate())
  client.on('error', () => undefined)
  await within(once(client, 'open'), deadlineIn(5000, 'the WebSocket to open'))
  return client
}

async function nextMessage(client: WebSocket): Promise<string> {
  const [data] = (await within(once(client, 'message'), deadlineIn(5000, 'a message'))) as [Buffer]
  return data.toString()
}

async function closing(client: WebSocket): Promise<number> {
  const [code] = (await within(once(client, 'close'), deadlineIn(5000, 'the close'))) as [number]
  return code
}

const handshake: readonly (readonly [string, string])[] = [
  ['Host', 'demo'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
]

async function openRaw(port: number): Promise<RawConnection> {
  const raw = await RawConnection.open({ host: '127.0.0.1', port })
  cleanups.push(() => raw.destroy())
  await raw.sendRequest({ target: '/', headers: handshake })
  expect(await raw.readHead()).toMatchObject({ status: 101 })
  return raw
}

test('the handshake answers the example key of RFC 6455 with the example accept value', async () => {
  const { port } = await startEcho()
  await using raw = await RawConnection.open({ host: '127.0.0.1', port })

  await raw.sendRequest({ target: '/', headers: handshake })

  const head = await raw.readHead()
  expect(head?.status).toBe(101)
  expect(head?.headers).toContainEqual(['Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
})

test.each([
  ['another version', 'Sec-WebSocket-Version', '8', 426],
  ['a key that is not 16 bytes', 'Sec-WebSocket-Key', 'c2hvcnQ=', 400],
  ['another protocol', 'Upgrade', 'h2c', 400],
])('%s is refused with its status and the connection ends', async (_, name, value, status) => {
  const { port, server } = await startEcho()
  await using raw = await RawConnection.open({ host: '127.0.0.1', port })

  await raw.sendRequest({
    target: '/',
    headers: handshake.map((line) => (line[0] === name ? [name, value] : line)),
  })

  expect(await raw.readOutcome()).toMatchObject({ kind: 'response', response: { status } })
  expect(await raw.readToEnd()).toHaveLength(0)
  expect(server.size).toBe(0)
})

test('the ws client gets its text back, whole, fragmented and at the limit', async () => {
  const { port } = await startEcho()
  const client = await openClient(port)
  const long = 'ü'.repeat(defaultWebSocketLimits.maxMessageBytes / 2)

  client.send('hello')
  expect(await nextMessage(client)).toBe('hello')
  client.send('one ', { fin: false })
  client.send('two', { fin: true })
  expect(await nextMessage(client)).toBe('one two')
  client.send(long)
  expect(await nextMessage(client)).toBe(long)
})

test('a ping of the ws client is answered with its own payload', async () => {
  const { port } = await startEcho()
  const client = await openClient(port)

  client.ping('are you there')

  const [payload] = (await within(once(client, 'pong'), deadlineIn(5000, 'the pong'))) as [Buffer]
  expect(payload.toString()).toBe('are you there')
})

test('a close of the ws client is answered with the same code', async () => {
  const { port, closes, server } = await startEcho()
  const client = await openClient(port)

  client.close(3333, 'done')

  expect(await closing(client)).toBe(3333)
  expect(closes).toEqual([3333])
  await expect.poll(() => server.size).toBe(0)
})

test('a close of the server reaches the ws client with its code', async () => {
  const { port, closes } = await startEcho()
  const client = await openClient(port)

  client.send('leave')

  expect(await closing(client)).toBe(4001)
  expect(closes).toEqual([4001])
})

test('a message over the limit closes with 1009', async () => {
  const { port } = await startEcho()
  const client = await openClient(port)

  client.send('x'.repeat(defaultWebSocketLimits.maxMessageBytes + 1))

  expect(await closing(client)).toBe(1009)
})

test('an unmasked frame closes with 1002 and ends the connection', async () => {
  const { port, closes } = await startEcho()
  const raw = await openRaw(port)

  await raw.send(Buffer.from([0x81, 0x02, 0x68, 0x69]))

  const bytes = await raw.readToEnd()
  expect([...bytes.subarray(0, 4)]).toEqual([0x88, bytes.length - 2, 0x03, 0xea])
  expect(closes).toEqual([1002])
})

test('a first message in the same packet as the handshake is not lost', async () => {
  const { port } = await startEcho()
  await using raw = await RawConnection.open({ host: '127.0.0.1', port })
  const head = ['GET / HTTP/1.1', ...handshake.map(([name, value]) => `${name}: ${value}`), '', ''].join(
    '\r\n',
  )

  // "hi" with a mask of zeros.
  await raw.send(Buffer.concat([Buffer.from(head), Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])]))

  expect(await raw.readHead()).toMatchObject({ status: 101 })
  expect([...(await raw.reader.take(4, deadlineIn(5000, 'the echo')))]).toEqual([0x81, 0x02, 0x68, 0x69])
})

test('a peer that hangs up without a close frame is reported as 1006', async () => {
  const { port, closes, server } = await startEcho()
  const client = await openClient(port)
  const gone = once(client, 'close')

  client.terminate()

  await gone
  await expect.poll(() => closes).toEqual([1006])
  await expect.poll(() => server.size).toBe(0)
})

test('a silent peer is pinged, and stays when it answers', async () => {
  const { port, pass } = await startEcho({ idleMs: 1000 })
  const client = await openClient(port)

  for (let round = 0; round < 3; round++) {
    const pinged = once(client, 'ping')
    pass(1001)
    await within(pinged, deadlineIn(5000, 'a ping'))
    client.send(`round ${round}`)
    expect(await nextMessage(client)).toBe(`round ${round}`)
  }
})

test('a peer that answers no ping is cut', async () => {
  const { port, pass, closes } = await startEcho({ idleMs: 1000 })
  const raw = await openRaw(port)

  pass(1001)
  expect([...(await raw.reader.take(2, deadlineIn(5000, 'the ping')))]).toEqual([0x89, 0])
  pass(1001)

  expect(await raw.readToEnd()).toHaveLength(0)
  await expect.poll(() => closes).toEqual([1006])
})

test('a peer that never answers the close frame is cut when its time is over', async () => {
  const { port, pass, server } = await startEcho({ closeMs: 1000 })
  const raw = await openRaw(port)
  const stopping = server.stop()

  expect([...(await raw.reader.take(4, deadlineIn(5000, 'the close frame')))].slice(2)).toEqual([0x03, 0xe9])
  expect(server.size).toBe(1)
  pass(1001)

  await within(stopping, deadlineIn(5000, 'the stop'))
  expect(server.size).toBe(0)
})

test('a peer that does not read is cut when too much waits for it', async () => {
  const { port, closes } = await startEcho({ maxBufferedBytes: 64 * 1024 })
  const raw = await openRaw(port)

  await raw.send(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('flood')]))

  await expect.poll(() => closes).toEqual([1006])
})

test('a connection over the limit is refused with 503, the ones before stay', async () => {
  const { port } = await startEcho({ maxConnections: 1 })
  const first = await openClient(port)
  await using raw = await RawConnection.open({ host: '127.0.0.1', port })

  await raw.sendRequest({ target: '/', headers: handshake })

  expect(await raw.readHead()).toMatchObject({ status: 503 })
  first.send('still here')
  expect(await nextMessage(first)).toBe('still here')
})
