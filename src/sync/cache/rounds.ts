import type { Clock } from '../../base/clock.ts'
import type { CacheIndex } from './cache-index.ts'
import { cacheTimes as times } from './cache-limits.ts'

const roundFact = 'round'

/**
 * What nobody had is asked for again when a device has come, or after an hour: not more often than so many chunks can be
 * asked for in passing, since old content may be with nobody for good.
 */
export class Rounds {
  readonly #index: CacheIndex
  readonly #clock: Clock
  #number: number
  #since: number
  #isDue = false

  constructor(index: CacheIndex, clock: Clock) {
    this.#index = index
    this.#clock = clock
    this.#number = Math.max(1, Number(index.fact(roundFact)) || 1)
    this.#since = clock.monotonic() - times.roundMs
  }

  /** What nobody had in this round is not asked for in it again. */
  get number(): number {
    return this.#number
  }

  /** A device has come. */
  ask(): void {
    this.#isDue = true
  }

  /** True when another one begins. */
  tick(): boolean {
    const passed = this.#clock.monotonic() - this.#since
    const least = times.roundMs + this.#index.counts.missing * times.roundOfChunkMs
    if (passed < (this.#isDue ? least : Math.max(least, times.longRoundMs))) return false
    this.#isDue = false
    this.#since = this.#clock.monotonic()
    this.#number++
    this.#index.setFact(roundFact, String(this.#number))
    return true
  }
}
