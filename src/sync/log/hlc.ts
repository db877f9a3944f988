import type { Hlc } from '../format/entry.ts'

/** The highest counter; one more is the next millisecond. */
export const maxHlcCounter = 0xffff

export { compareHlc } from '../format/chain-rules.ts'

/** The clock of a new entry: local time, but always above everything seen, whatever local time says. */
export function tickHlc(now: number, latest: Hlc | undefined): Hlc {
  const ms = Math.max(0, Math.floor(now))
  if (latest === undefined || ms > latest.ms) return { ms, counter: 0 }
  if (latest.counter < maxHlcCounter) return { ms: latest.ms, counter: latest.counter + 1 }
  return { ms: latest.ms + 1, counter: 0 }
}
