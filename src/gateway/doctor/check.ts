/** One thing that `harp doctor` looked at. `fix` is what to do about it, in words or as a command to type. */
export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly detail: string
  readonly fix: string | null
}

/** skip: could not be looked at, for the reason in `detail`; it does not fail the report. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip'

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail: printable(detail), fix: null }
}

export function warn(name: string, detail: string, fix: string): Check {
  return { name, status: 'warn', detail: printable(detail), fix: printable(fix) }
}

export function fail(name: string, detail: string, fix: string): Check {
  return { name, status: 'fail', detail: printable(detail), fix: printable(fix) }
}

export function skip(name: string, detail: string): Check {
  return { name, status: 'skip', detail: printable(detail), fix: null }
}

const maxCharacters = 1_000

/** What others sent ends up in these texts: no control characters reach a terminal, and no novel. */
function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters)}…` : clean
}

/** The beginning of a foreign text, quoted. */
export function excerpt(text: string, length = 80): string {
  const line = printable(text)
  return `"${line.length > length ? `${line.slice(0, length)}…` : line}"`
}
