import { encodeCbor, requireSame } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { asId, asList, asTuple, asUint, Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { idBytes, requireAtMost, requireUint } from '../format/rules.ts'
import type { ChainHead } from '../format/statement.ts'
import { hashLength, shortIdLength } from '../ids.ts'
import { exchangeLimits, exchangeVersion } from './exchange-limits.ts'
import { faultReasons } from './message.ts'
import type { KnownStatements, Message, WantedHead } from './message.ts'

/** The index is the number on the wire; 0 is no message. */
const types = ['', 'hello', 'frontier', 'want', 'batch', 'statement', 'done', 'ask', 'fault'] as const

/** Bytes around the payload of a `batch` or `statement` message, at most. */
export const envelopeBytes = 64

export function encodeMessage(message: Message): Uint8Array {
  return encodeCbor(new Map<number, CborValue>([[0, types.indexOf(message.type)], ...fieldsOf(message)]))
}

/** Of a page of heads, which has the most: each is a list of four. */
const mostItems = 5 * exchangeLimits.pageHeads + 64

/** Throws FormatError. The payload of a batch or statement is not looked into. */
export function decodeMessage(bytes: Uint8Array): Message {
  requireAtMost(bytes.length, exchangeLimits.messageBytes)
  const fields = Fields.of(bytes, mostItems)
  const message = readMessage(fields)
  fields.end()
  requireSame(bytes, encodeMessage(message))
  return message
}

function fieldsOf(message: Message): [number, CborValue][] {
  switch (message.type) {
    case 'hello':
      return [
        // Type and version stay where they are in every version to come.
        [1, exchangeVersion],
        [2, idBytes(message.folderId, hashLength)],
        [3, idBytes(message.frontierHash, hashLength)],
        [4, requireUint(message.size)],
        ...statementFields(message.statements, 5),
      ]
    case 'frontier':
      requireAtMost(message.heads.length, exchangeLimits.pageHeads)
      return [
        [1, message.heads.map(encodeHead)],
        [2, message.last],
      ]
    case 'want':
      requireAtMost(message.items.length, exchangeLimits.wants)
      return [
        [1, message.items.map(encodeWanted)],
        [2, message.last],
      ]
    case 'batch':
      requireAtMost(message.bytes.length, limits.batchBytes)
      return [
        [1, idBytes(message.head, hashLength)],
        [2, message.bytes],
      ]
    case 'statement':
      requireAtMost(message.bytes.length, exchangeLimits.messageBytes - envelopeBytes)
      return [[1, message.bytes]]
    case 'done':
      return []
    case 'ask':
      return [...statementFields(message.statements, 1), [4, message.frontier]]
    case 'fault':
      return [[1, faultReasons.indexOf(message.reason)]]
  }
}

function readMessage(fields: Fields): Message {
  const type = fields.choice(0, types)
  switch (type) {
    case '':
      throw new FormatError('range', 'message type 0')
    case 'hello':
      if (fields.uint(1) !== exchangeVersion) throw new FormatError('version', 'another exchange')
      return {
        type,
        folderId: fields.id(2, hashLength),
        frontierHash: fields.id(3, hashLength),
        size: fields.uint(4),
        statements: readStatements(fields, 5),
      }
    case 'frontier':
      return { type, heads: fields.list(1, exchangeLimits.pageHeads).map(readHead), last: fields.boolean(2) }
    case 'want':
      return { type, items: fields.list(1, exchangeLimits.wants).map(readWanted), last: fields.boolean(2) }
    case 'batch':
      return { type, head: fields.id(1, hashLength), bytes: fields.bytes(2) }
    case 'statement':
      return { type, bytes: fields.bytes(1) }
    case 'done':
      return { type }
    case 'ask':
      return { type, statements: readStatements(fields, 1), frontier: fields.boolean(4) }
    case 'fault':
      return { type, reason: fields.choice(1, faultReasons) }
  }
}

function statementFields(known: KnownStatements, first: number): [number, CborValue][] {
  return [
    [first, requireUint(known.count)],
    [first + 1, idBytes(known.lastHash, hashLength)],
    [first + 2, known.split],
  ]
}

function readStatements(fields: Fields, first: number): KnownStatements {
  return {
    count: fields.uint(first),
    lastHash: fields.id(first + 1, hashLength),
    split: fields.boolean(first + 2),
  }
}

function encodeHead(head: ChainHead): CborValue {
  return [
    idBytes(head.deviceId, hashLength),
    idBytes(head.incarnation, shortIdLength),
    requireUint(head.seq),
    idBytes(head.hash, hashLength),
  ]
}

function readHead(value: unknown): ChainHead {
  const [deviceId, incarnation, seq, hash] = asTuple(value, 4)
  return {
    deviceId: asId(deviceId, hashLength),
    incarnation: asId(incarnation, shortIdLength),
    seq: asUint(seq),
    hash: asId(hash, hashLength),
  }
}

function encodeWanted(item: WantedHead): CborValue {
  requireAtMost(item.locator.length, exchangeLimits.locator)
  return [idBytes(item.head, hashLength), item.locator.map((hash) => idBytes(hash, hashLength))]
}

function readWanted(value: unknown): WantedHead {
  const [head, locator] = asTuple(value, 2)
  return {
    head: asId(head, hashLength),
    locator: asList(locator, exchangeLimits.locator).map((hash) => asId(hash, hashLength)),
  }
}
