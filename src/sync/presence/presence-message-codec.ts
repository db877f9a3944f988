import { ByteReader } from '../format/byte-reader.ts'
import { ByteWriter } from '../format/byte-writer.ts'
import { inRange } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import { hashLength } from '../ids.ts'
import { readAddresses } from '../link/hello.ts'
import { linkLimits } from '../link/link-limits.ts'
import { verdicts } from '../transfer/neighbour.ts'
import { sharingLimits } from '../transfer/transfer-limits.ts'
import { presenceLimits as limits } from './presence-limits.ts'
import { keepNames, type KnownAddresses, type PresenceMessage } from './presence-message.ts'

/** Deterministic CBOR maps with keys from 0, written and read field by field. */
const numbers = {
  state: 1,
  addresses: 2,
  'ask-holds': 3,
  holds: 4,
  claim: 5,
  answer: 6,
  got: 7,
  release: 8,
} as const

const mostAddressBytes = limits.devices * (64 + limits.addresses * (linkLimits.addressCharacters + 8))
const writer = new ByteWriter(Math.max(limits.ids * hashLength, mostAddressBytes) + 64)

/** Throws FormatError for what may not be sent. */
export function encodePresence(message: PresenceMessage): Uint8Array {
  writer.restart()
  switch (message.type) {
    case 'state':
      begin(5, message)
      field(1, keepNames.indexOf(message.keep))
      field(2, message.isComplete ? 1 : 0)
      field(3, requireAtMost(message.chunkBytes, Number.MAX_SAFE_INTEGER))
      field(4, requireAtMost(message.time, Number.MAX_SAFE_INTEGER))
      break
    case 'addresses':
      begin(2, message)
      writeAddresses(message.known)
      break
    case 'ask-holds':
      numbered(message, 3)
      bytesField(2, requireIds(message.ids, limits.ids))
      break
    case 'holds':
      numbered(message, 3)
      bytesField(2, requireLength(message.bits, limits.ids / 8))
      break
    case 'claim':
      numbered(message, 3)
      bytesField(2, requireIds(message.ids, sharingLimits.ids))
      break
    case 'answer':
      numbered(message, 3)
      bytesField(2, requireVerdicts(message.verdicts))
      break
    case 'got':
    case 'release':
      begin(2, message)
      bytesField(1, requireIds(message.ids, sharingLimits.ids))
  }
  return writer.copy()
}

/** Throws FormatError. What is in it are views of the bytes. */
export function decodePresence(head: Uint8Array): PresenceMessage {
  const reader = new ByteReader(head)
  const fields = reader.head(5)
  reader.key(0)
  const message = read(reader, reader.uint(), fields)
  reader.end()
  return message
}

function read(reader: ByteReader, number: number, fields: number): PresenceMessage {
  const requireFields = (expected: number): void => {
    if (fields !== expected) throw new FormatError('shape', 'another number of fields')
  }
  switch (number) {
    case numbers.state:
      requireFields(5)
      return readState(reader)
    case numbers.addresses:
      requireFields(2)
      return { type: 'addresses', known: readKnown(reader) }
    case numbers['ask-holds']:
      requireFields(3)
      return { type: 'ask-holds', number: readNumber(reader), ids: readIds(reader, 2, limits.ids) }
    case numbers.holds:
      requireFields(3)
      return {
        type: 'holds',
        number: readNumber(reader),
        bits: requireLength(readBytes(reader, 2), limits.ids / 8),
      }
    case numbers.claim:
      requireFields(3)
      return { type: 'claim', number: readNumber(reader), ids: readIds(reader, 2, sharingLimits.ids) }
    case numbers.answer:
      requireFields(3)
      return { type: 'answer', number: readNumber(reader), verdicts: requireVerdicts(readBytes(reader, 2)) }
    case numbers.got:
      requireFields(2)
      return { type: 'got', ids: readIds(reader, 1, sharingLimits.ids) }
    case numbers.release:
      requireFields(2)
      return { type: 'release', ids: readIds(reader, 1, sharingLimits.ids) }
    default:
      throw new FormatError('range', 'an unknown type of message')
  }
}

function readState(reader: ByteReader): PresenceMessage {
  reader.key(1)
  const keep = keepNames[reader.uint()]
  if (keep === undefined) throw new FormatError('range', 'an unknown way to keep content')
  reader.key(2)
  const isComplete = requireAtMost(reader.uint(), 1) === 1
  reader.key(3)
  const chunkBytes = reader.uint()
  reader.key(4)
  return { type: 'state', keep, isComplete, chunkBytes, time: reader.uint() }
}

function readKnown(reader: ByteReader): KnownAddresses[] {
  reader.key(1)
  const count = requireAtMost(reader.head(4), limits.devices)
  const known: KnownAddresses[] = []
  for (let index = 0; index < count; index++) {
    if (reader.head(4) !== 3) throw new FormatError('shape', 'not a device with its addresses')
    const device = reader.id(hashLength)
    const texts: string[] = []
    const most = requireAtMost(reader.head(4), limits.addresses)
    for (let at = 0; at < most; at++) texts.push(requireText(reader.text()))
    known.push({ device, addresses: readAddresses(texts), ageSeconds: reader.uint() })
  }
  return known
}

function writeAddresses(known: readonly KnownAddresses[]): void {
  writer.uint(1)
  writer.head(4, requireAtMost(known.length, limits.devices))
  for (const { device, addresses, ageSeconds } of known) {
    writer.head(4, 3)
    writer.id(device)
    writer.head(4, requireAtMost(addresses.length, limits.addresses))
    for (const address of addresses) writer.text(requireText(address))
    writer.uint(requireAtMost(ageSeconds, Number.MAX_SAFE_INTEGER))
  }
}

function requireText(text: string): string {
  requireAtMost(Buffer.byteLength(text), linkLimits.addressCharacters)
  return text
}

function numbered(message: PresenceMessage & { readonly number: number }, fields: number): void {
  begin(fields, message)
  field(1, requireAtMost(message.number, Number.MAX_SAFE_INTEGER))
}

function begin(fields: number, message: PresenceMessage): void {
  writer.head(5, fields)
  field(0, numbers[message.type])
}

function field(key: number, value: number): void {
  writer.uint(key)
  writer.uint(value)
}

function bytesField(key: number, bytes: Uint8Array): void {
  writer.uint(key)
  writer.bytes(bytes)
}

function readNumber(reader: ByteReader): number {
  reader.key(1)
  return reader.uint()
}

function readBytes(reader: ByteReader, key: number): Uint8Array {
  reader.key(key)
  return reader.bytes()
}

function readIds(reader: ByteReader, key: number, most: number): Uint8Array {
  return requireIds(readBytes(reader, key), most)
}

function requireIds(ids: Uint8Array, most: number): Uint8Array {
  if (ids.length === 0 || ids.length % hashLength !== 0) throw new FormatError('length', 'chunk ids')
  requireAtMost(ids.length, most * hashLength)
  return ids
}

function requireVerdicts(bytes: Uint8Array): Uint8Array {
  requireLength(bytes, sharingLimits.ids)
  for (const byte of bytes) if (byte > verdicts.mine) throw new FormatError('range', 'an unknown verdict')
  return bytes
}

function requireLength(bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.length === 0) throw new FormatError('length', 'nothing is said')
  requireAtMost(bytes.length, most)
  return bytes
}

function requireAtMost(value: number, most: number): number {
  if (!inRange(value, 0, most)) throw new FormatError('limit', `more than ${most}`)
  return value
}
