/**
 * The patterns in which ExApps declare their routes: Python regular expressions, matched as Python's
 * `re.match` does: at the start of the path, case-sensitive, `.` without newline. A pattern is compiled once.
 * Regular patterns run in time linear in the path; look-around, back-references, conditions, atomic groups and
 * possessive quantifiers run by backtracking with a budget of steps. No pattern can stall the process.
 *
 * Known differences from Python 3.11 to 3.13:
 * - `\N{name}`, more than 4,096 characters, and groups nested deeper than 100 are refused: the answer is `budget`
 *   for every path, so that a later and wider route never lets in what such a route was to keep out.
 * - What these versions read differently is read as the newest does: no flag `(?t)`, `(?(1)...)` with ASCII
 *   digits alone, and possessive groups without the bug that 3.11.5 fixed. Nothing of 3.14 (`\z`, `\B` in an
 *   empty text).
 * - `\d`, `\w` and ignore-case are of the Unicode version of Node, not of Python.
 */
import { compileBounded } from './bounded-program.ts'
import { matchBounded } from './bounded-matcher.ts'
import { patternLimits } from './limits.ts'
import { LinearMatcher } from './linear-matcher.ts'
import { compileLinear } from './linear-program.ts'
import type { MatchAllowance, MatchAnswer } from './match-answer.ts'
import { parsePattern } from './parse.ts'
import { PatternBeyondLimits } from './pattern-reader.ts'
import { createAlphabet } from './symbol-alphabet.ts'
import type { ParsedPattern } from './syntax-tree.ts'

export interface RoutePattern {
  readonly source: string
  readonly engine: 'linear' | 'bounded'
  /** `budget`: the answer would cost too much, by itself or beyond the allowance; the caller refuses. */
  matchesStart(text: string, allowance?: MatchAllowance): MatchAnswer
}

/** Throws HarpError ROUTE_PATTERN_INVALID where Python's `re.compile` raises. */
export function compileRoutePattern(source: string): RoutePattern {
  let parsed: ParsedPattern
  try {
    parsed = parsePattern(source)
  } catch (error) {
    if (!(error instanceof PatternBeyondLimits)) throw error
    return { source, engine: 'bounded', matchesStart: () => 'budget' }
  }
  const linear = linearMatcher(parsed)
  if (linear !== null) {
    return {
      source,
      engine: 'linear',
      matchesStart: (text, allowance) => linear.matchesStart(text, allowance),
    }
  }
  const program = compileBounded(parsed)
  return {
    source,
    engine: 'bounded',
    matchesStart: (text, allowance) => matchBounded(program, text, patternLimits.maxBoundedSteps, allowance),
  }
}

function linearMatcher(parsed: ParsedPattern): LinearMatcher | null {
  const program = compileLinear(parsed.root)
  if (program === null) return null
  const alphabet = createAlphabet(program)
  return alphabet === null ? null : new LinearMatcher(program, alphabet)
}
