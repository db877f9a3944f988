import { ByteReader } from '../format/byte-reader.ts'
import { ByteWriter, headLength } from '../format/byte-writer.ts'
import { concatBytes, sameBytes } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { requireAtMost } from '../format/rules.ts'
import { openChunk, sealChunk } from './chunk-seal.ts'
import { largestChunk } from './chunker.ts'
import { chunkIdLength } from './content.ts'
import type { ChunkRows, ContentKeys } from './content.ts'

/**
 * The manifest of a version: keys and lengths of its chunks; their ids are the chunk list of its entry, which can be read
 * without a key. `{1: 1, 2: keys, 3: [length …]}`. Where that is too long for an entry, it is cut into pieces that are
 * sealed and sent as chunks, and the entry holds `{1: 2, 2: [[id, key, length] …]}` of them; their ids follow those of
 * the content in the chunk list, so that whoever holds the version's chunks holds them too. Deterministic CBOR; each
 * rows have one encoding.
 */

const keyLength = 32
/** All but the last have exactly this much. */
export const manifestPieceBytes = 1024 * 1024
/** Of the inline form: 7 million chunks, 2 TB in chunks of 293 KiB. What is larger is not written, and not read. */
export const largestManifest = 256 * 1024 * 1024
const inline = 1
const spilled = 2

export interface InlineManifest {
  readonly type: 'inline'
  readonly keys: Uint8Array
  readonly lengths: Uint32Array
}

export interface SpilledManifest {
  readonly type: 'spilled'
  /** The chunks whose plaintexts are, one after the other, an inline manifest. */
  readonly pieces: ChunkRows
}

export interface PackedManifest {
  /** For the operation. */
  readonly manifest: Uint8Array
  /** For the entry: ids of the content, then those of the pieces. */
  readonly chunkList: Uint8Array
  /** To be stored like the chunks of the content; `sealed` as in `ChunkStore.addSealed`. */
  readonly pieces: { readonly rows: ChunkRows; readonly sealed: Uint8Array } | undefined
}

/** What an operation says of its content besides. */
export interface ExpectedContent {
  readonly size: number
  /** The folder's largest chunk. */
  readonly maximum: number
}

/** Throws FormatError `limit` for more than `largestManifest` holds. */
export function packManifest(keys: ContentKeys, rows: ChunkRows): PackedManifest {
  const bytes = encodeInline(rows)
  if (bytes.length <= limits.manifestBytes) {
    return { manifest: bytes, chunkList: rows.ids, pieces: undefined }
  }
  const pieces = sealPieces(keys, bytes)
  return {
    manifest: encodeSpilled(pieces.rows),
    chunkList: concatBytes(rows.ids, pieces.rows.ids),
    pieces,
  }
}

/** Throws FormatError. What it says of the content is checked by `joinRows`. */
export function readManifest(manifest: Uint8Array): InlineManifest | SpilledManifest {
  requireAtMost(manifest.length, limits.manifestBytes)
  const reader = new ByteReader(manifest)
  const fields = reader.head(5)
  reader.key(1)
  const form = reader.uint()
  if (form === inline) return readInline(reader, fields)
  if (form !== spilled) throw new FormatError('version', 'another form of manifest')
  return readSpilled(reader, fields)
}

/**
 * The rows of a version. `manifest`: of an inline one its bytes; of a spilled one what `joinPieces` gave. `ids`: of the
 * content, without the pieces (`contentIds`). Throws FormatError unless all of it fits together.
 */
export function joinRows(manifest: Uint8Array, ids: Uint8Array, expected: ExpectedContent): ChunkRows {
  const reader = new ByteReader(manifest)
  const fields = reader.head(5)
  reader.key(1)
  if (reader.uint() !== inline) throw new FormatError('version', 'not an inline manifest')
  const { keys, lengths } = readInline(reader, fields)
  if (ids.length !== lengths.length * chunkIdLength) throw new FormatError('length', 'chunk list')
  let size = 0
  for (const length of lengths) {
    if (length > expected.maximum) throw new FormatError('range', 'length of a chunk')
    size += length
  }
  if (size !== expected.size) throw new FormatError('range', 'chunks that make another size')
  return { ids, keys, lengths }
}

/** The part of an entry's chunk list that is the content's. Throws FormatError if the pieces do not follow it. */
export function contentIds(chunkList: Uint8Array, { pieces }: SpilledManifest): Uint8Array {
  const end = chunkList.length - pieces.ids.length
  if (end <= 0 || !sameBytes(chunkList.subarray(end), pieces.ids)) {
    throw new FormatError('shape', 'a chunk list without the pieces of its manifest')
  }
  return chunkList.subarray(0, end)
}

/**
 * The inline manifest that was spilled; `bad` is a piece that is not what its id says, to be fetched again. `sealed` is
 * called for one piece after the other. Throws FormatError if an author wrote something else than pieces.
 */
