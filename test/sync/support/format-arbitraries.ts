import fc from 'fast-check'
import { entryKinds } from '../../../src/sync/format/entry.ts'
import type { EntryMeta } from '../../../src/sync/format/entry.ts'
import type { Operation, Timestamp } from '../../../src/sync/format/operation.ts'
import type { ChainHead, Statement } from '../../../src/sync/format/statement.ts'
import { compareIds, noEpoch, noFolder, noHash, rootNode, toHex } from '../../../src/sync/ids.ts'
import { compareHeads } from '../../../src/sync/format/statement-codec.ts'

/** Anything that may be written, borders included. */

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const id = (length: number, reserved: string) =>
  bytes(length)
    .map(toHex)
    .filter((text) => text !== reserved)
const hash = bytes(32).map(toHex)
const idList = (most: number) => fc.uniqueArray(hash, { maxLength: most }).map((ids) => ids.sort(compareIds))
const hlc = fc.record({ ms: fc.nat(2 ** 48 - 1), counter: fc.nat(65_535) })

export const anyMeta: fc.Arbitrary<EntryMeta> = fc
  .record({
    kind: fc.constantFrom(...entryKinds),
    folderId: id(32, noFolder),
    deviceId: hash,
    incarnation: bytes(16).map(toHex),
    seq: fc.maxSafeNat(),
    hlc,
    parents: idList(16),
    epoch: id(16, noEpoch),
    bodyHash: hash,
    bodyLength: fc.nat(1024 * 1024),
    chunks: fc.option(fc.record({ hash, count: fc.integer({ min: 1, max: 0xffff_ffff }) }), {
      nil: undefined,
    }),
  })
  .map((meta) => ({
    ...meta,
    ...(meta.kind === 'genesis' && { folderId: noFolder, seq: 0, parents: [] }),
    ...(meta.kind !== 'operation' && { epoch: noEpoch, chunks: undefined }),
  }))

const node = id(16, rootNode)
const place = { node, parent: bytes(16).map(toHex) }
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .map((text) => text.normalize('NFC').replaceAll(/[/\0]/g, '_'))
  .filter((text) => text !== '.' && text !== '..' && new TextEncoder().encode(text).length <= 255)
const mtime: fc.Arbitrary<Timestamp> = fc.record({ seconds: fc.maxSafeInteger(), nanos: fc.nat(999_999_999) })
const content = fc.record({
  manifest: fc.uint8Array({ maxLength: 300 }),
  size: fc.maxSafeNat(),
  mtime,
  exec: fc.boolean(),
  hash,
})
const type = <T extends string>(value: T) => fc.constant(value)

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: type('mkdir'), ...place, name }),
  fc.record({ type: type('put'), ...place, name, content, bases: idList(4) }),
  fc.record({ type: type('move'), ...place, name }),
  fc.record({ type: type('symlink'), ...place, name, target: name, bases: idList(4) }),
  fc.record(
    { type: type('attr'), node, mtime, exec: fc.boolean() },
    { requiredKeys: ['type', 'node', 'exec'] },
  ),
  fc.record(
    { type: type('attr'), node, mtime, exec: fc.boolean() },
    { requiredKeys: ['type', 'node', 'mtime'] },
  ),
  fc.record({ type: type('trash'), node }),
  fc.record({ type: type('restore'), node, trashes: idList(4).filter((list) => list.length > 0) }),
  fc.record({ type: type('merge') }),
)

export const anyStatement: fc.Arbitrary<Statement> = fc
  .record({
    folderId: hash,
    issuer: hash,
    index: fc.maxSafeNat(),
    size: fc.maxSafeNat(),
    logRoot: hash,
    mapRoot: hash,
    frontierHash: hash,
    hlc,
    previous: id(32, noHash),
  })
  .map((statement) => (statement.index === 0 ? { ...statement, previous: noHash } : statement))

export const anyFrontier: fc.Arbitrary<ChainHead[]> = fc
  .uniqueArray(
    fc.record({
      deviceId: fc.constantFrom('00'.repeat(32), '7f'.repeat(32), 'ff'.repeat(32)),
      incarnation: fc.constantFrom('00'.repeat(16), 'ff'.repeat(16)),
      seq: fc.oneof(fc.nat(3), fc.maxSafeNat()),
      hash,
    }),
    { selector: (head) => JSON.stringify(head), maxLength: 20 },
  )
  .map((heads) => heads.sort(compareHeads))
