import type { EntryHash } from '../ids.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Up to which age one version is kept for each span; what is older than the last is dropped. */
const steps: readonly { readonly untilMs: number; readonly spanMs: number }[] = [
  { untilMs: hourMs, spanMs: minuteMs / 2 },
  { untilMs: dayMs, spanMs: hourMs },
  { untilMs: 30 * dayMs, spanMs: dayMs },
  { untilMs: 365 * dayMs, spanMs: 7 * dayMs },
]

/**
 * Which versions the policy `staggered` keeps the content of: all that are current or concurrent, and of older ones
 * fewer the older they are. In each span the newest stays. A span is a part of each larger one, so what is not wanted
 * once never is again, whoever's clock is asked.
 */
export function staggered<E extends { readonly hlc: { readonly ms: number }; readonly hash: EntryHash }>(
  versions: readonly { readonly entry: E }[],
  heads: ReadonlySet<EntryHash>,
  nowMs: number,
): Set<EntryHash> {
  const kept = new Set<EntryHash>()
  const spans = new Set<string>()
  for (const { entry } of versions.toReversed()) {
    const age = Math.max(0, nowMs - entry.hlc.ms)
    const step = steps.find(({ untilMs }) => age < untilMs)
    const span = step === undefined ? undefined : `${step.spanMs} ${Math.floor(entry.hlc.ms / step.spanMs)}`
    const isFirst = span !== undefined && !spans.has(span)
    if (span !== undefined) spans.add(span)
    if (isFirst || heads.has(entry.hash)) kept.add(entry.hash)
  }
  return kept
}
