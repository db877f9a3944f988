const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * HAProxy's time syntax: an integer and an optional unit `us|ms|s|m|h|d`; no unit means milliseconds.
 * Returns milliseconds, or undefined where the text is not a duration.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text.trim())
  if (match === null) return undefined
  const factor = unitMs[match[2] ?? 'ms']
  return factor === undefined ? undefined : Number(match[1]) * factor
}

/** The shortest text that parses back, for tables and logs. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unlimited'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const factor = unitMs[unit] ?? 1
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`
  }
  return `${ms}ms`
}
