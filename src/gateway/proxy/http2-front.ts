import { randomBytes } from 'node:crypto'
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import type { Fields } from '../../codec/http1/fields.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { BodyMode } from '../upstream/upstream-connection.ts'
import type { Wire } from '../upstream/wire.ts'
import { DuplexWire } from './duplex-wire.ts'
import type { BodyReceiver, FrontListener, FrontStream } from './front-stream.ts'
import { readHttp2Request } from './http2-request-head.ts'
import { stockPages, type LocalResponse } from './local-response.ts'
import { responseFields } from './response-fields.ts'

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
      this.#requestTrailers = flattenTrailers(trailers)
    })
    stream.on('close', () => this.#onClose())
  }

  start(rawHeaders: readonly string[], endsStream: boolean): void {
    try {
      const request = readHttp2Request(rawHeaders, endsStream, () => randomBytes(16).toString('base64'))
      this.#head = request.head
      this.#isTunnel = request.isTunnel
    } catch (error) {
      this.#context.onBadRequest(error instanceof Error ? error : new Error(String(error)), this.peer)
      this.respond(stockPages[400])
      return
    }
    this.#context.onRequest(this, this.#head)
  }

  onDeadline(): void {
    this.deadlineAt = Number.POSITIVE_INFINITY
    if (this.#listener === null) this.respond(stockPages[408])
    else this.#listener.onBodyTimeout()
  }

  respond(response: LocalResponse): void {
    if (this.#stream.destroyed || this.#stream.headersSent) return
    this.#isAnswered = true
    const body = typeof response.body === 'string' ? Buffer.from(response.body, 'utf8') : response.body
    const headers: OutgoingHttpHeaders = { ':status': response.status }
    if (response.status !== 204) headers['content-length'] = body.length
    if (response.contentType !== '') headers['content-type'] = response.contentType
    const extra = response.fields ?? []
    for (let index = 0; index < extra.length; index += 2) headers[extra[index] ?? ''] = extra[index + 1] ?? ''
    this.#stream.respond(headers)
    this.#stream.end(this.#head?.method === 'HEAD' || response.status === 204 ? undefined : body)
    // What is left of the body is read away by the HTTP/2 layer.
    this.#stream.resume()
  }

  drop(): void {
    this.#isAnswered = true
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  sendInterim(head: ResponseHead): void {
    if (this.#stream.destroyed || this.#stream.headersSent) return
    this.#stream.additionalHeaders({ ...toHeaders(responseFields(head)), ':status': head.status })
  }

  sendContinue(): void {}

  sendHead(head: ResponseHead): BodyMode {
    if (this.#stream.destroyed) return 'data'
    const headers = toHeaders(responseFields(head))
    headers[':status'] = head.status
    const endStream = head.framing.kind === 'none'
    this.#stream.respond(headers, { endStream, waitForTrailers: head.framing.kind === 'chunked' })
    return 'data'
  }

  sendBody(bytes: Buffer): void {
    // NOTE: copied, because an HTTP/2 stream keeps what it cannot send yet.
    if (!this.#stream.destroyed) this.#stream.write(Buffer.from(bytes))
  }

  flush(): boolean {
    return !this.#stream.writableNeedDrain
  }

  finish(trailers: Fields): void {
    this.#isAnswered = true
    if (this.#stream.destroyed) return
    this.#stream.once('wantTrailers', () => {
      if (trailers.length === 0) this.#stream.close()
      else this.#stream.sendTrailers(toHeaders(trailers))
    })
    this.#stream.end()
    this.#stream.resume()
  }

  abort(): void {
    this.#isAnswered = true
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  openTunnel(head: ResponseHead): Wire | null {
    if (this.#stream.destroyed || !this.#isTunnel) return null
    const headers = toHeaders(responseFields(head).filter((_, index, all) => !isWebSocketAccept(all, index)))
    headers[':status'] = 200
    this.#stream.respond(headers)
    const tunnel = new DuplexWire(this.#stream)
    this.#tunnel = tunnel
    this.#isAnswered = true
    this.#listener = null
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
    this.#touchBody()
    this.#stream.resume()
  }

  setListener(listener: FrontListener): void {
    this.#listener = listener
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

/** Fields that HTTP/2 libraries refuse to send twice keep their first value. */
function toHeaders(fields: Fields): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    const value = fields[index + 1] ?? ''
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (!singleValued.has(name)) {
      headers[name] = Array.isArray(known) ? [...known, value] : [String(known), value]
    }
  }
  return headers
}

const singleValued = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'age',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'server',
  'x-content-type-options',
])

function flattenTrailers(trailers: Readonly<Record<string, string | string[] | undefined>>): Fields {
  return Object.entries(trailers).flatMap(([name, value]) => {
    if (value === undefined || name.startsWith(':')) return []
    return (Array.isArray(value) ? value : [value]).flatMap((each) =>
      /^[\t\x20-\x7e\x80-\xff]*$/.test(each) ? [name, each] : [],
    )
  })
}
