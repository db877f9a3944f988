import { printable } from '../../base/printable.ts'

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

/** The beginning of a foreign text, quoted. */
export function excerpt(text: string, length = 80): string {
  return `"${printable(text, length)}"`
}
