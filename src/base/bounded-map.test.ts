import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

test('past its size the entry written longest ago goes first, and a touch makes it young', () => {
  const map = new BoundedMap<string, number>({ maxEntries: 2, now: () => 0 })
  map.set('a', 1)
  map.set('b', 2)
  map.touch('a')
  map.set('c', 3)

  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3])
})

test('an entry is gone when it is older than the limit, not at the limit', () => {
  let now = 0
  const map = new BoundedMap<string, number>({ maxEntries: 9, maxAgeMs: 10, now: () => now })
  map.set('a', 1)

  now = 10
  expect(map.get('a')).toBe(1)
  now = 11
  expect([...map.entries()]).toEqual([])
  expect(map.get('a')).toBeUndefined()
})

test('no sequence of writes makes it larger than its limit, and the newest is always there', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 20 })),
      (maxEntries, keys) => {
        const map = new BoundedMap<number, number>({ maxEntries, now: () => 0 })
        for (const key of keys) {
          map.set(key, key)
          expect(map.size).toBeLessThanOrEqual(maxEntries)
          expect(map.get(key)).toBe(key)
        }
      },
    ),
  )
})
