import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { flags, frameTypes, RawHttp2 } from './raw-http2.ts'
import { mebibyte, openSockets, requestHead, residentBytes, run, Stage, untilSockets } from './stage.ts'

let stage: Stage
let socketsAtStart = 0

beforeAll(async () => {
  stage = await Stage.open({ HP_TIMEOUT_TUNNEL: '4s' })
  socketsAtStart = await openSockets(stage.pid)
})

afterAll(async () => {
  await untilSockets(stage.pid, socketsAtStart + 3)
  expect(await stage.close()).toMatchObject({ code: 0 })
})

class Session implements AsyncDisposable {
  readonly session: ClientHttp2Session

  constructor(on: Stage = stage) {
    this.session = connect(`http://127.0.0.1:${on.gateway.port}`)
    this.session.on('error', () => undefined)
  }

  request(headers: OutgoingHttpHeaders, options: { endStream?: boolean } = {}): ClientHttp2Stream {
    const stream = this.session.request(headers, options)
    stream.on('error', () => undefined)
    return stream
  }

  async get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return answerOf(this.request({ ':path': path, ...headers }, { endStream: true }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.session.closed && this.session.destroyed) return
    const closed = once(this.session, 'close')
    this.session.destroy()
    await closed
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly interim: number[]
  readonly bytes: number
  readonly sha256: string
  readonly text: string
  /** NO_ERROR where the stream ended as it should. */
  readonly code: number
}

/** Reads a stream to its end, whatever that is. */
async function answerOf(stream: ClientHttp2Stream, timeoutMs: number = 20_000): Promise<Answer> {
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const interim: number[] = []
  const start: Buffer[] = []
  const hash = createHash('sha256')
  let bytes = 0
  stream.on('headers', (each) => interim.push(Number(each[':status'])))
  stream.on('response', (each) => {
    headers = each
  })
  stream.on('trailers', (each) => {
    trailers = each
  })
  stream.on('data', (chunk: Buffer) => {
    if (bytes < 65_536) start.push(chunk)
    bytes += chunk.length
    hash.update(chunk)
  })
  stream.resume()
  if (!stream.destroyed) {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    stream.once('close', resolve)
    await within(closed, deadlineIn(timeoutMs, 'the end of a stream'))
  }
  return {
    status: Number(headers[':status'] ?? 0),
    headers,
    trailers,
    interim,
    bytes,
    sha256: hash.digest('hex'),
    text: Buffer.concat(start).toString(),
    code: stream.rstCode,
  }
}

/** Whether the gateway serves somebody else as ever. */
async function isServed(): Promise<boolean> {
  const { path } = await stage.exapp()
  await using client = new Session()
  const { status, code } = await client.get(`${path}/x`)
  return status === 200 && code === 0
}

test('two hundred requests at once over one connection each get their own answer', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()

  const answers = await Promise.all(
    Array.from({ length: 200 }, (_each, at) => client.get(`${path}/x?n=${at}`)),
  )

  expect(
    answers.map(({ status, text }) => [status, (JSON.parse(text) as { target: string }).target]),
  ).toEqual(answers.map((_each, at) => [200, `/x?n=${at}`]))
})

test('what the app gets is one HTTP/1.1 request with the authority as its Host', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()

  await client.get(`${path}/x?a=%20b`, {
    ':authority': 'cloud.example',
    'user-agent': 'test',
    te: 'trailers',
    'x-latin': 'grün',
  })

  const [request] = app.requests()
  expect(request?.requestLine).toBe('GET /x?a=%20b HTTP/1.1')
  expect(request?.header('host')).toBe('cloud.example')
  expect(request?.header('x-latin')).toBe('grün')
  expect(request?.headers.filter(([name]) => name.startsWith(':'))).toEqual([])
})

test('cookies in several fields are one Cookie line to the app', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()

  await client.get(`${path}/x`, { cookie: ['a=1', 'b=2', 'c=3'] })

  expect(app.requests()[0]?.header('cookie')).toBe('a=1; b=2; c=3')
})

