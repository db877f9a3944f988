import type { Timestamp } from '../format/operation.ts'

/** To the microsecond: finer than a double of milliseconds, and what most systems can set. */
export function timestampOf(ms: number): Timestamp {
  const micros = Math.round((ms - Math.floor(ms / 1000) * 1000) * 1000)
  const carry = micros === 1_000_000
  return { seconds: Math.floor(ms / 1000) + (carry ? 1 : 0), nanos: carry ? 0 : micros * 1000 }
}

export function isSameTime(ms: number, other: number): boolean {
  return Math.abs(ms - other) < 0.002
}

export function millisecondsOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + nanos / 1_000_000
}
