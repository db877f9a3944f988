import { encode, rfc8949EncodeOptions } from 'cborg'
import { encodeBatch } from '../../../src/sync/format/batch-codec.ts'
import { decodeCbor } from '../../../src/sync/format/cbor.ts'
import type { FormatReason } from '../../../src/sync/format/format-error.ts'
import * as membership from '../../../src/sync/format/membership-codec.ts'
import { encodeOperation } from '../../../src/sync/format/operation-codec.ts'
import { encodeFrontier, encodeSignedStatement } from '../../../src/sync/format/statement-codec.ts'
import { fromHex } from '../../../src/sync/ids.ts'
import * as samples from './format-samples.ts'

export type RefusedKind =
  | 'meta'
  | 'batch'
  | 'operation'
  | 'genesis'
  | 'grant'
  | 'revoke'
  | 'rekey'
  | 'statement'
  | 'signed'
  | 'frontier'

export interface RefusedInput {
  readonly kind: RefusedKind
  readonly why: string
  readonly reason: FormatReason
  readonly bytes: Uint8Array
}

/** One wrong thing each, where all else is right. */
export function refusedInputs(): RefusedInput[] {
  return [...metas(), ...batches(), ...operations(), ...bodies(), ...statements()]
}

type Fields = Map<number, unknown>
type Row = [why: string, reason: FormatReason, change: (fields: Fields) => unknown]

const cborOf = (value: unknown): Uint8Array => new Uint8Array(encode(value, rfc8949EncodeOptions))

function changedFields(kind: RefusedKind, good: Uint8Array, rows: readonly Row[]): RefusedInput[] {
  return rows.map(([why, reason, change]) => {
    const fields = decodeCbor(good) as Fields
    change(fields)
    return { kind, why, reason, bytes: cborOf(fields) }
  })
}

/** The same value in bytes that are not its encoding, and what is not CBOR of ours. */
function otherBytes(kind: RefusedKind, good: Uint8Array): RefusedInput[] {
  const [head = 0, ...rest] = good
  return [
    {
      kind,
      why: 'nothing',
      reason: 'malformed',
      bytes: new Uint8Array(0),
    },
    { kind, why: 'cut off by one byte', reason: 'malformed', bytes: good.slice(0, -1) },
    { kind, why: 'one byte after the end', reason: 'malformed', bytes: Uint8Array.of(...good, 0) },
    {
      kind,
      why: 'a tag around it',
      reason: kind === 'batch' || kind === 'meta' ? 'shape' : 'malformed',
      bytes: Uint8Array.of(0xc1, ...good),
    },
    {
      kind,
      why: 'a head that is longer than needed',
      reason: kind === 'batch' || kind === 'meta' ? 'non-canonical' : 'malformed',
      bytes: Uint8Array.of((head & 0xe0) | 0x18, head & 0x1f, ...rest),
    },
  ]
}

function metas(): RefusedInput[] {
  const good = samples.operationEntries[0]!.metaBytes
  return [
    ...otherBytes('meta', good),
    ...changedFields('meta', good, [
      ['version 2', 'version', (fields) => fields.set(1, 2)],
      ['folder id of 31 bytes', 'length', (fields) => fields.set(2, new Uint8Array(31))],
      ['an operation without folder', 'range', (fields) => fields.set(2, new Uint8Array(32))],
      ['device id as text', 'shape', (fields) => fields.set(3, 'ab'.repeat(16))],
      ['seq below zero', 'shape', (fields) => fields.set(5, -1)],
      ['seq of 2^53', 'range', (fields) => fields.set(5, 2n ** 53n)],
      ['clock as a number', 'shape', (fields) => fields.set(6, 5)],
      ['clock of 7 bytes', 'length', (fields) => fields.set(6, new Uint8Array(7))],
      ['parents not sorted', 'order', (fields) => fields.set(7, (fields.get(7) as unknown[]).toReversed())],
      ['a parent twice', 'order', (fields) => fields.set(7, [new Uint8Array(32), new Uint8Array(32)])],
      [
        '17 parents',
        'limit',
        (fields) =>
          fields.set(
            7,
            Array.from({ length: 17 }, (_, index) => new Uint8Array(32).fill(index)),
          ),
      ],
      ['an operation without epoch', 'range', (fields) => fields.set(8, new Uint8Array(16))],
      ['kind 5', 'range', (fields) => fields.set(9, 5)],
      ['a grant with an epoch', 'range', (fields) => fields.set(9, 2)],
      ['genesis with seq and parents', 'range', (fields) => fields.set(9, 0).set(2, new Uint8Array(32))],
      ['a body above 1 MiB', 'limit', (fields) => fields.set(11, 1_048_577)],
      ['a chunk count without hash', 'shape', (fields) => fields.set(13, 1)],
      ['a chunk list of none', 'range', (fields) => fields.set(12, new Uint8Array(32)).set(13, 0)],
      ['2^32 chunks', 'limit', (fields) => fields.set(12, new Uint8Array(32)).set(13, 0x1_0000_0000)],
      [
        'chunks of a grant',
        'shape',
        (fields) => fields.set(8, new Uint8Array(16)).set(9, 2).set(12, new Uint8Array(32)).set(13, 1),
      ],
      ['field 14', 'shape', (fields) => fields.set(14, 0)],
      ['no field 11', 'shape', (fields) => fields.delete(11)],
    ]),
  ]
}

