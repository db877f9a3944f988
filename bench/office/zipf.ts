/** Who is read how often: the n-th as often as 1/n^s; and what caches that know or remember that would answer. */
export class Zipf {
  readonly #sums: readonly number[]
  #state = 12_345

  constructor(count: number, exponent: number) {
    let sum = 0
    this.#sums = Array.from({ length: count }, (_, index) => (sum += 1 / (index + 1) ** exponent))
  }

  /** From 0, the same sequence in each run. Neighbouring ranks are spread, so that order tells nothing. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    const point = (this.#state / 2 ** 32) * (this.#sums.at(-1) ?? 0)
    const rank = this.#sums.findIndex((sum) => sum >= point)
    return (rank * 7_919) % this.#sums.length
  }
}

/** In percent, from `start` on: those that are read most are always there. */
export function bestShare(sequence: readonly number[], start: number, room: number): number {
  const counts = new Map<number, number>()
  for (const each of sequence) counts.set(each, (counts.get(each) ?? 0) + 1)
  const best = [...counts].toSorted(([, one], [, other]) => other - one).slice(0, room)
  const held = new Set(best.map(([each]) => each))
  return share(sequence.slice(start), (each) => held.has(each))
}

/** Those that were read last are there. */
export function recentShare(sequence: readonly number[], start: number, room: number): number {
  const held = new Set<number>()
  const hits = sequence.map((each) => {
    const isHeld = held.delete(each)
    held.add(each)
    if (held.size > room) for (const oldest of held) if (held.delete(oldest)) break
    return isHeld
  })
  return share(hits.slice(start), (isHit) => isHit)
}

function share<Value>(values: readonly Value[], counts: (value: Value) => boolean): number {
  return (100 * values.filter(counts).length) / Math.max(1, values.length)
}
