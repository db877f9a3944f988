import { decodeHlc, encodeCbor, encodeHlc, requireSame } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { asBytes, asId, asInteger, asList, asTuple, asUint, Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { decodeOperation, encodeOperation } from '../format/operation-codec.ts'
import type { Timestamp } from '../format/operation.ts'
import { idBytes, idList, requireAtMost, requireLength, requireName, requireUint } from '../format/rules.ts'
import { decodeSignedStatement, encodeSignedStatement } from '../format/statement-codec.ts'
import { hashLength, shortIdLength } from '../ids.ts'
import { snapshotLimits } from './snapshot.ts'
import type {
  Snapshot,
  SnapshotEnvelope,
  SnapshotHead,
  SnapshotLeaf,
  SnapshotRow,
  SnapshotVersion,
} from './snapshot.ts'

/** A page is of one kind; pages come in this order, `about` once. */
export type SnapshotPage =
  | ({ readonly kind: 'about' } & Pick<Snapshot, 'signed' | 'mapKey' | 'statements'>)
  | { readonly kind: 'heads'; readonly items: readonly SnapshotHead[] }
  | { readonly kind: 'rows'; readonly items: readonly SnapshotRow[] }
  | { readonly kind: 'leaves'; readonly items: readonly SnapshotLeaf[] }

export const pageKinds = ['about', 'heads', 'rows', 'leaves'] as const
const rowKinds = ['directory', 'file', 'symlink'] as const
const signatureLength = 64
const anyNumber = Number.MAX_SAFE_INTEGER
/** A file's row has 16 items; further nodes, versions and heads take 17 bytes or more for each item. */
const mostItems = 17 * snapshotLimits.pageItems + Math.ceil(snapshotLimits.pageBytes / 17) + 16

/** What the issuer signs, after the label. */
export function encodeUnsignedEnvelope(envelope: Omit<SnapshotEnvelope, 'signature'>): Uint8Array {
  return encodeCbor(new Map(envelopeFields(envelope)))
}

export function encodeEnvelope(envelope: SnapshotEnvelope): Uint8Array {
  const signature: [number, CborValue] = [7, requireLength(envelope.signature, signatureLength)]
  return encodeCbor(new Map([...envelopeFields(envelope), signature]))
}

export function decodeEnvelope(bytes: Uint8Array): SnapshotEnvelope {
  const fields = Fields.of(bytes, snapshotLimits.pages + 32)
  fields.version(1)
  const envelope = {
    folderId: fields.id(2, hashLength),
    publicKey: fields.bytes(3, hashLength),
    epoch: fields.id(4, shortIdLength),
    salt: fields.bytes(5, hashLength),
    pages: fields.ids(6, hashLength, snapshotLimits.pages),
    signature: fields.bytes(7, signatureLength),
  }
  fields.end()
  requireSame(bytes, encodeEnvelope(envelope))
  return envelope
}

function envelopeFields(envelope: Omit<SnapshotEnvelope, 'signature'>): [number, CborValue][] {
  requireAtMost(envelope.pages.length, snapshotLimits.pages)
  return [
    [1, 1],
    [2, idBytes(envelope.folderId, hashLength)],
    [3, requireLength(envelope.publicKey, hashLength)],
    [4, idBytes(envelope.epoch, shortIdLength)],
    [5, requireLength(envelope.salt, hashLength)],
    [6, envelope.pages.map((hash) => idBytes(hash, hashLength))],
  ]
}

export function encodePage(page: SnapshotPage): Uint8Array {
  return encodeCbor(new Map<number, CborValue>([[0, pageKinds.indexOf(page.kind)], ...pageFields(page)]))
}

export function decodePage(bytes: Uint8Array): SnapshotPage {
  const fields = Fields.of(bytes, mostItems)
  const page = readPage(fields)
  fields.end()
  requireSame(bytes, encodePage(page))
  return page
}

function pageFields(page: SnapshotPage): [number, CborValue][] {
  switch (page.kind) {
    case 'about':
      return [
        [1, encodeSignedStatement(page.signed)],
        [2, requireLength(page.mapKey, hashLength)],
        [3, requireUint(page.statements.count)],
        [4, idBytes(page.statements.lastHash, hashLength)],
      ]
    case 'heads':
      return [[1, page.items.map(encodeHead)]]
    case 'rows':
      return [[1, page.items.map(encodeRow)]]
    case 'leaves':
      return [[1, page.items.map(encodeLeaf)]]
  }
}

function readPage(fields: Fields): SnapshotPage {
  const kind = fields.choice(0, pageKinds)
  switch (kind) {
    case 'about':
      return {
        kind,
        signed: decodeSignedStatement(fields.bytes(1)),
        mapKey: fields.bytes(2, hashLength),
        statements: { count: fields.uint(3), lastHash: fields.id(4, hashLength) },
      }
    case 'heads':
      return { kind, items: fields.list(1, snapshotLimits.pageItems).map(readHead) }
    case 'rows':
      return { kind, items: fields.list(1, snapshotLimits.pageItems).map(readRow) }
    case 'leaves':
      return { kind, items: fields.list(1, snapshotLimits.pageItems).map(readLeaf) }
  }
}

export function encodeHead(head: SnapshotHead): CborValue {
  return [
    idBytes(head.deviceId, hashLength),
    idBytes(head.incarnation, shortIdLength),
    requireUint(head.seq),
    idBytes(head.hash, hashLength),
    encodeHlc(head.hlc),
    head.isLoose,
  ]
}

function readHead(value: unknown): SnapshotHead {
  const [deviceId, incarnation, seq, hash, hlc, isLoose] = asTuple(value, 6)
  return {
    deviceId: asId(deviceId, hashLength),
    incarnation: asId(incarnation, shortIdLength),
    seq: asUint(seq),
    hash: asId(hash, hashLength),
    hlc: decodeHlc(asBytes(hlc, 8)),
    isLoose: asBoolean(isLoose),
  }
}

export function encodeRow(row: SnapshotRow): CborValue {
  const placed: CborValue[] = [
    rowKinds.indexOf(row.kind),
    requireUint(row.parent),
    requireName(row.name, snapshotLimits.nameBytes),
    idList(row.nodes, shortIdLength, snapshotLimits.nodes),
    row.mtime === undefined ? null : [row.mtime.seconds, row.mtime.nanos],
  ]
  if (row.kind === 'directory') return placed
  requireAtMost(row.concurrent.length, snapshotLimits.concurrent)
  const { operation } = row.current
  return [
    ...placed,
    row.exec,
    encodeVersion(row.current),
    encodeOperation(operation),
    row.concurrent.map(encodeVersion),
  ]
}

function readRow(value: unknown): SnapshotRow {
  const items = asList(value, 9)
  const kind = rowKinds[asUint(items[0])]
  if (kind === undefined) throw new FormatError('range', 'kind of a row')
  const [, parent, name, nodes, mtime, exec, current, operation, concurrent] = asTuple(
    value,
    kind === 'directory' ? 5 : 9,
  )
  if (typeof name !== 'string') throw new FormatError('shape', 'name')
  const placed = {
    parent: asUint(parent),
    name,
    nodes: asList(nodes, snapshotLimits.nodes).map((node) => asId(node, shortIdLength)),
    mtime: mtime === null ? undefined : readTime(mtime),
  }
  if (kind === 'directory') return { kind, ...placed }
  const decoded = decodeOperation(asBytes(operation))
  if (decoded.type !== (kind === 'file' ? 'put' : 'symlink')) {
    throw new FormatError('shape', 'operation of a row')
  }
  return {
    kind,
    ...placed,
    exec: asBoolean(exec),
    current: { ...readVersion(current), operation: decoded },
    concurrent: asList(concurrent, snapshotLimits.concurrent).map(readVersion),
  }
}

function encodeVersion(version: SnapshotVersion): CborValue {
  return [idBytes(version.hash, hashLength), idBytes(version.deviceId, hashLength), encodeHlc(version.hlc)]
}

function readVersion(value: unknown): SnapshotVersion {
  const [hash, deviceId, hlc] = asTuple(value, 3)
  return {
    hash: asId(hash, hashLength),
    deviceId: asId(deviceId, hashLength),
    hlc: decodeHlc(asBytes(hlc, 8)),
  }
}

function readTime(value: unknown): Timestamp {
  const [seconds, nanos] = asTuple(value, 2)
  const time = { seconds: asInteger(seconds, -anyNumber), nanos: asUint(nanos) }
  if (time.nanos > 999_999_999) throw new FormatError('range', 'nanos')
  return time
}

export function encodeLeaf({ place, leaf }: SnapshotLeaf): CborValue {
  return [
    idBytes(place, hashLength),
    idList(leaf.heads, hashLength, anyNumber),
    requireUint(leaf.count, 1),
    idBytes(leaf.chain, hashLength),
  ]
}

function readLeaf(value: unknown): SnapshotLeaf {
  const [place, heads, count, chain] = asTuple(value, 4)
  const leaf = {
    heads: asList(heads, anyNumber).map((hash) => asId(hash, hashLength)),
    count: asUint(count),
    chain: asId(chain, hashLength),
  }
  return { place: asId(place, hashLength), leaf }
}

function asBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new FormatError('shape', 'not a truth value')
  return value
}
