import { transientBytes, type Wire, type WireHandler } from '../../net/wire.ts'
import { ByteQueue } from './byte-queue.ts'
import { yamuxError } from './errors.ts'
import type { ReceiveBudget } from './receive-budget.ts'
import { ReceiveWindow } from './receive-window.ts'
import type { SendScheduler } from './send-scheduler.ts'
import { SendSide, type SendSideOwner } from './send-side.ts'
import type { TurnItem } from './turn.ts'

/** What a stream needs of its session. */
export interface StreamHost {
  readonly scheduler: SendScheduler
  readonly budget: ReceiveBudget
  /** The wire's chunks may be kept, so large pieces need not be cut down to what may be transient. */
  readonly chunksAreStable: boolean
  /** Calls `runDue` at the end of this turn. */
  defer(item: TurnItem): void
  /** Announces the credit that is due, and more if the window should grow. */
  grant(stream: YamuxStream, window: ReceiveWindow): void
  sendReset(streamId: number): void
  /** Nothing that the peer sends is for this stream any more. */
  forget(stream: YamuxStream): void
  /** By when a stream that is closing must have made progress; `onDeadline` is called then. */
  closeDeadline(): number
}

const largestPieceBytes = 65_536

/**
 * One stream of a session: a wire with windows of its own. Handlers are only called when the session's wire
 * says something, or in a microtask: never from inside a call of this class. `destroySoon` reports its
 * `onClose` once everything has left, as a socket does; the session goes on waiting for the peer's end.
 */
export class YamuxStream implements Wire, SendSideOwner, TurnItem {
  readonly id: number
  /** For the session: when `onDeadline` is due. */
  deadlineAt: number
  readonly #host: StreamHost
  readonly #send: SendSide
  readonly #window: ReceiveWindow
  #handler: WireHandler | null = null
  #isAcknowledged: boolean
  #isPaused = false
  /** What came while paused, or before there was a handler; never empty. */
  #received: ByteQueue | null = null
  #peerHasEnded = false
  #endWasTold = false
  #drainIsDue = false
  /** Our FIN has left, and all before it. */
  #hasSentAll = false
  /** After `destroySoon`: what comes is dropped, but credited, until the peer ends. */
  #isDropping = false
  /** Nothing but `onClose` is told any more. */
  #isClosed = false
  #closeWasTold = false
  #closeError: Error | null = null
  /** The session does not know the stream any more. */
  #isForgotten = false
  #isDue = false

  /** For the session. `ackDeadlineAt` is Infinity for a stream of the peer, which is acknowledged. */
  constructor(id: number, host: StreamHost, now: number, ackDeadlineAt: number) {
    this.id = id
    this.#host = host
    this.#send = new SendSide(this, id, host.scheduler)
    this.#window = new ReceiveWindow(now)
    this.deadlineAt = ackDeadlineAt
    this.#isAcknowledged = ackDeadlineAt === Number.POSITIVE_INFINITY
  }

  get isAcknowledged(): boolean {
    return this.#isAcknowledged
  }

  /** What the peer may have under way. */
  get windowBytes(): number {
    return this.#window.sizeBytes
  }

  setHandler(handler: WireHandler): void {
    this.#handler = handler
    this.#defer()
  }

  write(data: Buffer | string): boolean {
    return this.#send.write(data)
  }

  cork(): void {
    this.#send.cork()
  }

  uncork(): boolean {
    return this.#send.uncork()
  }

  end(): void {
    this.#send.end()
  }

  destroy(): void {
    this.#reset(null)
  }

