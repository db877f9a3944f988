/** When frpc tries again (`loginFailExit = false`), in the real program's milliseconds. */
const fastTries = 3
const fastWindowMs = 60_000
const fastDelayMs = 200

export class RetrySchedule {
  readonly #random: () => number
  readonly #now: () => number
  #lost: number[] = []
  #refusals = 0
  #losses = 0
  #hasBeenIn = false

  constructor(random: () => number = Math.random, now: () => number = () => performance.now()) {
    this.#random = random
    this.#now = now
  }

  /** The wait after an end; `wasLoggedIn` tells a lost session from a login that failed. */
  next(wasLoggedIn: boolean): number {
    if (!wasLoggedIn) {
      this.#refusals += 1
      // NOTE: the wire description says 1 s first; both recordings show 2.1 s after the first failure.
      const capMs = this.#hasBeenIn ? 20_000 : 10_000
      return Math.min(capMs, 1_000 * 2 ** this.#refusals) * (1 + 0.1 * this.#random())
    }
    this.#hasBeenIn = true
    this.#refusals = 0
    const now = this.#now()
    this.#lost = this.#lost.filter((at) => now - at < fastWindowMs)
    this.#lost.push(now)
    // NOTE: the first try follows at once [recorded].
    if (this.#lost.length === 1) return 0
    if (this.#lost.length <= 1 + fastTries) {
      this.#losses = 0
      return fastDelayMs * (1 + 0.5 * this.#random())
    }
    this.#losses += 1
    return Math.min(20_000, 1_000 * 2 ** (this.#losses - 1)) * (1 + 0.1 * this.#random())
  }
}
