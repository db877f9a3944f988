import { expect, test } from 'vitest'
import { compareHlc, maxHlcCounter, tickHlc } from './hlc.ts'

test('a new clock is local time, if that is later than all seen', () => {
  expect(tickHlc(1_000, undefined)).toEqual({ ms: 1_000, counter: 0 })
  expect(tickHlc(1_000.9, { ms: 999, counter: 7 })).toEqual({ ms: 1_000, counter: 0 })
})

test('a clock that stands still or goes back counts on from what was seen', () => {
  expect(tickHlc(1_000, { ms: 1_000, counter: 0 })).toEqual({ ms: 1_000, counter: 1 })
  expect(tickHlc(-5, { ms: 1_000, counter: 3 })).toEqual({ ms: 1_000, counter: 4 })
})

test('a full counter goes over to the next millisecond', () => {
  expect(tickHlc(1, { ms: 8, counter: maxHlcCounter - 1 })).toEqual({ ms: 8, counter: maxHlcCounter })
  expect(tickHlc(1, { ms: 8, counter: maxHlcCounter })).toEqual({ ms: 9, counter: 0 })
})

test('milliseconds count before the counter', () => {
  expect(compareHlc({ ms: 1, counter: 9 }, { ms: 2, counter: 0 })).toBeLessThan(0)
  expect(compareHlc({ ms: 2, counter: 1 }, { ms: 2, counter: 0 })).toBeGreaterThan(0)
  expect(compareHlc({ ms: 2, counter: 1 }, { ms: 2, counter: 1 })).toBe(0)
})
