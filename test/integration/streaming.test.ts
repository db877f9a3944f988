import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import { headerValue, headerValues } from '../support/http1-wire.ts'
import { RawConnection, type RawResponse } from '../support/raw-http.ts'
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

/** An app that answers every request head with these bytes; it reads on and ignores bodies. */
async function canned(answer: string, end: 'keep' | 'end' = 'keep'): Promise<string> {
  const { path } = await stage.rawApp((socket) => {
    socket.on('data', (chunk) => {
      if (!chunk.includes('\r\n\r\n')) return
      if (end === 'end') socket.end(answer, 'latin1')
      else socket.write(answer, 'latin1')
    })
    socket.once('end', () => socket.end())
  })
  return path
}

/**
 * About what the system takes of an answer that nobody reads. Of answers a little around that size the end
 * waits in the gateway.
 */
async function systemBufferBytes(): Promise<number> {
  const limits = await readFile('/proc/sys/net/ipv4/tcp_wmem', 'utf8')
  return Number(limits.trim().split(/\s+/)[2])
}

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

/** Hash and size of a body, as it comes. */
async function digest(connection: RawConnection): Promise<{ bytes: number; sha256: string }> {
  const head = await connection.readHead()
  expect(head?.status).toBe(200)
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of connection.body(head!, 20_000)) {
    hash.update(piece)
    bytes += piece.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

interface Seen {
  readonly method: string
  readonly target: string
  readonly bodyBytes: number
  readonly bodySha256: string
  readonly body: string
  readonly trailers: [string, string][]
}

function seenBy(response: RawResponse): Seen {
  return JSON.parse(response.body.toString()) as Seen
}

test('an event of a stream arrives before the app has sent the next one', async () => {
  let next: (() => void) | undefined
  const { path } = await stage.exapp(async (exchange) => {
    await exchange.write(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    for (const event of ['one', 'two', 'end']) {
      await exchange.write(`b\r\ndata: ${event}\n\n\r\n`)
      await new Promise<void>((resolve) => {
        next = resolve
      })
    }
    await exchange.write('0\r\n\r\n')
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/events` })
  const head = await connection.readHead()
  const events: string[] = []

  for await (const piece of connection.body(head!)) {
    events.push(piece.toString())
    next?.()
  }

  expect(events).toEqual(['data: one\n\n', 'data: two\n\n', 'data: end\n\n'])
})

test('the head of an answer arrives before its body begins', async () => {
  const { app, path } = await stage.exapp(async (exchange) => {
    await exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n')
    await exchange.untilReleased('body')
    await exchange.write('late')
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x` })

  expect((await connection.readHead())?.status).toBe(200)
  app.release('body')
})

test.each(['length', 'chunked', 'close'])(
  'a client that reads nothing stops the app, and gets 256 MiB whole when it goes on (%s)',
  async (framing) => {
    const { app, path } = await stage.exapp()
    const size = 256 * mebibyte
    const before = await residentBytes(stage.pid)
    await using connection = await stage.connect()
    await connection.sendRequest({ target: `${path}/x?do=bytes&size=${size}&framing=${framing}` })
    const request = await app.waitForRequest(() => true)
    await eventually(
      'the app to stand still',
      standingStill(() => request.sentBytes),
      {
        timeoutMs: 10_000,
        everyMs: 250,
      },
    )
    const sentUnread = request.sentBytes
    const grown = (await residentBytes(stage.pid)) - before

    const body = await digest(connection)

    expect(sentUnread).toBeLessThan(32 * mebibyte)
    expect(grown).toBeLessThan(32 * mebibyte)
    expect(body.bytes).toBe(size)
  },
)

test('an app that reads nothing stops the client, and gets 128 MiB whole when it goes on', async () => {
  const { app, path } = await stage.exapp()
  const block = Buffer.alloc(mebibyte, 'u')
  const total = 128
  const hash = createHash('sha256')
  const before = await residentBytes(stage.pid)
  await using connection = await stage.connect()
  await connection.send(
    `PUT ${path}/x?do=hold&tag=upload HTTP/1.1\r\nHost: h\r\nContent-Length: ${total * mebibyte}\r\n\r\n`,
  )
  let sent = 0
  const sending = (async () => {
    for (; sent < total; sent += 1) {
      hash.update(block)
      await connection.send(block, 30_000)
    }
  })()
  await eventually(
    'the client to stand still',
    standingStill(() => sent),
    {
      timeoutMs: 10_000,
      everyMs: 250,
    },
  )
  const sentUnread = sent
  const grown = (await residentBytes(stage.pid)) - before
  app.release('upload')
  await sending

  const answer = responseOf(await connection.readOutcome({ timeoutMs: 20_000 }))
  expect(sentUnread).toBeLessThan(32)
  expect(grown).toBeLessThan(32 * mebibyte)
  expect(JSON.parse(answer.body.toString())).toEqual({
    bodyBytes: total * mebibyte,
    sha256: hash.digest('hex'),
  })
})

test('1 GiB in chunks comes down byte for byte in bounded memory', async () => {
  const { path } = await stage.exapp()
  const size = 1024 * mebibyte
  const block = Buffer.alloc(65_536)
  for (let at = 0; at < block.length; at += 1) block[at] = at % 251
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += block.length) hash.update(block)
  const before = await residentBytes(stage.pid)
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=bytes&size=${size}` })

  const body = await digest(connection)
  const grown = (await residentBytes(stage.pid)) - before

  expect(body).toEqual({ bytes: size, sha256: hash.digest('hex') })
  expect(grown).toBeLessThan(64 * mebibyte)
}, 60_000)

test('1 GiB in chunks goes up byte for byte in bounded memory', async () => {
  const { path } = await stage.exapp()
  const data = Buffer.alloc(4 * mebibyte)
  for (let at = 0; at < data.length; at += 1) data[at] = at % 253
  const chunk = Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')])
  const hash = createHash('sha256')
  const before = await residentBytes(stage.pid)
  await using connection = await stage.connect()
  await connection.send(`PUT ${path}/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`)

  for (let sent = 0; sent < 256; sent += 1) {
    hash.update(data)
    await connection.send(chunk, 20_000)
  }
  await connection.send('0\r\n\r\n')
  const seen = seenBy(responseOf(await connection.readOutcome({ timeoutMs: 20_000 })))
  const grown = (await residentBytes(stage.pid)) - before

  expect(seen).toMatchObject({ bodyBytes: 1024 * mebibyte, bodySha256: hash.digest('hex') })
  expect(grown).toBeLessThan(64 * mebibyte)
}, 60_000)

test('an app may answer while it still reads: a streamed echo runs both ways at once', async () => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      ({ rest }) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        socket.write(rest)
        socket.pipe(socket)
      },
      () => undefined,
    )
  })
  await using connection = await stage.connect()
  await connection.send(`POST ${path}/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const head = await connection.readHead()
  expect(head?.status).toBe(200)
  const pieces: string[] = []
  await connection.send('3\r\none\r\n')

  for await (const piece of connection.body(head!)) {
    pieces.push(piece.toString())
    if (pieces.length === 1) await connection.send('3\r\ntwo\r\n')
    if (pieces.length === 2) await connection.send('0\r\n\r\n')
  }

  expect(pieces).toEqual(['one', 'two'])
})

test('Expect: 100-continue is the app to answer; the body follows its 100', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(
    `PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  )
  const interim = await connection.reader.takeUntil('\r\n\r\n', 1_000, deadlineIn(5_000, 'a 100'))
  await connection.send('body')
  const answer = responseOf(await connection.readOutcome())

  expect(interim.toString()).toMatch(/^HTTP\/1\.1 100 /)
  expect(seenBy(answer)).toMatchObject({ bodyBytes: 4, body: 'body' })
})

test('an app that refuses an expectation is heard before any body is sent', async () => {
  const path = await canned('HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno')
  await using connection = await stage.connect()
  await connection.send(
    `PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\nExpect: 100-continue\r\n\r\n`,
  )

  const answer = responseOf(await connection.readOutcome())

  expect(answer.status).toBe(417)
  expect(answer.interim).toEqual([])
  expect(await connection.readToEnd()).toHaveLength(0)
})

test('a control route asks for the body of an expectation itself', async () => {
  await using connection = await stage.connect()
  const body = JSON.stringify({ exapp_token: 'T', exapp_version: '1', host: 'h', port: 1, routes: [] })
  await connection.send(
    'POST /exapps/app_api/exapp_storage/expecting HTTP/1.1\r\nHost: h\r\nharp-shared-key: sekret\r\n' +
      `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  )
  const interim = await connection.reader.takeUntil('\r\n\r\n', 1_000, deadlineIn(5_000, 'a 100'))
  await connection.send(body)

  expect(interim.toString()).toMatch(/^HTTP\/1\.1 100 /)
  expect(responseOf(await connection.readOutcome()).status).toBe(204)
})

