import { deviceIdOf } from '../crypto/identity.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { concatBytes } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import { frontierHash, verifyStatement } from '../format/statement-codec.ts'
import { toHex } from '../ids.ts'
import type { DeviceId, EpochId, FolderId } from '../ids.ts'
import { mapPlace, type MapLeaf } from '../proof/map-path.ts'
import { StateMap } from '../proof/state-map.ts'
import { snapshotLimits } from './snapshot.ts'
import type { SealedSnapshot, Snapshot, SnapshotEnvelope, SnapshotFileRow, SnapshotRow } from './snapshot.ts'
import { decodeEnvelope, decodePage, encodeUnsignedEnvelope, pageKinds } from './snapshot-codec.ts'
import type { SnapshotPage } from './snapshot-codec.ts'
import { openPage, pageSeal } from './snapshot-seal.ts'

/** What the receiver brings: never taken from the snapshot. */
export interface SnapshotTrust {
  readonly folderId: FolderId
  /** Who may issue it: the inviter. */
  readonly issuer: DeviceId
  epochKey(epoch: EpochId): Uint8Array | undefined
}

/** Why a snapshot is not believed. */
export const snapshotReasons = [
  /** bytes that are not what they should be, or pages in another order */
  'malformed',
  'foreign-folder',
  /** somebody else issued it */
  'issuer',
  'signature',
  /** the key of its epoch is not known here */
  'no-key',
  /** a page is missing, too many, another one, or does not open */
  'page',
  /** the statement in it is not the issuer's */
  'statement',
  /** the heads are not those of the statement */
  'frontier',
  /** the leaves are not those of the statement */
  'map',
  /** what is shown is no tree, or does not go with the leaves */
  'tree',
] as const
export type SnapshotReason = (typeof snapshotReasons)[number]

/** A snapshot that holds together and is the issuer's; or why not. Never throws for what it was given. */
export function openSnapshot(
  suite: CryptoSuite,
  sealed: SealedSnapshot,
  trust: SnapshotTrust,
): Snapshot | SnapshotReason {
  try {
    const envelope = decodeEnvelope(sealed.envelope)
    const pages = openPages(suite, envelope, sealed.pages, trust)
    if (typeof pages === 'string') return pages
    const snapshot = assemble(pages)
    return judge(suite, snapshot, trust) ?? snapshot
  } catch (error) {
    if (error instanceof FormatError) return 'malformed'
    throw error
  }
}

function openPages(
  suite: CryptoSuite,
  envelope: SnapshotEnvelope,
  sealed: readonly Uint8Array[],
  trust: SnapshotTrust,
): SnapshotPage[] | SnapshotReason {
  if (envelope.folderId !== trust.folderId) return 'foreign-folder'
  if (deviceIdOf(suite, envelope.publicKey) !== trust.issuer) return 'issuer'
  const message = concatBytes(labels.snapshot, encodeUnsignedEnvelope(envelope))
  if (!suite.verify(envelope.publicKey, message, envelope.signature)) return 'signature'
  const epochKey = trust.epochKey(envelope.epoch)
  if (epochKey === undefined) return 'no-key'
  if (sealed.length !== envelope.pages.length) return 'page'
  const seal = pageSeal(suite, epochKey, envelope)
  const pages: SnapshotPage[] = []
  for (const [index, bytes] of sealed.entries()) {
    if (bytes.length > snapshotLimits.pageBytes || toHex(suite.hash(bytes)) !== envelope.pages[index]) {
      return 'page'
    }
    const content = openPage(suite, seal, index, bytes)
    if (content === undefined) return 'page'
    pages.push(decodePage(content))
  }
  return pages
}

function assemble(pages: readonly SnapshotPage[]): Snapshot {
  const [about] = pages
  if (about?.kind !== 'about') throw new FormatError('shape', 'the first page')
  const { signed, mapKey, statements } = about
  const snapshot = { signed, mapKey, statements, heads: [], rows: [], leaves: [] } as {
    -readonly [Key in keyof Snapshot]: Snapshot[Key] extends readonly (infer Item)[] ? Item[] : Snapshot[Key]
  }
  let kind = 0
  for (const page of pages.slice(1)) {
    if (page.kind === 'about' || pageKinds.indexOf(page.kind) < kind) throw new FormatError('order', 'pages')
    kind = pageKinds.indexOf(page.kind)
    if (page.kind === 'heads') for (const item of page.items) snapshot.heads.push(item)
    else if (page.kind === 'rows') for (const item of page.items) snapshot.rows.push(item)
    else for (const item of page.items) snapshot.leaves.push(item)
  }
  return snapshot
}

function judge(suite: CryptoSuite, snapshot: Snapshot, trust: SnapshotTrust): SnapshotReason | undefined {
  const { statement } = snapshot.signed
  const isIssuers = statement.issuer === trust.issuer && statement.folderId === trust.folderId
  if (!isIssuers || !verifyStatement(suite, snapshot.signed)) return 'statement'
  if (frontierHash(suite, snapshot.heads) !== statement.frontierHash) return 'frontier'
  const leaves = new Map<string, MapLeaf>()
  const map = new StateMap(suite)
  let before = ''
  for (const { place, leaf } of snapshot.leaves) {
    if (place <= before) return 'map'
    before = place
    leaves.set(place, leaf)
    map.set(place, leaf)
  }
  if (map.root() !== statement.mapRoot) return 'map'
  if (!isTree(snapshot.rows)) return 'tree'
  for (const row of snapshot.rows) {
    if (row.kind !== 'directory' && !isInMap(suite, row, snapshot.mapKey, leaves)) return 'tree'
  }
  return undefined
}

/** Each row in a directory before it, under a name of its own, and no node in two places. */
function isTree(rows: readonly SnapshotRow[]): boolean {
  const names = new Set<string>()
  const nodes = new Set<string>()
  for (const [index, row] of rows.entries()) {
    if (row.parent > index) return false
    if (row.parent > 0 && rows[row.parent - 1]?.kind !== 'directory') return false
    const place = `${row.parent}/${row.name}`
    if (names.has(place) || row.nodes.length === 0) return false
    names.add(place)
    for (const node of row.nodes) {
      if (nodes.has(node)) return false
      nodes.add(node)
    }
  }
  return true
}

/** Every node of the file has a leaf, and the versions shown are heads there; a file may have lost all its heads. */
function isInMap(
  suite: CryptoSuite,
  row: SnapshotFileRow,
  mapKey: Uint8Array,
  leaves: ReadonlyMap<string, MapLeaf>,
): boolean {
  if (!row.nodes.includes(row.current.operation.node)) return false
  const heads = new Set<string>()
  for (const node of row.nodes) {
    const leaf = leaves.get(mapPlace(suite, mapKey, node))
    if (leaf === undefined) return false
    for (const head of leaf.heads) heads.add(head)
  }
  if (heads.size === 0) return row.concurrent.length === 0
  const shown = [row.current, ...row.concurrent]
  return (
    shown.every(({ hash }) => heads.delete(hash)) &&
    (heads.size === 0 || row.concurrent.length === snapshotLimits.concurrent)
  )
}