  destroySoon(): void {
    if (this.#isClosed || this.#isDropping) return
    this.#isDropping = true
    this.#window.stall()
    this.deadlineAt = this.#host.closeDeadline()
    const held = this.#received?.length ?? 0
    this.#dropReceived()
    if (held > 0) this.#consume(held)
    this.#send.end()
    // The FIN may have left long ago.
    this.#defer()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    if (this.#received !== null || this.#peerHasEnded) this.#defer()
  }

  // What follows is for the session.

  get peerHasEnded(): boolean {
    return this.#peerHasEnded
  }

  acknowledge(): void {
    if (this.#isAcknowledged) return
    this.#isAcknowledged = true
    if (!this.#isDropping) this.deadlineAt = Number.POSITIVE_INFINITY
  }

  /** The peer announces a payload; false: more than it may send. */
  takeWindow(count: number): boolean {
    return this.#window.take(count)
  }

  /** Credit of the peer; false: more than the protocol allows. */
  widen(credit: number): boolean {
    return this.#send.widen(credit)
  }

  /** A piece of payload, valid during the call. */
  receive(bytes: Buffer): void {
    if (this.#isForgotten) return
    if (this.#isDropping) this.#consume(bytes.length)
    else if (this.#received !== null || !this.#isFlowing) this.#hold(bytes)
    else if (bytes.length <= transientBytes || this.#host.chunksAreStable) this.#deliver(bytes)
    else this.#deliverInPieces(bytes)
  }

  /** The peer's FIN. */
  receiveEnd(): void {
    this.#peerHasEnded = true
    this.#defer()
  }

  /** The peer's RST. */
  receiveReset(): void {
    if (this.#peerHasEnded && this.#send.isFinished) return
    this.#close(yamuxError('YAMUX_STREAM_RESET', `the peer reset stream ${this.id}`))
    this.#forget()
  }

  /** The peer broke the rules on this stream, or it needs more than it may have. */
  fail(error: Error): void {
    this.#reset(error)
  }

  /** The session has ended. */
  lose(error: Error): void {
    this.#isForgotten = true
    this.#close(error)
  }

  /** True if it is the acknowledgement that is late. */
  onDeadline(): boolean {
    if (!this.#isDropping) return true
    this.#reset(yamuxError('YAMUX_CLOSE_TIMEOUT', `the peer did not let stream ${this.id} end`))
    return false
  }

  onSendProgress(): void {
    if (this.#isDropping) this.deadlineAt = this.#host.closeDeadline()
  }

  onSendDrained(): void {
    this.#drainIsDue = true
    this.#defer()
  }

  onSendEnded(): void {
    this.#hasSentAll = true
    this.#defer()
  }

  runDue(): void {
    this.#isDue = false
    let isComplete = false
    try {
      this.#tell()
      isComplete = true
    } finally {
      if (!isComplete) this.#defer()
    }
  }

  /** All that the handler should know by now, in this order; each only once, even if the handler throws. */
  #tell(): void {
    while (this.#received !== null && this.#isFlowing) this.#deliverHeld(this.#received)
    if (this.#peerHasEnded && !this.#endWasTold && this.#isFlowing) {
      this.#endWasTold = true
      this.#handler?.onEnd()
    }
    if (this.#drainIsDue && this.#handler !== null) {
      this.#drainIsDue = false
      if (!this.#isClosed && this.#send.queuedBytes === 0) this.#handler.onDrain()
    }
    if (this.#hasSentAll && !this.#isForgotten) {
      if (this.#isDropping || this.#endWasTold) this.#close(null)
      if (this.#isClosed && this.#peerHasEnded) this.#forget()
    }
    if (this.#isClosed && !this.#closeWasTold && this.#handler !== null) {
      this.#closeWasTold = true
      this.#handler.onClose(this.#closeError)
    }
  }

  get #isFlowing(): boolean {
    return this.#handler !== null && !this.#isPaused && !this.#isClosed && !this.#isDropping
  }

  #deliverHeld(received: ByteQueue): void {
    const bytes = received.take(largestPieceBytes)
    if (received.length === 0) this.#received = null
    this.#host.budget.release(bytes.length)
    this.#deliver(bytes)
  }

  #deliver(bytes: Buffer): void {
    this.#consume(bytes.length)
    this.#handler?.onData(bytes)
  }

  /** Pieces of equal size that a reader who cannot use them at once will copy. */
  #deliverInPieces(bytes: Buffer): void {
    const pieceBytes = Math.ceil(bytes.length / Math.ceil(bytes.length / transientBytes))
    let at = 0
    try {
      while (at < bytes.length && this.#isFlowing) {
        const piece = bytes.subarray(at, at + pieceBytes)
        at += piece.length
        this.#deliver(piece)
      }
    } finally {
      if (at < bytes.length) this.receive(bytes.subarray(at))
    }
  }

  #hold(bytes: Buffer): void {
    if (this.#isClosed) return
    if (!this.#host.budget.hold(bytes.length)) {
      this.#reset(yamuxError('YAMUX_BUFFER_LIMIT', 'the session holds too many unread bytes'))
      return
    }
    this.#window.stall()
    this.#received ??= new ByteQueue()
    this.#received.copy(bytes)
  }

  #consume(count: number): void {
    const isDue = this.#window.consume(count)
    if (!isDue || this.#peerHasEnded || this.#isForgotten) return
    this.#host.grant(this, this.#window)
  }

  /** Ends the stream for both sides, unless both have ended it already. */
  #reset(error: Error | null): void {
    if (this.#isForgotten) return
    if (!this.#peerHasEnded || !this.#send.isFinished) this.#host.sendReset(this.id)
    this.#close(error)
    this.#forget()
  }

  /** The handler's `onClose` is due; the first reason counts. */
  #close(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#closeError = error
    this.#send.drop()
    this.#dropReceived()
    this.#defer()
  }

  #forget(): void {
    this.#isForgotten = true
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#host.forget(this)
  }

  #dropReceived(): void {
    if (this.#received === null) return
    this.#host.budget.release(this.#received.length)
    this.#received = null
  }

  #defer(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#host.defer(this)
  }
}
