import { encode, rfc8949EncodeOptions } from 'cborg'
import { describe, expect, test } from 'vitest'
import * as samples from '../../../test/sync/support/format-samples.ts'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { fromHex, toHex } from '../ids.ts'
import {
  batchFolderId,
  decodeBatch,
  decodeEntryItem,
  encodeBatch,
  encodedLength,
  entryPlaces,
  signBatch,
  trimBatch,
  verifyBatch,
} from './batch-codec.ts'
import { encodeMeta, entryHash } from './entry-codec.ts'
import { makeEntry } from './entry-maker.ts'
import type { Batch, EntryMeta, EntryRecord } from './entry.ts'
import { orReason } from './format-error.ts'
import { limits } from './limits.ts'

const { creator, folderId, foundingBatch, following, operationBatch } = samples
const batches = [
  ['founding', foundingBatch],
  ['operations', operationBatch],
] as const

const cborOf = (value: unknown): Uint8Array => new Uint8Array(encode(value, rfc8949EncodeOptions))
const itemsOf = (batch: Batch) =>
  batch.entries.map((entry) => [entry.metaBytes, entry.body, entry.chunkList ?? null] as unknown[])
const mapOf = (batch: Batch): Map<number, unknown> =>
  new Map<number, unknown>([
    [1, 1],
    [2, batch.publicKey],
    [3, fromHex(batch.entries[0]!.prev)],
    [4, itemsOf(batch)],
    [5, batch.signature],
  ])
const reasonOf = (value: unknown) => orReason(() => decodeBatch(suite, cborOf(value)))

describe.each(batches)('a batch of %s', (_name, batch) => {
  test('is the deterministic CBOR of its parts, and decodes to the same', () => {
    const bytes = encodeBatch(batch)
    expect(bytes).toEqual(cborOf(mapOf(batch)))
    expect(encodedLength(batch)).toBe(bytes.length)
    expect(decodeBatch(suite, bytes)).toEqual(batch)
    expect(decodeBatch(suite, Buffer.from(bytes))).toEqual(batch)
  })

  test('each entry stands where it is said to, and can be read alone', () => {
    const bytes = encodeBatch(batch)
    entryPlaces(batch).forEach(({ offset, length }, index) => {
      const item = bytes.subarray(offset, offset + length)
      const entry = batch.entries[index]!
      expect(decodeEntryItem(suite, item, entry.prev)).toEqual(entry)
      expect(
        orReason(() => decodeEntryItem(suite, bytes.subarray(offset, offset + length + 1), entry.prev)),
      ).toBe('malformed')
    })
  })

  test('is signed by its author, and by nobody else', () => {
    expect(verifyBatch(suite, batch)).toBe(true)
    expect(verifyBatch(suite, { ...batch, publicKey: samples.server.record.signingKey })).toBe(false)
    const signature = Uint8Array.from(batch.signature)
    signature[5]! ^= 1
    expect(verifyBatch(suite, { ...batch, signature })).toBe(false)
    expect(verifyBatch(suite, { ...batch, entries: batch.entries.slice(0, -1) })).toBe(false)
  })

  test('is of its folder', () => expect(batchFolderId(batch)).toBe(folderId))

  test('every end of it is a batch, too', () => {
    for (let from = 0; from < batch.entries.length; from++) {
      const rest = decodeBatch(suite, encodeBatch(trimBatch(batch, from)))
      expect(rest.entries).toEqual(batch.entries.slice(from))
      expect(verifyBatch(suite, rest)).toBe(true)
      expect(batchFolderId(rest)).toBe(folderId)
    }
    expect(() => trimBatch(batch, batch.entries.length)).toThrow(RangeError)
  })

  test('one changed bit anywhere is refused, or the signature is wrong', () => {
    const bytes = encodeBatch(batch)
    for (let bit = 0; bit < bytes.length * 8; bit += 61) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const read = orReason(() => decodeBatch(suite, bytes))
      expect(typeof read !== 'string' && verifyBatch(suite, read), `bit ${bit}`).toBe(false)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  })

  test('cut off anywhere it is refused', () => {
    const bytes = encodeBatch(batch)
    for (let length = 0; length < bytes.length; length += 5) {
      expect(orReason(() => decodeBatch(suite, bytes.subarray(0, length)))).toBeTypeOf('string')
    }
  })
})

