import { expect, test } from 'vitest'
import { addOtherCases, simpleLowerCase } from './case-folding.ts'
import { CodePointSet } from './code-point-set.ts'

function casesOf(character: string, rule: 'ascii' | 'unicode'): string {
  const { ranges } = addOtherCases(CodePointSet.single(character.codePointAt(0) ?? 0), rule)
  return ranges
    .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, offset) => first + offset))
    .map((codePoint) => String.fromCodePoint(codePoint))
    .join('')
}

// What `re.findall('(?i)' + c, every_character)` of Python 3.11 finds.
test.each([
  ['a', 'Aa'],
  ['k', 'Kk\u212a'],
  ['S', 'Ss\u017f'],
  ['i', 'Ii\u0130\u0131'],
  ['\u00df', '\u00df\u1e9e'],
  ['\u03c3', '\u03a3\u03c2\u03c3'],
  ['\u03b9', '\u0345\u0399\u03b9\u1fbe'],
  ['\u0390', '\u0390\u1fd3'],
  ['\ufb05', '\ufb05\ufb06'],
  ['\u{10428}', '\u{10400}\u{10428}'],
  ['/', '/'],
  ['1', '1'],
])('ignoring case, %s is one of %s', (character, cases) => {
  expect(casesOf(character, 'unicode')).toBe(cases)
})

test('with the ASCII flag only the letters A to Z have another case', () => {
  expect(casesOf('k', 'ascii')).toBe('Kk')
  expect(casesOf('\u00e9', 'ascii')).toBe('\u00e9')
})

test('back-references compare lower cases of one code point', () => {
  const lower = (character: string): number => simpleLowerCase(character.codePointAt(0) ?? 0, 'unicode')

  expect(lower('A')).toBe(0x61)
  expect(lower('\u0130')).toBe(0x69)
  expect(lower('\u03a3')).toBe(0x3c3)
  expect(simpleLowerCase(0xc9, 'ascii')).toBe(0xc9)
})
