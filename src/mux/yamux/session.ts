import type { Clock } from '../../base/clock.ts'
import type { Deadline } from '../../base/deadlines.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'
import { yamuxError, yamuxErrors, type YamuxErrorCode } from './errors.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { encodeHeader, frameFlag, frameType, frameWord, goAwayCode, maxUint32 } from './frame.ts'
import { KeepAlive } from './keep-alive.ts'
import { defaultYamuxLimits, type YamuxLimits } from './limits.ts'
import { Pings } from './pings.ts'
import type { ReceiveWindow } from './receive-window.ts'
import { ReceiveBudget } from './receive-budget.ts'
import { ResetBudget } from './reset-budget.ts'
import { SendScheduler } from './send-scheduler.ts'
import { YamuxStream, type StreamHost } from './stream.ts'
import { Turn } from './turn.ts'

export interface YamuxSessionOptions {
  readonly role: 'client' | 'server'
  readonly clock: Clock
  readonly limits?: Partial<YamuxLimits>
  /**
   * The wire's chunks stay as they are after the call (those of a StreamWire do). Streams then pass on large
   * pieces whole; otherwise in pieces of at most `transientBytes`, which a slow reader copies.
   */
  readonly chunksAreStable?: boolean
  /** A stream the peer opened, already acknowledged. Give it a handler at once. */
  readonly onStream: (stream: YamuxStream) => void
  /** Once, after the onClose of all streams; null after an orderly end. The wire is destroyed by then. */
  readonly onClose: (error: Error | null) => void
}

const word = {
  windowUpdate: frameWord(frameType.windowUpdate, 0),
  open: frameWord(frameType.windowUpdate, frameFlag.syn),
  acknowledge: frameWord(frameType.windowUpdate, frameFlag.ack),
  reset: frameWord(frameType.windowUpdate, frameFlag.rst),
  ping: frameWord(frameType.ping, frameFlag.syn),
  pong: frameWord(frameType.ping, frameFlag.ack),
  goAway: frameWord(frameType.goAway, 0),
} as const

/** How long a go-away may take to leave before the wire is destroyed. */
const lastWordsMs = 5_000
/** Round trips are measured again after this, while windows are about to grow. */
const roundTripAgeMs = 10_000

/**
 * A yamux session on a wire, which is never paused: only windows hold the peer back. Sets itself as the
 * wire's handler. The owner adds it to a DeadlineSweeper (it is a Deadline) and removes it in onClose.
 * NOTE: the wire must not call the session from inside a call of the session; sockets never do.
 */
export class YamuxSession implements WireHandler, Deadline {
  deadlineAt: number
  readonly #wire: Wire
  readonly #options: YamuxSessionOptions
  readonly #limits: YamuxLimits
  readonly #clock: Clock
  readonly #host: StreamHost
  readonly #scheduler: SendScheduler
  readonly #turn = new Turn(() => this.#endTurn())
  readonly #decoder = new FrameDecoder()
  readonly #streams = new Map<number, YamuxStream>()
  readonly #keepAlive: KeepAlive
  readonly #pings = new Pings()
  readonly #resets: ResetBudget
  readonly #budget: ReceiveBudget
  #nextId: number
  #bytesIn = 0
  /** When the chunk came that is being read. */
  #now: number
  /** Whose payload is being read, and whether that is its last. */
  #receiving: YamuxStream | null = null
  #endsAfterPayload = false
  #roundTripAskedAt = Number.NEGATIVE_INFINITY
  #blockedAt: number | null = null
  #isGoingAway = false
  #isPeerGoingAway = false
  #isClosed = false
  #error: Error | null = null
  #isWireGone = false
  #closeWasTold = false