/** The entries again with other metas, each hash right: only the rule that is broken can refuse them. */
function rebuilt(
  batch: Batch,
  change: (meta: EntryMeta, index: number) => Partial<EntryMeta>,
): Map<number, unknown> {
  let prev = batch.entries[0]!.prev
  const entries = batch.entries.map((entry, index): EntryRecord => {
    const meta = { ...entry.meta, ...change(entry.meta, index) }
    const metaBytes = encodeMeta(meta)
    const made = { ...entry, meta, metaBytes, prev, hash: entryHash(suite, metaBytes, prev) }
    prev = made.hash
    return made
  })
  return mapOf({ ...batch, entries })
}

describe('decodeBatch refuses', () => {
  const other = samples.server

  test.each<[string, (meta: EntryMeta, index: number) => Partial<EntryMeta>, string]>([
    ['a gap in seq', (meta, index) => (index === 2 ? { seq: meta.seq + 1 } : {}), 'chain'],
    ['a clock that stands', (_meta, index) => (index === 2 ? { hlc: { ms: 5, counter: 0 } } : {}), 'chain'],
    [
      'a clock that repeats',
      (_meta, index) => (index === 2 ? { hlc: operationBatch.entries[1]!.meta.hlc } : {}),
      'chain',
    ],
    ['another device', (_meta, index) => (index === 2 ? { deviceId: other.deviceId } : {}), 'chain'],
    ['another incarnation', (_meta, index) => (index === 2 ? { incarnation: 'ab'.repeat(16) } : {}), 'chain'],
    ['another folder', (_meta, index) => (index === 2 ? { folderId: 'ab'.repeat(32) } : {}), 'chain'],
    ['parents within', (_meta, index) => (index === 2 ? { parents: ['ab'.repeat(32)] } : {}), 'chain'],
    ['an author whose key is another', () => ({ deviceId: other.deviceId }), 'key'],
    [
      'another length of a body',
      (meta, index) => (index === 2 ? { bodyLength: meta.bodyLength - 1 } : {}),
      'length',
    ],
    ['another hash of a body', (_meta, index) => (index === 2 ? { bodyHash: 'ab'.repeat(32) } : {}), 'hash'],
    [
      'another hash of a chunk list',
      (_meta, index) => (index === 1 ? { chunks: { hash: 'ab'.repeat(32), count: 3 } } : {}),
      'hash',
    ],
    [
      'another count of chunks',
      (meta, index) => (index === 1 ? { chunks: { ...meta.chunks!, count: 2 } } : {}),
      'length',
    ],
    [
      'a chunk list that no meta names',
      (_meta, index) => (index === 1 ? { chunks: undefined } : {}),
      'shape',
    ],
  ])('%s', (_name, change, reason) => expect(reasonOf(rebuilt(operationBatch, change))).toBe(reason))

  const trimmedGenesis = { ...foundingBatch, entries: foundingBatch.entries.slice(0, 1) }
  const withField = (key: number, value: unknown) => mapOf(operationBatch).set(key, value)
  test.each<[string, unknown, string]>([
    ['no entries', withField(4, []), 'shape'],
    ['another version', withField(1, 2), 'version'],
    ['a short key', withField(2, new Uint8Array(31)), 'length'],
    ['the key of another', withField(2, other.record.signingKey), 'key'],
    ['a short signature', withField(5, new Uint8Array(63)), 'length'],
    ['a long hash before', withField(3, new Uint8Array(33)), 'length'],
    ['an unknown field', withField(6, 0), 'shape'],
    ['an item of two', withField(4, [itemsOf(operationBatch)[0]!.slice(0, 2)]), 'shape'],
    ['an item of four', withField(4, [[...itemsOf(operationBatch)[0]!, null]]), 'shape'],
    ['a missing chunk list', withField(4, [[...itemsOf(operationBatch)[1]!.slice(0, 2), null]]), 'shape'],
    [
      'a chunk list where none is',
      withField(4, [[...itemsOf(operationBatch)[0]!.slice(0, 2), new Uint8Array(32)]]),
      'shape',
    ],
    ['a start that is not the start of the chain', mapOf(foundingBatch).set(3, new Uint8Array(32)), 'chain'],
    ['the same of genesis alone', mapOf(trimmedGenesis).set(3, new Uint8Array(32)), 'chain'],
    ['a text', 'text', 'shape'],
  ])('%s', (_name, value, reason) => expect(reasonOf(value)).toBe(reason))

  test('genesis by another than its creator', () => {
    const entry = makeEntry(suite, {
      ...samples.start,
      deviceId: other.deviceId,
      folderId: '00'.repeat(32),
      seq: 0,
      hlc: { ms: 1, counter: 0 },
      prev: 'ab'.repeat(32),
      kind: 'genesis',
      body: samples.genesisEntry.body,
    })
    expect(reasonOf(mapOf({ ...foundingBatch, publicKey: other.record.signingKey, entries: [entry] }))).toBe(
      'key',
    )
  })

  test.each(['grant', 'revoke', 'rekey'] as const)('a body that is no %s', (kind) => {
    const entry = makeEntry(suite, { ...following(samples.genesisEntry), kind, body: Uint8Array.of(0xa0) })
    expect(reasonOf(mapOf({ ...foundingBatch, entries: [entry] }))).toBe('shape')
  })
})

