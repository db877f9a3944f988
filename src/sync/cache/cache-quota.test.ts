import { describe, expect, test } from 'vitest'
import { packBytesOf, reserveOf } from './cache-limits.ts'
import { requireQuota, requireRoomForLists, requireSameKind, usualQuota } from './cache-quota.ts'

const mib = 1024 * 1024
const gib = 1024 * mib

test('without a quota: a tenth of the free disk, 1 GiB at least, never more than half', () => {
  expect(usualQuota(1_000 * gib)).toBe(100 * gib)
  expect(usualQuota(5 * gib)).toBe(gib)
  expect(usualQuota(gib)).toBe(gib / 2)
  expect(usualQuota(0)).toBe(8 * mib)
})

describe('a quota', () => {
  const refused = expect.objectContaining({ code: 'CACHE_QUOTA' }) as unknown
  test('is for caches, and large enough', () => {
    expect(() => requireQuota(undefined, false)).not.toThrow()
    expect(() => requireQuota(8 * mib, true)).not.toThrow()
    expect(() => requireQuota(8 * mib - 1, true)).toThrow(refused)
    expect(() => requireQuota(gib, false)).toThrow(refused)
  })

  test('has room for the lists that are here in a quarter of it', () => {
    expect(() => requireRoomForLists(8 * mib, 2 * mib)).not.toThrow()
    expect(() => requireRoomForLists(8 * mib, 2 * mib + 1)).toThrow(refused)
    expect(() => requireRoomForLists(8 * mib, 3 * mib)).toThrow(`${12 * mib} bytes or more`)
  })

  test('does not make a cache of a folder with files, nor the other way', () => {
    const known = { name: 'Music', quota: undefined }
    expect(() => requireSameKind(known, false)).not.toThrow()
    expect(() => requireSameKind(known, true)).toThrow('has files')
    expect(() => requireSameKind({ ...known, quota: gib }, false)).toThrow('is a cache')
  })
})

test('packs and the reserve follow the size', () => {
  expect([8 * mib, gib, 200 * gib].map(packBytesOf)).toEqual([mib, 32 * mib, 64 * mib])
  expect([100 * mib, gib, 1_000 * gib].map(reserveOf)).toEqual([5 * mib, Math.round(gib / 20), gib])
})
