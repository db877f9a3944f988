import type { Clock } from '../../base/clock.ts'
import { systemTimers, type Timers } from './timers.ts'

export interface RateLimitOptions {
  /** Undefined: none. */
  readonly bytesPerSecond: number | undefined
  readonly clock: Clock
  readonly timers?: Timers
}

/** Somebody with something to send. */
export interface RateWaiter {
  /** It may go on, now: it asks `ready` again. */
  onRate(): void
}

/**
 * Bytes per second for everything that goes one way, shared evenly by those that have something to send. Who may go
 * spends as much as it needs, and all wait until that is made up for; so no frame is too large for a small rate.
 */
export class RateLimit {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #lanes = new Set<RateLane>()
  #rate: number | undefined
  #tokens = 0
  #filledAt: number
  /** Of the lane that went last: one that comes anew starts here, and does not catch up on what it did not use. */
  #virtual = 0
  #armedFor = Infinity

  constructor({ bytesPerSecond, clock, timers = systemTimers }: RateLimitOptions) {
    this.#clock = clock
    this.#timers = timers
    this.#rate = bytesPerSecond
    this.#filledAt = clock.monotonic()
    this.#tokens = this.#burst
  }

  get bytesPerSecond(): number | undefined {
    return this.#rate
  }

  set bytesPerSecond(rate: number | undefined) {
    this.#fill()
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, this.#burst)
    this.#armedFor = Infinity
    this.#goOn()
  }

  /** A share of its own: one for each folder. */
  lane(): RateLane {
    return new RateLane({
      grain: () => (this.#rate === undefined ? Infinity : Math.max(leastGrain, this.#rate / 4)),
      ready: (lane) => this.#ready(lane),
      wait: (lane) => {
        lane.virtual = Math.max(lane.virtual, this.#virtual)
        this.#lanes.add(lane)
        this.#arm()
      },
      spend: (lane, bytes) => {
        if (this.#rate === undefined) return
        this.#tokens = Math.min(this.#burst, this.#tokens - bytes)
        lane.virtual = Math.max(lane.virtual, this.#virtual) + bytes
        if (bytes < 0 && this.#next() !== undefined) this.#arm()
      },
    })
  }

  get #burst(): number {
    return (this.#rate ?? 0) / 2
  }

  #ready(lane: RateLane): boolean {
    if (this.#rate === undefined) return true
    this.#fill()
    if (this.#tokens <= 0) return false
    for (const other of this.#lanes) if (other !== lane && other.isWaiting) return false
    return !lane.isWaiting
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * (this.#rate ?? 0))
    this.#filledAt = now
  }

  #arm(): void {
    const rate = this.#rate ?? Infinity
    const ms = Math.max(1, Math.ceil(((1 - this.#tokens) / rate) * 1000))
    const at = this.#clock.monotonic() + ms
    if (this.#armedFor <= at) return
    this.#armedFor = at
    this.#timers.after(ms, () => {
      if (this.#armedFor !== at) return
      this.#armedFor = Infinity
      this.#goOn()
    })
  }

  #goOn(): void {
    this.#fill()
    while (this.#tokens > 0 || this.#rate === undefined) {
      const lane = this.#next()
      if (lane === undefined) return
      this.#virtual = lane.virtual
      lane.goOn()
    }
    if (this.#next() !== undefined) this.#arm()
  }

  /** Of those that wait, the one that had least. */
  #next(): RateLane | undefined {
    let next: RateLane | undefined
    for (const lane of this.#lanes) {
      if (!lane.isWaiting) this.#lanes.delete(lane)
      else if (next === undefined || lane.virtual < next.virtual) next = lane
    }
    return next
  }
}

/** Less at a time is not worth the work. */
const leastGrain = 32 * 1024

interface LaneParts {
  grain(): number
  ready(lane: RateLane): boolean
  wait(lane: RateLane): void
  spend(lane: RateLane, bytes: number): void
}

export class RateLane {
  /** What it had so far, as compared with the others. */
  virtual = 0
  readonly #parts: LaneParts
  readonly #waiters = new Set<RateWaiter>()
  #spent = 0
  /** Its turn. */
  #called: RateWaiter | undefined

  constructor(parts: LaneParts) {
    this.#parts = parts
  }

  /** Bytes, since it was made. */
  get spent(): number {
    return this.#spent
  }

  get isWaiting(): boolean {
    return this.#waiters.size > 0
  }

  /** How much to ask for or to send at a time; Infinity without a limit. */
  get grain(): number {
    return this.#parts.grain()
  }

  /** Whether something may go now; `spend` follows. False: `onRate` will be called, once. */
  ready(waiter: RateWaiter): boolean {
    if (this.#called === waiter) {
      this.#called = undefined
      return true
    }
    if (this.#waiters.has(waiter)) return false
    if (this.#parts.ready(this)) return true
    this.#waiters.add(waiter)
    this.#parts.wait(this)
    return false
  }

  /** Less than nothing gives back what was not used. */
  spend(bytes: number): void {
    this.#spent += bytes
    this.#parts.spend(this, bytes)
  }

  /** It will not send any more. */
  forget(waiter: RateWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** For RateLimit: the one that has waited longest. */
  goOn(): void {
    const [waiter] = this.#waiters
    if (waiter === undefined) return
    this.#waiters.delete(waiter)
    this.#called = waiter
    try {
      waiter.onRate()
    } finally {
      this.#called = undefined
    }
  }
}