describe('limits', () => {
  const last = samples.operationEntries.at(-1)!
  const chunked = (count: number): EntryRecord =>
    makeEntry(suite, {
      ...following(last),
      kind: 'operation',
      epoch: samples.secondEpoch,
      epochKey: samples.secondKey,
      operation: samples.operations[1]!,
      chunkList: new Uint8Array(count * 32),
    })

  test('a chunk list at the limit travels; one above it stays behind', () => {
    const at = signBatch(suite, creator, [chunked(limits.inlineChunks)])
    expect(at.entries[0]!.chunkList).toHaveLength(limits.inlineChunks * 32)
    expect(decodeBatch(suite, encodeBatch(at))).toEqual(at)

    const above = signBatch(suite, creator, [chunked(limits.inlineChunks + 1)])
    expect(above.entries[0]!.chunkList).toBeUndefined()
    expect(above.entries[0]!.meta.chunks?.count).toBe(limits.inlineChunks + 1)
    expect(decodeBatch(suite, encodeBatch(above))).toEqual(above)
    const item = [...itemsOf(above)[0]!.slice(0, 2), new Uint8Array((limits.inlineChunks + 1) * 32)]
    expect(reasonOf(mapOf(above).set(4, [item]))).toBe('limit')
  })

  const chain = (count: number): EntryRecord[] => {
    const entries: EntryRecord[] = []
    for (let before = last; entries.length < count; before = entries.at(-1)!) {
      entries.push(
        makeEntry(suite, { ...following(before), kind: 'revoke', body: samples.foundingEntries[2]!.body }),
      )
    }
    return entries
  }

  test('4,096 entries are a batch, one more are not', () => {
    const entries = chain(limits.batchEntries + 1)
    const at = signBatch(suite, creator, entries.slice(0, -1))
    const decoded = decodeBatch(suite, encodeBatch(at))
    expect(decoded.entries.map((entry) => entry.hash)).toEqual(at.entries.map((entry) => entry.hash))
    const above = signBatch(suite, creator, entries)
    expect(orReason(() => encodeBatch(above))).toBe('limit')
    expect(reasonOf(mapOf(above))).toBe('limit')
  })

  test('a batch of 4 MiB is read, one byte more is not looked at', () => {
    const body = (length: number) => (entry: EntryRecord) => {
      const sealed = new Uint8Array(length)
      const meta = {
        ...entry.meta,
        bodyHash: toHex(suite.hash(sealed)),
        bodyLength: length,
        chunks: undefined,
      }
      const metaBytes = encodeMeta({ ...meta, kind: 'operation', epoch: samples.firstEpoch })
      return { ...entry, metaBytes, body: sealed, chunkList: undefined }
    }
    const sized = (length: number) => {
      const filler = Array.from({ length: 3 }, () => body(limits.bodyBytes)(last))
      const rest =
        length - encodedLength({ ...operationBatch, entries: [...filler, body(70_000)(last)] }) + 70_000
      return cborOf(mapOf({ ...operationBatch, entries: [...filler, body(rest)(last)] }))
    }
    const at = sized(limits.batchBytes)
    expect(at).toHaveLength(limits.batchBytes)
    // Its entries do not follow each other, which is found out only by reading all of it.
    expect(orReason(() => decodeBatch(suite, at))).toBe('chain')
    const above = sized(limits.batchBytes + 1)
    expect(above).toHaveLength(limits.batchBytes + 1)
    expect(orReason(() => decodeBatch(suite, above))).toBe('limit')
  })
})

test('signBatch signs nothing that is not one chain', () => {
  const [first, , third] = samples.foundingEntries
  expect(orReason(() => signBatch(suite, creator, [first!, third!]))).toBe('chain')
  expect(orReason(() => signBatch(suite, creator, []))).toBe('shape')
})