test('64 MiB down to a client that reads slowly at first are whole, and the app had to wait', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const size = 64 * mebibyte
  const before = await residentBytes(stage.pid)
  const stream = client.request({ ':path': `${path}/x?do=bytes&size=${size}` }, { endStream: true })
  stream.pause()
  await within(once(stream, 'response'), deadlineIn(5_000, 'a response'))
  const request = await app.waitForRequest((each) => each.target.includes('bytes'))
  await standsStill(() => request.sentBytes)
  const sentUnread = request.sentBytes
  const grown = (await residentBytes(stage.pid)) - before

  const answer = await answerOf(stream)

  expect(sentUnread).toBeLessThan(16 * mebibyte)
  expect(grown).toBeLessThan(32 * mebibyte)
  expect(answer).toMatchObject({ bytes: size, code: 0 })
})

test('64 MiB up to an app that does not read yet wait, and then arrive whole', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const size = 64 * mebibyte
  const block = Buffer.alloc(mebibyte, 'u')
  const hash = createHash('sha256')
  const before = await residentBytes(stage.pid)
  const stream = client.request({ ':method': 'PUT', ':path': `${path}/x?do=hold&tag=up` })
  let written = 0
  const writing = (async () => {
    while (written < size) {
      hash.update(block)
      if (!stream.write(block)) await once(stream, 'drain')
      written += block.length
    }
    stream.end()
  })()
  await standsStill(() => written)
  const writtenUnread = written
  const grown = (await residentBytes(stage.pid)) - before
  app.release('up')

  const answer = await answerOf(stream)
  await writing

  expect(writtenUnread).toBeLessThan(16 * mebibyte)
  expect(grown).toBeLessThan(32 * mebibyte)
  expect(JSON.parse(answer.text)).toEqual({ bodyBytes: size, sha256: hash.digest('hex') })
})

test('an upload that stands still does not stop another one of the same connection', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const stuck = client.request({ ':method': 'PUT', ':path': `${path}/x?do=hold&tag=stuck` })
  stuck.write(Buffer.alloc(4 * mebibyte))
  await app.waitForRequest((each) => each.target.includes('stuck'))

  const other = client.request({ ':method': 'PUT', ':path': `${path}/x` })
  other.end(Buffer.alloc(4 * mebibyte, 'o'))

  expect(await answerOf(other)).toMatchObject({ status: 200 })
  stuck.close(constants.NGHTTP2_CANCEL)
  app.release('stuck')
})

test('trailers of the app reach the client, trailers of the client reach the app', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const up = client.session.request(
    { ':method': 'POST', ':path': `${path}/x`, te: 'trailers' },
    { waitForTrailers: true },
  )
  up.on('wantTrailers', () => up.sendTrailers({ 'x-checksum': 'up', 'ex-app-id': 'forged' }))
  up.end('body')

  const [down, echoed] = await Promise.all([client.get(`${path}/x?do=trailers`), answerOf(up)])

  expect(down).toMatchObject({
    status: 200,
    text: 'one two three',
    trailers: { 'x-checksum': 'abc' },
    code: 0,
  })
  expect(echoed.status).toBe(200)
  expect(app.requests((each) => each.method === 'POST')[0]?.trailers).toEqual([['x-checksum', 'up']])
})

test('a chunked answer without trailers ends cleanly', async () => {
  const { path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, pseudo(`${path}/x?do=bytes&size=1000`), flags.endStream)

  expect(await client.endOf(1)).toBe('answered')
  expect(client.frames.filter((each) => each.type === frameTypes.reset)).toEqual([])
  client.destroy()
})