test('interim answers arrive in their order before the final one', async () => {
  const path = await canned(
    'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' +
      'HTTP/1.1 103 Early Hints\r\nLink: </b>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  )

  const answer = responseOf(await stage.send({ target: `${path}/x` }))

  expect(answer.interim).toEqual([103, 102, 103])
  expect(answer.body.toString()).toBe('ok')
})

test('an HTTP/1.0 client gets no interim answer', async () => {
  const { path } = await stage.exapp()

  const answer = responseOf(await stage.send({ target: `${path}/x?do=hints`, version: 'HTTP/1.0' }))

  expect(answer).toMatchObject({ status: 200, interim: [] })
  expect(answer.body.toString()).toBe('hinted')
})

test('HEAD has the length of the body and no body, and the connection goes on', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  for (let round = 0; round < 3; round += 1) {
    await connection.sendRequest({ method: 'HEAD', target: `${path}/x` })
    const answer = responseOf(await connection.readOutcome({ method: 'HEAD' }))

    expect(answer.status).toBe(200)
    expect(Number(headerValue(answer.headers, 'content-length'))).toBeGreaterThan(100)
  }
})

test.each([
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
  ['204 that announces a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', 204],
  [
    '304 with the length of what it stands for',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "a"\r\n\r\n',
    304,
  ],
  ['200 with no body', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200],
  ['200 with an empty chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 200],
])('a %s has no body, and the connection goes on', async (_name, bytes, status) => {
  const path = await canned(bytes)
  await using connection = await stage.connect()
  for (let round = 0; round < 3; round += 1) {
    await connection.sendRequest({ target: `${path}/x` })
    const answer = responseOf(await connection.readOutcome())

    expect(answer).toMatchObject({ status })
    expect(answer.body).toHaveLength(0)
  }
})

test.each([
  ['HTTP/1.1', 'HTTP/1.1 200 OK\r\n\r\nuntil the end'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end'],
])(
  'an answer of an %s app that ends with its connection ends with the client its own',
  async (_name, bytes) => {
    const path = await canned(bytes, 'end')
    await using connection = await stage.connect()
    await connection.sendRequest({ target: `${path}/x` })

    const answer = responseOf(await connection.readOutcome())

    expect(answer.framing).toEqual({ kind: 'until-close' })
    expect(headerValue(answer.headers, 'connection')).toBe('close')
    expect(answer.body.toString()).toBe('until the end')
  },
)

test.each([
  'PROPFIND',
  'MKCOL',
  'REPORT',
  'LOCK',
  'VERSION-CONTROL',
  'PURGE',
  'OPTIONS',
  'TRACE',
  'DELETE',
  'QUERY',
])('the method %s goes through with its body', async (method) => {
  const { path } = await stage.exapp()

  const answer = responseOf(await stage.send({ method, target: `${path}/x?a=b`, body: '<xml/>' }))

  expect(seenBy(answer)).toMatchObject({ method, target: '/x?a=b', body: '<xml/>' })
})

test('an HTTP/1.0 client gets the data of a chunked answer, ended by the end of the connection', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=trailers`, version: 'HTTP/1.0' })
  const answer = responseOf(await connection.readOutcome())

  expect(headerValue(answer.headers, 'transfer-encoding')).toBeUndefined()
  expect(answer.framing).toEqual({ kind: 'until-close' })
  expect(answer.body.toString()).toBe('one two three')
})

test('an HTTP/1.0 client that asks for it keeps its connection; one that does not loses it', async () => {
  const { path } = await stage.exapp()
  await using kept = await stage.connect()
  for (let round = 0; round < 3; round += 1) {
    await kept.sendRequest({
      target: `${path}/x`,
      version: 'HTTP/1.0',
      headers: [['Connection', 'keep-alive']],
    })
    const answer = responseOf(await kept.readOutcome())
    expect(headerValue(answer.headers, 'connection')).toBe('keep-alive')
  }
  await using closed = await stage.connect()
  await closed.sendRequest({ target: `${path}/x`, version: 'HTTP/1.0' })
  expect(responseOf(await closed.readOutcome()).status).toBe(200)
  expect(await closed.readToEnd()).toHaveLength(0)
})

test('an HTTP/1.0 request without Host is served', async () => {
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(`GET ${path}/x HTTP/1.0\r\n\r\n`)

  expect(responseOf(await connection.readOutcome()).status).toBe(200)
  expect(app.requests()[0]?.header('host')).toBe(`127.0.0.1:${app.port}`)
})

test('slow HTTP/1.0 clients get their own bytes although the app serves others meanwhile', async () => {
  // NOTE: the end of a slow client's answer waits in memory that the next answer on that connection is read into.
  const chunk = (fill: string, size: number): string => `${size.toString(16)}\r\n${fill.repeat(size)}\r\n`
  const { path } = await stage.exapp(async (exchange) => {
    const count = Number(exchange.query.get('n') ?? '0')
    const own = count === 0 ? chunk('z', 60_000) : chunk('a', 20_000).repeat(count)
    await exchange.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${own}0\r\n\r\n`)
  })
  const capacity = await systemBufferBytes()
  const counts = Array.from({ length: 60 }, (_each, at) => Math.round(capacity / 20_000) - 25 + at)
  const slow = await Promise.all(
    counts.map(async (count) => {
      const socket = connect(stage.gateway.port, '127.0.0.1')
      socket.pause()
      socket.write(`GET ${path}/own?n=${count} HTTP/1.0\r\n\r\n`)
      await once(socket, 'connect')
      return socket
    }),
  )
  await elapse(700)
  // As many at once as there are slow ones, so that every connection to the app is used again.
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(counts.map(() => stage.send({ target: `${path}/other` })))
  }

  const received = await Promise.all(
    slow.map(async (socket) => {
      let bytes = 0
      let foreign = 0
      for await (const piece of socket as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (piece.includes('zz')) foreign += 1
      }
      return { bytes, foreign }
    }),
  )

  expect(received.map(({ foreign }) => foreign)).toEqual(counts.map(() => 0))
  expect(received.every(({ bytes }, at) => bytes > (counts[at] ?? 0) * 20_000)).toBe(true)
})

