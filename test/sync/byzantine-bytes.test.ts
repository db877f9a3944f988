import { describe, expect, test } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { concatBytes, encodeCbor } from '../../src/sync/format/cbor.ts'
import { limits } from '../../src/sync/format/limits.ts'
import { encodeGrant, encodeRekey, encodeRevoke } from '../../src/sync/format/membership-codec.ts'
import { fromHex, rootNode } from '../../src/sync/ids.ts'
import { byzantineWorld, expectHonest, refusal } from './support/byzantine-world.ts'
import { EvilDevice } from './support/evil-device.ts'
import { ReplicaDevice } from './support/replica-device.ts'

const mkdir = { type: 'mkdir', node: 'ab'.repeat(16), parent: rootNode, name: 'd' } as const

/** Bytes in which one place reads otherwise. */
function replaced(bytes: Uint8Array, at: number, cut: number, ...insert: number[]): Uint8Array {
  return concatBytes(bytes.subarray(0, at), Uint8Array.from(insert), bytes.subarray(at + cut))
}

describe('I9 a batch', () => {
  test('with any bit of any byte changed', () => {
    const { anna, ben, evil } = byzantineWorld()
    const bytes = evil.batch([evil.operation(mkdir), evil.operation({ ...mkdir, name: 'e' })])
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit += at % 5 === 0 ? 1 : 3) {
        const changed = replaced(bytes, at, 1, bytes[at]! ^ (1 << bit))
        const { refused, accepted, pending, held } = anna.receive(changed, 'mallory')
        if (refused === undefined) throw new Error(`byte ${at}, bit ${bit}`)
        expect([accepted.length, pending, held.length]).toEqual([0, 0, 0])
      }
    }
    expect(refusal(anna, bytes.subarray(0, -1))).toBeDefined()
    expect(anna.receive(bytes).accepted).toHaveLength(2)
    expectHonest(anna, ben)
  })

  test('with a byte changed, under the real suite', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    const evil = new EvilDevice(anna)
    const bytes = evil.batch([evil.operation(mkdir)])
    for (let at = 0; at < bytes.length; at += 3) {
      expect(anna.receive(replaced(bytes, at, 1, bytes[at]! ^ 0x10)).refused, `byte ${at}`).toBeDefined()
    }
    expect(anna.receive(bytes).accepted).toHaveLength(1)
  })

  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['cut at its end', (bytes) => bytes.subarray(0, -1)],
    ['with a byte more', (bytes) => concatBytes(bytes, Uint8Array.of(0))],
    ['with a longer head for its map', (bytes) => replaced(bytes, 0, 1, 0xb8, 5)],
    [
      'as a map of indefinite length',
      (bytes) => concatBytes(replaced(bytes, 0, 1, 0xbf), Uint8Array.of(0xff)),
    ],
    ['with a longer number', (bytes) => replaced(bytes, 2, 1, 0x18, 1)],
    ['in a later version', (bytes) => replaced(bytes, 2, 1, 2)],
    ['with its version twice', (bytes) => replaced(bytes, 0, 3, 0xa6, 1, 1, 1, 1)],
    ['with a field more', (bytes) => concatBytes(replaced(bytes, 0, 1, 0xa6), Uint8Array.of(6, 0))],
    ['in a tag', (bytes) => concatBytes(Uint8Array.of(0xc1), bytes)],
    ['in a byte string', (bytes) => encodeCbor(bytes)],
    ['twice', (bytes) => concatBytes(bytes, bytes)],
    ['of 4 GiB, as it says', (bytes) => replaced(bytes, 0, 1, 0xba, 0xff, 0xff, 0xff, 0xff)],
  ])('%s', (_, change) => {
    const { anna, ben, evil } = byzantineWorld()
    const bytes = evil.batch([evil.operation(mkdir)])
    expect(refusal(anna, change(bytes))).toMatch(/^(?:malformed|shape|version|non-canonical|limit|range)$/)
    expect(refusal(anna, bytes.subarray(0, 0))).toBeDefined()
    expectHonest(anna, ben)
  })

  test.each<[string, Uint8Array]>([
    ['a million lists in one another', new Uint8Array(1_000_000).fill(0x81)],
    ['a list of 2^53 items', fromHex('9b001fffffffffffff')],
    ['a map of 2^64 fields', fromHex('bbffffffffffffffff')],
    ['a string of 2^32 bytes', fromHex('5affffffff')],
    [
      'a batch that says it has 2^32 entries',
      fromHex(`a5010102 5820${'11'.repeat(32)} 03 5820${'22'.repeat(32)} 04 9affffffff`.replaceAll(' ', '')),
    ],
    ['more bytes than a batch may have', new Uint8Array(limits.batchBytes + 1)],
    ['nothing', new Uint8Array(0)],
  ])('that is %s', (_, bytes) => {
    const { anna, ben } = byzantineWorld()
    expect(refusal(anna, bytes)).toBeDefined()
    expect(anna.replica.receiveStatement(bytes, 'mallory', anna.now).outcome).toBe('refused-format')
    expectHonest(anna, ben)
  })

  test('with more entries than a batch may have', () => {
    const { anna, evil } = byzantineWorld()
    const revokes = Array.from({ length: limits.batchEntries + 1 }, () => evil.revoke('ab'.repeat(32)))
    const batch = evil.make(revokes)
    expect(() => evil.batch(revokes)).toThrow('limit')
    expect(refusal(anna, encodeLoosely(batch))).toBe('limit')
  })
})