function batches(): RefusedInput[] {
  const good = encodeBatch(samples.operationBatch)
  const items = (fields: Fields) => fields.get(4) as unknown[][]
  const other = samples.server.record.signingKey
  const flipped = (value: unknown) => {
    const bytes = Uint8Array.from(value as Uint8Array)
    bytes[0]! ^= 1
    return bytes
  }
  return [
    ...otherBytes('batch', good),
    ...changedFields('batch', good, [
      ['version 0', 'version', (fields) => fields.set(1, 0)],
      ['the key of another device', 'key', (fields) => fields.set(2, other)],
      ['an entry left out', 'chain', (fields) => items(fields).splice(2, 1)],
      ['no entries', 'shape', (fields) => fields.set(4, [])],
      [
        'entries swapped',
        'chain',
        (fields) => items(fields).splice(3, 2, items(fields)[4]!, items(fields)[3]!),
      ],
      ['parents within', 'chain', (fields) => items(fields).splice(1, 0, items(fields)[0]!)],
      ['a changed body', 'hash', (fields) => (items(fields)[0]![1] = flipped(items(fields)[0]![1]))],
      ['a body cut off', 'length', (fields) => (items(fields)[0]![1] = new Uint8Array(8))],
      ['a changed chunk list', 'hash', (fields) => (items(fields)[1]![2] = flipped(items(fields)[1]![2]))],
      ['a chunk list too short', 'length', (fields) => (items(fields)[1]![2] = new Uint8Array(64))],
      ['no chunk list', 'shape', (fields) => (items(fields)[1]![2] = null)],
      ['a chunk list too many', 'shape', (fields) => (items(fields)[0]![2] = new Uint8Array(32))],
      ['a signature of 63 bytes', 'length', (fields) => fields.set(5, new Uint8Array(63))],
      ['field 6', 'shape', (fields) => fields.set(6, 0)],
    ]),
    ...changedFields('batch', encodeBatch(samples.foundingBatch), [
      ['another start of the chain', 'chain', (fields) => fields.set(3, new Uint8Array(32))],
    ]),
  ]
}

function operations(): RefusedInput[] {
  const [mkdir, put, , , symlink, attr, , trash, restore] = samples.operations.map(encodeOperation)
  const key = (fields: Fields, name: string) => fields.set(3, name)
  return [
    ...otherBytes('operation', mkdir!),
    ...changedFields('operation', mkdir!, [
      ['type 0', 'range', (fields) => fields.set(0, 0)],
      ['type 9', 'range', (fields) => fields.set(0, 9)],
      ['the root as node', 'range', (fields) => fields.set(1, new Uint8Array(16))],
      ['node of 15 bytes', 'length', (fields) => fields.set(1, new Uint8Array(15))],
      ['no parent', 'shape', (fields) => fields.delete(2)],
      ['no name', 'text', (fields) => key(fields, '')],
      ['name .', 'text', (fields) => key(fields, '.')],
      ['name ..', 'text', (fields) => key(fields, '..')],
      ['name with a slash', 'text', (fields) => key(fields, 'a/b')],
      ['name with NUL', 'text', (fields) => key(fields, 'a\0b')],
      ['name of 256 bytes', 'limit', (fields) => key(fields, 'é'.repeat(128))],
      ['field 4', 'shape', (fields) => fields.set(4, 0)],
    ]),
    ...changedFields('operation', put!, [
      ['size below zero', 'range', (fields) => fields.set(5, -1)],
      ['nanos of a second', 'range', (fields) => fields.set(6, [0, 1_000_000_000])],
      ['exec as a number', 'shape', (fields) => fields.set(7, 0)],
      ['content hash of 20 bytes', 'length', (fields) => fields.set(8, new Uint8Array(20))],
      ['a base twice', 'order', (fields) => fields.set(9, [new Uint8Array(32), new Uint8Array(32)])],
    ]),
    ...changedFields('operation', symlink!, [['no target', 'text', (fields) => fields.set(4, '')]]),
    ...changedFields('operation', attr!, [
      ['nothing set', 'shape', (fields) => fields.delete(2) && fields.delete(3)],
    ]),
    ...changedFields('operation', trash!, [['a name', 'shape', (fields) => key(fields, 'x')]]),
    ...changedFields('operation', restore!, [['of nothing', 'shape', (fields) => fields.set(2, [])]]),
    {
      kind: 'operation',
      why: 'keys not in order',
      reason: 'non-canonical',
      bytes: fromHex(`a20150${'01'.repeat(16)}0006`),
    },
    { kind: 'operation', why: 'a float', reason: 'malformed', bytes: fromHex('a100f94800') },
    { kind: 'operation', why: 'a map of unknown length', reason: 'malformed', bytes: fromHex('bf0008ff') },
    { kind: 'operation', why: 'a key twice', reason: 'malformed', bytes: fromHex('a200080008') },
    { kind: 'operation', why: 'text that is not UTF-8', reason: 'malformed', bytes: fromHex('a1000861ff') },
    {
      kind: 'operation',
      why: 'lists in lists',
      reason: 'malformed',
      bytes: new Uint8Array(1_000).fill(0x81),
    },
  ]
}

