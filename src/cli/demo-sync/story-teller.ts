import { HarpError } from '../../base/errors.ts'

/** Where the story goes: a terminal of 80 columns. */
export interface StoryTeller {
  heading(text: string): void
  line(text: string): void
  /** Aligned columns. */
  table(rows: readonly (readonly string[])[]): void
}

/** Every claim of the story is checked before it is printed. */
export function requireTrue(isTrue: boolean, what: string): void {
  if (!isTrue) throw new HarpError('SYNC_FAULT', `the demo found what must not be: ${what}`)
}
