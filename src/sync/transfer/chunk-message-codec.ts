import { ByteReader } from '../format/byte-reader.ts'
import { ByteWriter } from '../format/byte-writer.ts'
import { inRange } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import { hashLength } from '../ids.ts'
import type { Cancel, ChunkMessage, Chunks, ListPart, Want, WantList } from './chunk-message.ts'
import { transferLimits as limits } from './transfer-limits.ts'

/** Deterministic CBOR maps with keys from 0; written and read field by field, for they come by the thousand. */
const numbers = { want: 1, chunks: 2, 'want-list': 3, list: 4, cancel: 5 } as const

/** The largest head is a WANT: its ids and a few bytes. */
const writer = new ByteWriter(limits.wantIds * hashLength + 64)

/** Throws FormatError for what may not be sent. */
export function encodeChunkMessage(message: ChunkMessage): Uint8Array {
  writer.restart()
  switch (message.type) {
    case 'want':
      begin(3, message)
      checkIds(message.ids)
      writer.uint(2)
      writer.bytes(message.ids)
      break
    case 'chunks':
      begin(4, message)
      writeChunks(message)
      break
    case 'want-list':
      begin(5, message)
      checkRange(message)
      writer.uint(2)
      writer.id(message.hash)
      field(3, message.offset)
      field(4, message.length)
      break
    case 'list':
      begin(4, message)
      field(2, requireAtMost(message.offset, limits.listBytes))
      field(3, requireAtMost(message.total, limits.listBytes))
      break
    case 'cancel':
      begin(2, message)
  }
  return writer.copy()
}

/** Throws FormatError. Of the payload only its length counts. */
export function decodeChunkMessage(head: Uint8Array, payloadLength: number): ChunkMessage {
  const reader = new ByteReader(head)
  const fields = reader.head(5)
  reader.key(0)
  const number = reader.uint()
  reader.key(1)
  const request = reader.uint()
  const message = readMessage(reader, number, request, fields)
  reader.end()
  checkPayload(message, payloadLength)
  return message
}

function readMessage(reader: ByteReader, number: number, request: number, fields: number): ChunkMessage {
  switch (number) {
    case numbers.want:
      requireFields(fields, 3)
      return readWant(reader, request)
    case numbers.chunks:
      requireFields(fields, 4)
      return readChunks(reader, request)
    case numbers['want-list']:
      requireFields(fields, 5)
      return readWantList(reader, request)
    case numbers.list:
      requireFields(fields, 4)
      return readList(reader, request)
    case numbers.cancel:
      requireFields(fields, 2)
      return { type: 'cancel', request } satisfies Cancel
    default:
      throw new FormatError('range', 'an unknown type of message')
  }
}

function begin(fields: number, message: ChunkMessage): void {
  writer.head(5, fields)
  field(0, numbers[message.type])
  if (!inRange(message.request, 0, Number.MAX_SAFE_INTEGER)) throw new FormatError('range', 'request')
  field(1, message.request)
}

function field(key: number, value: number): void {
  writer.uint(key)
  writer.uint(value)
}

function writeChunks({ first, lengths }: Chunks): void {
  checkPlaces(first, lengths.length)
  field(2, first)
  writer.uint(3)
  writer.head(4, lengths.length)
  for (const length of lengths) writer.uint(requireAtMost(length, limits.payloadBytes))
}

function readWant(reader: ByteReader, request: number): Want {
  reader.key(2)
  const ids = reader.bytes()
  checkIds(ids)
  return { type: 'want', request, ids }
}

function readChunks(reader: ByteReader, request: number): Chunks {
  reader.key(2)
  const first = reader.uint()
  reader.key(3)
  const count = reader.head(4)
  checkPlaces(first, count)
  const lengths: number[] = []
  for (let index = 0; index < count; index++) lengths.push(requireAtMost(reader.uint(), limits.payloadBytes))
  return { type: 'chunks', request, first, lengths }
}

function readWantList(reader: ByteReader, request: number): WantList {
  reader.key(2)
  const hash = reader.id(hashLength)
  reader.key(3)
  const offset = reader.uint()
  reader.key(4)
  const length = reader.uint()
  checkRange({ offset, length })
  return { type: 'want-list', request, hash, offset, length }
}

function readList(reader: ByteReader, request: number): ListPart {
  reader.key(2)
  const offset = requireAtMost(reader.uint(), limits.listBytes)
  reader.key(3)
  const total = requireAtMost(reader.uint(), limits.listBytes)
  return { type: 'list', request, offset, total }
}

function checkIds(ids: Uint8Array): void {
  if (ids.length === 0 || ids.length % hashLength !== 0) throw new FormatError('length', 'chunk ids')
  requireAtMost(ids.length, limits.wantIds * hashLength)
}

function checkPlaces(first: number, count: number): void {
  if (!inRange(first, 0, limits.wantIds - 1) || first + count > limits.wantIds) {
    throw new FormatError('limit', 'more chunks than a request has')
  }
}

function checkRange({ offset, length }: { readonly offset: number; readonly length: number }): void {
  requireAtMost(length, limits.rangeBytes)
  requireAtMost(offset + length, limits.listBytes)
  if (length === 0) throw new FormatError('range', 'nothing is asked for')
}

function checkPayload(message: ChunkMessage, payloadLength: number): void {
  let expected = 0
  if (message.type === 'chunks') {
    for (const length of message.lengths) expected += length
    requireAtMost(expected, limits.payloadBytes)
  } else if (message.type === 'list') {
    expected = Math.min(payloadLength, Math.max(0, message.total - message.offset), limits.rangeBytes)
  }
  if (payloadLength !== expected) throw new FormatError('length', 'another payload than the head says')
}

function requireFields(found: number, expected: number): void {
  if (found !== expected) throw new FormatError('shape', 'another number of fields')
}

function requireAtMost(value: number, most: number): number {
  if (!inRange(value, 0, most)) throw new FormatError('limit', `more than ${most}`)
  return value
}
