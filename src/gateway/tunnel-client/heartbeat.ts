import type { Clock } from '../../base/clock.ts'
import type { Deadline } from '../../base/deadlines.ts'

export interface HeartbeatOptions {
  /** Between two Pings; null: none. */
  readonly intervalMs: number | null
  /** Silence that ends the session; null: any. */
  readonly timeoutMs: number | null
  readonly clock: Clock
  readonly sendPing: () => void
  readonly onSilence: (silentMs: number) => void
}

/** frp's own heartbeat on the control connection: Pings at once and regularly, any message counts as life. */
export class Heartbeat implements Deadline {
  readonly #options: HeartbeatOptions
  #heardAt: number
  #pingAt: number
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#heardAt = options.clock.monotonic()
    this.#pingAt = options.intervalMs === null ? Number.POSITIVE_INFINITY : this.#heardAt
    this.#arm()
  }

  onMessage(): void {
    this.#heardAt = this.#options.clock.monotonic()
    this.#arm()
  }

  onDeadline(now: number): void {
    const { timeoutMs, intervalMs, sendPing, onSilence } = this.#options
    if (timeoutMs !== null && now - this.#heardAt >= timeoutMs) {
      this.deadlineAt = Number.POSITIVE_INFINITY
      onSilence(now - this.#heardAt)
      return
    }
    if (intervalMs !== null && now >= this.#pingAt) {
      this.#pingAt = now + intervalMs
      sendPing()
    }
    this.#arm()
  }

  #arm(): void {
    const silentAt = this.#heardAt + (this.#options.timeoutMs ?? Number.POSITIVE_INFINITY)
    this.deadlineAt = Math.min(this.#pingAt, silentAt)
  }
}