test('a HEAD answer has the length and no body; 204 and 304 have none either', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()

  const head = await client.get(`${path}/x`, { ':method': 'HEAD' })
  const empty = await client.get(`${path}/x?status=204`)
  const cached = await client.get(`${path}/x?status=304`)

  expect(head).toMatchObject({ status: 200, bytes: 0, code: 0 })
  expect(Number(head.headers['content-length'])).toBeGreaterThan(100)
  expect(empty).toMatchObject({ status: 204, bytes: 0, code: 0 })
  expect(cached).toMatchObject({ status: 304, bytes: 0, code: 0 })
})

test('an interim 103 arrives before the answer', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()

  const answer = await client.get(`${path}/x?do=hints`)

  expect(answer).toMatchObject({ status: 200, interim: [103], text: 'hinted' })
})

test('nothing is added to the answer of the app, and equal fields stay apart', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()

  const { headers } = await client.get(`${path}/x?do=cookies`)

  expect(Object.fromEntries(Object.entries(headers))).toEqual({
    ':status': 302,
    'set-cookie': ['a=1; Path=/x', 'b=2'],
    location: 'http://elsewhere.example/x?y=1',
    'content-length': '0',
  })
})

test('a reset by the client in the middle of an answer frees the connection to the app', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const stream = client.request({ ':path': `${path}/x?do=bytes&size=${512 * mebibyte}` }, { endStream: true })
  await once(stream, 'data')

  stream.close(constants.NGHTTP2_CANCEL)

  await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()[0]?.aborted).toBe(true)
})

test.each([
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
])('a reset by the client (%s) in the middle of a body never makes it a whole one', async (_name, code) => {
  const { app, path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, pseudo(`${path}/x`, 'PUT'), 0)
  client.send(frameTypes.data, 0, 1, Buffer.alloc(10_000))
  await app.waitForRequest(() => true)
  const reset = Buffer.alloc(4)
  reset.writeUInt32BE(code)

  client.send(frameTypes.reset, 0, 1, reset)

  await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()[0]?.bodyDone).toBe(false)
  client.destroy()
})

test('a reset with NO_ERROR in the middle of an answer frees the connection to the app', async () => {
  const { app, path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, pseudo(`${path}/x?do=bytes&size=${512 * mebibyte}`), flags.endStream)
  await client.waitFor((each) => each.type === frameTypes.data, 'data')

  client.send(frameTypes.reset, 0, 1, Buffer.alloc(4))

  await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()[0]?.aborted).toBe(true)
  client.destroy()
})

test('a client that vanishes frees every connection to the app', async () => {
  const { app, path } = await stage.exapp()
  const client = new Session()
  for (let at = 0; at < 10; at += 1) client.request({ ':path': `${path}/x?do=silent` }, { endStream: true })
  await eventually('ten requests at the app', () => (app.openConnections === 10 ? true : undefined))

  client.session.socket.destroy()

  await eventually('the app to lose its connections', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()).toHaveLength(10)
})

test.each([
  ['a length', 'Content-Length: 5000\r\n\r\nfirst', 'end'],
  ['a length', 'Content-Length: 5000\r\n\r\nfirst', 'reset'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n', 'end'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n', 'reset'],
  ['an end with the connection', '\r\nfirst', 'reset'],
])(
  'an answer with %s that the app cuts is a reset stream, never a whole one (%#)',
  async (_name, rest, how) => {
    const { path } = await stage.rawApp((socket) => {
      void requestHead(socket).then(
        () => {
          socket.write(`HTTP/1.1 200 OK\r\n${rest}`)
          setTimeout(() => (how === 'end' ? socket.end() : socket.resetAndDestroy()), 30)
        },
        () => undefined,
      )
    })
    await using client = new Session()
    const raw = RawHttp2.open(stage.gateway.port)
    raw.headers(1, pseudo(`${path}/x`), flags.endStream)

    const answer = await client.get(`${path}/x`)

    expect(answer).toMatchObject({ status: 200, text: 'first', code: constants.NGHTTP2_INTERNAL_ERROR })
    expect(await raw.endOf(1)).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    raw.destroy()
  },
)

