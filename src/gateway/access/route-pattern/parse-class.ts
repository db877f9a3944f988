/** A character class in square brackets. */
import { addOtherCases } from './case-folding.ts'
import { CodePointSet, type CodePointRange } from './code-point-set.ts'
import { parseClassEscape } from './parse-escape.ts'
import { caseRuleOf, type PatternFlags } from './parse-flags.ts'
import { isEscape, type PatternReader } from './pattern-reader.ts'

/** Reads what follows the `[`, up to and with the `]`. */
export function parseCharacterClass(reader: PatternReader, flags: PatternFlags): CodePointSet {
  const start = reader.position - 1
  const negated = reader.take('^')
  const literals: CodePointRange[] = []
  const classes: CodePointSet[] = []
  const add = (member: ClassMember): void => {
    if (member.kind === 'literal') literals.push({ first: member.codePoint, last: member.codePoint })
    else classes.push(member.set)
  }
  let isFirst = true
  for (;;) {
    const token = nextToken(reader, start)
    if (token === ']' && !isFirst) break
    isFirst = false
    const from = parseMember(reader, token, flags)
    if (!reader.take('-')) {
      add(from)
      continue
    }
    const endToken = nextToken(reader, start)
    if (endToken === ']') {
      add(from)
      add({ kind: 'literal', codePoint: hyphen })
      break
    }
    const to = parseMember(reader, endToken, flags)
    if (from.kind !== 'literal' || to.kind !== 'literal' || to.codePoint < from.codePoint) {
      throw reader.invalid(`bad character range ${token}-${endToken}`)
    }
    literals.push({ first: from.codePoint, last: to.codePoint })
  }
  // NOTE: case is added before negation, and only to what is spelled out: `\d`, `\w` and `\s` have no other case.
  const set = unionOf([addOtherCases(CodePointSet.of(literals), caseRuleOf(flags)), ...classes])
  return negated ? set.complement() : set
}

/** NOTE: a set that is alone stays the same object, so that engines can compare sets by identity. */
function unionOf(sets: readonly CodePointSet[]): CodePointSet {
  const [only, ...others] = sets.filter((set) => set.ranges.length > 0)
  if (only === undefined) return CodePointSet.none
  if (others.length === 0) return only
  return CodePointSet.of([only, ...others].flatMap((set) => set.ranges))
}

type ClassMember =
  | { readonly kind: 'literal'; readonly codePoint: number }
  | { readonly kind: 'class'; readonly set: CodePointSet }

const hyphen = 0x2d

function parseMember(reader: PatternReader, token: string, flags: PatternFlags): ClassMember {
  if (!isEscape(token)) return { kind: 'literal', codePoint: token.codePointAt(0) ?? 0 }
  const escape = parseClassEscape(reader, token, flags)
  if (escape.kind === 'literal' || escape.kind === 'class') return escape
  throw reader.invalid(`bad escape ${token}`)
}

function nextToken(reader: PatternReader, start: number): string {
  const token = reader.next()
  if (token === undefined) throw reader.invalid('unterminated character set', start)
  return token
}
