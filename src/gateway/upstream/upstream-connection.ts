import { ChunkedDecoder } from '../../codec/http1/chunked-decoder.ts'
import { Http1Error } from '../../codec/http1/errors.ts'
import type { Fields } from '../../codec/http1/fields.ts'
import { HeadCollector } from '../../codec/http1/head-collector.ts'
import { defaultHttp1Limits, type Http1Limits } from '../../codec/http1/limits.ts'
import { parseResponseHead, type ResponseHead } from '../../codec/http1/response-head.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'

/** How the receiver wants a chunked body: the validated bytes as they came, or the data alone. */
export type BodyMode = 'raw' | 'data'

export type UpstreamFailure =
  /** The stream ended or broke; `reusedAndSilent`: on a reused connection before any byte of an answer. */
  | { readonly kind: 'closed'; readonly error: Error | null; readonly reusedAndSilent: boolean }
  /** The answer is not HTTP/1.x as RFC 9112 demands. */
  | { readonly kind: 'malformed'; readonly error: Error }

/** One exchange's receiving side. Bytes are only valid during the call. */
export interface ExchangeHandler {
  onInterim(head: ResponseHead): void
  onHead(head: ResponseHead): BodyMode
  onBody(bytes: Buffer): void
  /** Everything of one read was delivered: a good moment to write. */
  onReadDone(): void
  onEnd(trailers: Fields): void
  /** 101: the wire is the caller's from now on; `early` are bytes that came with the head. */
  onUpgrade(head: ResponseHead, wire: Wire, early: Buffer): void
  onDrain(): void
  onFailure(failure: UpstreamFailure): void
}

const responseLimits: Http1Limits = { ...defaultHttp1Limits, maxHeadBytes: 65_536, maxFields: 400 }
const noTrailers: Fields = []
const maxInterimHeads = 32

type Phase = 'idle' | 'head' | 'length' | 'chunked' | 'close' | 'broken'

/**
 * The client side of HTTP/1.1 on one wire: one exchange at a time, strict parsing of the answer. The
 * connection is reusable only after an exchange that left no doubt.
 */
export class UpstreamConnection implements WireHandler {
  readonly #wire: Wire
  readonly #heads = new HeadCollector(responseLimits)
  readonly #onUnusable: (connection: UpstreamConnection) => void
  #handler: ExchangeHandler | null = null
  #phase: Phase = 'idle'
  #method = ''
  #wantsUpgrade = false
  #remaining = 0
  #chunked: ChunkedDecoder | null = null
  #mode: BodyMode = 'raw'
  #keepAlive = false
  #requestDone = false
  #responseDone = false
  #bytesSeen = false
  #exchanges = 0
  #interimHeads = 0
  #interimCloses = false
  /** Monotonic milliseconds until which an idle connection may be reused; kept by the pool. */
  idleSince = 0
  keepAliveSeconds: number | null = null

  constructor(wire: Wire, onUnusable: (connection: UpstreamConnection) => void) {
    this.#wire = wire
    this.#onUnusable = onUnusable
    wire.setHandler(this)
  }

  get isReused(): boolean {
    return this.#exchanges > 1
  }

  /** True when request and answer are complete and nothing speaks against another exchange. */
  get isReusable(): boolean {
    return this.#phase === 'idle' && this.#responseDone && this.#requestDone && this.#keepAlive
  }

  /** Sends a request head (Latin-1, with its empty line). */
  start(
    head: string | Buffer,
    request: { method: string; hasBody: boolean; wantsUpgrade: boolean },
    handler: ExchangeHandler,
  ): void {
    this.#handler = handler
    this.#phase = 'head'
    this.#method = request.method
    this.#wantsUpgrade = request.wantsUpgrade
    this.#requestDone = !request.hasBody
    this.#responseDone = false
    this.#bytesSeen = false
    this.#interimHeads = 0
    this.#interimCloses = false
    this.#exchanges++
    this.#wire.write(head)
  }

  /** Body bytes with whatever framing the head announced. False: stop until `onDrain`. */
  writeBody(data: Buffer | string): boolean {
    return this.#wire.write(data)
  }

  endBody(): void {
    this.#requestDone = true
  }

  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  /** Nobody listens any more; the stream is dropped. */
  destroy(): void {
    this.#phase = 'broken'
    this.#handler = null
    this.#wire.destroy()
  }

  /** Detaches the finished exchange before the connection goes back to the pool. */
  detach(): void {
    this.#handler = null
  }

  onData(chunk: Buffer): void {
    if (this.#phase === 'idle' || this.#phase === 'broken') {
      // Bytes that nobody asked for: never reuse this connection.
      this.#unusable()
      return
    }
    this.#bytesSeen = true
    const handler = this.#handler
    try {
      this.#consume(chunk)
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error
      this.#fail({ kind: 'malformed', error })
      return
    }
    handler?.onReadDone()
  }

