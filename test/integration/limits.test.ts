import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import {
  mebibyte,
  openSockets,
  requestHead,
  residentBytes,
  responseOf,
  run,
  Stage,
  untilSockets,
} from './stage.ts'

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

const statusOf = async (text: string, on: Stage = stage): Promise<number | string> => {
  await using connection = await on.connect()
  await connection.send(text)
  const outcome = await connection.readOutcome()
  return outcome.kind === 'response' ? outcome.response.status : outcome.kind
}

/** A client that only waits; tells when the gateway has closed it. */
function waiting(port: number, text: string = ''): { socket: Socket; closed: Promise<string> } {
  const socket = connect(port, '127.0.0.1')
  let seen = ''
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1')
  })
  if (text !== '') socket.write(text)
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(seen))
  })
  return { socket, closed: within(closed, deadlineIn(10_000, 'the gateway to close a connection')) }
}

test('a head of 15 KiB with 101 fields passes; one byte or one field more is a 400 and the end', async () => {
  const { path } = await stage.exapp()
  const start = `GET ${path}/x HTTP/1.1\r\nHost: h\r\n`
  const padded = (bytes: number): string => `${start}X: ${'x'.repeat(bytes - start.length - 5)}\r\n\r\n`
  const fields = (count: number): string =>
    `${start}${Array.from({ length: count - 1 }, (_each, at) => `X-${at}: 1\r\n`).join('')}\r\n`

  expect(await statusOf(padded(15_360))).toBe(200)
  expect(await statusOf(padded(15_361))).toBe(400)
  expect(await statusOf(fields(101))).toBe(200)
  expect(await statusOf(fields(102))).toBe(400)
})

test('a refused head is answered and closed although the client goes on sending it', async () => {
  const line = `X: ${'x'.repeat(8_000)}\r\n`
  const { socket, closed } = waiting(stage.gateway.port, 'GET /exapps/a/x HTTP/1.1\r\nHost: h\r\n')
  const send = (): void => {
    while (!socket.destroyed && socket.write(line));
  }
  socket.on('drain', send)
  send()

  expect(await closed).toMatch(/^HTTP\/1\.1 400 /)
})

test.each([
  ['a large head', `HTTP/1.1 200 OK\r\n${`X: ${'x'.repeat(1_000)}\r\n`.repeat(70)}\r\n`],
  ['too many fields', `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(500)}Content-Length: 0\r\n\r\n`],
  ['endless interim answers', 'HTTP/1.1 102 Wait\r\n\r\n'.repeat(1_000)],
  [
    'an endless chunk extension',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(100_000)}`,
  ],
  [
    'endless trailers',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X: x\r\n'.repeat(100_000)}`,
  ],
])('an app that answers with %s fails alone', async (_name, answer) => {
  const { app, path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write(answer)
        socket.once('end', () => socket.end())
        socket.resume()
      },
      () => undefined,
    )
  })
  const outcome = await stage.send({ target: `${path}/x` })
  const { path: other } = await stage.exapp()

  expect(outcome.kind === 'response' ? String(outcome.response.status) : outcome.kind).toMatch(
    /^(502|cut|drop)$/,
  )
  expect(responseOf(await stage.send({ target: `${other}/x` })).status).toBe(200)
  await eventually('the app to lose its connection', () => (app.sockets.size === 0 ? true : undefined))
})

test('a head that trickles in is cut off, however steadily it does', async () => {
  await using own = await Stage.open({ HP_TIMEOUT_CLIENT: '500ms' })
  const startedAt = performance.now()
  const { socket, closed } = waiting(own.gateway.port, 'GET / HTTP/1.1\r\n')
  const timer = setInterval(() => socket.write('X'), 50)
  const answer = await closed
  clearInterval(timer)

  expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  expect(performance.now() - startedAt).toBeLessThan(4_000)
})

test('an unused connection and a kept one are closed after the client timeout without a byte', async () => {
  await using own = await Stage.open({ HP_TIMEOUT_CLIENT: '400ms' })
  const { path } = await own.exapp()
  const unused = waiting(own.gateway.port)
  const used = waiting(own.gateway.port, `HEAD ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`)

  expect(await unused.closed).toBe('')
  const [head, rest] = (await used.closed).split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 200 /)
  expect(rest).toBe('')
})

test('a body that keeps coming slowly is not cut, a pause within it is a 408', async () => {
  await using own = await Stage.open({ HARP_TIMEOUT_BODY: '500ms', HP_TIMEOUT_CLIENT: '200ms' })
  const { app, path } = await own.exapp()
  const start = `PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n`
  await using slow = await own.connect()
  await slow.send(start)
  for (const byte of 'slow slow!') {
    await elapse(120)
    await slow.send(byte)
  }
  const whole = responseOf(await slow.readOutcome())
  const stalled = await statusOf(`${start}slow`, own)

  expect(JSON.parse(whole.body.toString())).toMatchObject({ body: 'slow slow!' })
  expect(stalled).toBe(408)
  await eventually('the app to be rid of it', () => (app.openConnections <= 1 ? true : undefined))
})

