/**
 * Which characters Python's IGNORECASE holds to be the same: those with the same simple lower case, and those
 * whose lower cases share an upper case (so `k` is also the Kelvin sign, `s` the long s, `i` the dotted and the
 * dotless one). With `(?a)` only ASCII letters have a case.
 */
import { codePointsMatching } from './character-classes.ts'
import { CodePointSet, type CodePointRange } from './code-point-set.ts'

export type CaseRule = 'exact' | 'ascii' | 'unicode'

/** The set with every character added that differs from a member by case alone. */
export function addOtherCases(set: CodePointSet, rule: CaseRule): CodePointSet {
  if (rule === 'exact') return set
  const added: CodePointRange[] = []
  const { codePoints, equals } = rule === 'ascii' ? asciiCases() : unicodeCases()
  for (const { first, last } of set.ranges) {
    for (let at = firstAtLeast(codePoints, first); at < codePoints.length; at += 1) {
      const codePoint = codePoints[at]
      if (codePoint === undefined || codePoint > last) break
      for (const equal of equals.get(codePoint) ?? []) {
        if (equal < first || equal > last) added.push({ first: equal, last: equal })
      }
    }
  }
  return added.length === 0 ? set : CodePointSet.of([...set.ranges, ...added])
}

/** The lower case that back-references compare under IGNORECASE: always one code point. */
export function simpleLowerCase(codePoint: number, rule: CaseRule): number {
  if (rule === 'exact') return codePoint
  if (codePoint < 128) return codePoint >= 0x41 && codePoint <= 0x5a ? codePoint + 0x20 : codePoint
  if (rule === 'ascii') return codePoint
  // NOTE: the full lower case of U+0130 is two characters, its simple one is `i`; no other character differs.
  if (codePoint === 0x130) return 0x69
  return String.fromCodePoint(codePoint).toLowerCase().codePointAt(0) ?? codePoint
}

interface CaseTable {
  /** Sorted; every code point that has another case. */
  readonly codePoints: readonly number[]
  /** All members of the class of a code point, itself among them. */
  readonly equals: ReadonlyMap<number, readonly number[]>
}

let unicodeTable: CaseTable | undefined
let asciiTable: CaseTable | undefined

function asciiCases(): CaseTable {
  asciiTable ??= makeTable(Array.from({ length: 26 }, (_, letter) => [0x41 + letter, 0x61 + letter]))
  return asciiTable
}

function unicodeCases(): CaseTable {
  if (unicodeTable !== undefined) return unicodeTable
  const classes = new Map<string, number[]>()
  for (const { first, last } of codePointsMatching(/[\p{CWL}\p{CWU}]+/gu)) {
    for (let codePoint = first; codePoint <= last; codePoint += 1) {
      const key = String.fromCodePoint(simpleLowerCase(codePoint, 'unicode')).toUpperCase()
      const members = classes.get(key)
      if (members === undefined) classes.set(key, [codePoint])
      else members.push(codePoint)
    }
  }
  unicodeTable = makeTable([...classes.values()].filter((members) => members.length > 1))
  return unicodeTable
}

function makeTable(classes: readonly (readonly number[])[]): CaseTable {
  const equals = new Map(classes.flatMap((members) => members.map((each) => [each, members] as const)))
  return { codePoints: [...equals.keys()].toSorted((left, right) => left - right), equals }
}

function firstAtLeast(sorted: readonly number[], wanted: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? Infinity) < wanted) low = middle + 1
    else high = middle
  }
  return low
}
