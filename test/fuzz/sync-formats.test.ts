import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeSuite as suite } from '../../src/sync/crypto/node-suite.ts'
import * as batches from '../../src/sync/format/batch-codec.ts'
import { decodeCbor, encodeCbor } from '../../src/sync/format/cbor.ts'
import type { CborValue } from '../../src/sync/format/cbor.ts'
import { deviceText, parseDeviceText } from '../../src/sync/format/device-text.ts'
import { decodeMeta, encodeMeta } from '../../src/sync/format/entry-codec.ts'
import { FormatError, formatReasons } from '../../src/sync/format/format-error.ts'
import * as membership from '../../src/sync/format/membership-codec.ts'
import { decodeOperation, encodeOperation } from '../../src/sync/format/operation-codec.ts'
import { entrySecret, openOperation } from '../../src/sync/format/sealing.ts'
import * as statements from '../../src/sync/format/statement-codec.ts'
import * as samples from '../sync/support/format-samples.ts'

/** Input per decoder; more with HARP_FUZZ_RUNS. A failure prints seed and path. */
const runs = Number(process.env['HARP_FUZZ_RUNS'] ?? 150)

interface Codec {
  readonly name: string
  /** Encodes what it decoded, by the encoder. */
  readonly again: (bytes: Uint8Array) => Uint8Array
  readonly good: readonly Uint8Array[]
}

const codec = <T>(
  name: string,
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  ...good: Uint8Array[]
): Codec => ({ name, again: (bytes) => encode(decode(bytes)), good })

const { foundingBatch, operationBatch, operationEntries, frontier, signed } = samples
const codecs: Codec[] = [
  codec('CBOR', (bytes) => decodeCbor(bytes) as CborValue, encodeCbor, encodeCbor([1, 'two', null, [true]])),
  codec('meta', decodeMeta, encodeMeta, ...operationEntries.map((entry) => entry.metaBytes)),
  codec(
    'batch',
    (bytes) => batches.decodeBatch(suite, bytes),
    batches.encodeBatch,
    batches.encodeBatch(operationBatch),
    batches.encodeBatch(foundingBatch),
  ),
  codec('operation', decodeOperation, encodeOperation, ...samples.operations.map(encodeOperation)),
  codec(
    'genesis',
    membership.decodeGenesis,
    membership.encodeGenesis,
    membership.encodeGenesis(samples.genesis),
    membership.encodeGenesis(samples.peerGenesis),
  ),
  codec('grant', membership.decodeGrant, membership.encodeGrant, membership.encodeGrant(samples.grant)),
  codec('revoke', membership.decodeRevoke, membership.encodeRevoke, membership.encodeRevoke(samples.revoke)),
  codec('rekey', membership.decodeRekey, membership.encodeRekey, membership.encodeRekey(samples.rekey)),
  codec('statement', statements.decodeStatement, statements.encodeStatement, signed.bytes),
  codec(
    'signed statement',
    statements.decodeSignedStatement,
    statements.encodeSignedStatement,
    statements.encodeSignedStatement(signed),
  ),
  codec(
    'authority statement',
    statements.decodeAuthorityStatement,
    statements.encodeAuthorityStatement,
    statements.encodeAuthorityStatement({ signed, changedHeads: frontier }),
  ),
  codec(
    'frontier',
    statements.decodeFrontier,
    statements.encodeFrontier,
    statements.encodeFrontier(frontier),
  ),
]

/** What a decoder may do with any bytes: refuse with a reason of the list, or accept the one encoding of a value. */
function isHandled(bytes: Uint8Array, again: (bytes: Uint8Array) => Uint8Array, exact: boolean): boolean {
  try {
    const encoded = again(bytes)
    return !exact || Buffer.compare(encoded, bytes) === 0
  } catch (error) {
    return error instanceof FormatError && formatReasons.includes(error.reason)
  }
}