test('a client that waits for a slow app is not taken for an idle one', async () => {
  await using own = await Stage.open({ HP_TIMEOUT_CLIENT: '200ms', HARP_TIMEOUT_BODY: '200ms' })
  const { path } = await own.exapp()

  const plain = await own.send({ target: `${path}/x?do=slow&ms=900` })
  const posted = await own.send({ method: 'POST', target: `${path}/x?do=slow&ms=900`, body: 'body' })

  expect(responseOf(plain).body.toString()).toBe('late')
  expect(responseOf(posted).body.toString()).toBe('late')
})

test('connections beyond the limit are closed at once, and a place that gets free is given', async () => {
  await using own = await Stage.open({ HARP_MAX_CONNECTIONS: '5' })
  const { path } = await own.exapp()
  // The starter's own probe of the port may still be counted.
  await elapse(100)
  const first = Array.from({ length: 5 }, () => waiting(own.gateway.port))
  await Promise.all(first.map(({ socket }) => once(socket, 'connect')))
  const beyond = waiting(own.gateway.port, `GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`)

  expect(await beyond.closed).toBe('')
  first[0]?.socket.destroy()
  await eventually('the free place', async () =>
    (await statusOf(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`, own).catch(() => undefined)) === 200
      ? true
      : undefined,
  )
  for (const { socket } of first) socket.destroy()
})

test('the limit for one peer does not hold for a trusted proxy', async () => {
  const limit = { HARP_MAX_CONNECTIONS_PER_PEER: '3' }
  await using strict = await Stage.open({ ...limit, HP_TRUSTED_PROXY_IPS: '192.0.2.1' })
  await using trusting = await Stage.open({ ...limit, HP_TRUSTED_PROXY_IPS: '127.0.0.0/8' })
  await elapse(100)
  const open = async (on: Stage): Promise<number> => {
    const clients = Array.from({ length: 8 }, () => waiting(on.gateway.port))
    const closed = await Promise.all(
      clients.map(({ closed: end }) => Promise.race([end.then(() => 1), elapse(700).then(() => 0)])),
    )
    for (const { socket } of clients) socket.destroy()
    return closed.reduce((sum: number, each) => sum + each, 0)
  }

  expect(await open(strict)).toBe(5)
  expect(await open(trusting)).toBe(0)
})

realPart('prlimit', () => isCommandInstalled('prlimit'))(
  'without file descriptors the gateway refuses, lives on, and serves again afterwards',
  async () => {
    await using own = await Stage.open()
    const { path } = await own.exapp()
    expect(await statusOf(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`, own)).toBe(200)
    await run('prlimit', ['--pid', String(own.pid), '--nofile=60'])
    const clients = Array.from({ length: 120 }, () =>
      waiting(own.gateway.port, `GET ${path}/x?do=slow&ms=300 HTTP/1.1\r\nHost: h\r\n\r\n`),
    )
    await elapse(1_500)
    for (const { socket } of clients) socket.destroy()

    await eventually(
      'service as usual',
      async () =>
        (await statusOf(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`, own).catch(() => undefined)) === 200
          ? true
          : undefined,
      { timeoutMs: 10_000, everyMs: 200 },
    )
    expect(own.gateway.program.exited).toBeUndefined()
  },
)

test('two hundred uploads to an app that reads nothing, and as many unread downloads, cost bounded memory', async () => {
  await using own = await Stage.open()
  const { path } = await own.rawApp((socket) => {
    void requestHead(socket).then(
      ({ head }) => {
        if (!head.startsWith('GET')) return
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        const block = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`)
        const send = (): void => {
          while (!socket.destroyed && socket.write(block));
          socket.once('drain', send)
        }
        send()
      },
      () => undefined,
    )
  })
  expect(await statusOf('GET /exapps/warm/up HTTP/1.1\r\nHost: h\r\n\r\n', own)).toBe(404)
  const before = await residentBytes(own.pid)
  const clients = Array.from({ length: 400 }, (_each, at) => {
    const socket = connect(own.gateway.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.pause()
    if (at % 2 === 0) socket.write(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`)
    else {
      socket.write(`PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n`)
      socket.write(Buffer.alloc(2 * mebibyte))
    }
    return socket
  })
  let last = 0
  await eventually(
    'everything to stand still',
    async () => {
      const now = await residentBytes(own.pid)
      const isStill = Math.abs(now - last) < mebibyte
      last = now
      return isStill ? true : undefined
    },
    { timeoutMs: 15_000, everyMs: 500 },
  )
  const perStall = (last - before) / clients.length / 1024
  console.log(`400 stalled transfers: ${perStall.toFixed(0)} KiB resident each`)

  expect(perStall).toBeLessThan(300)
  for (const socket of clients) socket.destroy()
}, 40_000)
