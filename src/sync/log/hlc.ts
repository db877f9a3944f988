import type { Hlc } from '../format/entry.ts'

/** The highest counter; one more is the next millisecond. */
export const maxHlcCounter = 0xffff
/** The highest millisecond that fits in 48 bits. */
export const maxHlcMs = 2 ** 48 - 1

export function compareHlc(left: Hlc, right: Hlc): number {
  return left.ms - right.ms || left.counter - right.counter
}

/** The clock of a new entry: local time, but always above everything seen, whatever local time says. */
export function tickHlc(now: number, latest: Hlc | undefined): Hlc {
  const ms = Math.max(0, Math.floor(now))
  if (latest === undefined || ms > latest.ms) return { ms, counter: 0 }
  if (latest.counter < maxHlcCounter) return { ms: latest.ms, counter: latest.counter + 1 }
  return { ms: latest.ms + 1, counter: 0 }
}
