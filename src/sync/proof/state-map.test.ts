import { encode } from 'cborg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labels } from '../crypto/labels.ts'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { fromHex, toHex } from '../ids.ts'
import { emptyMapRoot, type MapLeaf, mapPlace, mapRootOf } from './map-path.ts'
import { StateMap } from './state-map.ts'

/** Places that share long beginnings and endings, so that branches at all depths come up. */
const placeOf = fc
  .record({
    at: fc.integer({ min: 0, max: 255 }),
    mask: fc.integer({ min: 1, max: 255 }),
    byte: fc.integer({ min: 0, max: 31 }),
  })
  .map(({ at, mask, byte }) => {
    const bytes = new Uint8Array(32)
    bytes[byte] = mask
    bytes[31] = (bytes[31] ?? 0) ^ (at & 3)
    return toHex(bytes)
  })
const leafOf = fc.integer({ min: 1, max: 5 }).map(leafWith)

function leafWith(count: number): MapLeaf {
  const chain = count.toString(16).padStart(2, '0').repeat(32)
  return { heads: [chain, 'ff'.repeat(32)], count, chain }
}

/** The definition: leaves sorted by place, divided at the first bit in which they differ. */
function naiveRoot(leaves: ReadonlyMap<string, MapLeaf>): string {
  const places = [...leaves.keys()].sort()
  return places.length === 0 ? toHex(suite.hash(labels.mapEmpty)) : toHex(naiveHash(leaves, places))
}

function naiveHash(leaves: ReadonlyMap<string, MapLeaf>, places: readonly string[]): Uint8Array {
  const [place] = places
  if (places.length === 1) {
    const { heads, count, chain } = leaves.get(place!)!
    const content = encode([heads.map((head) => fromHex(head)), count, fromHex(chain)])
    return suite.hash(labels.mapLeaf, fromHex(place!), content)
  }
  const texts = places.map((each) => BigInt(`0x${each}`).toString(2).padStart(256, '0'))
  let bit = 0
  while (texts.every((text) => text[bit] === texts[0]![bit])) bit++
  const split = texts.findIndex((text) => text[bit] === '1')
  return suite.hash(
    labels.mapBranch,
    Uint8Array.of(bit),
    naiveHash(leaves, places.slice(0, split)),
    naiveHash(leaves, places.slice(split)),
  )
}

test('after any sets, changes and deletions the root is that of what is left, and every path leads to it', () => {
  const step = fc.record({ place: placeOf, leaf: fc.option(leafOf), look: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new StateMap(suite)
      const model = new Map<string, MapLeaf>()
      for (const { place, leaf, look } of steps) {
        let isAlike = true
        if (leaf === null) {
          isAlike = map.delete(place) === model.delete(place)
        } else {
          map.set(place, leaf)
          model.set(place, leaf)
        }
        if (look) isAlike &&= map.root() === naiveRoot(model)
        expect(isAlike).toBe(true)
      }
      expect(map.size).toBe(model.size)
      const root = naiveRoot(model)
      for (const [place, leaf] of model) expect(mapRootOf(suite, place, leaf, map.path(place)!)).toBe(root)
      expect(map.root()).toBe(root)
    }),
    { numRuns: 150 },
  )
})

test('the root does not depend on the order of insertion', () => {
  const entries = fc
    .uniqueArray(placeOf, { minLength: 1, maxLength: 40 })
    .chain((places) =>
      fc.tuple(fc.constant(places), fc.shuffledSubarray(places, { minLength: places.length })),
    )
  fc.assert(
    fc.property(entries, ([places, shuffled]) => {
      const roots = [places, shuffled].map((list) => {
        const map = new StateMap(suite)
        for (const place of list) map.set(place, leafWith(1 + places.indexOf(place)))
        return map.root()
      })
      expect(roots[0]).toBe(roots[1])
    }),
    { numRuns: 60 },
  )
})

test('an empty map has a root, and nothing in it has a path', () => {
  const map = new StateMap(suite)
  expect(map.root()).toBe(emptyMapRoot(suite))
  expect(map.path('00'.repeat(32))).toBeUndefined()
  expect(map.delete('00'.repeat(32))).toBe(false)
  map.set('00'.repeat(32), leafWith(1))
  map.delete('00'.repeat(32))
  expect(map.root()).toBe(emptyMapRoot(suite))
})

test('a path holds for its place, leaf and order of steps only', () => {
  const map = new StateMap(suite)
  const places = Array.from({ length: 200 }, (_, index) => toHex(suite.hash(Uint8Array.of(index))))
  for (const place of places) map.set(place, leafWith(1))
  const root = map.root()
  const place = places[17]!
  const steps = map.path(place)!
  expect(mapRootOf(suite, place, leafWith(1), steps)).toBe(root)
  expect(mapRootOf(suite, place, leafWith(2), steps)).not.toBe(root)
  expect(mapRootOf(suite, places[18]!, leafWith(1), steps)).not.toBe(root)
  expect(mapRootOf(suite, place, leafWith(1), steps.slice(1))).not.toBe(root)
  expect(mapRootOf(suite, place, leafWith(1), steps.toReversed())).toBeUndefined()
  expect(mapRootOf(suite, place, leafWith(1), [steps[0]!, ...steps])).toBeUndefined()
  expect(map.path(toHex(suite.hash(Uint8Array.of(1, 2))))).toBeUndefined()
})

test('a place depends on key and node', () => {
  const node = '01'.repeat(16)
  const key = new Uint8Array(32)
  expect(mapPlace(suite, key, node)).not.toBe(mapPlace(suite, key, '02'.repeat(16)))
  expect(mapPlace(suite, key, node)).not.toBe(mapPlace(suite, Uint8Array.of(1, ...key.subarray(1)), node))
})
