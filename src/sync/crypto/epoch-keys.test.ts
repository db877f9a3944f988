import { describe, expect, test } from 'vitest'
import * as samples from '../../../test/sync/support/format-samples.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { concatBytes } from '../format/cbor.ts'
import { fromHex } from '../ids.ts'
import {
  epochIdOf,
  folderScope,
  genesisScope,
  mapKeyOf,
  openPreviousKeys,
  sealPreviousKeys,
  unwrapEpochKey,
  wrapEpochKey,
} from './epoch-keys.ts'
import { checkDeviceRecord, createDeviceKeys, deviceIdOf, deviceKeysOf } from './identity.ts'
import { labels } from './labels.ts'
import { nodeSuite as suite } from './node-suite.ts'

const { creator, firstKey, folderId, genesis, joiner, rekey, scope, secondEpoch, secondKey, server } = samples

const nothing = new Uint8Array(0)

describe('wrapped epoch keys', () => {
  const random = seededBytes('wraps')
  const epoch = epochIdOf(suite, firstKey)
  const wrapped = wrapEpochKey(suite, random, firstKey, scope, joiner.record)

  test('open for their device alone', () => {
    expect(wrapped).toHaveLength(80)
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped }, scope)).toEqual(firstKey)
    expect(unwrapEpochKey(suite, creator, { epoch, wrapped }, scope)).toBeUndefined()
  })

  test('are of one folder and one epoch', () => {
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped }, folderScope('ab'.repeat(32)))).toBeUndefined()
    expect(unwrapEpochKey(suite, joiner, { epoch: secondEpoch, wrapped }, scope)).toBeUndefined()
  })

  test('with a changed bit, or of another length, do not open', () => {
    for (let at = 0; at < wrapped.length; at++) {
      const changed = Uint8Array.from(wrapped)
      changed[at]! ^= 1
      expect(unwrapEpochKey(suite, joiner, { epoch, wrapped: changed }, scope)).toBeUndefined()
    }
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped: wrapped.subarray(1) }, scope)).toBeUndefined()
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped: new Uint8Array(80) }, scope)).toBeUndefined()
  })

  test('holding another key than the epoch names do not count', () => {
    // An author could seal any 32 bytes: the epoch id is what everyone else goes by.
    const secret = random(32)
    const ephemeral = suite.agreementKey(secret)
    const { agreementKey } = joiner.record
    const sealed = (content: Uint8Array): Uint8Array => {
      const info = concatBytes(labels.wrap, scope, fromHex(epoch), fromHex(joiner.deviceId))
      const key = suite.derive(suite.agree(secret, agreementKey)!, concatBytes(ephemeral, agreementKey), info)
      return concatBytes(ephemeral, suite.seal(key, new Uint8Array(12), { associated: nothing, content }))
    }
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped: sealed(firstKey) }, scope)).toEqual(firstKey)
    expect(unwrapEpochKey(suite, joiner, { epoch, wrapped: sealed(secondKey) }, scope)).toBeUndefined()
  })

  test('in genesis and in a rekey open for creator and authority', () => {
    for (const keys of [creator, server]) {
      const first = genesis.wraps.find((wrap) => wrap.deviceId === keys.deviceId)!
      const founding = { epoch: genesis.epoch, wrapped: first.wrapped }
      expect(unwrapEpochKey(suite, keys, founding, genesisScope(genesis))).toEqual(firstKey)
      const second = rekey.wraps.find((wrap) => wrap.deviceId === keys.deviceId)!
      expect(unwrapEpochKey(suite, keys, { epoch: rekey.epoch, wrapped: second.wrapped }, scope)).toEqual(
        secondKey,
      )
    }
  })

  test('are not made for a key of low order', () => {
    const record = { ...joiner.record, agreementKey: new Uint8Array(32) }
    expect(() => wrapEpochKey(suite, random, firstKey, scope, record)).toThrow(RangeError)
  })
})

