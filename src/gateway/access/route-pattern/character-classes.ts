/**
 * Python's character classes for text patterns. `\d` is str.isdecimal, `\w` is str.isalnum or `_`, `\s` is
 * str.isspace (which has the separators U+001C to U+001F and U+0085, and not U+FEFF); after `(?a)` all are ASCII.
 */
import { CodePointSet, type CodePointRange } from './code-point-set.ts'

export type ClassLetter = 'd' | 'w' | 's'

export const newline = CodePointSet.single(0x0a)
export const notNewline = newline.complement()

/** The same object for the same arguments, so that engines can compare sets by identity. */
export function characterClass(letter: ClassLetter, alphabet: 'unicode' | 'ascii'): CodePointSet {
  const known = cache.get(letter + alphabet)
  if (known !== undefined) return known
  const made = alphabet === 'ascii' ? asciiClasses[letter] : unicodeClasses[letter]()
  cache.set(letter + alphabet, made)
  return made
}

/**
 * Every code point of the first planes that `pattern` (one class, repeated, flags `gu`) finds. NOTE: this takes
 * some milliseconds a plane, so it is done once and only when a pattern asks; decimal digits and letters with
 * case are in planes 0 and 1, other letters in 0 to 3.
 */
export function codePointsMatching(pattern: RegExp, planes = 2): CodePointRange[] {
  const found: CodePointRange[] = []
  for (let plane = 0; plane < planes; plane += 1) {
    const base = plane * planeSize
    // NOTE: astral planes are two code units per character, so offsets in the text are twice the code point's.
    const shift = plane === 0 ? 0 : 1
    for (const match of planeText(base).matchAll(pattern)) {
      const first = base + (match.index >> shift)
      found.push({ first, last: first + (match[0].length >> shift) - 1 })
    }
  }
  return found
}

const planeSize = 0x1_0000
const cache = new Map<string, CodePointSet>()

const asciiDigits: CodePointRange = { first: 0x30, last: 0x39 }

const asciiClasses: Readonly<Record<ClassLetter, CodePointSet>> = {
  d: CodePointSet.of([asciiDigits]),
  w: CodePointSet.of([
    asciiDigits,
    { first: 0x41, last: 0x5a },
    { first: 0x5f, last: 0x5f },
    { first: 0x61, last: 0x7a },
  ]),
  s: CodePointSet.of([
    { first: 0x09, last: 0x0d },
    { first: 0x20, last: 0x20 },
  ]),
}

const unicodeClasses: Readonly<Record<ClassLetter, () => CodePointSet>> = {
  d: () => CodePointSet.of(codePointsMatching(/\p{Nd}+/gu)),
  w: () => CodePointSet.of(codePointsMatching(/[\p{L}\p{N}_]+/gu, 4)),
  s: () =>
    CodePointSet.of([
      { first: 0x09, last: 0x0d },
      { first: 0x1c, last: 0x20 },
      { first: 0x85, last: 0x85 },
      { first: 0xa0, last: 0xa0 },
      { first: 0x1680, last: 0x1680 },
      { first: 0x2000, last: 0x200a },
      { first: 0x2028, last: 0x2029 },
      { first: 0x202f, last: 0x202f },
      { first: 0x205f, last: 0x205f },
      { first: 0x3000, last: 0x3000 },
    ]),
}

function planeText(base: number): string {
  let text = ''
  for (let start = base; start < base + planeSize; start += 4096) {
    text += String.fromCodePoint(...Array.from({ length: 4096 }, (_, offset) => start + offset))
  }
  return text
}
