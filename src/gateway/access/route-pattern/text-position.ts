/** Positions in a text: offsets of UTF-16 code units, moved by whole code points, and what assertions see there. */
import { characterClass } from './character-classes.ts'
import type { Assertion } from './syntax-tree.ts'

/** The position after the code point at `position`; the same position at the end of the text. */
export function endOfCodePoint(text: string, position: number): number {
  if (position >= text.length) return position
  return position + ((text.codePointAt(position) ?? 0) > 0xffff ? 2 : 1)
}

/** The position before the code point that ends at `position`, which is not the start. */
export function startOfPrevious(text: string, position: number): number {
  const isPair =
    position >= 2 &&
    isBetween(text.charCodeAt(position - 1), 0xdc00, 0xdfff) &&
    isBetween(text.charCodeAt(position - 2), 0xd800, 0xdbff)
  return position - (isPair ? 2 : 1)
}

export function assertionHolds(assertion: Assertion, text: string, position: number): boolean {
  switch (assertion.at) {
    case 'text-start':
      return position === 0
    case 'line-start':
      return position === 0 || text.charAt(position - 1) === '\n'
    case 'text-end':
      return position === text.length
    case 'text-end-or-last-newline':
      return position === text.length || (position === text.length - 1 && text.endsWith('\n'))
    case 'line-end':
      return position === text.length || text.charAt(position) === '\n'
    case 'word-boundary': {
      // NOTE: in an empty text neither \b nor \B holds (Python up to 3.13).
      if (text === '') return false
      const word = characterClass('w', assertion.alphabet)
      const isAfterWord = position > 0 && word.has(text.codePointAt(startOfPrevious(text, position)) ?? 0)
      const isBeforeWord = position < text.length && word.has(text.codePointAt(position) ?? 0)
      return (isAfterWord !== isBeforeWord) !== assertion.negated
    }
  }
}

function isBetween(code: number, first: number, last: number): boolean {
  return code >= first && code <= last
}