test('an app that answers in the middle of an upload is heard, and the rest is called off', async () => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => socket.end('HTTP/1.1 413 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig'),
      () => undefined,
    )
  })
  await using client = new Session()
  const stream = client.request({ ':method': 'PUT', ':path': `${path}/x` })
  stream.write(Buffer.alloc(100_000))

  const answer = await answerOf(stream, 5_000)

  expect(answer).toMatchObject({ status: 413, text: 'big', code: 0 })
})

test('a refusal while the body is open ends the stream, whatever the client does', async () => {
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, pseudo('/exapps/unknownapp/x', 'POST'), 0)

  expect(await client.endOf(1)).toBe('answered')
  await client.waitFor((each) => each.type === frameTypes.reset && each.stream === 1, 'a reset of the rest')
  client.destroy()
})

test('a request that is dropped resets its stream and no other', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()

  const [dropped, other] = await Promise.all([client.get(`${path}/../x`), client.get(`${path}/x`)])

  expect(dropped).toMatchObject({ status: 0, bytes: 0 })
  expect(dropped.code).not.toBe(0)
  expect(other).toMatchObject({ status: 200, code: 0 })
})

const pseudo = (path: string, method: string = 'GET'): [string, string][] => [
  [':method', method],
  [':scheme', 'http'],
  [':authority', 'h'],
  [':path', path],
]

test.each([
  ['CR LF', 'a\r\nx-injected: 1'],
  ['LF', 'a\nx-injected: 1'],
  ['CR', 'a\rx-injected: 1'],
  ['NUL', 'a\0x-injected: 1'],
])('a header value with %s gains the app no header line', async (_name, value) => {
  const { app, path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, [...pseudo(`${path}/x`), ['x-test', value]], flags.endStream)
  await client.endOf(1)

  for (const request of app.requests()) {
    expect(request.rawHead).not.toContain('x-injected')
  }
  expect(app.violations).toEqual([])
  client.destroy()
})

