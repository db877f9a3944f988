import { z } from 'zod'

/** How far one reading of everything has come. */
export interface ScrubPass {
  readonly phase: 'packs' | 'files'
  /** By the wall clock. */
  readonly beganAt: number
  readonly lastPassAt: number | undefined
  /** Bytes. */
  readonly done: number
  /** Of the files, the chunk that was read last. */
  readonly holder: number
  readonly number: number
}

const dayMs = 86_400_000
/** Everything is read once in this time. */
export const scrubPeriodMs = 30 * dayMs

const pass = z.object({
  phase: z.enum(['packs', 'files']),
  beganAt: z.number(),
  lastPassAt: z.number().optional(),
  done: z.number().nonnegative(),
  holder: z.number().int(),
  number: z.number().int(),
})

export function freshPass(now: number, lastPassAt: number | undefined): ScrubPass {
  return { phase: 'packs', beganAt: now, lastPassAt, done: 0, holder: Number.MIN_SAFE_INTEGER, number: -1 }
}

/** Undefined if it is none, or of an index that was made anew. */
export function readPass(text: string | undefined): ScrubPass | undefined {
  if (text === undefined) return undefined
  try {
    const { lastPassAt, ...rest } = pass.parse(JSON.parse(text))
    return { ...rest, lastPassAt }
  } catch {
    return undefined
  }
}

/** Which part of everything should have been read by now: after a time without power more of it at once. */
export function duePart({ beganAt }: ScrubPass, now: number): number {
  // A clock that was set back must not stop it for years.
  return now < beganAt ? 1 : Math.min(1, (now - beganAt) / scrubPeriodMs)
}
