/**
 * An immutable set of Unicode code points, kept as sorted ranges that neither overlap nor touch. Every
 * character class of a pattern becomes one of these while it is parsed, so both engines answer alike.
 */
export const maxCodePoint = 0x10ffff

export interface CodePointRange {
  readonly first: number
  readonly last: number
}

export class CodePointSet {
  static readonly none = new CodePointSet([])
  static readonly all = new CodePointSet([{ first: 0, last: maxCodePoint }])

  readonly ranges: readonly CodePointRange[]
  #ascii: Uint8Array | undefined

  private constructor(ranges: readonly CodePointRange[]) {
    this.ranges = ranges
  }

  /** Ranges in any order; they may overlap. */
  static of(ranges: readonly CodePointRange[]): CodePointSet {
    const sorted = ranges.toSorted((left, right) => left.first - right.first)
    const merged: { first: number; last: number }[] = []
    for (const { first, last } of sorted) {
      const previous = merged.at(-1)
      if (previous !== undefined && first <= previous.last + 1) {
        previous.last = Math.max(previous.last, last)
      } else merged.push({ first, last })
    }
    return new CodePointSet(merged)
  }

  static single(codePoint: number): CodePointSet {
    return new CodePointSet([{ first: codePoint, last: codePoint }])
  }

  has(codePoint: number): boolean {
    if (codePoint < 128) return (this.#ascii ??= this.#asciiTable())[codePoint] === 1
    return this.#search(codePoint)
  }

  complement(): CodePointSet {
    const gaps: CodePointRange[] = []
    let next = 0
    for (const { first, last } of this.ranges) {
      if (first > next) gaps.push({ first: next, last: first - 1 })
      next = last + 1
    }
    if (next <= maxCodePoint) gaps.push({ first: next, last: maxCodePoint })
    return new CodePointSet(gaps)
  }

  #search(codePoint: number): boolean {
    let low = 0
    let high = this.ranges.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const range = this.ranges[middle]
      if (range === undefined || codePoint < range.first) high = middle - 1
      else if (codePoint > range.last) low = middle + 1
      else return true
    }
    return false
  }

  #asciiTable(): Uint8Array {
    return Uint8Array.from({ length: 128 }, (_, codePoint) => (this.#search(codePoint) ? 1 : 0))
  }
}
