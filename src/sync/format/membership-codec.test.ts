import { encode, rfc8949EncodeOptions } from 'cborg'
import { describe, expect, test } from 'vitest'
import * as samples from '../../../test/sync/support/format-samples.ts'
import { noEpoch } from '../ids.ts'
import { decodeCbor } from './cbor.ts'
import { orReason } from './format-error.ts'
import { limits } from './limits.ts'
import * as codec from './membership-codec.ts'
import type { DeviceRecord } from './membership.ts'

const { genesis, grant, peerGenesis, rekey, revoke } = samples
const wrapped = new Uint8Array(80)
const ids = (count: number, digits: number) =>
  Array.from({ length: count }, (_, index) => (index + 1).toString(16).padStart(digits, '0'))
const deviceWraps = (count: number) => ids(count, 64).map((deviceId) => ({ deviceId, wrapped }))
const epochWraps = (count: number) => ids(count, 32).map((epoch) => ({ epoch, wrapped }))

describe('bodies that are not sealed decode to what was encoded', () => {
  test('genesis', () => {
    expect(codec.decodeGenesis(codec.encodeGenesis(genesis))).toEqual(genesis)
    expect(codec.decodeGenesis(codec.encodeGenesis(peerGenesis))).toEqual(peerGenesis)
  })
  test('grant', () => {
    expect(codec.decodeGrant(codec.encodeGrant(grant))).toEqual(grant)
    expect(codec.decodeGrant(codec.encodeGrant(samples.cacheGrant))).toEqual(samples.cacheGrant)
  })
  test('revoke', () => expect(codec.decodeRevoke(codec.encodeRevoke(revoke))).toEqual(revoke))
  test('rekey', () => expect(codec.decodeRekey(codec.encodeRekey(rekey))).toEqual(rekey))
})

test.each<[string, () => unknown, string]>([
  ['an authority in peer mode', () => codec.encodeGenesis({ ...genesis, mode: 'peer' }), 'shape'],
  ['no authority', () => codec.encodeGenesis({ ...genesis, authority: undefined }), 'shape'],
  ['suite 0', () => codec.encodeGenesis({ ...genesis, suite: 0 }), 'range'],
  ['a short salt', () => codec.encodeGenesis({ ...genesis, salt: new Uint8Array(31) }), 'length'],
  ['no epoch', () => codec.encodeGenesis({ ...genesis, epoch: noEpoch }), 'range'],
  ['unsorted wraps', () => codec.encodeGenesis({ ...genesis, wraps: genesis.wraps.toReversed() }), 'order'],
  [
    'a short wrap',
    () =>
      codec.encodeRekey({ ...rekey, wraps: [{ deviceId: 'ab'.repeat(32), wrapped: wrapped.subarray(1) }] }),
    'length',
  ],
  [
    'chunks that are larger at least than at most',
    () => codec.encodeGenesis({ ...genesis, chunker: { minimum: 3, target: 2, maximum: 4 } }),
    'range',
  ],
  [
    'a target above the maximum',
    () => codec.encodeGenesis({ ...genesis, chunker: { minimum: 1, target: 5, maximum: 4 } }),
    'range',
  ],
  [
    'chunks of nothing',
    () => codec.encodeGenesis({ ...genesis, chunker: { minimum: 0, target: 2, maximum: 4 } }),
    'range',
  ],
  [
    'chunks above 1 GiB',
    () => codec.encodeGenesis({ ...genesis, chunker: { minimum: 1, target: 2, maximum: 2 ** 30 + 1 } }),
    'range',
  ],
  ['keys for a cache', () => codec.encodeGrant({ ...grant, role: 'cache' }), 'shape'],
  ['an epoch twice', () => codec.encodeGrant({ ...grant, wraps: [...grant.wraps, ...grant.wraps] }), 'order'],
  ['a short device id', () => codec.encodeRevoke({ deviceId: 'ab' }), 'length'],
  ['an epoch before itself', () => codec.encodeRekey({ ...rekey, epoch: rekey.previous[0]! }), 'range'],
  ['sealed keys of another length', () => codec.encodeRekey({ ...rekey, previous: [] }), 'length'],
  ['too many devices', () => codec.encodeRekey({ ...rekey, wraps: deviceWraps(limits.wraps + 1) }), 'limit'],
  [
    'too many devices at the start',
    () => codec.encodeGenesis({ ...genesis, wraps: deviceWraps(limits.wraps + 1) }),
    'limit',
  ],
  ['too many epochs', () => codec.encodeGrant({ ...grant, wraps: epochWraps(limits.wraps + 1) }), 'limit'],
])('%s is refused', (_name, make, reason) => expect(orReason(make)).toBe(reason))

