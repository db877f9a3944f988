import type { Clock } from '../../../src/base/clock.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import type { FrameHandler, FrameStream, StreamTopic } from '../../../src/sync/link/link.ts'
import type { Timers } from '../../../src/sync/transfer/timers.ts'

export interface FramePairOptions {
  /** Names of the two ends, as the other one sees them. */
  readonly opener?: DeviceId
  readonly acceptor?: DeviceId
  readonly topic?: StreamTopic
  readonly time: Clock & Timers
  /** From one end to the other; called for each frame, which never overtakes another. */
  readonly delayMs?: () => number
  /** Of each direction. */
  readonly bytesPerSecond?: number
  /** Bytes that one end may have sent and the other not taken, until `send` says no. */
  readonly highWater?: number
}

interface Flight {
  readonly head: Uint8Array
  readonly payload: Uint8Array
  readonly at: number
}

const usualTopic: StreamTopic = { type: 'chunks', folderId: 'f0'.repeat(32) }
const nothing = new Uint8Array(0)

/** One end of a stream in memory. Shows what it sent, and how much the other end has not taken. */
export class FrameEnd implements FrameStream {
  readonly peer: DeviceId
  readonly topic: StreamTopic
  readonly sent: { readonly head: Uint8Array; readonly payload: Uint8Array }[] = []
  keepsSent = false
  sentFrames = 0
  sentBytes = 0
  mostHeld = 0
  heldBytes = 0
  closeReason: string | undefined
  other!: FrameEnd
  readonly #options: FramePairOptions
  #handler: FrameHandler | undefined
  /** On the way to this end. */
  #flights: Flight[] = []
  #freeAt = 0
  #isArmed = false
  #isPaused = false
  #owesDrain = false
  #closing: string | undefined
  #wasClosed = false

  constructor(peer: DeviceId, options: FramePairOptions) {
    this.peer = peer
    this.topic = options.topic ?? usualTopic
    this.#options = options
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get isClosed(): boolean {
    return this.#wasClosed
  }

  setHandler(handler: FrameHandler): void {
    this.#handler = handler
    this.#arm()
  }

  send(head: Uint8Array, payload: Uint8Array = nothing): boolean {
    if (this.#closing !== undefined || this.#wasClosed) return false
    const bytes = head.length + payload.length
    this.sentFrames++
    this.sentBytes += bytes
    if (this.keepsSent) this.sent.push({ head, payload })
    this.heldBytes += bytes
    this.mostHeld = Math.max(this.mostHeld, this.heldBytes)
    const { time, delayMs, bytesPerSecond = Infinity, highWater = 1024 * 1024 } = this.#options
    const now = time.monotonic()
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / bytesPerSecond) * 1000
    this.other.#arrive({ head, payload, at: this.#freeAt + (delayMs?.() ?? 0) })
    if (this.heldBytes <= highWater) return true
    this.#owesDrain = true
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#arm()
  }

  close(reason = 'closed'): void {
    if (this.#closing !== undefined || this.#wasClosed) return
    this.closeReason = reason
    this.#closing = reason
    this.other.#close(reason)
    this.#close(reason)
  }

  /** The link is gone: what was under way is lost. */
  cut(reason = 'cut'): void {
    this.#flights = []
    this.other.#flights = []
    this.close(reason)
  }

  /** Of what this end sent, also of a frame that is still coming. */
  get arrivedBytes(): number {
    const { time, bytesPerSecond = Infinity } = this.#options
    const owedMs = Math.max(0, this.#freeAt - time.monotonic())
    return Math.floor(this.sentBytes - (owedMs === 0 ? 0 : (owedMs / 1000) * bytesPerSecond))
  }

  #arrive(flight: Flight): void {
    const last = this.#flights.at(-1)
    this.#flights.push(last === undefined || last.at <= flight.at ? flight : { ...flight, at: last.at })
    this.#arm()
  }

  #close(reason: string): void {
    this.#closing ??= reason
    this.#arm()
  }

  #arm(): void {
    if (this.#isArmed || this.#isPaused || this.#handler === undefined || this.#wasClosed) return
    const [flight] = this.#flights
    if (flight === undefined && this.#closing === undefined) return
    this.#isArmed = true
    const now = this.#options.time.monotonic()
    this.#options.time.after(Math.max(0, (flight?.at ?? now) - now), () => {
      this.#isArmed = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const now = this.#options.time.monotonic()
    for (;;) {
      const [flight] = this.#flights
      if (flight === undefined || flight.at > now || this.#isPaused) break
      this.#flights.shift()
      this.other.#taken(flight.head.length + flight.payload.length)
      this.#handler?.onFrame(flight.head, flight.payload)
    }
    if (this.#flights.length === 0 && this.#closing !== undefined && !this.#wasClosed) {
      this.#wasClosed = true
      this.#handler?.onClose(this.#closing)
      return
    }
    this.#arm()
  }

  #taken(bytes: number): void {
    this.heldBytes -= bytes
    if (!this.#owesDrain || this.heldBytes > (this.#options.highWater ?? 1024 * 1024) / 2) return
    this.#owesDrain = false
    this.#options.time.after(0, () => {
      if (!this.#wasClosed && this.#closing === undefined) this.#handler?.onDrain()
    })
  }
}

/** A stream of a link in memory: the end that opened it, and the other. */
export function framePair(options: FramePairOptions): [FrameEnd, FrameEnd] {
  const opener = new FrameEnd(options.acceptor ?? 'bb'.repeat(32), options)
  const acceptor = new FrameEnd(options.opener ?? 'aa'.repeat(32), options)
  opener.other = acceptor
  acceptor.other = opener
  return [opener, acceptor]
}
