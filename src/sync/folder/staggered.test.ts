import { expect, test } from 'vitest'
import { staggered } from './staggered.ts'

const day = 86_400_000
const now = 1_700_000_000_000

function at(age: number, hash: string): { entry: { hlc: { ms: number }; hash: string } } {
  return { entry: { hlc: { ms: now - age }, hash } }
}

test('the newest of each span stays, and heads always do', () => {
  const versions = [
    at(500 * day, 'ancient head'),
    at(400 * day, 'ancient'),
    at(40 * day + 1_000, 'same week, older'),
    at(40 * day, 'same week'),
    at(2 * day + 2_000, 'same day, older'),
    at(2 * day, 'same day'),
    at(10_000, 'a moment ago'),
    at(0, 'now'),
  ]
  const kept = staggered(versions, new Set(['ancient head', 'now']), now)

  expect(kept.has('ancient head')).toBe(true)
  expect(kept.has('ancient')).toBe(false)
  expect(kept.has('same week')).toBe(true)
  expect(kept.has('same week, older')).toBe(false)
  expect(kept.has('same day')).toBe(true)
  expect(kept.has('same day, older')).toBe(false)
  expect(kept.has('now')).toBe(true)
})

test('a history of saves every second for an hour keeps two a minute', () => {
  const versions = Array.from({ length: 3_600 }, (_, second) => at((3_599 - second) * 1_000, `v${second}`))
  const kept = staggered(versions, new Set(['v3599']), now)
  expect(kept.size).toBeGreaterThanOrEqual(120)
  expect(kept.size).toBeLessThanOrEqual(122)
})