function bodies(): RefusedInput[] {
  const genesis = membership.encodeGenesis(samples.genesis)
  const rekey = membership.encodeRekey(samples.rekey)
  return [
    ...otherBytes('genesis', genesis),
    ...changedFields('genesis', genesis, [
      ['version 2', 'version', (fields) => fields.set(1, 2)],
      ['suite 0', 'range', (fields) => fields.set(2, 0)],
      ['mode 2', 'range', (fields) => fields.set(3, 2)],
      ['peer mode with an authority', 'shape', (fields) => fields.set(3, 0)],
      ['an authority missing', 'shape', (fields) => fields.delete(5)],
      ['chunks of nothing', 'range', (fields) => fields.set(6, [0, 1, 2])],
      ['a target above the maximum', 'range', (fields) => fields.set(6, [1, 3, 2])],
      ['salt of 16 bytes', 'length', (fields) => fields.set(7, new Uint8Array(16))],
      ['no epoch', 'range', (fields) => fields.set(8, new Uint8Array(16))],
      ['wraps not sorted', 'order', (fields) => fields.set(9, (fields.get(9) as unknown[]).toReversed())],
    ]),
    ...changedFields('grant', membership.encodeGrant(samples.grant), [
      ['role 4', 'range', (fields) => fields.set(3, 4)],
      ['keys for a cache', 'shape', (fields) => fields.set(3, 0)],
      [
        'a wrap of 79 bytes',
        'length',
        (fields) => fields.set(4, [[new Uint8Array(16).fill(1), new Uint8Array(79)]]),
      ],
      ['a record of two', 'shape', (fields) => (fields.get(2) as unknown[]).pop()],
    ]),
    ...changedFields('revoke', membership.encodeRevoke(samples.revoke), [
      ['a device id of 16 bytes', 'length', (fields) => fields.set(2, new Uint8Array(16))],
      ['a role', 'shape', (fields) => fields.set(3, 1)],
    ]),
    ...changedFields('rekey', rekey, [
      ['its own epoch before it', 'range', (fields) => fields.set(4, [fields.get(2)])],
      ['keys of another number', 'length', (fields) => fields.set(4, [])],
    ]),
  ]
}

function statements(): RefusedInput[] {
  const { bytes } = samples.signed
  const row = [new Uint8Array(32), new Uint8Array(16), 0, new Uint8Array(32)]
  return [
    ...otherBytes('statement', bytes),
    ...changedFields('statement', bytes, [
      ['version 2', 'version', (fields) => fields.set(1, 2)],
      ['the second with none before', 'range', (fields) => fields.set(4, 1)],
      ['the first with one before', 'range', (fields) => fields.set(10, new Uint8Array(32).fill(1))],
      ['a root of 31 bytes', 'length', (fields) => fields.set(6, new Uint8Array(31))],
      ['no field 9', 'shape', (fields) => fields.delete(9)],
    ]),
    ...changedFields('signed', encodeSignedStatement(samples.signed), [
      ['a signature of 65 bytes', 'length', (fields) => fields.set(4, new Uint8Array(65))],
      ['bytes that are no statement', 'malformed', (fields) => fields.set(2, new Uint8Array(1).fill(0xff))],
    ]),
    ...otherBytes('frontier', encodeFrontier(samples.frontier)),
    { kind: 'frontier', why: 'a head twice', reason: 'order', bytes: cborOf([row, row]) },
    { kind: 'frontier', why: 'a head of three', reason: 'shape', bytes: cborOf([row.slice(1)]) },
  ]
}