test.each([
  ['a path with CR LF', [[':path', '/x\r\nx-injected: 1']]],
  ['a path with a blank', [[':path', '/x HTTP/1.1']]],
  ['no path', []],
  [
    'two paths',
    [
      [':path', '/x'],
      [':path', '/y'],
    ],
  ],
  [
    'a Connection field',
    [
      [':path', '/x'],
      ['connection', 'x-forwarded-for'],
    ],
  ],
  [
    'a Transfer-Encoding field',
    [
      [':path', '/x'],
      ['transfer-encoding', 'chunked'],
    ],
  ],
  [
    'an Upgrade field',
    [
      [':path', '/x'],
      ['upgrade', 'websocket'],
    ],
  ],
  [
    'an upper-case name',
    [
      [':path', '/x'],
      ['X-Test', '1'],
    ],
  ],
  [
    'a name with a colon',
    [
      [':path', '/x'],
      ['a:b', '1'],
    ],
  ],
  [
    'an unknown pseudo-header',
    [
      [':path', '/x'],
      [':fresh', '1'],
    ],
  ],
  [
    'two lengths',
    [
      [':path', '/x'],
      ['content-length', '1'],
      ['content-length', '2'],
    ],
  ],
])('a request with %s never reaches the app as it is', async (_name, fields) => {
  const { app, path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  const own = fields.map(([name = '', value = '']): [string, string] => [
    name,
    name === ':path' ? `${path}${value}` : value,
  ])
  client.headers(1, [[':method', 'POST'], [':scheme', 'http'], [':authority', 'h'], ...own], flags.endStream)
  await client.endOf(1)

  for (const request of app.requests()) {
    expect(request.rawHead.toLowerCase()).not.toMatch(
      /x-injected|^connection: x-|transfer-encoding|upgrade|x-test|a:b|fresh/m,
    )
  }
  expect(app.requests().length).toBeLessThanOrEqual(1)
  expect(app.violations).toEqual([])
  client.destroy()
})

test.each([
  ['shorter', '10', 'abc'],
  ['longer', '2', 'abc'],
])(
  'a body %s than its length is refused; the app never sees a whole request',
  async (_name, length, body) => {
    const { app, path } = await stage.exapp()
    const client = RawHttp2.open(stage.gateway.port)
    client.headers(1, [...pseudo(`${path}/x`, 'POST'), ['content-length', length]], 0)
    client.send(frameTypes.data, flags.endStream, 1, Buffer.from(body))

    expect([constants.NGHTTP2_PROTOCOL_ERROR, 'closed']).toContain(await client.endOf(1))
    await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
    expect(app.requests().filter((request) => request.bodyDone)).toEqual([])
    client.destroy()
  },
)

test('empty DATA frames within a body do not end it', async () => {
  const { app, path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.headers(1, pseudo(`${path}/x`, 'POST'), 0)
  client.send(frameTypes.data, 0, 1, Buffer.from('one '))
  client.send(frameTypes.data, 0, 1)
  await app.waitForRequest(() => true)
  client.send(frameTypes.data, 0, 1)
  client.send(frameTypes.data, 0, 1, Buffer.from('two'))
  client.send(frameTypes.data, flags.endStream, 1)

  expect(await client.endOf(1)).toBe('answered')
  expect(app.requests()[0]).toMatchObject({ bodyStart: 'one two', bodyDone: true })
  client.destroy()
})

test.each([
  ['a status above 599', 'HTTP/1.1 799 Strange\r\nContent-Length: 2\r\n\r\nok'],
  ['a status of 205 with a body', 'HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nok'],
  [
    'repeated single fields',
    'HTTP/1.1 200 OK\r\nUser-Agent: a\r\nUser-Agent: b\r\nFrom: a\r\nFrom: b\r\nContent-Length: 2\r\n\r\nok',
  ],
  ['TE', 'HTTP/1.1 200 OK\r\nTE: gzip\r\nContent-Length: 2\r\n\r\nok'],
  ['HTTP2-Settings', 'HTTP/1.1 200 OK\r\nHTTP2-Settings: AAA\r\nContent-Length: 2\r\n\r\nok'],
  [
    'fields named like object members',
    'HTTP/1.1 200 OK\r\n__proto__: a\r\nconstructor: b\r\ntoString: c\r\nContent-Length: 2\r\n\r\nok',
  ],
  [
    'trailers that HTTP/2 forbids',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nHTTP2-Settings: a\r\nfrom: b\r\nfrom: c\r\n\r\n',
  ],
  [
    'an interim answer with odd fields',
    'HTTP/1.1 103 Hints\r\nTE: gzip\r\nHTTP2-Settings: AAA\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  ],
  ['a body that ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nok'],
  ['an HTTP/1.0 answer', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
])('an app that answers with %s gets through or fails alone', async (_name, answer) => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => socket.end(answer),
      () => undefined,
    )
  })
  await using client = new Session()

  const { status } = await client.get(`${path}/x`)

  expect([200, 205, 502, 0]).toContain(status)
  expect(await isServed()).toBe(true)
})

test('a field named constructor keeps its value', async () => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => socket.end('HTTP/1.1 200 OK\r\nconstructor: mine\r\nContent-Length: 0\r\n\r\n'),
      () => undefined,
    )
  })
  await using client = new Session()

  expect((await client.get(`${path}/x`)).headers['constructor']).toBe('mine')
})

test('a head that is too large or has too many fields is refused, and the next one is served', async () => {
  const { app, path } = await stage.exapp()
  await using client = new Session()
  const many = Object.fromEntries(Array.from({ length: 120 }, (_each, at) => [`x-${at}`, '1']))

  const large = await client.get(`${path}/x`, { 'x-large': 'x'.repeat(15_500) })
  const numerous = await client.get(`${path}/x`, many)
  const next = await client.get(`${path}/next`)

  expect([large.status, large.code].join()).toMatch(/^400,0$|^0,[1-9]/)
  expect([numerous.status, numerous.code].join()).toMatch(/^400,0$|^0,[1-9]/)
  expect(next.status).toBe(200)
  expect(app.requests()).toHaveLength(1)
})

