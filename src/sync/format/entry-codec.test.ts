import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyMeta } from '../../../test/sync/support/format-arbitraries.ts'
import { genesisEntry, operationEntries } from '../../../test/sync/support/format-samples.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { fromHex, noEpoch, noFolder, toHex } from '../ids.ts'
import { encodeHlc } from './cbor.ts'
import { chainStart, decodeMeta, encodeMeta, encodePartialMeta, entryHash } from './entry-codec.ts'
import { entryKinds } from './entry.ts'
import type { EntryMeta } from './entry.ts'
import { orReason } from './format-error.ts'
import { limits } from './limits.ts'

/** The definition, written down a second time. */
function asMap(meta: EntryMeta): Map<number, unknown> {
  const map = new Map<number, unknown>([
    [1, 1],
    [2, fromHex(meta.folderId)],
    [3, fromHex(meta.deviceId)],
    [4, fromHex(meta.incarnation)],
    [5, meta.seq],
    [6, encodeHlc(meta.hlc)],
    [7, meta.parents.map(fromHex)],
    [8, fromHex(meta.epoch)],
    [9, entryKinds.indexOf(meta.kind)],
    [10, fromHex(meta.bodyHash)],
    [11, meta.bodyLength],
  ])
  if (meta.chunks !== undefined) map.set(12, fromHex(meta.chunks.hash)).set(13, meta.chunks.count)
  return map
}

const cborOf = (map: unknown): Uint8Array => new Uint8Array(encode(map, rfc8949EncodeOptions))

describe('entry meta', () => {
  test('is the deterministic CBOR map of its fields, and decodes to the same', () => {
    fc.assert(
      fc.property(anyMeta, (meta) => {
        const bytes = encodeMeta(meta)
        expect(bytes).toEqual(cborOf(asMap(meta)))
        expect(decodeMeta(bytes)).toEqual(meta)
        expect(bytes.length).toBeLessThanOrEqual(limits.metaBytes)
      }),
      { numRuns: 300 },
    )
  })

  test('without what is known of the body only, for sealing', () => {
    fc.assert(
      fc.property(anyMeta, (meta) => {
        const map = asMap(meta)
        map.delete(10)
        map.delete(11)
        expect(encodePartialMeta(meta)).toEqual(cborOf(map))
      }),
      { numRuns: 50 },
    )
  })

  const good = operationEntries[0]!.meta
  const changed = (change: (map: Map<number, unknown>) => unknown) => {
    const map = asMap(good)
    change(map)
    return orReason(() => decodeMeta(cborOf(map)))
  }

  test.each<[string, (map: Map<number, unknown>) => unknown, string]>([
    ['another version', (map) => map.set(1, 2), 'version'],
    ['a short folder id', (map) => map.set(2, new Uint8Array(31)), 'length'],
    ['an operation in no folder', (map) => map.set(2, new Uint8Array(32)), 'range'],
    ['a long incarnation', (map) => map.set(4, new Uint8Array(17)), 'length'],
    ['a seq of another type', (map) => map.set(5, new Uint8Array(1)), 'shape'],
    ['a negative seq', (map) => map.set(5, -1), 'shape'],
    ['a seq beyond 2^53', (map) => map.set(5, 2n ** 53n), 'range'],
    ['a clock of 7 bytes', (map) => map.set(6, new Uint8Array(7)), 'length'],
    ['unsorted parents', (map) => map.set(7, good.parents.toReversed().map(fromHex)), 'order'],
    ['a parent twice', (map) => map.set(7, [good.parents[0]!, good.parents[0]!].map(fromHex)), 'order'],
    ['no epoch', (map) => map.set(8, fromHex(noEpoch)), 'range'],
    ['an unknown kind', (map) => map.set(9, 5), 'range'],
    ['an epoch where nothing is sealed', (map) => map.set(9, 2), 'range'],
    ['genesis in the midst of a chain', (map) => map.set(9, 0).set(2, fromHex(noFolder)), 'range'],
    ['a missing field', (map) => map.delete(11), 'shape'],
    ['an unknown field', (map) => map.set(14, 0), 'shape'],
    ['a chunk count without its hash', (map) => map.set(13, 1), 'shape'],
    ['a chunk list of none', (map) => map.set(12, new Uint8Array(32)).set(13, 0), 'range'],
    [
      'chunks of a grant',
      (map) => map.set(8, fromHex(noEpoch)).set(9, 2).set(12, new Uint8Array(32)).set(13, 1),
      'shape',
    ],
  ])('refuses %s', (_name, change, reason) => expect(changed(change)).toBe(reason))

  test.each([
    ['body bytes', 11, limits.bodyBytes],
    ['chunks', 13, limits.chunks],
  ])('%s at the limit, and one above', (_name, key, limit) => {
    const set = (value: number) => (map: Map<number, unknown>) => {
      map.set(12, new Uint8Array(32)).set(13, 1).set(key, value)
    }
    expect(changed(set(limit))).toBeTypeOf('object')
    expect(changed(set(limit + 1))).toBe('limit')
  })

  test('16 parents fit, 17 do not', () => {
    const parents = (count: number) => (map: Map<number, unknown>) =>
      map.set(
        7,
        Array.from({ length: count }, (_, index) => new Uint8Array(32).fill(index)),
      )
    expect(changed(parents(limits.parents))).toBeTypeOf('object')
    expect(changed(parents(limits.parents + 1))).toBe('limit')
  })

  test('more bytes than a meta can have are not looked at', () => {
    expect(orReason(() => decodeMeta(new Uint8Array(limits.metaBytes)))).toBe('shape')
    expect(orReason(() => decodeMeta(new Uint8Array(limits.metaBytes + 1)))).toBe('limit')
  })

  test('a longer head than needed is another encoding', () => {
    const bytes = encodeMeta(good)
    const at = bytes.indexOf(0x50, 70) - 1
    expect([bytes[at], bytes[at + 1]]).toEqual([4, 0x50])
    const longer = Uint8Array.from([...bytes.subarray(0, at + 1), 0x58, 0x10, ...bytes.subarray(at + 2)])
    expect(orReason(() => decodeMeta(longer))).toBe('non-canonical')
  })

  test('keys in another order are refused', () => {
    const entries = [...asMap(good)]
    const swapped = new Map([entries[1]!, entries[0]!, ...entries.slice(2)])
    const bytes = new Uint8Array(encode(swapped, { mapSorter: undefined } as never))
    expect(orReason(() => decodeMeta(bytes))).toBe('shape')
  })
})

test('entryHash is the hash of meta and of the entry before', () => {
  const { metaBytes, prev, hash } = genesisEntry
  expect(entryHash(nodeSuite, metaBytes, prev)).toBe(hash)
  expect(toHex(nodeSuite.hash(metaBytes, fromHex(prev)))).toBe(hash)
})

test('every part of its name is in the start of a chain', () => {
  const names = ['11'.repeat(32), '22'.repeat(32), '33'.repeat(16)] as const
  const starts = new Set([
    chainStart(nodeSuite, ...names),
    chainStart(nodeSuite, '44'.repeat(32), names[1], names[2]),
    chainStart(nodeSuite, names[0], '44'.repeat(32), names[2]),
    chainStart(nodeSuite, names[0], names[1], '44'.repeat(16)),
  ])
  expect(starts.size).toBe(4)
})
