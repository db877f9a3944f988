/**
 * Seeded random choices, so that a failing run can be repeated from the seed it prints. Mulberry32: small,
 * fast, and good enough to pick mutations.
 */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** An integer from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }

  /** True in `percent` of 100 calls. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)]
    if (choice === undefined) throw new Error('pick from an empty list')
    return choice
  }

  /** `usual` most of the time, else one of `odd`. */
  mostly(usual: string, odd: readonly string[], oddPercent: number): string {
    return this.chance(oddPercent) ? this.pick(odd) : usual
  }
}
