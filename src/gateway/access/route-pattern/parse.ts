/**
 * Parser for the dialect of Python's `re` (text patterns, as Python 3.12 compiles them). Refuses what
 * `re.compile` refuses, with a reason and a position; knows nothing about matching.
 */
import { addOtherCases } from './case-folding.ts'
import { newline, notNewline } from './character-classes.ts'
import { CodePointSet } from './code-point-set.ts'
import { GroupTable } from './group-table.ts'
import { patternLimits } from './limits.ts'
import { parseCharacterClass } from './parse-class.ts'
import { parseEscape } from './parse-escape.ts'
import {
  applyFlagChange,
  caseRuleOf,
  defaultFlags,
  isFlagStart,
  parseFlagChange,
  type FlagChange,
  type PatternFlags,
} from './parse-flags.ts'
import { parseQuantifier } from './parse-quantifier.ts'
import { skipComment, skipVerbose } from './parse-trivia.ts'
import { isEscape, PatternReader } from './pattern-reader.ts'
import { emptyNode, widthOf, type Assertion, type ParsedPattern, type PatternNode } from './syntax-tree.ts'

/** Throws HarpError ROUTE_PATTERN_INVALID; its subclass PatternBeyondLimits where Python's verdict is unknown. */
export function parsePattern(source: string): ParsedPattern {
  return new PatternParser(source).parse()
}

/** A piece of a sequence, with what a quantifier after it needs to know. */
interface Piece {
  readonly node: PatternNode
  readonly quantifiable: 'yes' | 'assertion' | 'quantified'
}

class PatternParser {
  readonly #reader: PatternReader
  readonly #groups: GroupTable
  #patternFlags: PatternFlags = defaultFlags
  readonly #alphabetFlags = new Set<string>()
  #nesting = 0

  constructor(source: string) {
    this.#reader = new PatternReader(source)
    this.#groups = new GroupTable(this.#reader)
  }

