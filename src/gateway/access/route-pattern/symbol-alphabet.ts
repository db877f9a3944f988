/**
 * Groups the code points that a program cannot tell apart into symbols, so that one small number stands for a
 * character. Two symbols more are about the end of the text, where `$` and `\Z` look.
 */
import { characterClass, newline } from './character-classes.ts'
import type { CodePointSet } from './code-point-set.ts'
import { patternLimits } from './limits.ts'
import type { LinearProgram } from './linear-program.ts'

/** What assertions ask of the characters around a position. */
export const SymbolTrait = { newline: 1, word: 2, asciiWord: 4 } as const

export interface SymbolAlphabet {
  /** All symbols are below this. */
  readonly size: number
  readonly endOfText: number
  /** A newline that is the last character. */
  readonly lastNewline: number
  readonly asciiSymbols: Uint8Array
  symbolOf(codePoint: number): number
  /** Whether the set of this number in the program has the symbol's characters. */
  hasSymbol(set: number, symbol: number): boolean
  /** SymbolTrait bits. */
  traitsOf(symbol: number): number
}

/** Null where the program tells too many kinds of character apart. */
export function createAlphabet(program: LinearProgram): SymbolAlphabet | null {
  const traits = traitSets(program)
  const sets = [...program.sets, ...traits.map(({ set }) => set)]
  const bounds = boundsOf(sets)
  const classes = classesOf(sets, bounds)
  if (classes === null) return null
  const { classOfInterval, members } = classes
  const symbolOf = (codePoint: number): number => classOfInterval[intervalOf(bounds, codePoint)] ?? 0
  const endOfText = members.length
  const lastNewline = endOfText + 1
  const newlineSymbol = symbolOf(0x0a)
  const size = endOfText + 2
  const has = new Uint8Array(sets.length * size)
  for (const [symbol, numbers] of [...members, [], members[newlineSymbol] ?? []].entries()) {
    for (const set of numbers) has[set * size + symbol] = 1
  }
  const traitBits = Uint8Array.from({ length: size }, (_, symbol) =>
    traits.reduce(
      (bits, { trait }, index) =>
        bits | (has[(program.sets.length + index) * size + symbol] === 1 ? trait : 0),
      0,
    ),
  )
  return {
    size,
    endOfText,
    lastNewline,
    asciiSymbols: Uint8Array.from({ length: 128 }, (_, codePoint) => symbolOf(codePoint)),
    symbolOf,
    hasSymbol: (set, symbol) => has[set * size + symbol] === 1,
    traitsOf: (symbol) => traitBits[symbol] ?? 0,
  }
}

interface TraitSet {
  readonly trait: number
  readonly set: CodePointSet
}

function traitSets({ steps }: LinearProgram): TraitSet[] {
  const sets: TraitSet[] = [{ trait: SymbolTrait.newline, set: newline }]
  const asksFor = (alphabet: 'unicode' | 'ascii'): boolean =>
    steps.some(
      (step) =>
        step.kind === 'assertion' &&
        step.assertion.at === 'word-boundary' &&
        step.assertion.alphabet === alphabet,
    )
  if (asksFor('unicode')) sets.push({ trait: SymbolTrait.word, set: characterClass('w', 'unicode') })
  if (asksFor('ascii')) sets.push({ trait: SymbolTrait.asciiWord, set: characterClass('w', 'ascii') })
  return sets
}

/** The first code point of every interval in which all sets are constant, sorted, from 0. */
function boundsOf(sets: readonly CodePointSet[]): Int32Array {
  const bounds = new Set([0])
  for (const { ranges } of sets) {
    for (const { first, last } of ranges) bounds.add(first).add(last + 1)
  }
  return Int32Array.from(bounds).toSorted()
}

/** Splits the intervals by one set after the other; `members` has the sets of each class. */
function classesOf(
  sets: readonly CodePointSet[],
  bounds: Int32Array,
): { classOfInterval: Uint8Array; members: readonly (readonly number[])[] } | null {
  const classOfInterval = new Uint8Array(bounds.length)
  const members: number[][] = [[]]
  for (const [number, { ranges }] of sets.entries()) {
    const inside = new Uint8Array(bounds.length)
    for (const { first, last } of ranges) {
      inside.fill(1, intervalOf(bounds, first), intervalOf(bounds, last) + 1)
    }
    const total = new Uint32Array(members.length)
    const within = new Uint32Array(members.length)
    for (const [interval, old] of classOfInterval.entries()) {
      total[old] = (total[old] ?? 0) + 1
      if (inside[interval] === 1) within[old] = (within[old] ?? 0) + 1
    }
    const innerClass = new Map<number, number>()
    for (const [old, count] of within.entries()) {
      if (count === 0) continue
      if (count === total[old]) members[old]?.push(number)
      else {
        innerClass.set(old, members.length)
        members.push([...(members[old] ?? []), number])
      }
    }
    if (members.length > patternLimits.maxSymbols) return null
    if (innerClass.size === 0) continue
    for (const [interval, old] of classOfInterval.entries()) {
      if (inside[interval] === 1) classOfInterval[interval] = innerClass.get(old) ?? old
    }
  }
  return { classOfInterval, members }
}

function intervalOf(bounds: Int32Array, codePoint: number): number {
  let low = 0
  let high = bounds.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((bounds[middle] ?? Infinity) <= codePoint) low = middle
    else high = middle - 1
  }
  return low
}