export function joinPieces(
  keys: ContentKeys,
  { pieces }: SpilledManifest,
  sealed: (piece: number) => Uint8Array,
): { readonly bytes: Uint8Array } | { readonly bad: number } {
  let total = 0
  for (const length of pieces.lengths) total += length
  const bytes = new Uint8Array(total)
  let at = 0
  for (const [piece, length] of pieces.lengths.entries()) {
    const opened = openChunk(keys, rowOf(pieces.ids, piece), rowOf(pieces.keys, piece), sealed(piece))
    if (opened === 'bad') return { bad: piece }
    if (opened === 'wrong' || opened.length !== length) throw new FormatError('sealed', 'piece of a manifest')
    bytes.set(opened, at)
    at += length
  }
  return { bytes }
}

function encodeInline({ ids, keys, lengths }: ChunkRows): Uint8Array {
  const count = lengths.length
  if (ids.length !== count * chunkIdLength || keys.length !== count * keyLength) {
    throw new FormatError('length', 'rows of chunks')
  }
  let size = 3 + 1 + headLength(keys.length) + keys.length + 1 + headLength(count)
  for (const length of lengths) size += headLength(requireChunkLength(length))
  requireAtMost(size, largestManifest)
  const writer = new ByteWriter(size)
  writer.head(5, 3)
  writer.uint(1)
  writer.uint(inline)
  writer.uint(2)
  writer.bytes(keys)
  writer.uint(3)
  writer.head(4, count)
  for (const length of lengths) writer.uint(length)
  return writer.finish()
}

function readInline(reader: ByteReader, fields: number): InlineManifest {
  if (fields !== 3) throw new FormatError('shape', 'fields of a manifest')
  reader.key(2)
  const keys = reader.bytes()
  reader.key(3)
  const count = reader.head(4)
  if (keys.length !== count * keyLength) throw new FormatError('length', 'keys of a manifest')
  const lengths = new Uint32Array(count)
  for (let row = 0; row < count; row++) lengths[row] = requireChunkLength(reader.uint())
  reader.end()
  return { type: 'inline', keys, lengths }
}

function sealPieces(
  keys: ContentKeys,
  bytes: Uint8Array,
): { readonly rows: ChunkRows; readonly sealed: Uint8Array } {
  const chunks = []
  const lengths = []
  for (let at = 0; at < bytes.length; at += manifestPieceBytes) {
    const piece = bytes.subarray(at, at + manifestPieceBytes)
    chunks.push(sealChunk(keys, piece))
    lengths.push(piece.length)
  }
  const rows = {
    ids: concatBytes(...chunks.map((chunk) => chunk.id)),
    keys: concatBytes(...chunks.map((chunk) => chunk.key)),
    lengths: Uint32Array.from(lengths),
  }
  return { rows, sealed: concatBytes(...chunks.map((chunk) => chunk.sealed)) }
}

function encodeSpilled({ ids, keys, lengths }: ChunkRows): Uint8Array {
  const writer = new ByteWriter(16 + lengths.length * (1 + 2 + chunkIdLength + 2 + keyLength + 5))
  writer.head(5, 2)
  writer.uint(1)
  writer.uint(spilled)
  writer.uint(2)
  writer.head(4, lengths.length)
  for (const [piece, length] of lengths.entries()) {
    writer.head(4, 3)
    writer.bytes(rowOf(ids, piece))
    writer.bytes(rowOf(keys, piece))
    writer.uint(length)
  }
  return writer.copy()
}

function readSpilled(reader: ByteReader, fields: number): SpilledManifest {
  if (fields !== 2) throw new FormatError('shape', 'fields of a manifest')
  reader.key(2)
  const count = reader.head(4)
  requireAtMost(count, largestManifest / manifestPieceBytes)
  const ids = new Uint8Array(count * chunkIdLength)
  const keys = new Uint8Array(count * keyLength)
  const lengths = new Uint32Array(count)
  let total = 0
  for (let piece = 0; piece < count; piece++) {
    if (reader.head(4) !== 3) throw new FormatError('shape', 'piece of a manifest')
    ids.set(reader.bytes(chunkIdLength), piece * chunkIdLength)
    keys.set(reader.bytes(keyLength), piece * keyLength)
    const length = reader.uint()
    const isLast = piece === count - 1
    if (length < 1 || length > manifestPieceBytes || (!isLast && length !== manifestPieceBytes)) {
      throw new FormatError('range', 'length of a piece')
    }
    lengths[piece] = length
    total += length
  }
  reader.end()
  if (total <= limits.manifestBytes) throw new FormatError('non-canonical', 'pieces of what fits an entry')
  return { type: 'spilled', pieces: { ids, keys, lengths } }
}

function requireChunkLength(length: number): number {
  if (length < 1 || length > largestChunk) throw new FormatError('range', 'length of a chunk')
  return length
}

function rowOf(bytes: Uint8Array, row: number): Uint8Array {
  return bytes.subarray(row * chunkIdLength, (row + 1) * chunkIdLength)
}
