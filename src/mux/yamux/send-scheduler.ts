import type { Wire } from '../../net/wire.ts'
import { ControlQueue } from './control-queue.ts'
import { OutputBatch } from './output-batch.ts'
import type { SendSide } from './send-side.ts'

/** What one stream may send before it is the next one's turn, and when it is alone. */
const quantumBytes = 16_384
const loneQuantumBytes = 65_536
/** A batch is not much larger, so that what comes later with priority waits for no more than this. */
const batchBytes = 262_144

export interface SendSchedulerHost {
  /** There is something to send: `flush` soon. */
  wake(): void
  /** The wire took the last batch only into its queue: nothing more leaves before it drains. */
  blocked(): void
  /** More control frames wait for a blocked wire than the limit allows. */
  flooded(): void
}

/**
 * Decides what leaves next: control frames first, then the streams that have something to send, in a ring,
 * a quantum each. While the wire is blocked everything waits, and leaves together once it has drained.
 */
export class SendScheduler {
  isBlocked = false
  bytesOut = 0
  readonly #wire: Wire
  readonly #host: SendSchedulerHost
  readonly #maxControlBytes: number
  readonly #control = new ControlQueue()
  /** The ring: streams link to the next themselves. */
  #first: SendSide | null = null
  #last: SendSide | null = null
  /** Who wants to hear once everything given to the wire has left. */
  #waiting: SendSide[] = []
  #isFlushing = false
  #isClosed = false

  constructor(wire: Wire, maxControlBytes: number, host: SendSchedulerHost) {
    this.#wire = wire
    this.#maxControlBytes = maxControlBytes
    this.#host = host
  }

  control(word: number, streamId: number, value: number): void {
    if (this.#isClosed) return
    if (this.#control.length >= this.#maxControlBytes) {
      this.flush()
      if (this.#control.length >= this.#maxControlBytes) {
        this.#host.flooded()
        return
      }
    }
    this.#control.push(word, streamId, value)
    this.#host.wake()
  }

  /** Puts a stream into the ring; one that is there already keeps its place. */
  activate(side: SendSide): void {
    if (side.isInRing || this.#isClosed) return
    side.isInRing = true
    if (this.#last === null) this.#first = side
    else this.#last.nextInRing = side
    this.#last = side
    this.#host.wake()
  }

  /** `side.left()` follows once all that the wire was given has left. */
  awaitLeft(side: SendSide): void {
    this.#waiting.push(side)
  }

  /** Gives the wire what there is, until it is blocked. */
  flush(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    try {
      while (!this.isBlocked && !this.#isClosed && (this.#control.length > 0 || this.#first !== null)) {
        this.#sendBatch()
      }
    } finally {
      this.#isFlushing = false
    }
  }

  onDrain(): void {
    this.isBlocked = false
    this.#tellWaiting()
    this.#host.wake()
  }

  /** Nothing is sent any more, except what the wire has. */
  close(): void {
    this.#isClosed = true
    this.#control.clear()
    this.#first = null
    this.#last = null
    this.#waiting = []
  }

  #sendBatch(): void {
    const batch = new OutputBatch(this.#wire)
    if (this.#control.length > 0) batch.add(this.#control.takeAll())
    while (batch.bytes < batchBytes) {
      const side = this.#shift()
      if (side === null) break
      const mayGoOn = side.send(batch, this.#first === null ? loneQuantumBytes : quantumBytes)
      if (mayGoOn) this.activate(side)
    }
    this.bytesOut += batch.bytes
    this.isBlocked = !batch.leave()
    if (this.isBlocked) this.#host.blocked()
    else this.#tellWaiting()
  }

  #shift(): SendSide | null {
    const side = this.#first
    if (side === null) return null
    this.#first = side.nextInRing
    if (this.#first === null) this.#last = null
    side.nextInRing = null
    side.isInRing = false
    return side
  }

  #tellWaiting(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const side of waiting) side.left()
  }
}
