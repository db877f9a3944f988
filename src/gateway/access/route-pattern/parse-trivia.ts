/** What stands in a pattern and means nothing: comments, and white space in verbose patterns. */
import type { PatternReader } from './pattern-reader.ts'

/** Reads from after `(?#` up to and with the `)`. */
export function skipComment(reader: PatternReader, start: number): void {
  for (;;) {
    const token = reader.next()
    if (token === ')') return
    if (token === undefined) throw reader.invalid('missing ), unterminated comment', start)
  }
}

/** Whether `token`, already taken, is white space or starts a comment, which is then read to the end of its line. */
export function skipVerbose(reader: PatternReader, token: string): boolean {
  if (/^[ \t\n\r\v\f]$/.test(token)) return true
  if (token !== '#') return false
  for (;;) {
    const skipped = reader.next()
    if (skipped === undefined || skipped === '\n') return true
  }
}