  constructor(wire: Wire, options: YamuxSessionOptions) {
    this.#wire = wire
    this.#options = options
    this.#limits = { ...defaultYamuxLimits, ...options.limits }
    this.#clock = options.clock
    this.#now = options.clock.monotonic()
    this.#nextId = options.role === 'client' ? 1 : 2
    const { keepAliveIntervalMs, keepAliveTimeoutMs, resetBurst, resetsPerSecond } = this.#limits
    this.#keepAlive = new KeepAlive(this.#now, keepAliveIntervalMs, keepAliveTimeoutMs)
    this.#resets = new ResetBudget(resetBurst, resetsPerSecond)
    this.#budget = new ReceiveBudget(this.#limits)
    this.deadlineAt = this.#keepAlive.deadlineAt
    this.#scheduler = new SendScheduler(wire, this.#limits.maxControlBytes, {
      wake: () => this.#turn.wake(),
      blocked: () => this.#onBlocked(),
      flooded: () => this.#fail('YAMUX_CONTROL_FLOOD', 'the peer does not read the answers it asks for'),
    })
    this.#host = {
      scheduler: this.#scheduler,
      chunksAreStable: options.chunksAreStable ?? false,
      defer: (item) => this.#turn.defer(item),
      grant: (stream, window) => this.#grant(stream, window),
      budget: this.#budget,
      sendReset: (streamId) => this.#scheduler.control(word.reset, streamId, 0),
      forget: (stream) => this.#forget(stream),
      closeDeadline: () => this.#deadlineIn(this.#limits.closeTimeoutMs),
    }
    wire.setHandler(this)
  }

  get streamCount(): number {
    return this.#streams.size
  }

  /** The latest measured; null before the first. */
  get roundTripMs(): number | null {
    return this.#pings.roundTripMs
  }

  /** The shortest so far: what is under way makes the others longer. */
  get leastRoundTripMs(): number | null {
    return this.#pings.leastRoundTripMs
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get bytesIn(): number {
    return this.#bytesIn
  }

  get bytesOut(): number {
    return this.#scheduler.bytesOut
  }

  /** Bytes may be written at once. Throws YAMUX_SESSION_CLOSED, YAMUX_STREAM_LIMIT or YAMUX_GOING_AWAY. */
  open(): YamuxStream {
    if (this.#isClosed) throw yamuxError('YAMUX_SESSION_CLOSED', 'the session is closed')
    if (this.#isGoingAway || this.#isPeerGoingAway) {
      throw yamuxError('YAMUX_GOING_AWAY', 'the session takes no new streams')
    }
    if (this.#nextId > maxUint32) throw yamuxError('YAMUX_GOING_AWAY', 'all stream ids are used up')
    if (this.#streams.size >= this.#limits.maxStreams) {
      throw yamuxError('YAMUX_STREAM_LIMIT', `the session has ${this.#streams.size} open streams`)
    }
    const id = this.#nextId
    this.#nextId += 2
    const stream = this.#addStream(id, this.#deadlineIn(this.#limits.openTimeoutMs))
    this.#scheduler.control(word.open, id, 0)
    return stream
  }

  /** Asks the peer for a sign of life; null when none came in time, or the session closed. */
  ping(timeoutMs: number, onResult: (roundTripMs: number | null) => void): void {
    const now = this.#clock.monotonic()
    const id = this.#isClosed ? null : this.#pings.add(now, timeoutMs, onResult)
    if (id === null) {
      this.#turn.defer({ runDue: () => onResult(null) })
      return
    }
    this.#scheduler.control(word.ping, 0, id)
    this.#watch(now + timeoutMs)
  }

  /** No more streams from either side; running ones go on. */
  goAway(): void {
    if (this.#isGoingAway || this.#isClosed) return
    this.#isGoingAway = true
    this.#scheduler.control(word.goAway, 0, goAwayCode.normal)
  }

  /** Everything ends now. Streams get `error`, or YAMUX_SESSION_CLOSED; `onClose` follows. */
  destroy(error?: Error): void {
    if (this.#isClosed) this.#dropWire()
    else this.#close(error ?? null, error ?? yamuxError('YAMUX_SESSION_CLOSED', 'the session was closed'))
  }

  // What follows is for the wire and the sweeper.

  onData(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#now = this.#clock.monotonic()
    this.#keepAlive.heard(this.#now)
    this.#bytesIn += chunk.length
    this.#decoder.push(chunk)
    this.#turn.within(this.#readFrames)
  }

  onEnd(): void {
    if (!this.#isClosed) this.#lose('the peer ended the connection')
  }

  onDrain(): void {
    this.#blockedAt = null
    this.#turn.within(this.#goOn)
  }

  onClose(error: Error | null): void {
    this.#isWireGone = true
    if (this.#isClosed) this.#turn.wake()
    else this.#lose('the connection broke', error)
  }

  onDeadline(now: number): void {
    if (this.#isClosed) {
      this.#dropWire()
      return
    }
    if (this.#blockedAt !== null && now - this.#blockedAt >= this.#limits.writeTimeoutMs) {
      this.#fail('YAMUX_WRITE_TIMEOUT', `the peer took no bytes for ${this.#limits.writeTimeoutMs} ms`)
      return
    }
    const life = this.#keepAlive.check(now)
    if (life === 'dead') {
      this.#fail('YAMUX_KEEP_ALIVE_TIMEOUT', 'the peer gave no sign of life')
      return
    }
    if (life === 'ask') this.ping(this.#limits.keepAliveTimeoutMs, ignore)
    for (const onResult of this.#pings.takeExpired(now)) this.#turn.defer({ runDue: () => onResult(null) })
    for (const stream of this.#streams.values()) {
      if (stream.deadlineAt > now || !stream.onDeadline()) continue
      this.#fail('YAMUX_OPEN_TIMEOUT', `the peer did not acknowledge stream ${stream.id}`)
      return
    }
    this.deadlineAt = this.#nextDeadline()
  }

  readonly #goOn = (): void => this.#scheduler.onDrain()

  /** Goes on after a handler threw, so that no frame is lost. */
  readonly #readFrames = (): void => {
    try {
      while (!this.#isClosed) {
        const found = this.#decoder.next()
        if (found === 'more') return
        if (found === 'header') this.#onHeader()
        else this.#onPayload()
      }
    } finally {
      if (!this.#isClosed && !this.#decoder.isDone) this.#readFrames()
    }
  }

  #onHeader(): void {
    const { version, type, flags, length } = this.#decoder
    this.#receiving = null
    if (version !== 0 || type > frameType.goAway) {
      this.#fail('YAMUX_PROTOCOL_ERROR', `a frame of version ${version} and type ${type}`)
    } else if (type === frameType.ping) {
      if (flags & frameFlag.syn) this.#scheduler.control(word.pong, 0, length)
      else if (flags & frameFlag.ack) this.#pings.answered(length, this.#now)
    } else if (type === frameType.goAway) {
      if (length === goAwayCode.normal) this.#isPeerGoingAway = true
      else this.#fail('YAMUX_PEER_ERROR', `the peer ended the session with code ${length}`)
    } else {
      const stream = this.#streamOf(this.#decoder)
      if (stream === undefined) this.#decoder.skipPayload()
      else this.#onStreamFrame(stream, this.#decoder)
    }
  }

  /** The stream a frame is for: one that is open, or a new one. Frames for others are of the past. */
  #streamOf({ flags, streamId }: FrameDecoder): YamuxStream | undefined {
    const stream = this.#streams.get(streamId)
    if (!(flags & frameFlag.syn)) return stream
    if (stream !== undefined) {
      this.#fail('YAMUX_PROTOCOL_ERROR', `stream ${streamId} was opened twice`)
    } else if (streamId === 0 || streamId % 2 === this.#nextId % 2) {
      this.#fail('YAMUX_PROTOCOL_ERROR', `stream ${streamId} is not the peer's to open`)
    } else {
      return this.#accept(streamId)
    }
    return undefined
  }

  #accept(id: number): YamuxStream | undefined {
    this.#scheduler.control(word.acknowledge, id, 0)
    if (this.#isClosed) return undefined
    if (this.#isGoingAway || this.#streams.size >= this.#limits.maxStreams) {
      this.#scheduler.control(word.reset, id, 0)
      this.#countReset()
      return undefined
    }
    const stream = this.#addStream(id, Number.POSITIVE_INFINITY)
    let isAccepted = false
    try {
      this.#options.onStream(stream)
      isAccepted = true
    } finally {
      if (!isAccepted) stream.destroy()
    }
    return this.#streams.get(id)
  }

  #onStreamFrame(stream: YamuxStream, { type, flags, length }: FrameDecoder): void {
    if (flags & frameFlag.rst) {
      this.#decoder.skipPayload()
      stream.receiveReset()
      this.#countReset()
      return
    }
    if (flags & frameFlag.ack) stream.acknowledge()
    if (type === frameType.windowUpdate) {
      if (!stream.widen(length)) {
        this.#fail('YAMUX_PROTOCOL_ERROR', `the window of stream ${stream.id} would pass 4 GiB`)
      } else if (flags & frameFlag.fin) stream.receiveEnd()
      return
    }
    if (length === 0) {
      if (flags & frameFlag.fin) stream.receiveEnd()
    } else if (stream.peerHasEnded) {
      this.#decoder.skipPayload()
      stream.fail(yamuxError('YAMUX_PROTOCOL_ERROR', `the peer sent on stream ${stream.id} after its end`))
    } else if (!stream.takeWindow(length)) {
      this.#fail('YAMUX_WINDOW_EXCEEDED', `${length} bytes on stream ${stream.id} are beyond its window`)
    } else {
      this.#receiving = stream
      this.#endsAfterPayload = (flags & frameFlag.fin) !== 0
    }
  }

  #onPayload(): void {
    const stream = this.#receiving
    if (stream === null) return
    const { payload, payloadLeft } = this.#decoder
    // NOTE: noted first, told after the data: a handler may throw.
    if (payloadLeft === 0 && this.#endsAfterPayload) stream.receiveEnd()
    stream.receive(payload)
  }

  #addStream(id: number, ackDeadlineAt: number): YamuxStream {
    const stream = new YamuxStream(id, this.#host, this.#now, ackDeadlineAt)
    this.#streams.set(id, stream)
    this.#budget.opened()
    return stream
  }

  #forget(stream: YamuxStream): void {
    if (this.#streams.delete(stream.id)) this.#budget.closed(stream.windowBytes)
  }

  #countReset(): void {
    if (!this.#resets.spend(this.#now)) this.#fail('YAMUX_RESET_FLOOD', 'too many streams were reset')
  }

  /** A window doubles while half of it lasts less than two round trips. */
  #grant(stream: YamuxStream, window: ReceiveWindow): void {
    const now = this.#clock.monotonic()
    let growth = this.#budget.room(window)
    if (growth > 0) {
      const roundTripMs = this.#freshRoundTripMs(now)
      if (roundTripMs === null || !window.isTooSmall(now, roundTripMs)) growth = 0
    }
    this.#budget.grew(growth)
    this.#scheduler.control(word.windowUpdate, stream.id, window.grant(now, growth))
  }

  /** The latest; an old one is measured again. */
  #freshRoundTripMs(now: number): number | null {
    if (now - this.#roundTripAskedAt > roundTripAgeMs) {
      this.#roundTripAskedAt = now
      this.ping(roundTripAgeMs, ignore)
    }
    return this.roundTripMs
  }

  #onBlocked(): void {
    this.#blockedAt = this.#clock.monotonic()
    this.#watch(this.#blockedAt + this.#limits.writeTimeoutMs)
  }

  #deadlineIn(timeoutMs: number): number {
    const at = this.#clock.monotonic() + timeoutMs
    this.#watch(at)
    return at
  }

  #watch(at: number): void {
    if (at < this.deadlineAt && !this.#isClosed) this.deadlineAt = at
  }

  #nextDeadline(): number {
    let at = Math.min(this.#keepAlive.deadlineAt, this.#pings.deadlineAt)
    if (this.#blockedAt !== null) at = Math.min(at, this.#blockedAt + this.#limits.writeTimeoutMs)
    for (const stream of this.#streams.values()) at = Math.min(at, stream.deadlineAt)
    return at
  }

  /** The wire is gone: an orderly end if nothing was under way. */
  #lose(message: string, cause?: Error | null): void {
    const error = yamuxError('YAMUX_CONNECTION_LOST', message, cause ?? undefined)
    const isOrderly = this.#streams.size === 0 && (cause ?? null) === null
    this.#close(isOrderly ? null : error, error)
  }

  #fail(code: YamuxErrorCode, message: string): void {
    const error = yamuxError(code, message)
    this.#close(error, error, yamuxErrors[code].goAway)
  }

  #close(error: Error | null, streamError: Error, goAway: number | null = null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#error = error
    for (const stream of this.#streams.values()) stream.lose(streamError)
    this.#streams.clear()
    for (const onResult of this.#pings.takeExpired(Number.POSITIVE_INFINITY)) {
      this.#turn.defer({ runDue: () => onResult(null) })
    }
    const mayTell = goAway !== null && !this.#scheduler.isBlocked && !this.#isWireGone
    this.#scheduler.close()
    if (mayTell) {
      this.#wire.write(encodeHeader(word.goAway, 0, goAway))
      this.#wire.destroySoon()
      this.deadlineAt = this.#clock.monotonic() + lastWordsMs
    } else this.#dropWire()
    this.#turn.wake()
  }

  #dropWire(): void {
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#isWireGone = true
    this.#wire.destroy()
    this.#turn.wake()
  }

  #endTurn(): void {
    this.#scheduler.flush()
    if (!this.#isClosed || !this.#isWireGone || this.#closeWasTold || this.#turn.hasDue) return
    this.#closeWasTold = true
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#options.onClose(this.#error)
  }
}

function ignore(): void {
  // The answer itself is the sign of life.
}
