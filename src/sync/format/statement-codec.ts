import { deviceIdOf } from '../crypto/identity.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { compareIds, fromHex, hashLength, noHash, shortIdLength, toHex } from '../ids.ts'
import { ByteWriter, headLength } from './byte-writer.ts'
import { concatBytes, decodeCbor, decodeHlc, encodeCbor, encodeHlc, requireSame } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { asId, asList, asTuple, asUint, Fields } from './fields.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import { idBytes, idList, requireAtMost, requireLength, requireUint } from './rules.ts'
import type { AuthorityStatement, ChainHead, SignedStatement, Statement } from './statement.ts'

const signatureLength = 64
/** In a statement, signed or not. */
const mostFields = 32 + limits.unreadEpochs
/** In a list of heads of four fields each. */
const mostHeadItems = 5 * limits.frontier + 32
/** Four heads, the longest seq, and the ids. */
const maximumHeadLength = 1 + (2 + hashLength) + (1 + shortIdLength) + 9 + (2 + hashLength)

export function encodeStatement(statement: Statement): Uint8Array {
  if ((statement.index === 0) !== (statement.previous === noHash)) {
    throw new FormatError('range', 'only the first statement has none before it')
  }
  const { unread } = statement
  if (unread?.length === 0) throw new FormatError('shape', 'an empty list of epochs')
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, idBytes(statement.folderId, hashLength)],
      [3, idBytes(statement.issuer, hashLength)],
      [4, requireUint(statement.index)],
      [5, requireUint(statement.size)],
      [6, idBytes(statement.logRoot, hashLength)],
      [7, idBytes(statement.mapRoot, hashLength)],
      [8, idBytes(statement.frontierHash, hashLength)],
      [9, encodeHlc(statement.hlc)],
      [10, idBytes(statement.previous, hashLength)],
      ...(unread === undefined ? [] : [[11, idList(unread, shortIdLength, limits.unreadEpochs)] as const]),
    ]),
  )
}

export function decodeStatement(bytes: Uint8Array): Statement {
  const fields = Fields.of(bytes, mostFields)
  fields.version(1)
  const statement: Statement = {
    folderId: fields.id(2, hashLength),
    issuer: fields.id(3, hashLength),
    index: fields.uint(4),
    size: fields.uint(5),
    logRoot: fields.id(6, hashLength),
    mapRoot: fields.id(7, hashLength),
    frontierHash: fields.id(8, hashLength),
    hlc: decodeHlc(fields.bytes(9, 8)),
    previous: fields.id(10, hashLength),
    ...(fields.has(11) && { unread: fields.ids(11, shortIdLength, limits.unreadEpochs) }),
  }
  fields.end()
  requireSame(bytes, encodeStatement(statement))
  return statement
}

/** How the issuer's next statement names this one. */
export function statementHash(suite: CryptoSuite, bytes: Uint8Array): string {
  return toHex(suite.hash(labels.statementHash, bytes))
}

/** The issuer must be the device of these keys. */
export function signStatement(suite: CryptoSuite, keys: DeviceKeys, statement: Statement): SignedStatement {
  const bytes = encodeStatement(statement)
  const signature = suite.sign(keys.signingSeed, concatBytes(labels.statement, bytes))
  return { statement, bytes, publicKey: keys.record.signingKey, signature }
}

/** Is the key the issuer's and the signature of that key? */
export function verifyStatement(suite: CryptoSuite, signed: SignedStatement): boolean {
  if (deviceIdOf(suite, signed.publicKey) !== signed.statement.issuer) return false
  return suite.verify(signed.publicKey, concatBytes(labels.statement, signed.bytes), signed.signature)
}

export function encodeSignedStatement(signed: SignedStatement): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, signed.bytes],
      [3, requireLength(signed.publicKey, 32)],
      [4, requireLength(signed.signature, signatureLength)],
    ]),
  )
}

