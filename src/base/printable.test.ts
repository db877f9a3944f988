import { expect, test } from 'vitest'
import { printable } from './printable.ts'

test('foreign text stays on its line, cannot draw, and has an end', () => {
  expect(printable(' a\u001B[2J\r\nERROR:\u2028b\u202Ec ')).toBe('a [2J ERROR: b c')
  expect(printable('x'.repeat(5_000))).toBe(`${'x'.repeat(1_000)}…`)
  expect(printable('abc', 3)).toBe('abc')
  expect(printable('abcd', 3)).toBe('abc…')
})