/** As `encodeBatch`, without its limits. */
function encodeLoosely(batch: ReturnType<EvilDevice['make']>): Uint8Array {
  return encodeCbor(
    new Map<number, never>([
      [1, 1],
      [2, batch.publicKey],
      [3, fromHex(batch.entries[0]!.prev)],
      [4, batch.entries.map(({ metaBytes, body }) => [metaBytes, body, null])],
      [5, batch.signature],
    ] as never),
  )
}

describe('I9 an entry that is signed and hashed right', () => {
  test.each<[string, (meta: Uint8Array) => Uint8Array]>([
    ['a byte after its meta', (meta) => concatBytes(meta, Uint8Array.of(0))],
    ['a longer head for its meta', (meta) => replaced(meta, 0, 1, 0xb8, meta[0]! & 31)],
    ['a meta of a later version', (meta) => replaced(meta, 2, 1, 2)],
    ['a meta with a longer version', (meta) => replaced(meta, 2, 1, 0x18, 1)],
    ['a meta with a field twice', (meta) => replaced(meta, 0, 3, (meta[0]! + 1) & 0xff, 1, 1, 1, 1)],
    ['a meta as a list', (meta) => replaced(meta, 0, 1, 0x8b)],
    ['a meta longer than one may be', (meta) => concatBytes(meta, new Uint8Array(limits.metaBytes))],
    ['an empty meta', () => new Uint8Array(0)],
  ])('with %s', (_, rewrite) => {
    const { anna, ben, evil } = byzantineWorld('admin')
    for (const content of [evil.operation(mkdir), evil.revoke(ben.id)]) {
      const bytes = evil.batch([content], { rewrite })
      expect(refusal(anna, bytes)).toMatch(/^(?:malformed|shape|version|non-canonical|limit)$/)
      Object.assign(evil, { seq: 0, prev: undefined })
    }
    expectHonest(anna, ben)
  })

  const record = new ReplicaDevice().keys.record
  const grant = encodeGrant({ device: record, role: 'admin', wraps: [] })
  const revoke = encodeRevoke({ deviceId: 'ab'.repeat(32) })
  const rekey = encodeRekey({
    epoch: 'cd'.repeat(16),
    wraps: [],
    previous: [],
    sealedKeys: new Uint8Array(16),
  })

  test.each([
    ['grant', grant],
    ['revoke', revoke],
    ['rekey', rekey],
  ] as const)('with a %s in other bytes than its own', (kind, body) => {
    const { anna, ben, evil } = byzantineWorld('admin')
    const variants = [
      replaced(body, 0, 1, 0xb8, body[0]! & 31),
      concatBytes(replaced(body, 1, 2), Uint8Array.of(1, 1)),
      concatBytes(replaced(body, 0, 1, 0xbf), Uint8Array.of(0xff)),
      replaced(body, 2, 1, 0x18, 1),
      replaced(body, 2, 1, 2),
      replaced(body, 0, 3, body[0]! + 1, 1, 1, 1, 1),
      concatBytes(replaced(body, 0, 1, body[0]! + 1), Uint8Array.of(9, 0)),
      concatBytes(body, Uint8Array.of(0)),
      body.subarray(0, -1),
      new Uint8Array(0),
      new Uint8Array(300_000).fill(0x81),
      Uint8Array.of(0xf9, 0x7e, 0),
    ]
    for (const variant of variants) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([{ kind, body: variant }]))).toBeDefined()
    }
    expectHonest(anna, ben)
  })

  test('with chunks that are not those it names', () => {
    const { anna, ben, evil } = byzantineWorld()
    const chunkList = new Uint8Array(64).fill(1)
    const hash = 'ab'.repeat(32)
    for (const more of [
      { chunks: { hash, count: 2 }, chunkList },
      { chunks: { hash, count: 2 } },
      { chunkList },
      {
        chunks: { hash, count: limits.inlineChunks + 1 },
        chunkList: new Uint8Array(32 * (limits.inlineChunks + 1)),
      },
    ]) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([{ ...evil.operation(mkdir), ...more }]))).toMatch(
        /^(?:hash|shape|limit)$/,
      )
    }
    expectHonest(anna, ben)
  })
})