/** Neither key nor signature is checked here: see `verifyStatement`. */
export function decodeSignedStatement(bytes: Uint8Array): SignedStatement {
  const fields = Fields.of(bytes, mostFields)
  fields.version(1)
  const statementBytes = fields.bytes(2)
  const signed: SignedStatement = {
    statement: decodeStatement(statementBytes),
    bytes: statementBytes,
    publicKey: fields.bytes(3, 32),
    signature: fields.bytes(4, signatureLength),
  }
  fields.end()
  requireSame(bytes, encodeSignedStatement(signed))
  return signed
}

export function encodeAuthorityStatement(statement: AuthorityStatement): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, encodeSignedStatement(statement.signed)],
      [3, headItems(statement.changedHeads)],
    ]),
  )
}

export function decodeAuthorityStatement(bytes: Uint8Array): AuthorityStatement {
  const fields = Fields.of(bytes, mostHeadItems)
  fields.version(1)
  const statement: AuthorityStatement = {
    signed: decodeSignedStatement(fields.bytes(2)),
    changedHeads: readHeads(fields.list(3, limits.frontier)),
  }
  fields.end()
  requireSame(bytes, encodeAuthorityStatement(statement))
  return statement
}

/** The heads must be in the order of `compareHeads`. */
export function encodeFrontier(heads: readonly ChainHead[]): Uint8Array {
  requireAtMost(heads.length, limits.frontier)
  return frontierBytes(heads)
}

function frontierBytes(heads: readonly ChainHead[]): Uint8Array {
  requireHeads(heads)
  const writer = new ByteWriter(headLength(heads.length) + heads.length * maximumHeadLength)
  writer.head(4, heads.length)
  for (const head of heads) {
    writer.head(4, 4)
    writer.id(head.deviceId)
    writer.id(head.incarnation)
    writer.uint(head.seq)
    writer.id(head.hash)
  }
  return writer.copy()
}

export function decodeFrontier(bytes: Uint8Array): ChainHead[] {
  const heads = readHeads(asList(decodeCbor(bytes, mostHeadItems), limits.frontier))
  requireSame(bytes, encodeFrontier(heads))
  return heads
}

/** Of any number of heads: a log may have more than travel in one list, and has its hash all the same. */
export function frontierHash(suite: CryptoSuite, heads: readonly ChainHead[]): string {
  return toHex(suite.hash(labels.frontier, frontierBytes(heads)))
}

export function compareHeads(left: ChainHead, right: ChainHead): number {
  return (
    compareIds(left.deviceId, right.deviceId) ||
    compareIds(left.incarnation, right.incarnation) ||
    left.seq - right.seq ||
    compareIds(left.hash, right.hash)
  )
}

function headItems(heads: readonly ChainHead[]): CborValue {
  requireAtMost(heads.length, limits.frontier)
  requireHeads(heads)
  return heads.map((head) => [
    fromHex(head.deviceId),
    fromHex(head.incarnation),
    head.seq,
    fromHex(head.hash),
  ])
}

function requireHeads(heads: readonly ChainHead[]): void {
  let before: ChainHead | undefined
  for (const head of heads) {
    requireUint(head.seq)
    const right =
      head.deviceId.length === hashLength * 2 &&
      head.incarnation.length === shortIdLength * 2 &&
      head.hash.length === hashLength * 2
    if (!right) throw new FormatError('length', 'an id of a chain head')
    if (before !== undefined && compareHeads(before, head) >= 0) throw new FormatError('order', 'chain heads')
    before = head
  }
}

function readHeads(items: readonly unknown[]): ChainHead[] {
  return items.map((item) => {
    const [deviceId, incarnation, seq, hash] = asTuple(item, 4)
    return {
      deviceId: asId(deviceId, hashLength),
      incarnation: asId(incarnation, shortIdLength),
      seq: asUint(seq),
      hash: asId(hash, hashLength),
    }
  })
}