test.each([
  ['keeps its connection', ''],
  ['closes', 'Connection: close\r\n'],
])('a client that reads the end of an answer late gets it whole (it %s)', async (_name, line) => {
  await using own = await Stage.open({ HP_TIMEOUT_CLIENT: '300ms' })
  const { path } = await own.exapp()
  const capacity = await systemBufferBytes()
  const sizes = Array.from({ length: 60 }, (_each, at) => capacity - 400_000 + at * 12_000)

  const missing = await Promise.all(
    sizes.map(async (size) => {
      await using connection = await RawConnection.open(own.endpoint)
      await connection.send(
        `GET ${path}/x?do=bytes&framing=length&size=${size} HTTP/1.1\r\nHost: h\r\n${line}\r\n`,
      )
      await elapse(3_200)
      const outcome = await connection.readOutcome()
      return size - (outcome.kind === 'response' ? outcome.response.body.length : 0)
    }),
  )

  expect(missing).toEqual(sizes.map(() => 0))
})

test('of three thousand interleaved answers and echoes each has its own bytes and no others', async () => {
  const { path } = await stage.exapp(async (exchange) => {
    const number = Number(exchange.query.get('n') ?? '0')
    const framing = exchange.query.get('framing')
    const body = bodyOf(number)
    await exchange.readBody()
    if (framing === 'chunked') {
      await exchange.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let at = 0; at < body.length; at += 9_000) {
        const piece = body.subarray(at, at + 9_000)
        await exchange.write(`${piece.length.toString(16)}\r\n${piece.toString()}\r\n`)
      }
      await exchange.write('0\r\n\r\n')
    } else await exchange.reply(200, body, 'text/plain')
  })
  let next = 0
  const wrong: number[] = []
  const worker = async (): Promise<void> => {
    while (next < 3_000) {
      const number = (next += 1)
      const framing = number % 2 === 0 ? 'chunked' : 'length'
      const echo = number % 5 === 0
      await using connection = await stage.connect()
      if (echo) {
        await connection.send(
          `GET ${path}/t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\n`,
        )
        await connection.readHead()
        await connection.send(bodyOf(number))
        const echoed = await connection.reader.take(bodyOf(number).length, deadlineIn(15_000, 'an echo'))
        if (!echoed.equals(bodyOf(number))) wrong.push(number)
        continue
      }
      await connection.sendRequest({
        target: `${path}/x?n=${number}&framing=${framing}`,
        version: number % 3 === 0 ? 'HTTP/1.0' : 'HTTP/1.1',
      })
      const { body } = responseOf(await connection.readOutcome({ timeoutMs: 15_000 }))
      if (!body.equals(bodyOf(number))) wrong.push(number)
    }
  }
  await Promise.all(Array.from({ length: 48 }, worker))

  expect(wrong).toEqual([])
})

