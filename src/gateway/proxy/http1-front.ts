import type net from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import { Http1Error } from '../../codec/http1/errors.ts'
import type { Fields } from '../../codec/http1/fields.ts'
import { HeadCollector } from '../../codec/http1/head-collector.ts'
import { defaultHttp1Limits } from '../../codec/http1/limits.ts'
import { parseRequestHead, type RequestHead } from '../../codec/http1/request-head.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { BodyMode } from '../upstream/upstream-connection.ts'
import type { Wire } from '../../net/wire.ts'
import { DuplexWire } from './duplex-wire.ts'
import type { BodyReceiver, FrontListener, FrontStream } from './front-stream.ts'
import { Http1RequestBody } from './http1-request-body.ts'
import { Http1ResponseWriter } from './http1-response-writer.ts'
import { serializeLocalResponse, stockPages, type LocalResponse } from './local-response.ts'
import { serializeResponseFields } from './response-fields.ts'

export interface Http1FrontContext {
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly clientTimeoutMs: number
  readonly bodyTimeoutMs: number
  /** True once the gateway shuts down: answers say `connection: close`. */
  readonly isDraining: () => boolean
  readonly onRequest: (front: FrontStream, head: RequestHead) => void
  readonly onBadRequest: (error: Error, peer: string) => void
  readonly onClose: (front: Http1Front) => void
  /** The peer speaks HTTP/2 by prior knowledge: the socket, paused, with its bytes pushed back. */
  readonly onHttp2: (front: Http1Front, socket: net.Socket) => void
}

/** head: between requests or in a head; exchange: a request is being answered; tunnel, lingering, closed: no further request. */
type Phase = 'head' | 'exchange' | 'tunnel' | 'lingering' | 'closed'

const lingerMs = 2_000
/** How long the last bytes of an answer may take on their way to a slow client. */
const tailMs = 300_000
const maxLingerBytes = 1_048_576
const halfClosedIdleMs = 30_000
const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const neverMs = Number.POSITIVE_INFINITY

