import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import type { Logger } from '../../base/logger.ts'
import { YamuxSession } from '../../mux/yamux/session.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import type { Wire } from '../../net/wire.ts'
import type { Arrival } from './front-door.ts'
import { OpeningStream, type OpeningHost } from './opening-stream.ts'

export interface FrpConnectionOptions {
  readonly arrival: Arrival
  readonly isMultiplexed: boolean
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly log: Logger
  /** What the first message of a stream decides. */
  readonly host: OpeningHost
  readonly onClose: (connection: FrpConnection) => void
}

/** Streams without a first message: few before a login succeeded, then as many as yamux keeps un-accepted. */
const maxOpeningBeforeLogin = 8
const maxOpening = 256
const loginMs = 30_000
const maxStreams = 2_048
const keepAliveMs = 5_000
const keepAliveTimeoutMs = 10_000

/** One connection of a client: multiplexed by yamux, or a single stream (frpc's tcpMux = false). */
export class FrpConnection implements Deadline {
  readonly #options: FrpConnectionOptions
  readonly #mux: YamuxSession | null
  readonly #wire: Wire
  readonly #opening = new Set<OpeningStream>()
  #isClosed = false
  #hasLogin = false
  #probe: Promise<boolean> | null = null
  deadlineAt: number

  constructor(options: FrpConnectionOptions) {
    const { arrival, isMultiplexed, clock, sweeper } = options
    this.#options = options
    this.#wire = new StreamWire(arrival.stream)
    this.deadlineAt = clock.monotonic() + loginMs
    sweeper.add(this)
    arrival.stream.once('close', () => this.#closed())
    if (isMultiplexed) {
      this.#mux = new YamuxSession(this.#wire, {
        role: 'server',
        clock,
        chunksAreStable: true,
        limits: { maxStreams, keepAliveIntervalMs: keepAliveMs, keepAliveTimeoutMs },
        onStream: (stream) => this.#accept(stream),
        onClose: (error) => {
          if (error !== null) {
            options.log.debug({ peer: arrival.peer, problem: error.message }, 'tunnel connection lost')
          }
        },
      })
      sweeper.add(this.#mux)
    } else {
      this.#mux = null
      this.#accept(this.#wire)
    }
  }

  get arrival(): Arrival {
    return this.#options.arrival
  }

  get isMultiplexed(): boolean {
    return this.#mux !== null
  }

  get isAdmitted(): boolean {
    return this.#hasLogin
  }

  /** No room for another work connection. */
  get isFull(): boolean {
    return this.#mux !== null && this.#mux.streamCount >= maxStreams && this.#opening.size === 0
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Streams that carry requests or wait for one; the control connection is not among them. */
  get workStreams(): number {
    return this.#mux === null ? 0 : Math.max(0, this.#mux.streamCount - 1)
  }

  get bytesIn(): number {
    return this.#mux?.bytesIn ?? this.#options.arrival.bytesRead()
  }

  get bytesOut(): number {
    return this.#mux?.bytesOut ?? this.#options.arrival.bytesWritten()
  }

  get roundTripMs(): number | null {
    return this.#mux?.roundTripMs ?? null
  }

  /** A login succeeded, or a work connection found its session: the connection may stay as long as it lives. */
  admitted(): void {
    this.#hasLogin = true
    this.deadlineAt = Number.POSITIVE_INFINITY
  }

  /** Answers whether the peer still lives. Where it cannot be asked (no yamux) it counts as alive. */
  async probe(timeoutMs: number): Promise<boolean> {
    if (this.#isClosed) return false
    if (this.#mux === null) return true
    // NOTE: one for all who ask meanwhile: a session has few pings at a time, and one it cannot send is no answer.
    this.#probe ??= this.#ping(this.#mux, timeoutMs)
    return this.#probe
  }

  /** Nothing new is accepted; what was written still leaves, then the connection ends. */
  destroySoon(): void {
    this.#mux?.goAway()
    // NOTE: the multiplexer writes at the end of this turn.
    setImmediate(() => this.#options.arrival.stream.end())
    this.deadlineAt = Math.min(this.deadlineAt, this.#options.clock.monotonic() + 1_000)
  }

  destroy(): void {
    this.#mux?.destroy()
    this.#wire.destroy()
  }

  onDeadline(): void {
    this.destroy()
  }

  async #ping(mux: YamuxSession, timeoutMs: number): Promise<boolean> {
    const { bytesIn } = mux
    const { promise, resolve } = Promise.withResolvers<boolean>()
    // A full connection answers late; what comes meanwhile is a sign of life, too.
    mux.ping(timeoutMs, (roundTripMs) => resolve(roundTripMs !== null || mux.bytesIn > bytesIn))
    try {
      return await promise
    } finally {
      this.#probe = null
    }
  }

  #accept(wire: Wire): void {
    if (this.#opening.size >= (this.#hasLogin ? maxOpening : maxOpeningBeforeLogin)) {
      wire.destroy()
      return
    }
    const { clock, sweeper, host } = this.#options
    const opening = new OpeningStream(wire, {
      connection: this,
      clock,
      sweeper,
      host,
      onSettled: (settled) => this.#opening.delete(settled),
    })
    this.#opening.add(opening)
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { sweeper, onClose } = this.#options
    sweeper.delete(this)
    if (this.#mux !== null) sweeper.delete(this.#mux)
    this.#mux?.destroy()
    for (const opening of this.#opening) opening.destroy()
    onClose(this)
  }
}
