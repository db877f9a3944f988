import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { patternLimits } from './limits.ts'
import { LinearMatcher } from './linear-matcher.ts'
import { compileLinear } from './linear-program.ts'
import { parsePattern } from './parse.ts'
import { createAlphabet } from './symbol-alphabet.ts'

function linear(pattern: string): LinearMatcher {
  const program = compileLinear(parsePattern(pattern).root)
  if (program === null) throw new Error('not regular')
  const alphabet = createAlphabet(program)
  if (alphabet === null) throw new Error('too many symbols')
  return new LinearMatcher(program, alphabet)
}

/** A text in which every step leads to a state never seen before. */
function noise(length: number): string {
  let state = 1
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state & 0x10000 ? 'a' : 'b'
  }).join('')
}

test('a text that needs more states than are kept is still answered right, the first time and later', () => {
  // The automaton of this pattern has 2^13 states: it must know where the last 13 `a` were.
  const matcher = linear('(?:a|b)*a(?:a|b){12}$')

  for (const length of [8_000, 8_001, 8_000, 20, 8_003]) {
    const text = noise(length)
    expect(matcher.matchesStart(text)).toBe(text.at(-13) === 'a' ? 'match' : 'no-match')
  }
})

test('keeping transitions changes no answer', () => {
  const patterns = [
    '/(?:a|b)*/(?:ab)+$',
    '(?m)(?:^a|b$|\\n)*\\Z',
    '\\b(?:a|\\Bb|-)*\\b-?$',
    '(?:🙂|a.)*\\n$',
    '(?:a*b){2,5}(?:/|$)',
  ]
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '/', '-', '\n', '🙂'), maxLength: 12 })

  fc.assert(
    fc.property(fc.constantFrom(...patterns), fc.array(texts, { maxLength: 8 }), (pattern, all) => {
      const used = linear(pattern)
      for (const text of all) expect(used.matchesStart(text)).toBe(linear(pattern).matchesStart(text))
    }),
    { numRuns: 200 },
  )
})

test('a pattern whose fronts are as large as allowed answers or gives up within the budget of work', () => {
  const matcher = linear('(?:a|b)*a(?:a|b){240}c')

  expect(matcher.matchesStart(noise(400))).toBe('no-match')
  expect(matcher.matchesStart(noise(200_000))).toBe('budget')
})

test('nested loops that stall backtracking take one look at each character', () => {
  const long = 'a'.repeat(50_000)

  expect(linear('(a+)+$').matchesStart(`${long}!`)).toBe('no-match')
  expect(linear('(a|aa)+$').matchesStart(long)).toBe('match')
  expect(linear('(?:a?){100}a{100}$').matchesStart('a'.repeat(100))).toBe('match')
  expect(linear('(.*)*\\n?(.*)*x').matchesStart(long)).toBe('no-match')
})

test('a program has at most 1000 steps', () => {
  const { maxLinearProgram } = patternLimits

  // One step for the end of the pattern, one for each character.
  expect(compileLinear(parsePattern(`a{${maxLinearProgram - 1}}`).root)).not.toBeNull()
  expect(compileLinear(parsePattern(`a{${maxLinearProgram + 1}}`).root)).toBeNull()
  expect(compileLinear(parsePattern('((((a{50}){50}){50}){50}){50}').root)).toBeNull()
  expect(compileLinear(parsePattern(`(?:${'|'.repeat(4_000)}a){1000}`).root)).toBeNull()
})

test('repeating what matches nothing costs nothing', () => {
  expect(linear('(?:^|\\b){4000000000}a').matchesStart('a')).toBe('match')
  expect(linear('(?:(?:){9999}){9999}a').matchesStart('b')).toBe('no-match')
})

test('a pattern with more kinds of character than a row of transitions holds is not taken', () => {
  const characters = (count: number): string =>
    Array.from({ length: count }, (_, index) => String.fromCodePoint(0x4e00 + 2 * index)).join('')
  // One symbol for each character, one for newline, one for all others.
  const most = patternLimits.maxSymbols - 2

  const fits = compileLinear(parsePattern(characters(most)).root)
  const tooMany = compileLinear(parsePattern(characters(most + 1)).root)

  expect(fits && createAlphabet(fits)?.size).toBe(patternLimits.maxSymbols + 2)
  expect(tooMany && createAlphabet(tooMany)).toBeNull()
})
