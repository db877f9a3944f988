/** How many resets a peer may cause: a burst, then a steady rate. */
export class ResetBudget {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #countedAt = 0

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** False once there were too many. */
  spend(now: number): boolean {
    const refill = ((now - this.#countedAt) / 1_000) * this.#perSecond
    this.#left = Math.min(this.#burst, this.#left + refill) - 1
    this.#countedAt = now
    return this.#left >= 0
  }
}