type Mutation = (bytes: Uint8Array) => Uint8Array
const splice =
  (at: number, cut: number, put: Uint8Array): Mutation =>
  (bytes) => {
    const from = at % (bytes.length + 1)
    return Uint8Array.from([...bytes.subarray(0, from), ...put, ...bytes.subarray(from + cut)])
  }
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(100_000), fc.nat(7)).map(([at, bit]): Mutation => (bytes) => {
    const changed = Uint8Array.from(bytes)
    const place = at % changed.length
    changed[place] = changed[place]! ^ (1 << bit)
    return changed
  }),
  fc.tuple(fc.nat(100_000), fc.nat(40)).map(([at, cut]) => splice(at, cut, new Uint8Array(0))),
  fc.tuple(fc.nat(100_000), fc.nat(4), fc.uint8Array({ maxLength: 9 })).map((parts) => splice(...parts)),
  // Heads with large, longer than needed, reserved or indefinite arguments.
  fc
    .tuple(
      fc.nat(100_000),
      fc.nat(7),
      fc.constantFrom(24, 25, 26, 27, 28, 31),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([at, major, minor, rest]) => splice(at, 1, Uint8Array.from([(major << 5) | minor, ...rest]))),
)

describe.each(codecs)('any bytes to the decoder of: $name', ({ name, again, good }) => {
  // The generic decoder leaves the order of keys and the shape to the codecs above it.
  const exact = name !== 'CBOR'

  test('what is right is read', () => {
    for (const bytes of good) expect(again(bytes)).toEqual(bytes)
  })

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(isHandled(bytes, again, false)).toBe(true)
      }),
      { numRuns: runs },
    )
  })

  test('right bytes, changed in one to four places', () => {
    const input = fc.tuple(fc.constantFrom(...good), fc.array(mutation, { minLength: 1, maxLength: 4 }))
    fc.assert(
      fc.property(input, ([bytes, mutations]) => {
        const changed = mutations.reduce((before, mutate) => mutate(before), bytes)
        expect(isHandled(changed, again, exact)).toBe(true)
      }),
      { numRuns: runs },
    )
  })

  test('other CBOR', () => {
    const leaf = fc.oneof(
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.string(),
      fc.uint8Array({ maxLength: 70 }),
    )
    const list = fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 4 })), { maxLength: 5 })
    const value = fc.oneof(leaf, list)
    const map = fc
      .dictionary(fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '9'), value)
      .map((fields) => {
        const keys = Object.keys(fields).sort()
        return new Map(keys.map((key) => [Number(key), fields[key] ?? null]))
      })
    fc.assert(
      fc.property(fc.oneof(map, list), (item) => {
        expect(isHandled(encodeCbor(item), again, exact)).toBe(true)
      }),
      { numRuns: runs },
    )
  })
})

test('any bytes as an item of a batch', () => {
  const entry = operationEntries[0]!
  const [place] = batches.entryPlaces(operationBatch)
  const item = batches.encodeBatch(operationBatch).subarray(place!.offset, place!.offset + place!.length)
  const again = (bytes: Uint8Array) => batches.decodeEntryItem(suite, bytes, entry.prev).metaBytes
  expect(again(item)).toEqual(entry.metaBytes)
  fc.assert(
    fc.property(mutation, (mutate) => {
      expect(isHandled(mutate(item), again, false)).toBe(true)
    }),
    { numRuns: runs },
  )
})

test('any bytes as a body', () => {
  const { meta, prev, body } = operationEntries[1]!
  const secret = entrySecret(suite, samples.secondKey, meta, prev, body)
  const handled = (bytes: Uint8Array) =>
    Buffer.compare(bytes, body) === 0 || openOperation(suite, secret, meta, bytes) === 'sealed'
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(handled(bytes)).toBe(true)
    }),
    { numRuns: runs },
  )
  fc.assert(
    fc.property(mutation, (mutate) => {
      expect(handled(mutate(body))).toBe(true)
    }),
    { numRuns: runs },
  )
})

test('any text as a device id', () => {
  const text = fc.oneof(fc.string({ maxLength: 70 }), fc.stringMatching(/^[A-Z2-7]{56}$/))
  fc.assert(
    fc.property(text, (any) => {
      expect(parseDeviceText(suite, any)).toBeUndefined()
    }),
    { numRuns: runs },
  )
  expect(parseDeviceText(suite, deviceText(suite, samples.folderId))).toBe(samples.folderId)
})