  parse(): ParsedPattern {
    const first = this.#parseSequence(defaultFlags, { flagsAllowed: true })
    const root = this.#parseOptions(first, () => this.#patternFlags)
    if (this.#reader.peek() !== undefined) throw this.#reader.invalid('unbalanced parenthesis')
    this.#groups.checkForwardReferences()
    return { root, groupCount: this.#groups.count }
  }

  #parseBranch(flags: PatternFlags): PatternNode {
    this.#nesting += 1
    if (this.#nesting > patternLimits.maxNesting) {
      throw this.#reader.beyondLimits(`groups are nested deeper than ${patternLimits.maxNesting}`)
    }
    const node = this.#parseOptions(this.#parseSequence(flags), () => flags)
    this.#nesting -= 1
    return node
  }

  #parseOptions(first: PatternNode, flags: () => PatternFlags): PatternNode {
    const options = [first]
    while (this.#reader.take('|')) options.push(this.#parseSequence(flags()))
    return options.length === 1 ? first : { kind: 'branch', options }
  }

  #parseSequence(
    outerFlags: PatternFlags,
    at: { flagsAllowed: boolean } = { flagsAllowed: false },
  ): PatternNode {
    let flags = outerFlags
    const pieces: Piece[] = []
    for (;;) {
      const token = this.#reader.peek()
      if (token === undefined || token === '|' || token === ')') break
      const start = this.#reader.position
      this.#reader.next()
      if (flags.verbose && skipVerbose(this.#reader, token)) continue
      const quantifier = parseQuantifier(this.#reader, token)
      if (quantifier !== undefined) {
        const piece = pieces.pop()
        if (piece === undefined || piece.quantifiable === 'assertion') {
          throw this.#reader.invalid('nothing to repeat', start)
        }
        if (piece.quantifiable === 'quantified') throw this.#reader.invalid('multiple repeat', start)
        pieces.push({
          node: { kind: 'repeat', body: piece.node, ...quantifier },
          quantifiable: 'quantified',
        })
        continue
      }
      if (token !== '(') {
        pieces.push(this.#parseAtom(token, flags))
        continue
      }
      const group = this.#parseGroup(flags, start)
      if (group.kind === 'node') pieces.push({ node: group.node, quantifiable: 'yes' })
      if (group.kind !== 'flags') continue
      if (!at.flagsAllowed || pieces.length > 0) {
        throw this.#reader.invalid('global flags not at the start of the expression', start)
      }
      flags = this.#changePatternFlags(group.change)
    }
    const [only, ...others] = pieces
    if (only !== undefined && others.length === 0) return only.node
    return { kind: 'sequence', items: pieces.map((piece) => piece.node) }
  }

  #parseAtom(token: string, flags: PatternFlags): Piece {
    const assertion = (at: Assertion): Piece => ({
      node: { kind: 'assertion', assertion: at },
      quantifiable: 'assertion',
    })
    const characters = (set: CodePointSet): Piece => ({
      node: { kind: 'characters', set },
      quantifiable: 'yes',
    })
    switch (token) {
      case '.':
        return characters(flags.dotAll ? CodePointSet.all : notNewline)
      case '^':
        return assertion({ at: flags.multiLine ? 'line-start' : 'text-start' })
      case '$':
        return assertion({ at: flags.multiLine ? 'line-end' : 'text-end-or-last-newline' })
      case '[':
        return characters(parseCharacterClass(this.#reader, flags))
    }
    if (!isEscape(token)) return characters(literalSet(token.codePointAt(0) ?? 0, flags))
    const start = this.#reader.position - 2
    const escape = parseEscape(this.#reader, token, flags)
    switch (escape.kind) {
      case 'literal':
        return characters(literalSet(escape.codePoint, flags))
      case 'class':
        return characters(escape.set)
      case 'assertion':
        return assertion(escape.assertion)
      case 'group':
        return { node: this.#backReference(escape.group, flags, start), quantifiable: 'yes' }
    }
  }

  /** Reads from after the `(`; `start` is its position. */
  #parseGroup(flags: PatternFlags, start: number): ParsedGroup {
    const reader = this.#reader
    if (!reader.take('?')) return this.#parseCapture(flags, start)
    const token = reader.next()
    switch (token) {
      case undefined:
        throw reader.invalid('unexpected end of pattern')
      case 'P':
        return this.#parseNamed(flags, start)
      case ':':
        return nodeGroup(this.#parseBody(flags, start))
      case '>':
        return nodeGroup({ kind: 'atomic', body: this.#parseBody(flags, start) })
      case '=':
      case '!':
        return nodeGroup({
          kind: 'look-ahead',
          negated: token === '!',
          body: this.#parseBody(flags, start),
        })
      case '<':
        return nodeGroup(this.#parseLookBehind(flags, start))
      case '(':
        return nodeGroup(this.#parseConditional(flags, start))
      case '#':
        skipComment(reader, start)
        return { kind: 'nothing' }
    }
    if (!isFlagStart(token)) throw reader.invalid(`unknown extension ?${token}`, start + 1)
    const change = parseFlagChange(reader, token)
    if (change.scope === 'pattern') return { kind: 'flags', change }
    return nodeGroup(this.#parseBody(applyFlagChange(flags, change), start))
  }

  #parseBody(flags: PatternFlags, start: number): PatternNode {
    const body = this.#parseBranch(flags)
    if (!this.#reader.take(')')) {
      throw this.#reader.invalid('missing ), unterminated subpattern', start)
    }
    return body
  }

  #parseCapture(flags: PatternFlags, start: number, name?: string): ParsedGroup {
    const group = this.#groups.open(name)
    const body = this.#parseBody(flags, start)
    this.#groups.close(group, body)
    return nodeGroup({ kind: 'capture', group, body })
  }

  #parseNamed(flags: PatternFlags, start: number): ParsedGroup {
    const reader = this.#reader
    if (reader.take('<')) {
      return this.#parseCapture(flags, start, this.#groups.checkName(reader.takeUntil('>', 'group name')))
    }
    if (reader.take('=')) {
      const name = this.#groups.checkName(reader.takeUntil(')', 'group name'))
      return nodeGroup(this.#backReference(this.#groups.named(name, start), flags, start))
    }
    const token = reader.next()
    throw reader.invalid(
      token === undefined ? 'unexpected end of pattern' : `unknown extension ?P${token}`,
      start,
    )
  }

  #parseLookBehind(flags: PatternFlags, start: number): PatternNode {
    const token = this.#reader.next()
    if (token === undefined) throw this.#reader.invalid('unexpected end of pattern')
    if (token !== '=' && token !== '!') throw this.#reader.invalid(`unknown extension ?<${token}`, start)
    const body = this.#groups.insideLookBehind(() => this.#parseBody(flags, start))
    const width = widthOf(body, this.#groups.widths)
    if (width.min !== width.max) {
      throw this.#reader.invalid('look-behind requires fixed-width pattern', start)
    }
    if (width.max >= patternLimits.repeatCountBound) {
      throw this.#reader.invalid('looks too much behind', start)
    }
    return { kind: 'look-behind', negated: token === '!', body, width: width.max }
  }

  #parseConditional(flags: PatternFlags, start: number): PatternNode {
    const reader = this.#reader
    const group = this.#groups.condition(reader.takeUntil(')', 'group name'), start)
    this.#nesting += 1
    if (this.#nesting > patternLimits.maxNesting) {
      throw reader.beyondLimits(`groups are nested deeper than ${patternLimits.maxNesting}`)
    }
    const whenSet = this.#parseSequence(flags)
    const whenUnset = reader.take('|') ? this.#parseSequence(flags) : emptyNode
    this.#nesting -= 1
    if (reader.peek() === '|') {
      throw reader.invalid('conditional backref with more than two branches')
    }
    if (!reader.take(')')) throw reader.invalid('missing ), unterminated subpattern', start)
    return { kind: 'conditional', group, whenSet, whenUnset }
  }

  #backReference(group: number, flags: PatternFlags, start: number): PatternNode {
    this.#groups.checkReference(group, start)
    return { kind: 'back-reference', group, caseRule: caseRuleOf(flags) }
  }

  #changePatternFlags(change: FlagChange): PatternFlags {
    for (const letter of ['a', 'u']) if (change.on.has(letter)) this.#alphabetFlags.add(letter)
    if (this.#alphabetFlags.size > 1) {
      throw this.#reader.invalid('ASCII and UNICODE flags are incompatible')
    }
    this.#patternFlags = applyFlagChange(this.#patternFlags, change)
    return this.#patternFlags
  }
}

type ParsedGroup =
  | { readonly kind: 'node'; readonly node: PatternNode }
  | { readonly kind: 'flags'; readonly change: FlagChange }
  | { readonly kind: 'nothing' }

function nodeGroup(node: PatternNode): ParsedGroup {
  return { kind: 'node', node }
}

function literalSet(codePoint: number, flags: PatternFlags): CodePointSet {
  const exact = codePoint === 0x0a ? newline : CodePointSet.single(codePoint)
  return addOtherCases(exact, caseRuleOf(flags))
}