test('a WebSocket opens within a stream (RFC 8441), carries both ways, and keeps half-close', async () => {
  const received: Buffer[] = []
  const heads: string[] = []
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      ({ head }) => {
        heads.push(head)
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            'Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello ',
        )
        socket.on('data', (chunk) => {
          received.push(chunk)
          socket.write(chunk)
        })
        socket.once('end', () => socket.end('bye'))
        socket.resume()
      },
      () => undefined,
    )
  })
  await using client = new Session()
  await within(once(client.session, 'remoteSettings'), deadlineIn(5_000, 'the settings'))
  expect(client.session.remoteSettings.enableConnectProtocol).toBe(true)
  const stream = client.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': `${path}/ws`,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat',
  })
  const data = Buffer.alloc(4 * mebibyte, 'w')

  stream.write(data)
  stream.end()
  const answer = await answerOf(stream)

  expect(answer).toMatchObject({ status: 200, bytes: data.length + 9, code: 0 })
  expect(answer.headers['sec-websocket-protocol']).toBe('chat')
  expect(answer.headers['sec-websocket-accept']).toBeUndefined()
  expect(answer.headers['upgrade']).toBeUndefined()
  expect(answer.sha256).toBe(createHash('sha256').update('hello ').update(data).update('bye').digest('hex'))
  expect(heads[0]).toMatch(/^GET \/ws HTTP\/1\.1\r\n/)
  expect(heads[0]).toMatch(/^sec-websocket-key: [A-Za-z0-9+/]{22}==\r?$/m)
  expect(heads[0]).toMatch(/^upgrade: websocket\r?$/m)
})

test('a WebSocket within a stream that the app refuses is an ordinary answer', async () => {
  const { path } = await stage.rawApp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'))
  })
  await using client = new Session()
  await once(client.session, 'remoteSettings')
  const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': `${path}/ws` })

  const answer = await answerOf(stream, 5_000)

  expect(answer).toMatchObject({ status: 403, text: 'no' })
})

test('a reset of a WebSocket within a stream ends the app its side', async () => {
  const { app, path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        socket.resume()
        socket.once('end', () => socket.end())
      },
      () => undefined,
    )
  })
  await using client = new Session()
  await once(client.session, 'remoteSettings')
  const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': `${path}/ws` })
  await once(stream, 'response')

  stream.close(constants.NGHTTP2_CANCEL)

  await eventually('the app to lose its socket', () => (app.sockets.size === 0 ? true : undefined))
  expect(app.connectionCount).toBe(1)
})

test.each([
  [
    'another protocol',
    [
      [':method', 'CONNECT'],
      [':protocol', 'connect-udp'],
      [':path', '/x'],
    ],
  ],
  ['a plain CONNECT', [[':method', 'CONNECT']]],
])('%s is refused', async (_name, fields) => {
  const client = RawHttp2.open(stage.gateway.port)
  await client.waitFor((each) => each.type === frameTypes.settings, 'the settings')
  const whole = fields.map(([name = '', value = '']): [string, string] => [name, value])
  const isExtended = whole.length > 1
  client.headers(
    1,
    [...whole, [':authority', 'h'], ...(isExtended ? [[':scheme', 'http'] as [string, string]] : [])],
    0,
  )

  await client.endOf(1)

  expect(await isServed()).toBe(true)
  client.destroy()
})