/** A body that names its request in every eight bytes; its length is anything up to 70 KB. */
function bodyOf(number: number): Buffer {
  return Buffer.alloc(((number * 7_919) % 70_000) + 8, `<${String(number).padStart(6, '0')}>`)
}

test('Connection: close is answered and obeyed', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x`, headers: [['Connection', 'close']] })

  const answer = responseOf(await connection.readOutcome())

  expect(headerValues(answer.headers, 'connection')).toEqual(['close'])
  expect(await connection.readToEnd()).toHaveLength(0)
})

test('a hundred pipelined requests are answered in order', async () => {
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  const requests = Array.from({ length: 100 }, (_each, at) => {
    const target = `${path}/x?n=${at}${at % 9 === 0 ? '&do=slow&ms=5' : ''}`
    if (at % 3 === 0) return `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`
    if (at % 3 === 1) return `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody`
    return `POST ${target} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`
  })
  await connection.send(requests.join(''))

  for (let at = 0; at < 100; at += 1) {
    expect(responseOf(await connection.readOutcome()).status).toBe(200)
  }
  const numbers = app
    .requests()
    .map((request) => Number(new URLSearchParams(request.target.slice(3)).get('n')))
  expect(numbers).toEqual(Array.from({ length: 100 }, (_each, at) => at))
  expect(app.violations).toEqual([])
})

test('pipelined requests behind a client its end are all answered', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(
    Array.from({ length: 20 }, (_each, at) => `GET ${path}/x?n=${at} HTTP/1.1\r\nHost: h\r\n\r\n`).join(''),
  )
  connection.end()

  for (let at = 0; at < 20; at += 1) {
    expect(seenBy(responseOf(await connection.readOutcome())).target).toBe(`/x?n=${at}`)
  }
  expect(await connection.readToEnd()).toHaveLength(0)
})

test('a client that never reads the answers to its pipelined requests is served no more of them', async () => {
  const body = 'x'.repeat(8_000)
  let served = 0
  const { path } = await stage.rawApp((socket) => {
    socket.on('data', (chunk) => {
      if (!chunk.includes('\r\n\r\n')) return
      served += 1
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
  })
  const greedy = connect(stage.gateway.port, '127.0.0.1')
  greedy.on('error', () => undefined)
  greedy.pause()
  greedy.write(`GET ${path}/x HTTP/1.1\r\nHost: h\r\n\r\n`.repeat(20_000))

  await eventually(
    'the app to be left alone',
    standingStill(() => served),
    {
      timeoutMs: 15_000,
      everyMs: 500,
    },
  )

  // The system's own buffers take some megabytes; without a limit all 160 MB would be asked for.
  expect(served * body.length).toBeLessThan(32 * mebibyte)
  let received = 0
  greedy.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  greedy.resume()
  await eventually('all of them once it reads', () => (received > 20_000 * body.length ? true : undefined), {
    timeoutMs: 20_000,
  })
  greedy.destroy()
})

test.each([
  ['GET', ''],
  ['POST', 'Content-Length: 11\r\n\r\nhello world'],
  [
    'PUT',
    'Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-sum: 1\r\n\r\n',
  ],
])('a %s that arrives in two pieces, split anywhere, is the same request', async (method, rest) => {
  const { app, path } = await stage.exapp()
  const request = `${method} ${path}/x HTTP/1.1\r\nHost: h\r\n${rest === '' ? '\r\n' : rest}`
  await using connection = await stage.connect()
  const answers: string[] = []
  for (let at = 1; at < request.length; at += 1) {
    await connection.send(request.slice(0, at))
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    await connection.send(request.slice(at))
    const { status, body } = responseOf(await connection.readOutcome())
    answers.push(`${status} ${(JSON.parse(body.toString()) as Seen).body}`)
  }

  expect(new Set(answers)).toEqual(new Set([`200 ${rest === '' ? '' : 'hello world'}`]))
  expect(app.requests()).toHaveLength(request.length - 1)
  expect(app.violations).toEqual([])
})

test('a request that arrives byte by byte is served', async () => {
  const { app, path } = await stage.exapp()
  const request = `PUT ${path}/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  await using connection = await stage.connect()
  for (const byte of request) {
    await connection.send(byte)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }

  expect(seenBy(responseOf(await connection.readOutcome()))).toMatchObject({ body: 'hello' })
  expect(app.violations).toEqual([])
})

