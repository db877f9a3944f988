import { expect, test } from 'vitest'
import {
  sampleEpochKey,
  sampleKeys as keys,
  seededContent,
} from '../../../test/sync/support/content-samples.ts'
import { labels } from '../crypto/labels.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { chunkKeyOf, isChunk, openChunk, sealChunk, sealedId, sealWith } from './chunk-seal.ts'
import { contentKeysOf } from './content-keys.ts'
import { nodeContentSuite as suite } from './content-suite.ts'

const plaintext = seededContent(1, 5_000)
const { id, key, sealed } = sealChunk(keys, plaintext)

test('a chunk opens to what was sealed, and has one name', () => {
  expect(openChunk(keys, id, key, sealed)).toEqual(plaintext)
  expect(sealed).toHaveLength(plaintext.length + 16)
  expect(isChunk(id, sealed)).toBe(true)
  expect(sealedId(key, plaintext)).toEqual(id)
  expect(sealWith(key, plaintext)).toEqual(sealed)
  expect(chunkKeyOf(keys, plaintext)).toEqual(key)
})

test('equal data meets in a folder, and in no other', () => {
  const other = contentKeysOf(nodeSuite, 'cd'.repeat(32), sampleEpochKey)
  expect(sealChunk(keys, Uint8Array.from(plaintext))).toEqual({ id, key, sealed })
  const elsewhere = sealChunk(other, plaintext)
  expect(elsewhere.id).not.toEqual(id)
  expect(elsewhere.key).not.toEqual(key)
})

test('bytes that the id does not name are the fault of who sent them', () => {
  const changed = Uint8Array.from(sealed)
  changed[17]! ^= 1
  expect(openChunk(keys, id, key, changed)).toBe('bad')
  expect(openChunk(keys, id, key, sealed.subarray(1))).toBe('bad')
  expect(openChunk(keys, id, key, new Uint8Array(0))).toBe('bad')
})

test('a key that does not open the chunk is the fault of its author', () => {
  const other = sealChunk(keys, seededContent(2, 5_000))
  expect(openChunk(keys, id, other.key, sealed)).toBe('wrong')
})

test('an author cannot make a chunk of a key that its plaintext does not have', () => {
  // Sealed and named as it should be, but the key is any key: then one content would have two names.
  const forged = seededContent(3, 32)
  const made = sealWith(forged, plaintext)
  expect(openChunk(keys, suite.hash(made), forged, made)).toBe('wrong')
})

test('an id of something else than a sealed chunk is the fault of its author', () => {
  for (const bytes of [
    new Uint8Array(0),
    seededContent(4, 15),
    seededContent(4, 16),
    seededContent(4, 500),
  ]) {
    expect(openChunk(keys, suite.hash(bytes), key, bytes)).toBe('wrong')
  }
})

test('the keys of a folder differ from each other and between folders', () => {
  const other = contentKeysOf(nodeSuite, 'cd'.repeat(32), sampleEpochKey)
  const all = [keys.content, keys.boundaries, other.content, other.boundaries].map(String)
  expect(new Set(all).size).toBe(4)
  expect(labels.content).not.toEqual(labels.boundaries)
})