test('a connection that nobody uses is closed; one with a quiet stream is not', async () => {
  await using own = await Stage.open({ HP_TIMEOUT_CLIENT: '300ms', HP_TIMEOUT_SERVER: '10s' })
  const { app, path } = await own.exapp()
  const idle = RawHttp2.open(own.gateway.port)
  const quiet = RawHttp2.open(own.gateway.port)
  quiet.headers(1, pseudo(`${path}/x?do=sse&count=2&gap=1200`), flags.endStream)
  await app.waitForRequest(() => true)

  await eventually('the idle connection to be closed', () => (idle.isClosed ? true : undefined), {
    timeoutMs: 3_000,
  })

  expect(await quiet.endOf(1)).toBe('answered')
  expect(quiet.frames.filter((each) => each.type === frameTypes.goAway)).toEqual([])
  quiet.destroy()
})

test('a body that stops arriving is a 408', async () => {
  await using own = await Stage.open({ HARP_TIMEOUT_BODY: '300ms' })
  const { app, path } = await own.exapp()
  await using client = new Session(own)
  const stream = client.request({ ':method': 'PUT', ':path': `${path}/x` })
  stream.write('some')

  const answer = await answerOf(stream, 5_000)

  expect(answer.status).toBe(408)
  await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()[0]?.bodyDone).toBe(false)
})

test('SIGTERM says GOAWAY, finishes the running answer, and ends the program with 0', async () => {
  await using own = await Stage.open()
  const { app, path } = await own.exapp()
  await using client = new Session(own)
  const goAway = once(client.session, 'goaway')
  const answer = client.get(`${path}/x?do=slow&ms=700`)
  await app.waitForRequest(() => true)
  const startedAt = performance.now()

  own.gateway.program.signal('SIGTERM')

  await within(goAway, deadlineIn(3_000, 'GOAWAY'))
  expect(await answer).toMatchObject({ status: 200, text: 'late', code: 0 })
  expect(await own.gateway.program.waitForExit()).toMatchObject({ code: 0 })
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})

test('a flood of streams that are reset at once leaves the gateway serving', async () => {
  const { path } = await stage.exapp()
  const before = await residentBytes(stage.pid)
  for (let round = 0; round < 4; round += 1) {
    const client = RawHttp2.open(stage.gateway.port)
    const cancel = Buffer.alloc(4)
    cancel.writeUInt32BE(constants.NGHTTP2_CANCEL)
    for (let at = 0; at < 5_000 && !client.isClosed; at += 1) {
      client.headers(at * 2 + 1, pseudo(`${path}/x`), flags.endStream)
      client.send(frameTypes.reset, 0, at * 2 + 1, cancel)
      if (at % 500 === 499) await elapse(1)
    }
    await elapse(50)
    client.destroy()
  }

  expect(await isServed()).toBe(true)
  expect((await residentBytes(stage.pid)) - before).toBeLessThan(128 * mebibyte)
})

test('streams reset at every moment of their life harm nobody else', async () => {
  const { path } = await stage.exapp()
  await using client = new Session()
  const kinds = [
    '?do=bytes&size=300000',
    '?do=hints',
    '?do=trailers',
    '?do=slow&ms=5',
    '?status=404',
    '/../x',
  ]
  for (let round = 0; round < 120; round += 1) {
    const stream = client.request({
      ':method': round % 3 === 0 ? 'PUT' : 'GET',
      ':path': `${path}/x${kinds[round % kinds.length] ?? ''}`,
    })
    stream.write('body')
    setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), round % 12)
    if (round % 10 === 9) await elapse(5)
  }

  expect(await isServed()).toBe(true)
})

test.each([
  ['PING', frameTypes.ping, 0, Buffer.alloc(8)],
  ['SETTINGS', frameTypes.settings, 0, Buffer.alloc(0)],
])('a flood of %s frames leaves the gateway serving', async (_name, type, stream, payload) => {
  const client = RawHttp2.open(stage.gateway.port)
  client.socket.pause()
  for (let at = 0; at < 50_000 && !client.isClosed; at += 1) client.send(type, 0, stream, payload)

  expect(await isServed()).toBe(true)
  client.destroy()
})

