/** Inline flags of Python's `re`: `(?aimsux)` for the whole pattern, `(?im-sx:...)` for a group. */
import type { CaseRule } from './case-folding.ts'
import type { PatternReader } from './pattern-reader.ts'

export interface PatternFlags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
  readonly verbose: boolean
  readonly alphabet: 'unicode' | 'ascii'
}

export const defaultFlags: PatternFlags = {
  ignoreCase: false,
  multiLine: false,
  dotAll: false,
  verbose: false,
  alphabet: 'unicode',
}

export function caseRuleOf(flags: PatternFlags): CaseRule {
  return flags.ignoreCase ? flags.alphabet : 'exact'
}

/** What a flag group asks for: letters to turn on and off, for the rest of the pattern or for its own body. */
export interface FlagChange {
  readonly scope: 'pattern' | 'group'
  readonly on: ReadonlySet<string>
  readonly off: ReadonlySet<string>
}

const flagLetters = new Set('aiLmsux')
const alphabetLetters = ['a', 'u'] as const

/** Reads from the first letter (or `-`) after `(?` up to and with the `)` or `:`. */
export function parseFlagChange(reader: PatternReader, first: string): FlagChange {
  const on = new Set<string>()
  const off = new Set<string>()
  let token = first === '-' ? first : readFlags(reader, first, on)
  if (token === ')') return { scope: 'pattern', on, off }
  if (token === '-') {
    const letter = reader.next()
    if (letter === undefined) throw reader.invalid('missing flag')
    if (!flagLetters.has(letter)) throw reader.invalid(isLetter(letter) ? 'unknown flag' : 'missing flag')
    token = readFlags(reader, letter, off)
    if (token !== ':') throw reader.invalid('missing :')
  }
  if (['a', 'u', 'L'].some((letter) => off.has(letter))) {
    throw reader.invalid("bad inline flags: cannot turn off flags 'a', 'u' and 'L'")
  }
  if ([...on].some((letter) => off.has(letter))) {
    throw reader.invalid('bad inline flags: flag turned on and off')
  }
  return { scope: 'group', on, off }
}

export function applyFlagChange(flags: PatternFlags, change: FlagChange): PatternFlags {
  const after = (letter: string, before: boolean): boolean =>
    (before || change.on.has(letter)) && !change.off.has(letter)
  return {
    ignoreCase: after('i', flags.ignoreCase),
    multiLine: after('m', flags.multiLine),
    dotAll: after('s', flags.dotAll),
    verbose: after('x', flags.verbose),
    alphabet: change.on.has('a') ? 'ascii' : change.on.has('u') ? 'unicode' : flags.alphabet,
  }
}

/** Adds letters to `flags`; returns the token that ends them. */
function readFlags(reader: PatternReader, first: string, flags: Set<string>): string {
  let letter = first
  for (;;) {
    if (letter === 'L') throw reader.invalid("bad inline flags: cannot use 'L' flag with a str pattern")
    flags.add(letter)
    if (alphabetLetters.every((each) => flags.has(each))) {
      throw reader.invalid("bad inline flags: flags 'a', 'u' and 'L' are incompatible")
    }
    const token = reader.next()
    if (token === ')' || token === ':' || token === '-') return token
    if (token === undefined) throw reader.invalid('missing -, : or )')
    if (!flagLetters.has(token)) {
      throw reader.invalid(isLetter(token) ? 'unknown flag' : 'missing -, : or )')
    }
    letter = token
  }
}

export function isFlagStart(token: string): boolean {
  return token === '-' || flagLetters.has(token)
}

function isLetter(token: string): boolean {
  return /^\p{L}$/u.test(token)
}
