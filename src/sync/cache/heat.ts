/**
 * How much a chunk is worth keeping, as one number that needs no looking after: the logarithm of its uses, each counting
 * half as much for every day that has passed. All of them fade alike, so what is written down stays in order by itself.
 * A chunk that was used once, now, has the number of the day; one more use within the same moment adds 1.
 */
const halfLifeMs = 86_400_000
/** Half a use: what others asked for within the last day is worth more than what is only new. */
const newsWorth = -1
/** More within a day add nothing: who asks for a chunk without end keeps it from going for some days, and no longer. */
const mostUses = 8

/** Of one use, or of several at once. */
export function heatOfUse(nowMs: number, uses = 1): number {
  return nowMs / halfLifeMs + Math.log2(uses)
}

/** Of what nobody has asked for: by the time of the newest entry that names it. Clocks that run ahead gain nothing. */
export function heatOfNews(entryMs: number, nowMs: number): number {
  return Math.min(entryMs, nowMs) / halfLifeMs + newsWorth
}

/** Of what is here, and is asked for. */
export function heatAfterUses(heat: number, uses: number, nowMs: number): number {
  const use = heatOfUse(nowMs, uses)
  const more = Math.max(heat, use)
  return Math.min(more + Math.log2(1 + 2 ** (Math.min(heat, use) - more)), heatOfUse(nowMs, mostUses))
}
