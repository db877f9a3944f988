import { expect, test } from 'vitest'
import { matchBounded } from './bounded-matcher.ts'
import { compileBounded } from './bounded-program.ts'
import { parsePattern } from './parse.ts'

const match = (pattern: string, text: string, maxSteps = 10_000): string =>
  matchBounded(compileBounded(parsePattern(pattern)), text, maxSteps)

test.each([
  // Look-around
  ['^(?!/admin).*', '/public', true],
  ['^(?!/admin).*', '/admin/x', false],
  ['(?=.*\\.js$)/static/', '/static/a.js', true],
  ['(?=.*\\.js$)/static/', '/static/a.css', false],
  ['.*(?<=/)$', '/a/', true],
  ['.*(?<!/)$', '/a/', false],
  ['.*(?<=🙂a)$', '/🙂a', true],
  ['(?<=a)', 'a', false],
  ['(?<!a)b', 'b', true],
  ['(?!(a)b)a\\1?', 'ac', true],
  // Back-references
  ['/(\\w+)/\\1$', '/ab/ab', true],
  ['/(\\w+)/\\1$', '/ab/ac', false],
  ['/(?P<x>a|b)(?P=x)$', '/bb', true],
  ['(?i)/(\\w)\\1$', '/aA', true],
  ['(?:(a)|b)*\\1$', 'aba', true],
  ['(a)?\\1b', 'b', false],
  ['(a*)+\\1$', 'aa', true],
  // Conditions
  ['(/a)?(?(1)x|y)$', '/ax', true],
  ['(/a)?(?(1)x|y)$', 'y', true],
  ['(/a)?(?(1)x|y)$', '/ay', false],
  ['(?(2)a|b)(c)(d)', 'bcd', true],
  ['(?P<q>")?a(?(q)")$', '"a', false],
  // Atomic and possessive
  ['(?>a|ab)c', 'abc', false],
  ['(?>ab|a)c', 'abc', true],
  ['a*+a', 'aaa', false],
  ['a?+b', 'ab', true],
  ['(?:a|ab){2}+c', 'abac', false],
  ['(?:ab|a){1,2}+c', 'abac', true],
  ['(?:a*)*+b', 'aab', true],
  ['.{2,3}+x', 'aax', false],
  // Loops
  ['(?:a?){3}b(?=$)', 'b', true],
  ['(?:a|b)*?c(?=$)', 'abc', true],
  ['(?:ab?){2,3}?(?=$)', 'abaab', true],
  ['(?:ab?){4}(?=$)', 'abaab', false],
  ['a{2,}?(?=$)', 'aaaa', true],
  ['(?:(?:a|b)*c)*d(?=$)', 'abcacd', true],
])('%s against %j: %s, as in Python', (pattern, text, isMatch) => {
  expect(match(pattern, text)).toBe(isMatch ? 'match' : 'no-match')
})

test.each([
  ['(a+)+$', 'a'.repeat(40) + '!'],
  ['(a|aa)+$', 'a'.repeat(60) + '!'],
  ['(a|a?)+$', 'a'.repeat(40) + '!'],
  ['(.*a){20}b', 'a'.repeat(60)],
  ['(?=(a+)+$)a', 'a'.repeat(40) + '!'],
  ['(?!(a+)+$)b', 'a'.repeat(40) + '!'],
  ['(?<=a)(a+)+$|a(a|aa)+$', 'a'.repeat(60) + '!'],
  ['(a+)+\\1$', 'a'.repeat(60) + '!'],
  ['(a|aa)+\\1\\1$', 'a'.repeat(60) + '!'],
  ['(?>(a+)+$)', 'a'.repeat(40) + '!'],
  ['(?:(a+)+$)*+b', 'a'.repeat(40) + '!'],
  ['(a)?(?(1)(a+)+$|x)', 'a'.repeat(40) + '!'],
  ['(.*)(.*)(.*)(.*)\\1\\2\\3\\4x', 'ab'.repeat(100)],
  ['(?:){4294967294}(?=a)', 'a'],
  ['(?:(?:(?:){9999}){9999}){9999}(?=a)', 'a'],
])('%s, which takes Python ages, gives up when its steps are used up', (pattern, text) => {
  expect(match(pattern, text)).toBe('budget')
})

test('long hostile paths cannot make one step expensive', () => {
  const text = `/${'a'.repeat(16_000)}`

  expect(match('(?:[^x]*y|.)*(?=z)', text)).toBe('budget')
  expect(match('(?:(?=.*y)b|.)*(?=z)', text)).toBe('budget')
  expect(match('(?:(?<=a{500})|.)*(?=z)', text)).toBe('budget')
  expect(match('(.*)(?:\\1|.)*(?=z)', text)).toBe('budget')
})

test.each([
  ['(?=ab)a(b)\\1', 'abb', 'match'],
  ['(?=(a|b)+c)a', 'abd', 'no-match'],
  ['(?!(a|b)+c)a', 'abd', 'match'],
  ['(?!(a|b)+c)a', 'abc', 'no-match'],
  ['(?:(?>a|ab)|b)+?(?<!c)d', 'abbd', 'match'],
  ['(?:a|ab)*+(?<=b)$', 'abab', 'no-match'],
  ['(a)?(?(1)b+c|d)', 'abbc', 'match'],
])('%s against %s: a budget too small never looks like an answer', (pattern, text, answer) => {
  let steps = 0
  while (match(pattern, text, steps) === 'budget') steps += 1

  expect(steps).toBeGreaterThan(5)
  for (let more = steps; more < steps + 50; more += 1) {
    expect(match(pattern, text, more)).toBe(answer)
  }
})

test('look-arounds nested as deep as allowed do not exhaust the stack of the process', () => {
  const depth = 99
  const nested = '(?='.repeat(depth) + 'a' + ')'.repeat(depth)

  expect(match(`(?:${nested})*a`, 'a')).toBe('match')
})

test('a loop of many thousand iterations does not exhaust the stack of the process', () => {
  expect(match('(?:ab)*(?=$)', 'ab'.repeat(50_000), 1_000_000)).toBe('match')
})
