import { hashLength, rootNode, shortIdLength } from '../ids.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { plainView } from './cbor.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import type { FileContent, PutFile, Timestamp } from './operation.ts'
import { requireAtMost, requireName, requireSorted, requireUint } from './rules.ts'

/**
 * The one encoding of a put, by hand: nearly all operations of a folder are puts, and opening a folder reads them all. It
 * is the same map that `operation-codec.ts` writes and reads of the other types.
 */

export const putNumber = 2
const hashDigits = hashLength * 2
const shortDigits = shortIdLength * 2
/** All but name, manifest and bases. */
const fixedBytes = 160
const scratch = new ByteWriter(4_096)

/** Throws FormatError for a put that nobody would read. */
export function encodePut(put: PutFile): Uint8Array {
  const { node, parent, name, content, bases } = put
  if (node === rootNode) throw new FormatError('range', 'the root is never the node of an operation')
  requireName(name, limits.nameBytes)
  requireAtMost(content.manifest.length, limits.manifestBytes)
  requireAtMost(bases.length, limits.bases)
  requireSorted(bases)
  const most = fixedBytes + 3 * name.length + content.manifest.length + (hashLength + 2) * bases.length
  const writer = most > 4_096 ? new ByteWriter(most) : scratch.restart()
  writer.head(5, 10)
  writer.byte(0)
  writer.uint(putNumber)
  writer.byte(1)
  writeId(writer, node, shortDigits)
  writer.byte(2)
  writeId(writer, parent, shortDigits)
  writer.byte(3)
  writer.text(name)
  writeContent(writer, content)
  writer.byte(9)
  writer.head(4, bases.length)
  for (const base of bases) writeId(writer, base, hashDigits)
  return writer.copy()
}

/** Undefined for all but the one encoding of a put; why it is none is left to the decoder of all operations. */
export function readPut(bytes: Uint8Array): PutFile | undefined {
  if (bytes[0] !== 0xaa || bytes[1] !== 0 || bytes[2] !== putNumber) return undefined
  try {
    return readFields(new ByteReader(plainView(bytes)))
  } catch {
    return undefined
  }
}

function readFields(reader: ByteReader): PutFile {
  reader.head(5)
  reader.key(0)
  reader.uint()
  reader.key(1)
  const node = reader.id(shortIdLength)
  if (node === rootNode) throw new FormatError('range', 'the root')
  reader.key(2)
  const parent = reader.id(shortIdLength)
  reader.key(3)
  const name = requireName(reader.text(), limits.nameBytes)
  const content = readContent(reader)
  requireAtMost(content.manifest.length, limits.manifestBytes)
  reader.key(9)
  const count = reader.head(4)
  requireAtMost(count, limits.bases)
  const bases: string[] = []
  for (let index = 0; index < count; index++) bases.push(reader.id(hashLength))
  requireSorted(bases)
  reader.end()
  return { type: 'put', node, parent, name, content, bases }
}

/** The fields of a put that are its content, one after the other; at most this long, and the manifest. */
export const contentBytes = 80

export function writeContent(writer: ByteWriter, content: FileContent): void {
  writer.byte(4)
  writer.bytes(content.manifest)
  writer.byte(5)
  writer.uint(requireUint(content.size))
  writer.byte(6)
  writeTimestamp(writer, content.mtime)
  writer.byte(7)
  writer.byte(content.exec ? 0xf5 : 0xf4)
  writer.byte(8)
  writeId(writer, content.hash, hashDigits)
}

export function readContent(reader: ByteReader): FileContent {
  reader.key(4)
  const manifest = reader.bytes().slice()
  reader.key(5)
  const size = reader.uint()
  reader.key(6)
  const mtime = readTimestamp(reader)
  reader.key(7)
  const exec = reader.boolean()
  reader.key(8)
  return { manifest, size, mtime, exec, hash: reader.id(hashLength) }
}

function writeTimestamp(writer: ByteWriter, { seconds, nanos }: Timestamp): void {
  requireUint(seconds, Number.MIN_SAFE_INTEGER)
  requireUint(nanos, 0, 999_999_999)
  writer.head(4, 2)
  if (seconds < 0) writer.head(1, -1 - seconds)
  else writer.uint(seconds)
  writer.uint(nanos)
}

function readTimestamp(reader: ByteReader): Timestamp {
  if (reader.head(4) !== 2) throw new FormatError('shape', 'not 2 items')
  const seconds = requireUint(reader.integer(), Number.MIN_SAFE_INTEGER)
  return { seconds, nanos: requireUint(reader.uint(), 0, 999_999_999) }
}

function writeId(writer: ByteWriter, id: string, digits: number): void {
  if (id.length !== digits) throw new FormatError('length', `an id of ${id.length} digits`)
  writer.id(id)
}
