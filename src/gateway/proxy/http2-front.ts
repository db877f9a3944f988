import { randomBytes } from 'node:crypto'
import { constants, type ServerHttp2Stream, type ServerStreamResponseOptions } from 'node:http2'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import type { Fields } from '../../codec/http1/fields.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { BodyMode } from '../upstream/upstream-connection.ts'
import type { Wire } from '../../net/wire.ts'
import { DuplexWire } from './duplex-wire.ts'
import type { BodyReceiver, FrontListener, FrontStream } from './front-stream.ts'
import { http2Fields, toFields, toHeaders } from './http2-fields.ts'
import { readHttp2Request } from './http2-request-head.ts'
import { stockPages, type LocalResponse } from './local-response.ts'

export interface Http2FrontContext {
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly bodyTimeoutMs: number
  readonly onRequest: (front: FrontStream, head: RequestHead) => void
  readonly onBadRequest: (error: Error, peer: string) => void
}

/** One HTTP/2 request as a FrontStream. */
export class Http2Front implements FrontStream, Deadline {
  readonly #context: Http2FrontContext
  readonly #stream: ServerHttp2Stream
  readonly peer: string
  readonly protocol = 'HTTP/2'
  #head: RequestHead | null = null
  #isTunnel = false
  #listener: FrontListener | null = null
  #tunnel: DuplexWire | null = null
  #isAnswered = false
  #waitsForTrailers = false
  #hasWholeRequest = false
  #requestTrailers: Fields = []
  #error: Error | null = null
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(context: Http2FrontContext, stream: ServerHttp2Stream, peer: string) {
    this.#context = context
    this.#stream = stream
    this.peer = peer
    context.sweeper.add(this)
    stream.on('error', (error: Error) => {
      this.#error = error
    })
    stream.on('drain', () => {
      this.#tunnel?.handler?.onDrain()
      this.#listener?.onClientDrain()
    })
    stream.on('trailers', (trailers: Record<string, string | string[] | undefined>) => {
      this.#requestTrailers = toFields(trailers)
    })
    stream.on('aborted', () => {
      // NOTE: a reset with NO_ERROR leaves the stream open for readers; nobody reads this one any more.
      if (!this.#isAnswered) process.nextTick(() => stream.destroy())
    })
    stream.on('close', () => this.#onClose())
  }

  start(rawHeaders: readonly string[], endsStream: boolean): void {
    try {
      const request = readHttp2Request(rawHeaders, endsStream, () => randomBytes(16).toString('base64'))
      this.#head = request.head
      this.#isTunnel = request.isTunnel
      this.#hasWholeRequest = endsStream
    } catch (error) {
      this.#context.onBadRequest(error instanceof Error ? error : new Error(String(error)), this.peer)
      this.respond(stockPages[400])
      return
    }
    this.#context.onRequest(this, this.#head)
  }

  onDeadline(): void {
    this.deadlineAt = Number.POSITIVE_INFINITY
    if (this.#isAnswered) this.#stream.destroy()
    else if (this.#listener === null) this.respond(stockPages[408])
    else this.#listener.onBodyTimeout()
  }

  respond(response: LocalResponse): void {
    if (!this.#isOpen || this.#stream.headersSent) return
    this.#isAnswered = true
    const body = typeof response.body === 'string' ? Buffer.from(response.body, 'utf8') : response.body
    const fields = [...(response.fields ?? [])]
    if (response.status !== 204) fields.push('content-length', String(body.length))
    if (response.contentType !== '') fields.push('content-type', response.contentType)
    this.#respond(response.status, fields)
    this.#stream.end(this.#head?.method === 'HEAD' || response.status === 204 ? undefined : body)
    this.deadlineAt = this.#context.clock.monotonic() + tailMs
    this.#endStream()
  }

  drop(): void {
    this.#isAnswered = true
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  sendInterim(head: ResponseHead): void {
    if (!this.#isOpen || this.#stream.headersSent) return
    this.#stream.additionalHeaders(toHeaders([':status', String(head.status), ...http2Fields(head)]))
  }

  sendContinue(): void {}

  sendHead(head: ResponseHead): BodyMode {
    if (!this.#isOpen) return 'data'
    // To an extended CONNECT any 2xx means that the tunnel is open (RFC 8441 section 5); the app opened none.
    if (this.#isTunnel && head.status < 300) {
      this.respond(stockPages[502])
      return 'data'
    }
    // HTTP/2 has no statuses above 599; recipients take them for a server's error anyway (RFC 9110 section 15).
    const status = head.status > 599 ? 502 : head.status
    this.#respond(status, http2Fields(head), {
      endStream: head.framing.kind === 'none',
      waitForTrailers: head.framing.kind === 'chunked',
    })
    return 'data'
  }

  sendBody(bytes: Buffer): void {
    // NOTE: copied, because an HTTP/2 stream keeps what it cannot send yet.
    if (this.#stream.writable && !this.#isAnswered) this.#stream.write(Buffer.from(bytes))
  }

  flush(): boolean {
    return !this.#stream.writableNeedDrain
  }

  finish(trailers: Fields): void {
    if (this.#isAnswered || !this.#isOpen) return
    this.#isAnswered = true
    this.deadlineAt = this.#context.clock.monotonic() + tailMs
    if (this.#waitsForTrailers) {
      this.#stream.once('wantTrailers', () => {
        if (!this.#isOpen) return
        // Without any this is the frame that ends the stream.
        this.#stream.sendTrailers(toHeaders(trailers))
        setImmediate(() => this.#endStream())
      })
      this.#stream.end()
    } else {
      this.#stream.end()
      this.#endStream()
    }
  }

  takeBack(): boolean {
    return false
  }

  abort(): void {
    this.#isAnswered = true
    // NOTE: not `close`, which ends the stream before it resets it: a cut answer would look whole.
    this.#stream.destroy(new Error('the answer of the app was cut'))
  }

  openTunnel(head: ResponseHead): Wire | null {
    if (!this.#isOpen || !this.#isTunnel) return null
    this.#respond(
      200,
      http2Fields(head).filter((_, index, all) => !isWebSocketAccept(all, index)),
    )
    const tunnel = new DuplexWire(this.#stream)
    this.#tunnel = tunnel
    this.#isAnswered = true
    this.#listener = null
    this.#head = null
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#stream.on('data', (chunk: Buffer) => tunnel.handler?.onData(chunk))
    this.#stream.on('end', () => tunnel.handler?.onEnd())
    return tunnel
  }

  receiveBody(receiver: BodyReceiver, mode: BodyMode): void {
    const framing = this.#head?.framing
    if (framing === undefined || framing.kind === 'none') {
      receiver.onRequestEnd([])
      return
    }
    const isChunked = framing.kind === 'chunked' && mode === 'raw'
    this.#touchBody()
    this.#stream.on('data', (chunk: Buffer) => {
      this.#touchBody()
      receiver.onRequestBody(isChunked ? encodeChunk(chunk) : chunk)
    })
    this.#stream.on('end', () => {
      this.#hasWholeRequest = true
      this.deadlineAt = Number.POSITIVE_INFINITY
      // A reset stream also ends: only a whole body is passed on as one.
      if (this.#stream.aborted || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
      if (isChunked) receiver.onRequestBody(lastChunk)
      receiver.onRequestEnd(this.#requestTrailers)
    })
  }

  pauseBody(): void {
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#stream.pause()
  }

  resumeBody(): void {
    if (!this.#hasWholeRequest) this.#touchBody()
    this.#stream.resume()
  }

  setListener(listener: FrontListener): void {
    this.#listener = listener
  }

  /** Calling `respond` and its like on a stream that was reset, though not destroyed yet, throws. */
  get #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed
  }

  #respond(status: number, fields: readonly string[], options: ServerStreamResponseOptions = {}): void {
    this.#waitsForTrailers = options.waitForTrailers === true
    // NOTE: @types/node does not know `sendDate` here; without it Node adds a Date to the app's answer.
    const exact: ServerStreamResponseOptions & { sendDate: false } = { ...options, sendDate: false }
    this.#stream.respond([':status', String(status), ...fields], exact)
  }

  /** After the answer: what came of the request is read away, what did not come yet is called off. */
  #endStream(): void {
    this.#stream.resume()
    if (!this.#hasWholeRequest) this.#stream.close(constants.NGHTTP2_NO_ERROR)
  }

  #touchBody(): void {
    this.deadlineAt = this.#context.clock.monotonic() + this.#context.bodyTimeoutMs
  }

  #onClose(): void {
    this.#context.sweeper.delete(this)
    const listener = this.#listener
    this.#listener = null
    if (this.#tunnel !== null) this.#tunnel.handler?.onClose(this.#error)
    else if (!this.#isAnswered) listener?.onClientGone()
  }
}

/** How long a client may take for what is left of an answer: as long as the front of HTTP/1 allows. */
const tailMs = 300_000
const lastChunk = Buffer.from('0\r\n', 'latin1')

function encodeChunk(data: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${data.length.toString(16)}\r\n`, 'latin1'),
    data,
    Buffer.from('\r\n', 'latin1'),
  ])
}

function isWebSocketAccept(fields: readonly string[], index: number): boolean {
  return fields[index - (index % 2)] === 'sec-websocket-accept'
}
