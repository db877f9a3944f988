/** When to ask a silent peer for a sign of life, and when to give it up. Anything received is one. */
export class KeepAlive {
  #heardAt: number
  /** Since when an answer is awaited; null: nothing was asked since something was heard. */
  #askedAt: number | null = null
  readonly #intervalMs: number
  readonly #timeoutMs: number

  constructor(now: number, intervalMs: number, timeoutMs: number) {
    this.#heardAt = now
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
  }

  heard(now: number): void {
    this.#heardAt = now
    this.#askedAt = null
  }

  get deadlineAt(): number {
    return this.#askedAt === null ? this.#heardAt + this.#intervalMs : this.#askedAt + this.#timeoutMs
  }

  check(now: number): 'wait' | 'ask' | 'dead' {
    if (now < this.deadlineAt) return 'wait'
    if (this.#askedAt !== null) return 'dead'
    this.#askedAt = now
    return 'ask'
  }
}
