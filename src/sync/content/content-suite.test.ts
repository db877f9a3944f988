import { gcm } from '@noble/ciphers/aes.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { describe, expect, test } from 'vitest'
import { sampleKeys, seededContent } from '../../../test/sync/support/content-samples.ts'
import { toHex } from '../ids.ts'
import { nodeContentSuite as suite } from './content-suite.ts'

const { content: key } = sampleKeys
const associated = new TextEncoder().encode('label')

describe.each([0, 1, 64, 1_025, 70_000, 122_880, 122_881, 300_000])('%i bytes', (length) => {
  const content = seededContent(length, length)

  test('hash as BLAKE3 of another implementation', () => {
    expect(suite.hash(content)).toEqual(blake3(content))
    expect(suite.keyedHash(key, content)).toEqual(blake3(content, { key }))
    const hasher = suite.hasher()
    for (let round = 0; round < 2; round++) {
      hasher.reset()
      hasher.update(content.subarray(0, length >> 1))
      hasher.update(content.subarray(length >> 1))
      expect(hasher.digest()).toBe(toHex(blake3(content)))
    }
  })

  test('seal as AES-256-GCM of another implementation', () => {
    const sealed = new Uint8Array(length + 16)
    suite.seal(key, associated, content, sealed)
    expect(sealed).toEqual(gcm(key, new Uint8Array(12), associated).encrypt(content))
    expect(suite.hashSealed(key, associated, content)).toEqual(blake3(sealed))
    const into = new Uint8Array(length + 5)
    expect(suite.open(key, associated, sealed, into)).toEqual(content)
    expect(into.subarray(0, length)).toEqual(content)
    // In place of the sealed bytes.
    expect(suite.open(key, associated, sealed, sealed)).toEqual(content)
    expect(sealed.subarray(0, length)).toEqual(content)
  })
})

test('keys are derived as BLAKE3 does it', () => {
  const context = new TextEncoder().encode('harp/test/1\0')
  expect(suite.derive('harp/test/1\0', key)).toEqual(blake3(key, { context }))
  expect(suite.derive('harp/test/2\0', key)).not.toEqual(blake3(key, { context }))
})

test('many keys, one after the other, do not get mixed up', () => {
  const content = seededContent(1, 10)
  const keys = Array.from({ length: 150 }, (_, seed) => seededContent(seed, 32))
  for (const other of [...keys, ...keys]) {
    expect(suite.keyedHash(other, content)).toEqual(blake3(content, { key: other }))
  }
})

test('what does not belong together does not open', () => {
  const sealed = new Uint8Array(26)
  const into = new Uint8Array(26)
  suite.seal(key, associated, seededContent(2, 10), sealed)
  expect(suite.open(sampleKeys.boundaries, associated, sealed, into)).toBeUndefined()
  expect(suite.open(key, new Uint8Array(0), sealed, into)).toBeUndefined()
  expect(suite.open(key, associated, sealed.subarray(0, 25), into)).toBeUndefined()
  expect(suite.open(key, associated, sealed.subarray(0, 15), into)).toBeUndefined()
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed)
    changed[at]! ^= 0x80
    expect(suite.open(key, associated, changed, into)).toBeUndefined()
  }
})
