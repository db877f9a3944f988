import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

test.each([
  ['30s', 30_000],
  ['500', 500],
  ['500ms', 500],
  ['1500us', 1.5],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['24d', 2_073_600_000],
  ['0', 0],
  [' 5s ', 5_000],
])('%s is %s ms', (text, expected) => {
  expect(parseDuration(text)).toBe(expected)
})

test.each(['', 's', '1.5s', '-1s', '1 s', '1w', '1e3', 'ten'])('%s is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([30_000, 1_500, 3_600_000, 86_400_000, 7])('%s ms formats to a text that parses back', (ms) => {
  expect(parseDuration(formatDuration(ms))).toBe(ms)
})
