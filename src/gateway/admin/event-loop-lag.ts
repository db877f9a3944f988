import type { Clock } from '../../base/clock.ts'

export interface EventLoopLagOptions {
  readonly clock: Clock
  /** How long a stall is remembered, at least; twice as long at most. */
  readonly windowMs: number
}

const tickMs = 200

/**
 * The longest recent stall of the event loop: a timer tells by how much it was late. While the loop stalls,
 * nothing answers at all; this is for stalls that come and go.
 */
export class EventLoopLag {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #timer: NodeJS.Timeout
  #lastTickAt: number
  #windowStartedAt: number
  #longest = 0
  #longestBefore = 0

  constructor(options: EventLoopLagOptions) {
    this.#clock = options.clock
    this.#windowMs = options.windowMs
    this.#lastTickAt = options.clock.monotonic()
    this.#windowStartedAt = this.#lastTickAt
    this.#timer = setInterval(() => this.tick(), tickMs)
    this.#timer.unref()
  }

  get longestMs(): number {
    return Math.round(Math.max(this.#longest, this.#longestBefore, this.#late()))
  }

  tick(): void {
    const now = this.#clock.monotonic()
    const late = this.#late()
    this.#lastTickAt = now
    if (now - this.#windowStartedAt >= this.#windowMs) {
      this.#longestBefore = this.#longest
      this.#longest = 0
      this.#windowStartedAt = now
    }
    this.#longest = Math.max(this.#longest, late)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #late(): number {
    return Math.max(0, this.#clock.monotonic() - this.#lastTickAt - tickMs)
  }
}
