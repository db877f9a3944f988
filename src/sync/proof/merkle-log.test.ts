import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { fromHex, toHex } from '../ids.ts'
import { MerkleLog } from './merkle-log.ts'
import { verifyConsistency } from './verify-consistency.ts'

function sha3(parts: readonly Uint8Array[]): Uint8Array {
  return suite.hash(...parts)
}

/** RFC 9162, 2.1.1, word by word. */
function naiveRoot(hashes: readonly string[]): Uint8Array {
  const [first] = hashes
  if (first === undefined) return sha3([])
  if (hashes.length === 1) return sha3([Uint8Array.of(0), fromHex(first)])
  let split = 1
  while (split * 2 < hashes.length) split *= 2
  return sha3([Uint8Array.of(1), naiveRoot(hashes.slice(0, split)), naiveRoot(hashes.slice(split))])
}

function entryHashes(count: number, salt = 0): string[] {
  return Array.from({ length: count }, (_, index) =>
    toHex(sha3([Uint8Array.of(salt, index & 255, index >> 8)])),
  )
}

function logOf(hashes: readonly string[]): MerkleLog {
  const log = new MerkleLog(suite)
  for (const hash of hashes) log.append(hash)
  return log
}

test('every root from 0 to 130 entries, and around powers of two, is that of the recursive definition', () => {
  const hashes = entryHashes(1_025)
  const log = logOf(hashes)
  const growing = new MerkleLog(suite)
  const sizes = [...Array(131).keys(), 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_025]
  for (const size of sizes) {
    const expected = toHex(naiveRoot(hashes.slice(0, size)))
    expect(log.root(size)).toBe(expected)
    while (growing.size < size) growing.append(hashes[growing.size]!)
    expect(growing.root()).toBe(expected)
  }
})

test('the root of an empty log is the hash of nothing', () => {
  expect(new MerkleLog(suite).root()).toBe('a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a')
})

test('appends and truncations in any order leave the log of what is left', () => {
  const steps = fc.array(
    fc.record({
      keep: fc.integer({ min: 0, max: 100 }),
      add: fc.integer({ min: 0, max: 40 }),
      look: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(steps, (list) => {
      const log = new MerkleLog(suite)
      let model: string[] = []
      for (const [salt, { keep, add, look }] of list.entries()) {
        const size = Math.floor((model.length * keep) / 100)
        log.truncate(size)
        model = [...model.slice(0, size), ...entryHashes(add, salt + 1)]
        for (const hash of model.slice(size)) log.append(hash)
        const isAlike = !look || log.root() === toHex(naiveRoot(model))
        expect(isAlike).toBe(true)
      }
      expect(log.size).toBe(model.length)
      expect(log.root()).toBe(toHex(naiveRoot(model)))
    }),
    { numRuns: 60 },
  )
})

test('truncating past a page of hashes and growing again', () => {
  const hashes = entryHashes(3_000)
  const log = logOf(hashes)
  log.root()
  log.truncate(1_000)
  const late = entryHashes(2_100, 9)
  for (const hash of late) log.append(hash)
  expect(log.root()).toBe(toHex(naiveRoot([...hashes.slice(0, 1_000), ...late])))
})

test('consistency holds between all sizes up to 33, and with nothing changed in it', () => {
  const hashes = entryHashes(33)
  const log = logOf(hashes)
  for (let newerSize = 0; newerSize <= 33; newerSize++) {
    for (let olderSize = 0; olderSize <= newerSize; olderSize++) {
      const claim = {
        olderSize,
        newerSize,
        olderRoot: log.root(olderSize),
        newerRoot: log.root(newerSize),
        hashes: log.consistency(olderSize, newerSize),
      }
      expect(verifyConsistency(suite, claim)).toBe(true)
      expect(claim.hashes.length).toBeLessThanOrEqual(Math.ceil(Math.log2(newerSize + 1)) + 1)
      const other = toHex(sha3([fromHex(claim.olderRoot)]))
      expect(verifyConsistency(suite, { ...claim, olderRoot: other })).toBe(false)
      expect(verifyConsistency(suite, { ...claim, hashes: [...claim.hashes, other] })).toBe(false)
      // The empty tree is the beginning of any.
      expect(verifyConsistency(suite, { ...claim, newerRoot: other })).toBe(olderSize === 0)
      for (const [index] of claim.hashes.entries()) {
        expect(verifyConsistency(suite, { ...claim, hashes: claim.hashes.with(index, other) })).toBe(false)
        expect(verifyConsistency(suite, { ...claim, hashes: claim.hashes.toSpliced(index, 1) })).toBe(false)
      }
    }
  }
})

test('a proof for one pair of sizes holds for no other older size', () => {
  const log = logOf(entryHashes(33))
  for (let olderSize = 1; olderSize < 33; olderSize++) {
    const hashes = log.consistency(olderSize)
    for (let claimed = 1; claimed < 33; claimed++) {
      const claim = {
        olderSize: claimed,
        newerSize: 33,
        olderRoot: log.root(olderSize),
        newerRoot: log.root(),
        hashes,
      }
      expect(verifyConsistency(suite, claim)).toBe(claimed === olderSize)
    }
  }
})

test('a log that changed an old entry is consistent with nothing that contains it', () => {
  const hashes = entryHashes(50)
  const before = logOf(hashes)
  const after = logOf([...hashes.slice(0, 20), ...entryHashes(1, 7), ...hashes.slice(20)])
  for (let olderSize = 1; olderSize <= 50; olderSize++) {
    const claim = {
      olderSize,
      newerSize: 51,
      olderRoot: before.root(olderSize),
      newerRoot: after.root(),
      hashes: after.consistency(olderSize),
    }
    expect(verifyConsistency(suite, claim)).toBe(olderSize <= 20)
  }
})

test('sizes beyond 2^32 are judged, not truncated', () => {
  const olderSize = 2 ** 40
  const root = '11'.repeat(32)
  const right = '22'.repeat(32)
  const newerRoot = toHex(sha3([Uint8Array.of(1), fromHex(root), fromHex(right)]))
  const claim = { olderSize, newerSize: olderSize + 1, olderRoot: root, newerRoot, hashes: [right] }
  expect(verifyConsistency(suite, claim)).toBe(true)
  expect(verifyConsistency(suite, { ...claim, olderSize: 1, newerSize: olderSize + 1 })).toBe(false)
})

test('what is not in the log is a mistake of the caller', () => {
  const log = logOf(entryHashes(3))
  expect(() => log.root(4)).toThrow(RangeError)
  expect(() => log.root(1.5)).toThrow(RangeError)
  expect(() => {
    log.truncate(4)
  }).toThrow(RangeError)
  expect(() => log.consistency(3, 2)).toThrow(RangeError)
})