test('as many devices and epochs as the limit says', () => {
  const many = { ...rekey, wraps: deviceWraps(limits.wraps) }
  expect(codec.decodeRekey(codec.encodeRekey(many)).wraps).toHaveLength(limits.wraps)
  const grants = { ...grant, wraps: epochWraps(limits.wraps) }
  expect(codec.decodeGrant(codec.encodeGrant(grants)).wraps).toHaveLength(limits.wraps)
  const previous = ids(limits.wraps, 32)
  const keys = { ...rekey, previous, sealedKeys: new Uint8Array(previous.length * 32 + 16) }
  expect(codec.decodeRekey(codec.encodeRekey(keys)).previous).toHaveLength(limits.wraps)
})

describe('decoders refuse', () => {
  const mapOf = (bytes: Uint8Array) => decodeCbor(bytes) as Map<number, unknown>
  const changed = (bytes: Uint8Array, key: number, value: unknown) =>
    new Uint8Array(encode(mapOf(bytes).set(key, value), rfc8949EncodeOptions))
  const without = (bytes: Uint8Array, key: number) => {
    const map = mapOf(bytes)
    map.delete(key)
    return new Uint8Array(encode(map, rfc8949EncodeOptions))
  }
  const bodies = {
    genesis: codec.encodeGenesis(genesis),
    grant: codec.encodeGrant(grant),
    revoke: codec.encodeRevoke(revoke),
    rekey: codec.encodeRekey(rekey),
  }
  const decoders = {
    genesis: codec.decodeGenesis,
    grant: codec.decodeGrant,
    revoke: codec.decodeRevoke,
    rekey: codec.decodeRekey,
  }
  const short = (record: DeviceRecord) => [
    record.signingKey,
    record.agreementKey.subarray(1),
    record.agreementSignature,
  ]

  test.each(['genesis', 'grant', 'revoke', 'rekey'] as const)(
    'another version, unknown and missing fields of a %s',
    (kind) => {
      const reason = (bytes: Uint8Array) => orReason(() => decoders[kind](bytes))
      expect(reason(changed(bodies[kind], 1, 2))).toBe('version')
      expect(reason(changed(bodies[kind], 99, 0))).toBe('shape')
      for (const key of mapOf(bodies[kind]).keys()) expect(reason(without(bodies[kind], key))).toBe('shape')
    },
  )

  test.each<[string, keyof typeof bodies, number, unknown, string]>([
    ['an unknown mode', 'genesis', 3, 2, 'range'],
    ['a record of two', 'genesis', 4, [new Uint8Array(32), new Uint8Array(32)], 'shape'],
    ['a short key', 'genesis', 4, short(genesis.creator), 'length'],
    ['an unknown role', 'grant', 3, 4, 'range'],
    ['a wrap of one', 'grant', 4, [[new Uint8Array(16)]], 'shape'],
    ['a device id of text', 'revoke', 2, 'x'.repeat(32), 'shape'],
    ['unsorted devices', 'rekey', 3, (mapOf(bodies.rekey).get(3) as unknown[]).toReversed(), 'order'],
    ['sealed keys cut off', 'rekey', 5, new Uint8Array(47), 'length'],
  ])('%s in a %s', (_name, kind, key, value, reason) => {
    expect(orReason(() => decoders[kind](changed(bodies[kind], key, value)))).toBe(reason)
  })

  test.each(['genesis', 'grant', 'revoke', 'rekey'] as const)(
    'the fields of a %s in another order',
    (kind) => {
      const reversed = new Map([...mapOf(bodies[kind])].reverse())
      const bytes = new Uint8Array(encode(reversed, { mapSorter: undefined } as never))
      expect(orReason(() => decoders[kind](bytes))).toBe('non-canonical')
    },
  )

  test('more bytes than a body may have', () => {
    expect(orReason(() => codec.decodeGrant(new Uint8Array(limits.bodyBytes)))).toBe('malformed')
    expect(orReason(() => codec.decodeGrant(new Uint8Array(limits.bodyBytes + 1)))).toBe('limit')
    const manyMaps = new Uint8Array(limits.bodyBytes).fill(0xa0)
    manyMaps.set([0x9a, 0, 0x0f, 0xff, 0xfb])
    for (const decode of [codec.decodeGenesis, codec.decodeGrant, codec.decodeRevoke, codec.decodeRekey]) {
      expect(orReason(() => decode(manyMaps))).toBe('limit')
    }
  })
})
