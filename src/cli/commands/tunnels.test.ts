import { expect, test } from 'vitest'
import { formatAge, formatSize } from './tunnels.ts'

test.each([
  [-5, '0s'],
  [0, '0s'],
  [0.9, '0s'],
  [59, '59s'],
  [60, '1m'],
  [61, '1m 1s'],
  [3_600, '1h'],
  [3_661, '1h 1m'],
  [86_399, '23h 59m'],
  [86_400 * 400 + 3_599, '400d'],
  [86_400 * 3 + 3_600 * 4, '3d 4h'],
])('an age of %d s is %s', (seconds, text) => {
  expect(formatAge(seconds)).toBe(text)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 KiB'],
  [1_536, '1.5 KiB'],
  [102_400, '100 KiB'],
  [1_048_576 * 999, '999 MiB'],
  [1_073_741_824, '1.0 GiB'],
  [5e18, '4547474 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
})
