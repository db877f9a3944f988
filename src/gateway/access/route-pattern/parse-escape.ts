/** What stands after a backslash, outside and inside a character class, as Python's `re` reads it. */
import { characterClass, type ClassLetter } from './character-classes.ts'
import type { CodePointSet } from './code-point-set.ts'
import type { PatternFlags } from './parse-flags.ts'
import type { PatternReader } from './pattern-reader.ts'
import type { Assertion } from './syntax-tree.ts'

export type Escape =
  | { readonly kind: 'literal'; readonly codePoint: number }
  | { readonly kind: 'class'; readonly set: CodePointSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'group'; readonly group: number }

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }
const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
const octalDigit = /^[0-7]$/
const decimalDigit = /^[0-9]$/
const hexDigit = /^[0-9a-fA-F]$/
const maxOctal = 0o377

/** `token` is the backslash and one code point, already taken from the reader. */
export function parseEscape(reader: PatternReader, token: string, flags: PatternFlags): Escape {
  const letter = token.slice(1)
  const { alphabet } = flags
  switch (letter) {
    case 'A':
      return { kind: 'assertion', assertion: { at: 'text-start' } }
    case 'Z':
      return { kind: 'assertion', assertion: { at: 'text-end' } }
    case 'b':
    case 'B':
      return {
        kind: 'assertion',
        assertion: { at: 'word-boundary', negated: letter === 'B', alphabet },
      }
    case '0':
      return literal(Number.parseInt(`0${reader.takeWhile(octalDigit, 2)}`, 8))
  }
  if (decimalDigit.test(letter)) return parseNumber(reader, letter)
  return parseSharedEscape(reader, letter, flags)
}

export function parseClassEscape(reader: PatternReader, token: string, flags: PatternFlags): Escape {
  const letter = token.slice(1)
  if (letter === 'b') return literal(8)
  if (octalDigit.test(letter)) return octal(reader, letter + reader.takeWhile(octalDigit, 2))
  return parseSharedEscape(reader, letter, flags)
}

function parseSharedEscape(reader: PatternReader, letter: string, flags: PatternFlags): Escape {
  const control = controls[letter]
  if (control !== undefined) return literal(control)
  const hexLength = hexLengths[letter]
  if (hexLength !== undefined) return parseHex(reader, letter, hexLength)
  switch (letter) {
    case 'd':
    case 'w':
    case 's':
      return { kind: 'class', set: characterClass(letter, flags.alphabet) }
    case 'D':
      return { kind: 'class', set: complementOf('d', flags) }
    case 'W':
      return { kind: 'class', set: complementOf('w', flags) }
    case 'S':
      return { kind: 'class', set: complementOf('s', flags) }
    case 'N':
      throw namedCharacter(reader)
  }
  if (/^[0-9a-zA-Z]$/.test(letter)) {
    throw reader.invalid(`bad escape \\${letter}`, reader.position - 2)
  }
  return literal(letter.codePointAt(0) ?? 0)
}

/** `\1` to `\99` are groups; three octal digits are a character. */
function parseNumber(reader: PatternReader, first: string): Escape {
  const second = reader.takeWhile(decimalDigit, 1)
  const digits = first + second
  if (second !== '' && octalDigit.test(first) && octalDigit.test(second)) {
    const third = reader.takeWhile(octalDigit, 1)
    if (third !== '') return octal(reader, digits + third)
  }
  return { kind: 'group', group: Number.parseInt(digits, 10) }
}

function octal(reader: PatternReader, digits: string): Escape {
  const value = Number.parseInt(digits, 8)
  if (value > maxOctal) {
    throw reader.invalid(`octal escape value \\${digits} outside of range 0-0o377`)
  }
  return literal(value)
}

function parseHex(reader: PatternReader, letter: string, length: number): Escape {
  const digits = reader.takeWhile(hexDigit, length)
  if (digits.length !== length) throw reader.invalid(`incomplete escape \\${letter}${digits}`)
  const value = Number.parseInt(digits, 16)
  if (value > 0x10ffff) throw reader.invalid(`bad escape \\${letter}${digits}`)
  return literal(value)
}

/** NOTE: Python looks the name up in the Unicode database, which we do not carry. */
function namedCharacter(reader: PatternReader): Error {
  if (!reader.take('{')) return reader.invalid('missing {')
  const name = reader.takeUntil('}', 'character name')
  return reader.beyondLimits(`characters by name (\\N{${name}}) are not supported; use \\u or \\U`)
}

const complements = new Map<CodePointSet, CodePointSet>()

/** NOTE: the same object every time, so that engines can compare sets by identity. */
function complementOf(letter: ClassLetter, flags: PatternFlags): CodePointSet {
  const set = characterClass(letter, flags.alphabet)
  const known = complements.get(set)
  if (known !== undefined) return known
  const made = set.complement()
  complements.set(set, made)
  return made
}

function literal(codePoint: number): Escape {
  return { kind: 'literal', codePoint }
}