test('trailers go both ways; those that could change a request stay behind', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(
    `PUT ${path}/x HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n` +
      '5\r\nhello\r\n0\r\nX-Checksum: 1\r\nEX-APP-ID: forged\r\nAuthorization: forged\r\n\r\n',
  )
  const up = seenBy(responseOf(await connection.readOutcome()))
  await connection.sendRequest({ target: `${path}/x?do=trailers` })
  const down = responseOf(await connection.readOutcome())

  expect(up.trailers).toEqual([['x-checksum', '1']])
  expect(down.trailers).toEqual([['x-checksum', 'abc']])
})

test.each([
  ['reads on for a moment', false],
  ['closes at once', true],
])('a 413 in the middle of an upload reaches the client (the app %s)', async (_name, isAbrupt) => {
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => {
        socket.write('HTTP/1.1 413 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig')
        if (isAbrupt) socket.end(() => socket.destroy())
        else socket.end()
        socket.resume()
      },
      () => undefined,
    )
  })
  const statuses: string[] = []
  for (let round = 0; round < 20; round += 1) {
    const { socket, answer } = upload(path, 64 * mebibyte)
    statuses.push((await answer).split('\r\n', 1)[0] ?? '')
    socket.destroy()
  }

  expect(new Set(statuses)).toEqual(new Set(['HTTP/1.1 413 No']))
})

