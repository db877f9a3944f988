/**
 * Seeded chance: xoshiro128** (Blackman, Vigna), seeded from a list of numbers, so that each step of a schedule has a
 * sequence of its own and keeps it when other steps are dropped from the trace.
 */
export class Chance {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(...seeds: readonly number[]) {
    let state = 0x6a09e667
    for (const seed of seeds) {
      state = mix(state ^ (seed | 0))
      state = mix(state ^ Math.floor(seed / 0x1_0000_0000))
    }
    this.#a = mix(state + 0x9e3779b9)
    this.#b = mix(this.#a + 0x9e3779b9)
    this.#c = mix(this.#b + 0x9e3779b9)
    this.#d = mix(this.#c + 0x9e3779b9) | 1
  }

  #next(): number {
    const scaled = Math.imul(this.#b, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** An integer from 0 to `bound - 1`. */
  below(bound: number): number {
    return this.#next() % bound
  }

  /** From `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.#next() % (high - low + 1))
  }

  /** True in `percent` of 100 calls. */
  percent(percent: number): boolean {
    return this.#next() % 10_000 < percent * 100
  }

  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError('nothing to choose from')
    return choices[this.below(choices.length)] as T
  }

  /** A key of `weights`, in proportion to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const keys = Object.keys(weights) as K[]
    let total = 0
    for (const key of keys) total += weights[key]
    let at = this.below(total)
    for (const key of keys) {
      at -= weights[key]
      if (at < 0) return key
    }
    throw new RangeError('no weights')
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      const word = this.#next()
      bytes[at] = word
      if (at + 1 < length) bytes[at + 1] = word >>> 8
      if (at + 2 < length) bytes[at + 2] = word >>> 16
      if (at + 3 < length) bytes[at + 3] = word >>> 24
    }
    return bytes
  }
}

function mix(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}