describe('keys of earlier epochs', () => {
  const random = seededBytes('previous')
  const keys = Array.from({ length: 5 }, () => random(32))
  const sealed = sealPreviousKeys(suite, folderId, secondKey, keys)

  test('open with the newer key, each under its epoch, whatever their order', () => {
    const opened = openPreviousKeys(suite, folderId, secondKey, sealed)!
    expect(opened.size).toBe(5)
    for (const key of keys) expect(opened.get(epochIdOf(suite, key))).toEqual(key)
    expect(sealPreviousKeys(suite, folderId, secondKey, keys.toReversed())).toEqual(sealed)
    expect([...sealed.previous].sort()).toEqual(sealed.previous)
  })

  test('do not open with another key, folder or list', () => {
    expect(openPreviousKeys(suite, folderId, firstKey, sealed)).toBeUndefined()
    expect(openPreviousKeys(suite, 'ab'.repeat(32), secondKey, sealed)).toBeUndefined()
    const fewer = { ...sealed, previous: sealed.previous.slice(1) }
    expect(openPreviousKeys(suite, folderId, secondKey, fewer)).toBeUndefined()
    const swapped = { ...sealed, previous: sealed.previous.toReversed() }
    expect(openPreviousKeys(suite, folderId, secondKey, swapped)).toBeUndefined()
  })

  test('holding another key than the list names do not count', () => {
    const key = suite.derive(secondKey, fromHex(folderId), labels.previousKeys)
    const { previous } = sealed
    const associated = concatBytes(...previous.map(fromHex))
    const made = (contents: Uint8Array[]) => ({
      previous,
      sealedKeys: suite.seal(key, new Uint8Array(12), { associated, content: concatBytes(...contents) }),
    })
    const right = [...openPreviousKeys(suite, folderId, secondKey, sealed)!.values()]
    expect(made(right)).toEqual(sealed)
    expect(openPreviousKeys(suite, folderId, secondKey, made(right.with(2, random(32))))).toBeUndefined()
    expect(openPreviousKeys(suite, folderId, secondKey, made(right.slice(1)))).toBeUndefined()
  })

  test('may be none', () => {
    const none = sealPreviousKeys(suite, folderId, secondKey, [])
    expect(openPreviousKeys(suite, folderId, secondKey, none)).toEqual(new Map())
  })
})

test('the key of the state map is of one folder', () => {
  expect(mapKeyOf(suite, folderId, firstKey)).toEqual(mapKeyOf(suite, folderId, firstKey))
  expect(mapKeyOf(suite, 'ab'.repeat(32), firstKey)).not.toEqual(mapKeyOf(suite, folderId, firstKey))
})

describe('devices', () => {
  test('are the same again from their secrets', () => {
    expect(deviceKeysOf(suite, joiner.signingSeed, joiner.agreementSecret)).toEqual(joiner)
    expect(deviceIdOf(suite, joiner.record.signingKey)).toBe(joiner.deviceId)
    const random = seededBytes('devices')
    expect(createDeviceKeys(suite, random).deviceId).not.toBe(createDeviceKeys(suite, random).deviceId)
  })

  test('have an agreement key that they signed, and that can be used', () => {
    expect(checkDeviceRecord(suite, joiner.record)).toBe(true)
    expect(checkDeviceRecord(suite, { ...joiner.record, agreementKey: creator.record.agreementKey })).toBe(
      false,
    )
    expect(checkDeviceRecord(suite, { ...joiner.record, signingKey: creator.record.signingKey })).toBe(false)
    const agreementKey = new Uint8Array(32)
    const message = Uint8Array.from([...labels.agreement, ...agreementKey])
    const agreementSignature = suite.sign(joiner.signingSeed, message)
    expect(checkDeviceRecord(suite, { ...joiner.record, agreementKey, agreementSignature })).toBe(false)
  })
})

test('labels end in NUL, and none is the beginning of another', () => {
  const texts = Object.values(labels).map((label) => new TextDecoder().decode(label))
  for (const text of texts) {
    expect(text.indexOf('\0')).toBe(text.length - 1)
    expect(texts.filter((other) => other.startsWith(text))).toEqual([text])
  }
})
