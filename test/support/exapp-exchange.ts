/** One request at a stand-in ExApp: what came, exactly as it came, and the means to answer it. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { deadlineIn, within } from './deadline.ts'
import {
  type BodyFraming,
  framingOf,
  type HeaderLine,
  headerValue,
  headerValues,
  readBody,
  type WireHead,
} from './http1-wire.ts'
import type { SocketReader } from './socket-reader.ts'

export interface ExAppRequest {
  /** Counts the connections of this app from 1: equal numbers came over one connection. */
  readonly connection: number
  readonly rawHead: string
  readonly requestLine: string
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  /** The only value of a header; undefined without one, an error with two lines. */
  header(name: string): string | undefined
  /** Body bytes so far; complete when `bodyDone`. */
  readonly bodyBytes: number
  readonly bodyDone: boolean
  readonly bodySha256: string | undefined
  /** The first 64 KiB of the body. */
  readonly bodyStart: string
  readonly trailers: readonly HeaderLine[]
  /** Response bytes the socket has taken so far. */
  readonly sentBytes: number
  /** The connection ended before the answer was complete. */
  readonly aborted: boolean
}

const idleMs = 60_000
const keptBodyBytes = 65_536

/** What an exchange needs of the app that serves it. */
export interface ExchangeLink {
  readonly socket: Socket
  readonly reader: SocketReader
  readonly connection: number
  readonly untilReleased: (tag: string) => Promise<void>
}

/** One request being served; behaviours answer through it. */
export class Exchange implements ExAppRequest {
  readonly connection: number
  readonly rawHead: string
  readonly requestLine: string
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  readonly query: URLSearchParams
  readonly trailers: HeaderLine[] = []
  readonly socket: Socket
  bodyBytes = 0
  bodyDone = false
  bodySha256: string | undefined
  bodyStart = ''
  sentBytes = 0
  aborted = false
  keepAlive: boolean
  /** Waits for the test to release a tag. */
  readonly untilReleased: (tag: string) => Promise<void>
  readonly #reader: SocketReader
  readonly #framing: BodyFraming

  constructor(link: ExchangeLink, head: WireHead) {
    this.untilReleased = link.untilReleased
    this.socket = link.socket
    this.#reader = link.reader
    this.connection = link.connection
    this.rawHead = head.raw
    this.requestLine = head.startLine
    this.headers = head.headers
    const [method = '', target = ''] = head.startLine.split(' ')
    this.method = method
    this.target = target
    const question = target.indexOf('?')
    this.query = new URLSearchParams(question === -1 ? '' : target.slice(question + 1))
    this.#framing = framingOf(head.headers)
    this.keepAlive = !/\bclose\b/i.test(headerValues(head.headers, 'connection').join(','))
  }

  header(name: string): string | undefined {
    return headerValue(this.headers, name)
  }

  get path(): string {
    return this.target.split('?')[0] ?? ''
  }

  /** Reads the whole body, answering `Expect: 100-continue` first. */
  async readBody(): Promise<void> {
    if (this.bodyDone) return
    if (this.header('expect')?.toLowerCase() === '100-continue') {
      await this.write('HTTP/1.1 100 Continue\r\n\r\n')
    }
    const hash = createHash('sha256')
    const start: Buffer[] = []
    for await (const chunk of readBody(this.#reader, this.#framing, idleMs, this.trailers)) {
      if (this.bodyBytes < keptBodyBytes) start.push(chunk.subarray(0, keptBodyBytes - this.bodyBytes))
      this.bodyBytes += chunk.length
      hash.update(chunk)
    }
    this.bodyStart = Buffer.concat(start).toString('utf8')
    this.bodySha256 = hash.digest('hex')
    this.bodyDone = true
  }

  /** Writes and waits while the socket is full; false when the connection is gone. */
  async write(bytes: string | Uint8Array): Promise<boolean> {
    if (this.socket.destroyed || !this.socket.writable) {
      this.aborted = true
      return false
    }
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    const taken = new Promise<boolean>((resolve) => {
      this.socket.write(data, (error) => resolve(error === undefined || error === null))
    })
    const ok = await within(taken, deadlineIn(idleMs, 'a slow reader behind the ExApp'))
    if (ok) this.sentBytes += data.length
    else this.aborted = true
    return ok
  }

  async reply(
    status: number,
    body: string | Uint8Array,
    contentType: string = 'application/json',
  ): Promise<void> {
    await this.readBody()
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const bodiless = status === 204 || status === 304
    const lines = [
      `HTTP/1.1 ${status} Stand-In`,
      `Content-Type: ${contentType}`,
      ...(bodiless ? [] : [`Content-Length: ${bytes.length}`]),
      ...(this.keepAlive ? [] : ['Connection: close']),
    ]
    const withBody = !bodiless && this.method !== 'HEAD'
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
    await this.write(withBody ? Buffer.concat([head, bytes]) : head)
  }

  /** Waits until the peer ends its direction (or sends the next request). */
  async untilPeerLeaves(): Promise<void> {
    await this.#reader.isAtEnd(deadlineIn(idleMs, 'the peer to leave'))
  }

  /** Ends the exchange by ending the connection. */
  hangUp(how: 'end' | 'reset'): void {
    this.keepAlive = false
    if (how === 'reset') this.socket.resetAndDestroy()
    else this.socket.end()
  }
}