test('a header block that never ends is cut off', async () => {
  const client = RawHttp2.open(stage.gateway.port)
  client.send(frameTypes.headers, 0, 1, Buffer.from([0x82]))
  const filler = Buffer.concat(Array.from({ length: 100 }, () => Buffer.from('\0\x01a\x01b', 'latin1')))
  for (let at = 0; at < 10_000 && !client.isClosed; at += 1) {
    client.send(frameTypes.continuation, 0, 1, filler)
    if (at % 500 === 499) await elapse(1)
  }

  await eventually('the connection to be cut', () => (client.isClosed ? true : undefined))
  expect(await isServed()).toBe(true)
  expect(client.isClosed).toBe(true)
})

test('an answer goes to a client that has already sent its end, over prior knowledge in any pieces', async () => {
  const { path } = await stage.exapp()
  const client = RawHttp2.open(stage.gateway.port)
  client.socket.setNoDelay(true)
  client.headers(1, pseudo(`${path}/x`), flags.endStream)

  expect(await client.endOf(1)).toBe('answered')
  client.destroy()
})

/** Waits until a counter that has moved no longer does. */
async function standsStill(counter: () => number): Promise<void> {
  let last = -1
  await eventually(
    'a counter to stand still',
    () => {
      const now = counter()
      const isStill = now === last && now > 0
      last = now
      return isStill ? true : undefined
    },
    { timeoutMs: 15_000, everyMs: 300 },
  )
}

const withCurl = realPart('curl', () => isCommandInstalled('curl'))
const withNghttp2 = realPart('nghttp2-client', () => isCommandInstalled('h2load'))

withCurl('curl speaks HTTP/2 by prior knowledge: down, up, HEAD, and trailers', async () => {
  const { app, path } = await stage.exapp()
  const base = `http://127.0.0.1:${stage.gateway.port}${path}`
  const format = '%{http_version} %{http_code} %{size_download} %{size_upload} %{exitcode}'
  const curl = (...args: string[]): Promise<string> =>
    run('curl', ['-sS', '--http2-prior-knowledge', '-o', '/dev/null', '-w', format, '-m', '20', ...args])

  expect(await curl(`${base}/x?do=bytes&size=5000000`)).toBe('2 200 5000000 0 0')
  expect(await curl(`${base}/x?do=trailers`)).toBe('2 200 13 0 0')
  expect(await curl('-I', `${base}/x`)).toMatch(/^2 200 0 0 0$/)
  const big = 'u'.repeat(3_000_000)
  expect(
    await run('curl', ['-sS', '--http2-prior-knowledge', '-m', '20', '-T', '-', `${base}/up`], big),
  ).toContain('"bodyBytes":3000000')
  expect(app.violations).toEqual([])
})

withNghttp2('h2load gets an answer to each of 4000 requests over eight connections', async () => {
  const { app, path } = await stage.exapp()

  const report = await run('h2load', [
    '-n4000',
    '-c8',
    '-m32',
    '-T20',
    `http://127.0.0.1:${stage.gateway.port}${path}/x`,
  ])

  expect(report).toContain('4000 succeeded, 0 failed, 0 errored, 0 timeout')
  expect(report).toContain('status codes: 4000 2xx')
  expect(app.violations).toEqual([])
})

withNghttp2('nghttp sends a body with trailers and ends without an error', async () => {
  const { app, path } = await stage.exapp()

  const report = await run('nghttp', [
    '-nv',
    '--no-content-length',
    `--data=${fileURLToPath(import.meta.url)}`,
    '--trailer=x-checksum: abc',
    '-t10',
    `http://127.0.0.1:${stage.gateway.port}${path}/x`,
  ])

  expect(report).toContain(':status: 200')
  expect(report).not.toContain('RST_STREAM')
  expect(app.requests()[0]?.trailers).toEqual([['x-checksum', 'abc']])
})
