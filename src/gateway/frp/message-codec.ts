/**
 * frp messages to bytes and back. Wire v1: type byte, i64 length, JSON. Wire v2: message id and JSON in a
 * frame (wire-v2.ts). Decoding is strict about the fields this gateway knows and ignores all others.
 */
import type { ByteReader } from './byte-reader.ts'
import { frpError } from './errors.ts'
import { parseJsonObject, type JsonObject } from './json-object.ts'
import { messageById, messageByByte, messageByName, type Field, type MessageEntry } from './message-table.ts'
import type { FrpMessage, Metas, OutgoingMessage } from './messages.ts'
import { encodeFrame, frameType } from './wire-v2.ts'

/** Length of the JSON of a v1 message. */
export const maxMessageBytes = 10_240
/** Bounds of a map such as `metas`: entries, and UTF-16 units of all names and values together. */
export const maxMetas = 64
export const maxMetasLength = 8_192

const v1HeaderBytes = 9
const noMetas: Metas = Object.freeze(Object.create(null) as Record<string, string>)

/** A clear message; v2 without the magic, which only the first of a stream has before it. */
export function encodeMessage(version: 1 | 2, message: OutgoingMessage): Buffer {
  const entry = messageByName(message.kind === 'Unsupported' ? message.name : message.kind)
  const json = Buffer.from(encodeJson(entry, message))
  if (version === 2) {
    const id = Buffer.allocUnsafe(2)
    id.writeUInt16BE(entry.id)
    return encodeFrame(frameType.message, Buffer.concat([id, json]))
  }
  if (json.length > maxMessageBytes) throw tooLarge(entry.name, json.length)
  const bytes = Buffer.allocUnsafe(v1HeaderBytes + json.length)
  bytes[0] = entry.byte
  bytes.writeUInt32BE(0, 1)
  bytes.writeUInt32BE(json.length, 5)
  json.copy(bytes, v1HeaderBytes)
  return bytes
}

/** The next v1 message; null when it is not complete yet. The reader then holds at most one message. */
export function readMessage(bytes: ByteReader): FrpMessage | null {
  const type = bytes.peek(1)?.[0]
  if (type === undefined) return null
  const entry = messageByByte(type)
  if (entry === undefined) throw frpError('FRP_MESSAGE_UNKNOWN', `no frp message has the type byte ${type}`)
  const header = bytes.peek(v1HeaderBytes)
  if (header === null) return null
  const length = Number(header.readBigInt64BE(1))
  if (length < 0) throw frpError('FRP_MESSAGE_INVALID', `${entry.name}: negative length`)
  if (length > maxMessageBytes) throw tooLarge(entry.name, length)
  const message = bytes.take(v1HeaderBytes + length)
  return message === null ? null : decodeJson(entry, message.subarray(v1HeaderBytes))
}

/** A v2 message from the payload of its frame. */
export function decodePayload(payload: Buffer): FrpMessage {
  if (payload.length < 2) throw frpError('FRP_WIRE_V2_INVALID', 'a message frame without a message id')
  const id = payload.readUInt16BE(0)
  const entry = messageById(id)
  if (entry === undefined) throw frpError('FRP_MESSAGE_UNKNOWN', `no frp message has the id ${id}`)
  return decodeJson(entry, payload.subarray(2))
}

function decodeJson(entry: MessageEntry, bytes: Buffer): FrpMessage {
  if (!entry.isSupported) return { kind: 'Unsupported', name: entry.name } as FrpMessage
  const json = parseJsonObject(bytes)
  if (json === null) throw frpError('FRP_MESSAGE_INVALID', `${entry.name}: no JSON object in UTF-8`)
  const message: Record<string, unknown> = { kind: entry.name }
  for (const field of entry.fields) {
    if (field.type !== 'nothing') message[field.key] = readField(entry, field, json)
  }
  // The table's type guarantees that these are the fields of the kind.
  return message as unknown as FrpMessage
}

function readField(entry: MessageEntry, field: Field, json: JsonObject): unknown {
  // As in frp, null is the same as absent.
  const value = json[field.name] ?? null
  switch (field.type) {
    case 'text':
      if (value === null) return ''
      if (typeof value === 'string') return value.toWellFormed()
      throw wrong(entry, field, 'must be a text')
    case 'integer':
      if (value === null) return 0
      if (Number.isSafeInteger(value)) return value
      throw wrong(entry, field, 'must be an integer')
    case 'port':
      if (value === null) return 0
      if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535) return value
      throw wrong(entry, field, 'must be a port, 0 to 65535')
    case 'flag':
      if (value === null) return false
      if (typeof value === 'boolean') return value
      throw wrong(entry, field, 'must be true or false')
    case 'texts':
      return value === null ? noMetas : readTexts(entry, field, value)
    case 'nothing':
      return undefined
  }
}

function readTexts(entry: MessageEntry, field: Field, value: unknown): Metas {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(entry, field, 'must be an object of texts')
  }
  // NOTE: no prototype, so that `__proto__` and `constructor` are names like any other.
  const texts = Object.create(null) as Record<string, string>
  let count = 0
  let length = 0
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw wrong(entry, field, 'must have texts only')
    count += 1
    length += name.length + text.length
    if (count > maxMetas) throw wrong(entry, field, `has more than ${maxMetas} entries`)
    if (length > maxMetasLength) throw wrong(entry, field, `is longer than ${maxMetasLength} characters`)
    texts[name.toWellFormed()] = text.toWellFormed()
  }
  return texts
}

/** Zero values are left out, as frp does; the order of the fields is frp's too. */
function encodeJson(entry: MessageEntry, message: OutgoingMessage): string {
  const values = message as unknown as Readonly<Record<string, unknown>>
  const json: Record<string, unknown> = {}
  for (const field of entry.fields) {
    const value = values[field.key]
    if (field.type === 'nothing') json[field.name] = {}
    else if (field.type === 'texts') {
      if (value !== undefined && Object.keys(value as Metas).length > 0) json[field.name] = value
    } else if (value !== undefined && value !== '' && value !== 0 && value !== false) {
      json[field.name] = value
    }
  }
  return JSON.stringify(json)
}

function wrong(entry: MessageEntry, field: Field, what: string): Error {
  return frpError('FRP_MESSAGE_INVALID', `${entry.name}: ${field.name} ${what}`)
}

function tooLarge(name: string, length: number): Error {
  return frpError('FRP_MESSAGE_TOO_LARGE', `${name}: ${length} bytes, the limit is ${maxMessageBytes}`)
}