  onEnd(): void {
    if (this.#phase === 'close') {
      this.#keepAlive = false
      this.#finish(noTrailers, false)
      this.#wire.destroy()
      return
    }
    if (this.#phase === 'idle') this.#unusable()
    else this.#fail({ kind: 'closed', error: null, reusedAndSilent: this.isReused && !this.#bytesSeen })
  }

  onDrain(): void {
    this.#handler?.onDrain()
  }

  onClose(error: Error | null): void {
    if (this.#phase === 'broken') return
    if (this.#phase === 'idle') this.#unusable()
    else this.#fail({ kind: 'closed', error, reusedAndSilent: this.isReused && !this.#bytesSeen })
  }

  #consume(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      switch (this.#phase) {
        case 'head':
          at = this.#heads.feed(chunk, at)
          if (at === -1) return
          if (this.#onHeadText(this.#heads.take(), chunk, at)) return
          break
        case 'length': {
          const take = Math.min(this.#remaining, chunk.length - at)
          this.#remaining -= take
          this.#handler?.onBody(at === 0 && take === chunk.length ? chunk : chunk.subarray(at, at + take))
          at += take
          if (this.#remaining === 0) this.#finish(noTrailers, at < chunk.length)
          break
        }
        case 'chunked':
          at = this.#consumeChunked(chunk, at)
          break
        case 'close':
          this.#handler?.onBody(at === 0 ? chunk : chunk.subarray(at))
          return
        case 'idle':
          // More than the answer arrived: the connection cannot be trusted for the next one.
          this.#keepAlive = false
          this.#unusable()
          return
        case 'broken':
          return
      }
    }
  }

  /** Returns true when the rest of the chunk is not ours (upgrade). */
  #onHeadText(text: string, chunk: Buffer, at: number): boolean {
    const head = parseResponseHead(text, this.#method, responseLimits)
    if (head.status === 101) {
      if (!this.#wantsUpgrade) throw new Http1Error('HTTP_START_LINE', '101 without an upgrade request')
      const handler = this.#handler
      this.#phase = 'broken'
      this.#handler = null
      handler?.onUpgrade(head, this.#wire, chunk.subarray(at))
      return true
    }
    if (head.status < 200) {
      if (++this.#interimHeads > maxInterimHeads) {
        throw new Http1Error('HTTP_START_LINE', 'too many interim answers')
      }
      if (!head.keepAlive) this.#interimCloses = true
      this.#handler?.onInterim(head)
      return false
    }
    this.#keepAlive = head.keepAlive && !this.#interimCloses
    this.keepAliveSeconds = head.keepAliveSeconds
    this.#mode = this.#handler?.onHead(head) ?? 'raw'
    switch (head.framing.kind) {
      case 'none':
        this.#finish(noTrailers, at < chunk.length)
        break
      case 'length':
        this.#remaining = head.framing.bytes
        this.#phase = 'length'
        if (this.#remaining === 0) this.#finish(noTrailers, at < chunk.length)
        break
      case 'chunked':
        this.#chunked = new ChunkedDecoder(responseLimits)
        this.#phase = 'chunked'
        break
      case 'close':
        this.#phase = 'close'
        break
    }
    return false
  }

  #consumeChunked(chunk: Buffer, start: number): number {
    const decoder = this.#chunked
    if (decoder === null) return chunk.length
    let end: number
    if (this.#mode === 'raw') {
      end = decoder.feed(chunk, start)
      if (decoder.rawEnd > start) this.#handler?.onBody(chunk.subarray(start, decoder.rawEnd))
    } else {
      end = decoder.feed(chunk, start, (from, to) => this.#handler?.onBody(chunk.subarray(from, to)))
    }
    if (decoder.isDone) {
      this.#chunked = null
      this.#finish(decoder.trailers, end < chunk.length)
    }
    return end
  }

  /** `leftover`: bytes follow the answer that nobody asked for, so nothing may be sent here again. */
  #finish(trailers: Fields, leftover: boolean): void {
    if (leftover) this.#keepAlive = false
    this.#phase = 'idle'
    this.#responseDone = true
    this.#handler?.onEnd(trailers)
  }

  #fail(failure: UpstreamFailure): void {
    const handler = this.#handler
    this.#phase = 'broken'
    this.#handler = null
    this.#wire.destroy()
    handler?.onFailure(failure)
  }

  #unusable(): void {
    this.#phase = 'broken'
    this.#wire.destroy()
    this.#onUnusable(this)
  }
}