test('a refusal of the gateway itself reaches a client in the middle of its upload', async () => {
  const { socket, answer } = upload('/exapps/unknown-app', 64 * mebibyte)

  expect(await answer).toMatch(/^HTTP\/1\.1 404 /)
  socket.destroy()
})

/** A client that writes its whole body as fast as it can and reads meanwhile, as browsers and curl do. */
function upload(path: string, bytes: number): { socket: Socket; answer: Promise<string> } {
  const socket = connect(stage.gateway.port, '127.0.0.1')
  const block = Buffer.alloc(65_536, 'u')
  let text = ''
  let left = bytes
  const { promise, resolve } = Promise.withResolvers<string>()
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.once('close', () => resolve(text))
  socket.once('end', () => resolve(text))
  socket.write(`PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n`)
  const write = (): void => {
    while (left > 0 && !socket.destroyed && text === '') {
      left -= block.length
      if (!socket.write(block)) {
        socket.once('drain', write)
        return
      }
    }
  }
  socket.once('connect', write)
  return { socket, answer: within(promise, deadlineIn(10_000, 'an answer to an upload')) }
}

test('the next request of a connection is served after an answer that came before the end of its body', async () => {
  const { path } = await stage.rawApp((socket) => {
    void (async () => {
      const { rest } = await requestHead(socket)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
      socket.resume()
      void rest
    })().catch(() => undefined)
  })
  await using connection = await stage.connect()
  await connection.send(`PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf `)
  const answer = responseOf(await connection.readOutcome())

  expect(answer.body.toString()).toBe('early')
  expect(headerValue(answer.headers, 'connection')).toBe('close')
  expect(await connection.readToEnd()).toHaveLength(0)
})

test('a client that has ended its direction gets the whole answer', async () => {
  const { path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(`GET ${path}/x?do=bytes&size=${8 * mebibyte} HTTP/1.1\r\nHost: h\r\n\r\n`)
  connection.end()

  expect(await digest(connection)).toMatchObject({ bytes: 8 * mebibyte })
})

realPart('curl', () => isCommandInstalled('curl'))(
  'curl uploads, with and without an expectation, and downloads',
  async () => {
    const { app, path } = await stage.exapp()
    const url = `http://127.0.0.1:${stage.gateway.port}${path}/x`
    const big = 'u'.repeat(3_000_000)
    const curl = (args: string[], input: string = ''): Promise<string> =>
      run('curl', ['-sS', '-m', '20', ...args], input)

    expect(await curl(['-T', '-', url], big)).toContain('"bodyBytes":3000000')
    expect(await curl(['-H', 'Expect: 100-continue', '--data-binary', '@-', url], big)).toContain(
      '"bodyBytes":3000000',
    )
    expect(await curl(['-0', '--data-binary', '@-', url], big)).toContain('"bodyBytes":3000000')
    expect(
      await curl(['-o', '/dev/null', '-w', '%{http_code} %{size_download}', `${url}?do=bytes&size=5000000`]),
    ).toBe('200 5000000')
    expect(app.violations).toEqual([])
  },
)
