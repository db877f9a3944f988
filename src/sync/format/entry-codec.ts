import type { CryptoSuite } from '../crypto/suite.ts'
import { labels } from '../crypto/labels.ts'
import { fromHex, hashLength, noEpoch, noFolder, shortIdLength, toHex } from '../ids.ts'
import type { DeviceId, EntryHash, FolderId, Incarnation } from '../ids.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { decodeHlc, encodeHlc, plainView } from './cbor.ts'
import { entryKinds } from './entry.ts'
import type { ChunkListRef, EntryMeta } from './entry.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import { requireAtMost, requireSorted, requireUint } from './rules.ts'

/** All of a meta that is known before the body is sealed. */
export type PartialMeta = Omit<EntryMeta, 'bodyHash' | 'bodyLength'>

const formatVersion = 1
const hashDigits = hashLength * 2
const shortDigits = shortIdLength * 2
/** For one meta at a time: making a buffer costs more than filling it. */
const scratch = new ByteWriter(limits.metaBytes)

export function encodeMeta(meta: EntryMeta): Uint8Array {
  return encodeFields(meta, meta)
}

/** Associated data of a sealed body, and what its secret is derived from: the meta without keys 10 and 11. */
export function encodePartialMeta(meta: PartialMeta): Uint8Array {
  return encodeFields(meta, undefined)
}

/** Throws FormatError for all but the one encoding of an acceptable meta. */
export function decodeMeta(bytes: Uint8Array): EntryMeta {
  requireAtMost(bytes.length, limits.metaBytes)
  const reader = new ByteReader(plainView(bytes))
  const fields = reader.head(5)
  if (fields !== 11 && fields !== 13) throw new FormatError('shape', `${fields} fields`)
  reader.key(1)
  if (reader.uint() !== formatVersion) throw new FormatError('version', 'another format version')
  reader.key(2)
  const folderId = reader.id(hashLength)
  reader.key(3)
  const deviceId = reader.id(hashLength)
  reader.key(4)
  const incarnation = reader.id(shortIdLength)
  reader.key(5)
  const seq = reader.uint()
  reader.key(6)
  const hlc = decodeHlc(reader.bytes(8))
  reader.key(7)
  const parents = readParents(reader)
  reader.key(8)
  const epoch = reader.id(shortIdLength)
  reader.key(9)
  const kind = entryKinds[reader.uint()]
  if (kind === undefined) throw new FormatError('range', 'kind')
  reader.key(10)
  const bodyHash = reader.id(hashLength)
  reader.key(11)
  const bodyLength = reader.uint()
  const chunks = fields === 13 ? readChunks(reader) : undefined
  reader.end()
  const partial = { folderId, deviceId, incarnation, seq, hlc, parents, epoch, kind, chunks }
  // The reader takes shortest heads and this order of fields only: what keeps the rules encodes to the same bytes.
  requireRules(partial)
  requireAtMost(bodyLength, limits.bodyBytes)
  return { ...partial, bodyHash, bodyLength }
}

/** `SHA3-256(serialize(meta) || prev_hash)` */
export function entryHash(suite: CryptoSuite, metaBytes: Uint8Array, prev: EntryHash): EntryHash {
  return toHex(suite.hash(metaBytes, fromHex(prev)))
}

/** What stands for the hash before the first entry of a chain. For genesis, `folderId` is `noFolder`. */
export function chainStart(
  suite: CryptoSuite,
  folderId: FolderId,
  deviceId: DeviceId,
  incarnation: Incarnation,
): EntryHash {
  return toHex(suite.hash(labels.chain, fromHex(folderId), fromHex(deviceId), fromHex(incarnation)))
}

function readParents(reader: ByteReader): EntryHash[] {
  const count = reader.head(4)
  requireAtMost(count, limits.parents)
  const parents: EntryHash[] = []
  for (let index = 0; index < count; index++) parents.push(reader.id(hashLength))
  return parents
}

function readChunks(reader: ByteReader): ChunkListRef {
  reader.key(12)
  const hash = reader.id(hashLength)
  reader.key(13)
  return { hash, count: reader.uint() }
}

function encodeFields(
  meta: PartialMeta,
  body: { bodyHash: string; bodyLength: number } | undefined,
): Uint8Array {
  requireRules(meta)
  const writer = scratch.restart()
  writer.head(5, 9 + (body === undefined ? 0 : 2) + (meta.chunks === undefined ? 0 : 2))
  writer.byte(1)
  writer.uint(formatVersion)
  writer.byte(2)
  writeId(writer, meta.folderId, hashDigits)
  writer.byte(3)
  writeId(writer, meta.deviceId, hashDigits)
  writer.byte(4)
  writeId(writer, meta.incarnation, shortDigits)
  writer.byte(5)
  writer.uint(requireUint(meta.seq))
  writer.byte(6)
  writer.bytes(encodeHlc(meta.hlc))
  writer.byte(7)
  writer.head(4, meta.parents.length)
  for (const parent of meta.parents) writeId(writer, parent, hashDigits)
  writer.byte(8)
  writeId(writer, meta.epoch, shortDigits)
  writer.byte(9)
  writer.uint(entryKinds.indexOf(meta.kind))
  if (body !== undefined) {
    writer.byte(10)
    writeId(writer, body.bodyHash, hashDigits)
    writer.byte(11)
    requireAtMost(requireUint(body.bodyLength), limits.bodyBytes)
    writer.uint(body.bodyLength)
  }
  if (meta.chunks !== undefined) {
    writer.byte(12)
    writeId(writer, meta.chunks.hash, hashDigits)
    writer.byte(13)
    writer.uint(meta.chunks.count)
  }
  return writer.copy()
}

function requireRules(meta: PartialMeta): void {
  const genesis = meta.kind === 'genesis'
  if ((meta.folderId === noFolder) !== genesis) throw new FormatError('range', 'folder id')
  const first = meta.seq === 0 && meta.parents.length === 0
  if (genesis && !first) throw new FormatError('range', 'genesis not first')
  if ((meta.epoch === noEpoch) !== (meta.kind !== 'operation')) throw new FormatError('range', 'epoch')
  requireAtMost(meta.parents.length, limits.parents)
  requireSorted(meta.parents)
  if (meta.chunks === undefined) return
  if (meta.kind !== 'operation') throw new FormatError('shape', 'a chunk list without an operation')
  requireAtMost(requireUint(meta.chunks.count, 1), limits.chunks)
}

function writeId(writer: ByteWriter, id: string, digits: number): void {
  if (id.length !== digits) throw new FormatError('length', `an id of ${id.length} digits`)
  writer.id(id)
}
