/** What a stand-in ExApp can be told to do with `?do=name`; the other query names are each behaviour's own. */
import { elapse } from './deadline.ts'
import type { Exchange } from './exapp-exchange.ts'

type Behaviour = (exchange: Exchange) => Promise<void>

export const behaviours: Readonly<Record<string, Behaviour>> = {
  /** `count` server-sent events, `gap` ms apart, then the end. */
  async sse(exchange) {
    await exchange.readBody()
    await exchange.write(chunkedHead(exchange, 'text/event-stream'))
    const count = numberOf(exchange, 'count', 3)
    for (let at = 1; at <= count; at += 1) {
      if (at > 1) await elapse(numberOf(exchange, 'gap', 50))
      if (!(await exchange.write(chunk(`data: ${at}\n\n`)))) return
    }
    await exchange.write('0\r\n\r\n')
  },

  /** `size` bytes, `framing` chunked (default), length or close; the content is `patternAt`. */
  async bytes(exchange) {
    await exchange.readBody()
    const size = numberOf(exchange, 'size', 1_048_576)
    const framing = exchange.query.get('framing') ?? 'chunked'
    if (framing === 'chunked') await exchange.write(chunkedHead(exchange, 'application/octet-stream'))
    else {
      if (framing === 'close') exchange.keepAlive = false
      const length = framing === 'length' ? `Content-Length: ${size}\r\n` : 'Connection: close\r\n'
      await exchange.write(`HTTP/1.1 200 Stand-In\r\nContent-Type: application/octet-stream\r\n${length}\r\n`)
    }
    for (let at = 0; at < size; at += block.length) {
      const piece = block.subarray(0, Math.min(block.length, size - at))
      if (!(await exchange.write(framing === 'chunked' ? chunk(piece) : piece))) return
    }
    if (framing === 'chunked') await exchange.write('0\r\n\r\n')
  },

  /** Three chunks and the trailer `X-Checksum: abc`. */
  async trailers(exchange) {
    await exchange.readBody()
    const head = chunkedHead(exchange, 'text/plain').replace('\r\n\r\n', '\r\nTrailer: X-Checksum\r\n\r\n')
    await exchange.write(`${head}${chunk('one ').toString()}${chunk('two ').toString()}`)
    await exchange.write(`${chunk('three').toString()}0\r\nX-Checksum: abc\r\n\r\n`)
  },

  /** The echo, `ms` later. */
  async slow(exchange) {
    await exchange.readBody()
    await elapse(numberOf(exchange, 'ms', 500))
    await exchange.reply(200, 'late', 'text/plain')
  },

  /** Takes the request and never answers. */
  async silent(exchange) {
    await exchange.readBody()
    await exchange.untilPeerLeaves()
    exchange.aborted = true
    exchange.keepAlive = false
  },

  /** Reads no body byte until `release(tag)`, then echoes the count. */
  async hold(exchange) {
    await exchange.untilReleased(exchange.query.get('tag') ?? '')
    await exchange.readBody()
    await exchange.reply(200, JSON.stringify({ bodyBytes: exchange.bodyBytes, sha256: exchange.bodySha256 }))
  },

  /** Announces twice `after` bytes, sends `after`, and closes (`how` end or reset). */
  async cut(exchange) {
    await exchange.readBody()
    const after = numberOf(exchange, 'after', 10)
    await exchange.write(`HTTP/1.1 200 Stand-In\r\nContent-Length: ${after * 2}\r\n\r\n${'x'.repeat(after)}`)
    exchange.hangUp(exchange.query.get('how') === 'reset' ? 'reset' : 'end')
  },

  /** Closes (`how` end or reset) before a byte of the answer. */
  async close(exchange) {
    await exchange.readBody()
    exchange.hangUp(exchange.query.get('how') === 'reset' ? 'reset' : 'end')
  },

  /** Answers with what is no HTTP. */
  async garbage(exchange) {
    await exchange.readBody()
    await exchange.write('this is not HTTP\r\n\r\n')
    exchange.hangUp('end')
  },

  /** 413 and close, without reading the body. */
  async refuse(exchange) {
    exchange.keepAlive = false
    await exchange.write('HTTP/1.1 413 Stand-In\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig')
    exchange.hangUp('end')
  },

  /** An interim 103 before the answer. */
  async hints(exchange) {
    await exchange.readBody()
    await exchange.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n')
    await exchange.reply(200, 'hinted', 'text/plain')
  },

  /** Response header lines that a gateway must not touch. */
  async cookies(exchange) {
    await exchange.readBody()
    const lines =
      'Set-Cookie: a=1; Path=/x\r\nSet-Cookie: b=2\r\nLocation: http://elsewhere.example/x?y=1\r\n'
    await exchange.write(`HTTP/1.1 302 Stand-In\r\n${lines}Content-Length: 0\r\n\r\n`)
  },
}

/** The byte at any offset of a `bytes` answer. */
export function patternAt(offset: number): number {
  return (offset % block.length) % 251
}

const block = Buffer.alloc(65_536)
for (let at = 0; at < block.length; at += 1) block[at] = at % 251

function chunkedHead(exchange: Exchange, contentType: string): string {
  const close = exchange.keepAlive ? '' : 'Connection: close\r\n'
  return `HTTP/1.1 200 Stand-In\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n${close}\r\n`
}

function chunk(data: string | Uint8Array): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

function numberOf(exchange: Exchange, name: string, absent: number): number {
  return Number(exchange.query.get(name) ?? String(absent))
}
