import { deviceIdOf } from '../crypto/identity.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, hashLength } from '../ids.ts'
import type { FolderId } from '../ids.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter, headLength } from './byte-writer.ts'
import { concatBytes, plainView, uint64Bytes } from './cbor.ts'
import { requireChain } from './chain-rules.ts'
import type { Batch, EntryRecord } from './entry.ts'
import { readEntryItem } from './entry-item.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import { requireAtMost, requireLength } from './rules.ts'
import type { ChainHead } from './statement.ts'

const signatureLength = 64
/** Head of the map, version, public key, prev, and the key of the entries. */
const frontLength = 1 + 2 + 2 * (1 + 2 + hashLength) + 1
/** Key, head and bytes of the signature. */
const backLength = 1 + 2 + signatureLength

/** Where an item `[meta, body, chunks]` stands in an encoded batch. */
export interface EntryPlace {
  readonly offset: number
  readonly length: number
}

export function encodeBatch(batch: Batch): Uint8Array {
  const first = firstEntry(batch)
  requireAtMost(batch.entries.length, limits.batchEntries)
  const length = encodedLength(batch)
  requireAtMost(length, limits.batchBytes)
  const writer = new ByteWriter(length)
  writer.head(5, 5)
  writer.byte(1)
  writer.uint(1)
  writer.byte(2)
  writer.bytes(requireLength(batch.publicKey, hashLength))
  writer.byte(3)
  writer.id(first.prev)
  writer.byte(4)
  writer.head(4, batch.entries.length)
  for (const entry of batch.entries) {
    writer.head(4, 3)
    writer.bytes(entry.metaBytes)
    writer.bytes(entry.body)
    if (entry.chunkList === undefined) writer.byte(0xf6)
    else writer.bytes(entry.chunkList)
  }
  writer.byte(5)
  writer.bytes(requireLength(batch.signature, signatureLength))
  return writer.finish()
}

/** Of each entry, in order, as `encodeBatch` places it. */
export function entryPlaces(batch: Batch): EntryPlace[] {
  const places: EntryPlace[] = []
  let offset = frontLength + headLength(batch.entries.length)
  for (const entry of batch.entries) {
    const length = itemLength(entry)
    places.push({ offset, length })
    offset += length
  }
  return places
}

/**
 * A batch with all that can be judged without knowing anything else, except the signature: encoding, limits, hashes,
 * the chain, the shape of bodies that are not sealed. Byte strings are views of `bytes`. Throws FormatError.
 */
export function decodeBatch(suite: CryptoSuite, bytes: Uint8Array): Batch {
  requireAtMost(bytes.length, limits.batchBytes)
  const reader = new ByteReader(plainView(bytes))
  if (reader.head(5) !== 5) throw new FormatError('shape', 'not a batch')
  reader.key(1)
  if (reader.uint() !== 1) throw new FormatError('version', 'another format version')
  reader.key(2)
  const publicKey = reader.bytes(hashLength)
  reader.key(3)
  let prev = reader.id(hashLength)
  reader.key(4)
  const count = reader.head(4)
  if (count === 0) throw new FormatError('shape', 'no entries')
  requireAtMost(count, limits.batchEntries)
  const entries: EntryRecord[] = []
  for (let index = 0; index < count; index++) {
    const entry = readEntryItem(suite, reader, prev)
    entries.push(entry)
    prev = entry.hash
  }
  reader.key(5)
  const signature = reader.bytes(signatureLength)
  reader.end()
  const batch = { publicKey, entries, signature }
  if (deviceIdOf(suite, publicKey) !== firstEntry(batch).meta.deviceId) {
    throw new FormatError('key', 'not the key of the author')
  }
  requireChain(suite, entries)
  return batch
}

/** One item of a batch, as `entryPlaces` locates it, given the hash of the entry before it. Throws FormatError. */
export function decodeEntryItem(suite: CryptoSuite, bytes: Uint8Array, prev: string): EntryRecord {
  const reader = new ByteReader(plainView(bytes))
  const entry = readEntryItem(suite, reader, prev)
  reader.end()
  return entry
}

export function batchFolderId(batch: Batch): FolderId {
  const first = firstEntry(batch)
  return first.meta.kind === 'genesis' ? first.hash : first.meta.folderId
}

/** Is the signature the author's? Only of a batch that `decodeBatch` or `signBatch` returned. */
export function verifyBatch(suite: CryptoSuite, batch: Batch): boolean {
  const message = headMessage(batchFolderId(batch), headOf(batch))
  return suite.verify(batch.publicKey, message, batch.signature)
}

/** The entries from this index on; the signature covers the last one and stays right. */
export function trimBatch(batch: Batch, keepFrom: number): Batch {
  if (keepFrom === 0) return batch
  if (keepFrom < 0 || keepFrom >= batch.entries.length) throw new RangeError('a batch has at least one entry')
  return { ...batch, entries: batch.entries.slice(keepFrom) }
}

/** `entries`: made by `makeEntry`, consecutive in one chain of the device, at least one. */
export function signBatch(suite: CryptoSuite, keys: DeviceKeys, entries: readonly EntryRecord[]): Batch {
  requireChain(suite, entries)
  const unsigned: Batch = { publicKey: keys.record.signingKey, entries, signature: new Uint8Array(0) }
  const message = headMessage(batchFolderId(unsigned), headOf(unsigned))
  return { ...unsigned, signature: suite.sign(keys.signingSeed, message) }
}

/** What a device signs for the head of its chain. */
export function headMessage(folderId: FolderId, head: ChainHead): Uint8Array {
  return concatBytes(
    labels.head,
    fromHex(folderId),
    fromHex(head.deviceId),
    fromHex(head.incarnation),
    uint64Bytes(head.seq),
    fromHex(head.hash),
  )
}

function headOf(batch: Batch): ChainHead {
  const last = batch.entries.at(-1) ?? firstEntry(batch)
  const { deviceId, incarnation, seq } = last.meta
  return { deviceId, incarnation, seq, hash: last.hash }
}

function firstEntry(batch: Batch): EntryRecord {
  const first = batch.entries[0]
  if (first === undefined) throw new FormatError('shape', 'no entries')
  return first
}

/** Bytes that `encodeBatch` makes of it; so that a batch can be closed before it exceeds `limits.batchBytes`. */
export function encodedLength(batch: Batch): number {
  let length = frontLength + headLength(batch.entries.length) + backLength
  for (const entry of batch.entries) length += itemLength(entry)
  return length
}

/** Bytes of one entry in an encoded batch. */
export function itemLength(entry: EntryRecord): number {
  const chunks = entry.chunkList === undefined ? 1 : stringLength(entry.chunkList)
  return 1 + stringLength(entry.metaBytes) + stringLength(entry.body) + chunks
}

function stringLength(bytes: Uint8Array): number {
  return headLength(bytes.length) + bytes.length
}
