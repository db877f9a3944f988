/** The middle and the ends of a handful of rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Null where there is nothing to summarise. */
export function spread(values: readonly number[]): Spread | null {
  const sorted = values.filter((each) => Number.isFinite(each)).toSorted((a, b) => a - b)
  const min = sorted.at(0)
  const max = sorted.at(-1)
  const low = sorted[(sorted.length - 1) >> 1]
  const high = sorted[sorted.length >> 1]
  if (min === undefined || max === undefined || low === undefined || high === undefined) return null
  return { median: (low + high) / 2, min, max }
}

/** Round by round, so that what happened to both in one round cancels out; rounds that lack a partner are left out. */
export function pairedRatio(
  values: readonly (number | null)[],
  partners: readonly (number | null)[],
): Spread | null {
  const ratios: number[] = []
  for (const [index, value] of values.entries()) {
    const partner = partners[index]
    if (value !== null && partner !== null && partner !== undefined) ratios.push(value / partner)
  }
  return spread(ratios)
}
