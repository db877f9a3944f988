/**
 * Coarse deadlines for many connections at the price of one timer: each owner keeps a number, a sweep
 * compares. Expiry is late by at most the sweep interval, never early.
 */
export interface Deadline {
  /** Milliseconds of the monotonic clock; Infinity means none. */
  deadlineAt: number
  onDeadline(now: number): void
}

export class DeadlineSweeper {
  readonly #items = new Set<Deadline>()
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout

  constructor(intervalMs: number, now: () => number) {
    this.#now = now
    this.#timer = setInterval(() => this.sweep(), intervalMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#items.size
  }

  add(item: Deadline): void {
    this.#items.add(item)
  }

  delete(item: Deadline): void {
    this.#items.delete(item)
  }

  sweep(): void {
    const now = this.#now()
    for (const item of this.#items) {
      if (item.deadlineAt <= now) item.onDeadline(now)
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#items.clear()
  }
}