/** One HTTP/1.0 or 1.1 client connection: requests one after the other, each as a FrontStream. */
export class Http1Front implements FrontStream, Deadline {
  readonly #context: Http1FrontContext
  readonly #socket: net.Socket
  readonly #heads = new HeadCollector(defaultHttp1Limits)
  readonly #writer: Http1ResponseWriter
  readonly peer: string
  #phase: Phase = 'head'
  #head: RequestHead | null = null
  #body: Http1RequestBody | null = null
  #receiver: BodyReceiver | null = null
  #bodyMode: BodyMode = 'raw'
  #isBodyPaused = false
  #listener: FrontListener | null = null
  #held: Buffer | null = null
  #hasEnded = false
  #closeAfter = false
  #tunnel: DuplexWire | null = null
  #lingerBytes = 0
  #tailUntil = 0
  #error: Error | null = null
  #isFirst = true
  readonly #listeners = {
    data: (chunk: Buffer) => this.#onData(chunk),
    end: () => this.#onEnd(),
    drain: () => this.#onDrain(),
    error: (error: Error) => {
      this.#error = error
    },
    close: () => this.#onClose(),
  }
  deadlineAt: number

  constructor(context: Http1FrontContext, socket: net.Socket) {
    this.#context = context
    this.#socket = socket
    this.#writer = new Http1ResponseWriter(socket)
    this.peer = socket.remoteAddress ?? ''
    this.deadlineAt = context.clock.monotonic() + context.clientTimeoutMs
    context.sweeper.add(this)
    const { data, end, drain, error, close } = this.#listeners
    socket.on('data', data)
    socket.on('end', end)
    socket.on('drain', drain)
    socket.on('error', error)
    socket.on('close', close)
  }

  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' {
    return this.#head?.minorVersion === 0 ? 'HTTP/1.0' : 'HTTP/1.1'
  }

  get isIdle(): boolean {
    return this.#phase === 'head' && !this.#heads.isPartial
  }

  get isTunnel(): boolean {
    return this.#phase === 'tunnel'
  }

  /** Shutdown: an idle connection is closed now, a busy one after its answer. */
  drain(): void {
    // Not a half-close, which a peer that keeps its side open would answer only after our time is up.
    if (this.isIdle) this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  onDeadline(now: number): void {
    switch (this.#phase) {
      case 'head':
        if (this.#heads.isPartial) this.#refuse(stockPages[408])
        else if (this.#isTailLeaving(now)) this.deadlineAt = now + this.#context.clientTimeoutMs
        else this.#socket.destroy()
        break
      case 'lingering':
        if (this.#isTailLeaving(now)) this.deadlineAt = now + lingerMs
        else this.#socket.destroy()
        break
      case 'exchange':
        if (this.#hasEnded) this.#socket.destroy()
        else if (this.#listener === null) this.respond(stockPages[408])
        else this.#listener.onBodyTimeout()
        break
      case 'tunnel':
      case 'closed':
        this.#socket.destroy()
        break
    }
  }

  /** Closing now would cut an answer that we have and the client has not: it reads, only slowly. */
  #isTailLeaving(now: number): boolean {
    return this.#socket.writableLength > 0 && now < this.#tailUntil
  }

  respond(response: LocalResponse): void {
    const head = this.#head
    if (this.#phase !== 'exchange' || head === null) return
    const close = this.#closeAfter || this.#isBodyOpen || this.#context.isDraining()
    this.#closeAfter = close
    this.#socket.write(
      serializeLocalResponse(response, {
        isHead: head.method === 'HEAD',
        close,
        minorVersion: head.minorVersion,
      }),
    )
    this.#endExchange()
  }

  drop(): void {
    this.#phase = 'closed'
    this.#reset()
  }

  sendInterim(head: ResponseHead): void {
    if (this.#phase !== 'exchange' || this.#head?.minorVersion === 0) return
    this.#socket.write(
      `HTTP/1.1 ${head.status} ${head.reason}\r\n${serializeResponseFields(head)}\r\n`,
      'latin1',
    )
  }

  sendContinue(): void {
    if (this.#head?.expectsContinue === true) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  sendHead(head: ResponseHead): BodyMode {
    const request = this.#head
    if (request === null) return 'data'
    const isOld = request.minorVersion === 0
    const endsConnection = head.framing.kind === 'close' || (head.framing.kind === 'chunked' && isOld)
    // The rest of an unfinished body would be read as the next request.
    if (endsConnection || this.#isBodyOpen || this.#context.isDraining()) this.#closeAfter = true
    return this.#writer.begin(head, { close: this.#closeAfter, isOld }) ? 'raw' : 'data'
  }

  sendBody(bytes: Buffer): void {
    this.#writer.body(bytes)
  }

  flush(): boolean {
    if (this.#hasEnded) this.deadlineAt = this.#context.clock.monotonic() + halfClosedIdleMs
    return this.#writer.flush()
  }

  finish(trailers: Fields): void {
    if (this.#phase !== 'exchange') return
    this.#writer.finish(trailers)
    this.#endExchange()
  }

  takeBack(): boolean {
    return this.#writer.takeBack()
  }

  abort(): void {
    this.#phase = 'closed'
    // An answer that ends with the connection has no other way to show that it is cut.
    if (this.#writer.isCloseDelimited) this.#reset()
    else this.#socket.destroy()
  }

  openTunnel(head: ResponseHead): Wire | null {
    if (this.#phase !== 'exchange' || this.#socket.destroyed) return null
    this.#phase = 'tunnel'
    this.deadlineAt = neverMs
    this.#context.sweeper.delete(this)
    const upgrade = head.upgrade === null ? '' : `upgrade: ${head.upgrade}\r\n`
    this.#socket.write(
      `HTTP/1.1 101 ${head.reason}\r\n${serializeResponseFields(head)}${upgrade}connection: upgrade\r\n\r\n`,
      'latin1',
    )
    this.#tunnel = new DuplexWire(this.#socket)
    this.#listener = null
    this.#head = null
    const held = this.#held
    const hasEnded = this.#hasEnded
    this.#held = null
    if (held !== null || hasEnded) {
      process.nextTick(() => {
        if (held !== null) this.#tunnel?.handler?.onData(held)
        if (hasEnded) this.#tunnel?.handler?.onEnd()
      })
    }
    if (held !== null) this.#socket.resume()
    return this.#tunnel
  }

  receiveBody(receiver: BodyReceiver, mode: BodyMode): void {
    this.#receiver = receiver
    this.#bodyMode = mode
    this.#touchBody()
    if (this.#isBodyOpen) this.#resumeHeld()
    else receiver.onRequestEnd([])
  }

  pauseBody(): void {
    this.#isBodyPaused = true
    this.deadlineAt = neverMs
    this.#socket.pause()
  }

  resumeBody(): void {
    if (!this.#isBodyPaused) return
    this.#isBodyPaused = false
    this.#touchBody()
    this.#resumeHeld()
  }

  setListener(listener: FrontListener): void {
    this.#listener = listener
  }

  /** No FIN handshake that the other side could hold open (W12); TLS has no reset. */
  #reset(): void {
    if (this.#socket instanceof TLSSocket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  get #isBodyOpen(): boolean {
    return this.#body !== null && !this.#body.isDone
  }

  #touchBody(): void {
    const isDue = this.#isBodyOpen && !this.#isBodyPaused
    this.deadlineAt = isDue ? this.#context.clock.monotonic() + this.#context.bodyTimeoutMs : neverMs
  }

  #onData(chunk: Buffer): void {
    if (this.#isFirst && this.#sniff(chunk)) return
    if (this.#tunnel !== null) {
      this.#tunnel.handler?.onData(chunk)
    } else if (this.#phase === 'lingering') {
      this.#lingerBytes += chunk.length
      // NOTE: not closed yet: the reset would overtake the answer. A client that is stopped looks up and reads.
      if (this.#lingerBytes > maxLingerBytes) this.#socket.pause()
    } else {
      this.#process(this.#held === null ? chunk : Buffer.concat([this.#held, chunk]))
    }
  }

  /** True where the first bytes are HTTP/2's preface, or may become it. */
  #sniff(chunk: Buffer): boolean {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    const length = Math.min(bytes.length, http2Preface.length)
    this.#isFirst = false
    if (bytes.compare(http2Preface, 0, length, 0, length) !== 0) return false
    if (length < http2Preface.length) {
      this.#isFirst = true
      this.#held = bytes
      return true
    }
    const socket = this.#socket
    this.#context.sweeper.delete(this)
    for (const [event, listener] of Object.entries(this.#listeners)) socket.removeListener(event, listener)
    socket.pause()
    socket.unshift(bytes)
    this.#context.onHttp2(this, socket)
    return true
  }

  /** Takes bytes for the head or the body, whichever is due; what nobody can take yet is held and the socket paused. */
  #process(chunk: Buffer): void {
    this.#held = null
    let at = 0
    try {
      while (at < chunk.length) {
        if (this.#phase === 'head') {
          // A client that does not read its answers gets no more of them to keep in memory.
          if (this.#socket.writableNeedDrain) break
          at = this.#feedHead(chunk, at)
          if (at === -1) return
        } else if (
          this.#phase === 'exchange' &&
          this.#isBodyOpen &&
          this.#receiver !== null &&
          !this.#isBodyPaused
        ) {
          at = this.#body?.feed(chunk, at, this.#receiver, this.#bodyMode) ?? chunk.length
          this.#touchBody()
        } else {
          break
        }
      }
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error
      this.#onMalformed(error)
      return
    }
    if (at >= chunk.length || this.#phase === 'closed' || this.#phase === 'lingering') return
    this.#held = at === 0 ? chunk : chunk.subarray(at)
    if (this.#phase !== 'tunnel') this.#socket.pause()
  }

  #feedHead(chunk: Buffer, start: number): number {
    const wasPartial = this.#heads.isPartial
    const at = this.#heads.feed(chunk, start)
    if (at === -1) {
      // The whole head has one deadline from its first byte.
      if (!wasPartial) this.deadlineAt = this.#context.clock.monotonic() + this.#context.clientTimeoutMs
      return -1
    }
    const head = parseRequestHead(this.#heads.take(), defaultHttp1Limits)
    this.#head = head
    this.#phase = 'exchange'
    this.#closeAfter = !head.keepAlive
    this.#body = head.framing.kind === 'none' ? null : new Http1RequestBody(head.framing, defaultHttp1Limits)
    this.deadlineAt = neverMs
    this.#context.onRequest(this, head)
    return at
  }

  #onMalformed(error: Http1Error): void {
    this.#context.onBadRequest(error, this.peer)
    if (this.#phase === 'head') this.#refuse(stockPages[400])
    else if (!this.#writer.isAnswering && this.#listener !== null) {
      // A body that breaks its framing: the app must not take what came so far for a whole.
      const listener = this.#listener
      this.#listener = null
      this.#refuse(stockPages[400])
      listener.onClientGone()
    } else this.#socket.destroy()
  }

  /** An answer before there is a request to answer, and the end of the connection. */
  #refuse(page: LocalResponse): void {
    this.#socket.write(serializeLocalResponse(page, { isHead: false, close: true, minorVersion: 1 }))
    this.#linger()
  }

  #endExchange(): void {
    const wasOpen = this.#isBodyOpen
    const wasPaused = this.#held !== null || this.#isBodyPaused
    const isLast = this.#hasEnded && this.#held === null
    this.#writer.isAnswering = false
    this.#listener = null
    this.#receiver = null
    this.#head = null
    this.#body = null
    this.#isBodyPaused = false
    if (this.#closeAfter || wasOpen || isLast || this.#context.isDraining()) {
      this.#linger()
      return
    }
    const now = this.#context.clock.monotonic()
    this.#phase = 'head'
    this.deadlineAt = now + this.#context.clientTimeoutMs
    this.#tailUntil = now + tailMs
    // Not from within a parse or an upstream read: the next request starts on a clean stack.
    if (wasPaused) process.nextTick(() => this.#resumeHeld())
  }

  /** Sends our end and reads on for a moment, so that a reset does not overtake the answer. */
  #linger(): void {
    this.#phase = 'lingering'
    this.#held = null
    const now = this.#context.clock.monotonic()
    this.deadlineAt = now + lingerMs
    this.#tailUntil = now + tailMs
    this.#socket.end()
    this.#socket.resume()
  }

  #resumeHeld(): void {
    const held = this.#held
    if (held !== null) this.#process(held)
    if (this.#held === null && this.#phase !== 'closed') this.#socket.resume()
    if (this.#hasEnded && this.#held === null) this.#onEnd()
  }

  #onEnd(): void {
    this.#hasEnded = true
    switch (this.#phase) {
      case 'tunnel':
        this.#tunnel?.handler?.onEnd()
        break
      case 'exchange':
        if (this.#held !== null) break
        if (this.#isBodyOpen) this.#socket.destroy()
        else this.deadlineAt = this.#context.clock.monotonic() + halfClosedIdleMs
        break
      case 'head':
      case 'lingering':
        this.#socket.end()
        break
      case 'closed':
        break
    }
  }

  #onDrain(): void {
    if (this.#tunnel !== null) this.#tunnel.handler?.onDrain()
    else {
      if (this.#hasEnded && this.#phase === 'exchange') {
        this.deadlineAt = this.#context.clock.monotonic() + halfClosedIdleMs
      }
      if (this.#phase === 'head') this.#resumeHeld()
      else this.#listener?.onClientDrain()
    }
  }

  #onClose(): void {
    const listener = this.#listener
    this.#listener = null
    this.#context.sweeper.delete(this)
    if (this.#tunnel === null) this.#phase = 'closed'
    this.#context.onClose(this)
    if (this.#tunnel !== null) this.#tunnel.handler?.onClose(this.#error)
    else listener?.onClientGone()
  }
}
