import type { EntryHash, NodeId } from '../ids.ts'
import { hashLength, rootNode, shortIdLength } from '../ids.ts'
import { encodeCbor, requireSame } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { asInteger, asTuple, Fields } from './fields.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import type { FileContent, Operation, SetAttributes, Timestamp } from './operation.ts'
import { encodePut, readPut } from './put-codec.ts'
import { idBytes, idList, requireAtMost, requireName, requireText, requireUint } from './rules.ts'

/** Its longest list, and its fields. */
const mostItems = limits.trashes + 32

/** The number on the wire is the index plus one. */
const operationTypes = [
  'mkdir',
  'put',
  'move',
  'symlink',
  'attr',
  'trash',
  'restore',
  'merge',
] as const satisfies readonly Operation['type'][]

/** Throws FormatError for an operation that nobody would read. */
export function encodeOperation(operation: Operation): Uint8Array {
  if (operation.type === 'put') return encodePut(operation)
  const fields = new Map<number, CborValue>([[0, operationTypes.indexOf(operation.type) + 1]])
  if (operation.type !== 'merge') fields.set(1, nodeBytes(operation.node))
  switch (operation.type) {
    case 'mkdir':
    case 'move':
      setPlace(fields, operation)
      break
    case 'symlink':
      setPlace(fields, operation)
      fields.set(4, requireTarget(operation.target))
      fields.set(5, idList(operation.bases, hashLength, limits.bases))
      break
    case 'attr':
      setAttributes(fields, operation)
      break
    case 'restore':
      if (operation.trashes.length === 0) throw new FormatError('shape', 'restores nothing')
      fields.set(2, idList(operation.trashes, hashLength, limits.trashes))
      break
    case 'trash':
    case 'merge':
  }
  return encodeCbor(fields)
}

/** Throws FormatError; the entry is then a valid one that changes nothing. */
export function decodeOperation(bytes: Uint8Array): Operation {
  requireAtMost(bytes.length, limits.bodyBytes)
  const put = readPut(bytes)
  if (put !== undefined) return put
  const fields = Fields.of(bytes, mostItems)
  const operation = readOperation(fields)
  fields.end()
  requireSame(bytes, encodeOperation(operation))
  return operation
}

function readOperation(fields: Fields): Operation {
  const type = operationTypes[fields.uint(0) - 1]
  if (type === undefined) throw new FormatError('range', 'type of operation')
  if (type === 'merge') return { type }
  const node = fields.id(1, shortIdLength)
  switch (type) {
    case 'mkdir':
    case 'move':
      return { type, node, ...readPlace(fields) }
    case 'put':
      return { type, node, ...readPlace(fields), content: readContent(fields), bases: readBases(fields, 9) }
    case 'symlink':
      return { type, node, ...readPlace(fields), target: fields.text(4), bases: readBases(fields, 5) }
    case 'attr':
      return readAttributes(fields, node)
    case 'trash':
      return { type, node }
    case 'restore':
      return { type, node, trashes: fields.ids(2, hashLength, limits.trashes) }
  }
}

function readPlace(fields: Fields): { parent: NodeId; name: string } {
  return { parent: fields.id(2, shortIdLength), name: fields.text(3) }
}

function setPlace(fields: Map<number, CborValue>, place: { parent: NodeId; name: string }): void {
  fields.set(2, idBytes(place.parent, shortIdLength))
  fields.set(3, requireName(place.name, limits.nameBytes))
}

function readContent(fields: Fields): FileContent {
  return {
    manifest: fields.bytes(4),
    size: fields.uint(5),
    mtime: readTimestamp(fields.list(6, 2)),
    exec: fields.boolean(7),
    hash: fields.id(8, hashLength),
  }
}

function readAttributes(fields: Fields, node: NodeId): SetAttributes {
  return {
    type: 'attr',
    node,
    ...(fields.has(2) && { mtime: readTimestamp(fields.list(2, 2)) }),
    ...(fields.has(3) && { exec: fields.boolean(3) }),
  }
}

function setAttributes(fields: Map<number, CborValue>, operation: SetAttributes): void {
  if (operation.mtime === undefined && operation.exec === undefined) {
    throw new FormatError('shape', 'sets no attribute')
  }
  if (operation.mtime !== undefined) fields.set(2, timestampItems(operation.mtime))
  if (operation.exec !== undefined) fields.set(3, operation.exec)
}

function readBases(fields: Fields, key: number): EntryHash[] {
  return fields.ids(key, hashLength, limits.bases)
}

function readTimestamp(items: readonly unknown[]): Timestamp {
  const [seconds, nanos] = asTuple(items, 2)
  return { seconds: asInteger(seconds, Number.MIN_SAFE_INTEGER), nanos: asInteger(nanos, 0) }
}

function timestampItems(time: Timestamp): CborValue {
  requireUint(time.seconds, Number.MIN_SAFE_INTEGER)
  requireUint(time.nanos, 0, 999_999_999)
  // A negative zero would be written as a float.
  return [time.seconds + 0, time.nanos + 0]
}

function requireTarget(target: string): string {
  if (target === '' || target.includes('\0')) throw new FormatError('text', 'target')
  return requireText(target, limits.targetBytes)
}

function nodeBytes(node: NodeId): Uint8Array {
  if (node === rootNode) throw new FormatError('range', 'the root is never the node of an operation')
  return idBytes(node, shortIdLength)
}
