import { expect, test } from 'vitest'
import { HarpError } from '../../../base/errors.ts'
import { parsePattern } from './parse.ts'
import { PatternBeyondLimits } from './pattern-reader.ts'

function refusal(pattern: string): HarpError {
  try {
    parsePattern(pattern)
  } catch (error) {
    if (error instanceof HarpError) return error
    throw error
  }
  throw new Error(`${pattern} was accepted`)
}

test.each([
  ['a[bc', 'unterminated character set at position 1'],
  ['[b-a]', 'bad character range b-a'],
  ['[a-\\d]', 'bad character range a-\\d'],
  ['[]', 'unterminated character set at position 0'],
  ['a)', 'unbalanced parenthesis at position 1'],
  ['/(a', 'missing ), unterminated subpattern at position 1'],
  ['*a', 'nothing to repeat at position 0'],
  ['^*', 'nothing to repeat at position 1'],
  ['a**', 'multiple repeat at position 2'],
  ['a*+*', 'multiple repeat at position 3'],
  ['a{2,1}', 'min repeat greater than max repeat'],
  ['a{4294967295}', 'the repetition number is too large'],
  ['\\', 'bad escape (end of pattern) at position 0'],
  ['a\\y', 'bad escape \\y at position 1'],
  ['[\\8]', 'bad escape \\8 at position 1'],
  ['[\\A]', 'bad escape \\A'],
  ['\\x1', 'incomplete escape \\x1'],
  ['\\U00110000', 'bad escape \\U00110000'],
  ['\\400', 'octal escape value \\400 outside of range 0-0o377'],
  ['(a)\\2', 'invalid group reference 2 at position 3'],
  ['(a\\1)', 'cannot refer to an open group at position 2'],
  ['(?P<a>x)(?P<a>y)', "redefinition of group name 'a'"],
  ['(?P<1a>x)', "bad character in group name '1a'"],
  ['(?P<>x)', 'missing group name'],
  ['(?P<a', 'missing >, unterminated name'],
  ['(?P=b)', "unknown group name 'b'"],
  ['(?Pz)', 'unknown extension ?Pz'],
  ['(?<a>x)', 'unknown extension ?<a'],
  ['(?', 'unexpected end of pattern'],
  ['(?#a', 'missing ), unterminated comment at position 0'],
  ['a(?i)', 'global flags not at the start of the expression at position 1'],
  ['(?L)a', "cannot use 'L' flag with a str pattern"],
  ['(?au)a', "flags 'a', 'u' and 'L' are incompatible"],
  ['(?a)(?u)a', 'ASCII and UNICODE flags are incompatible'],
  ['(?i-i:a)', 'flag turned on and off'],
  ['(?-a:a)', "cannot turn off flags 'a', 'u' and 'L'"],
  ['(?-:a)', 'missing flag'],
  ['(?iz)', 'unknown flag'],
  ['(?<=a|bc)d', 'look-behind requires fixed-width pattern at position 0'],
  ['(?<=a*)', 'look-behind requires fixed-width pattern'],
  ['(?<=(a)\\1)', 'cannot refer to group defined in the same lookbehind subpattern'],
  ['(?(1)a|b|c)', 'conditional backref with more than two branches'],
  ['(?(2)a)(b)', 'invalid group reference 2'],
  ['(?(0)a)', 'bad group number'],
])('%s is refused as Python refuses it: %s', (pattern, reason) => {
  const error = refusal(pattern)

  expect(error.code).toBe('ROUTE_PATTERN_INVALID')
  expect(error.message).toContain(reason)
  expect(error).not.toBeInstanceOf(PatternBeyondLimits)
})

test('a refusal shows the pattern without its control characters, and not all of a long one', () => {
  const { message, fix } = refusal(`\n${'x'.repeat(1_000)}[`)

  expect(message).toContain('"\\nxxx')
  expect(message.length).toBeLessThan(300)
  expect(fix).toContain('info.xml')
})

test('a pattern may have 4096 characters and not one more', () => {
  expect(parsePattern('🙂'.repeat(4_096)).groupCount).toBe(0)
  expect(refusal('a'.repeat(4_097))).toBeInstanceOf(PatternBeyondLimits)
})

test('groups may nest 100 deep and not deeper, whatever kind they are', () => {
  const nested = (open: string, depth: number): string => open.repeat(depth) + ')'.repeat(depth)

  for (const open of ['(', '(?:', '(?=', '(?>', '(?i:', '(?(1)']) {
    expect(() => parsePattern(`()${nested(open, 100)}`)).not.toThrow()
    expect(refusal(`()${nested(open, 101)}`)).toBeInstanceOf(PatternBeyondLimits)
  }
})

test('groups are numbered by their opening parenthesis', () => {
  expect(parsePattern('(a(?P<x>b)(?:c))(d)').groupCount).toBe(3)
})

test('braces that are no repeat stand for themselves', () => {
  for (const pattern of ['{', 'a{', 'a{}', 'a{1', 'a{x}', 'a{1,x}', 'a{-1}', 'a{ 1}']) {
    expect(JSON.stringify(parsePattern(pattern))).not.toContain('repeat')
  }
})
