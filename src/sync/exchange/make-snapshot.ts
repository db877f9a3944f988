import type { DeviceKeys } from '../crypto/identity.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { concatBytes, encodeCbor } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { frontierHash } from '../format/statement-codec.ts'
import type { ChainHead, SignedStatement } from '../format/statement.ts'
import { compareIds, hashLength, toHex } from '../ids.ts'
import type { EntryHash, EpochId, NodeId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { MapLeaf } from '../proof/map-path.ts'
import type { Shown } from '../tree/shown.ts'
import type {
  SealedSnapshot,
  SnapshotHead,
  SnapshotLeaf,
  SnapshotRow,
  SnapshotStatements,
  SnapshotVersion,
} from './snapshot.ts'
import { snapshotLimits } from './snapshot.ts'
import {
  encodeEnvelope,
  encodeHead,
  encodeLeaf,
  encodePage,
  encodeRow,
  encodeUnsignedEnvelope,
} from './snapshot-codec.ts'
import type { SnapshotPage } from './snapshot-codec.ts'
import { pageSeal, sealBytes, sealPage } from './snapshot-seal.ts'

/** What can be walked through, parents first: `TreeView`. */
export interface WalkedView {
  walk(): Iterable<{ readonly path: readonly string[]; readonly shown: Shown<LogEntry> }>
}

/** The issuer's state, all of it as of the same entries. */
export interface SnapshotSource {
  readonly signed: SignedStatement
  readonly statements: SnapshotStatements
  readonly log: {
    frontier(): readonly ChainHead[]
    entry(hash: EntryHash): LogEntry | undefined
    heads(): readonly LogEntry[]
  }
  readonly view: WalkedView
  readonly nodes: Iterable<{ readonly id: NodeId; readonly kind: string }>
  readonly leaves: { place(node: NodeId): string; leaf(node: NodeId): MapLeaf | undefined }
  readonly mapKey: Uint8Array
}

export interface SnapshotIssuer {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly random: RandomBytes
  readonly epoch: EpochId
  readonly epochKey: Uint8Array
}

/** Throws RangeError if the statement is not about the log as it is. */
export function makeSnapshot(source: SnapshotSource, issuer: SnapshotIssuer): SealedSnapshot {
  const { suite, keys, random, epoch, epochKey } = issuer
  const { folderId, frontierHash: stated } = source.signed.statement
  if (stated !== frontierHash(suite, source.log.frontier())) {
    throw new RangeError('a statement about another log')
  }
  const salt = random(hashLength)
  const seal = pageSeal(suite, epochKey, { folderId, salt })
  const pages: Uint8Array[] = []
  for (const page of pagesOf(source)) pages.push(sealPage(suite, seal, pages.length, encodePage(page)))
  const hashes = pages.map((page) => toHex(suite.hash(page)))
  const unsigned = { folderId, publicKey: keys.record.signingKey, epoch, salt, pages: hashes }
  const signature = suite.sign(
    keys.signingSeed,
    concatBytes(labels.snapshot, encodeUnsignedEnvelope(unsigned)),
  )
  return { envelope: encodeEnvelope({ ...unsigned, signature }), pages }
}

function* pagesOf(source: SnapshotSource): Iterable<SnapshotPage> {
  const { signed, mapKey, statements } = source
  yield { kind: 'about', signed, mapKey, statements }
  for (const items of inPages(headsOf(source.log), encodeHead)) yield { kind: 'heads', items }
  for (const items of inPages(shownRows(source.view), encodeRow)) yield { kind: 'rows', items }
  for (const items of inPages(leavesOf(source), encodeLeaf)) yield { kind: 'leaves', items }
}

/** Room for what is around the items. */
const pageFrame = 32 + sealBytes

function* inPages<T>(items: Iterable<T>, encode: (item: T) => CborValue): Iterable<T[]> {
  let page: T[] = []
  let bytes = pageFrame
  for (const item of items) {
    const { length } = encodeCbor(encode(item))
    if (length + pageFrame > snapshotLimits.pageBytes) {
      throw new RangeError(`${length} bytes do not fit a page`)
    }
    if (bytes + length > snapshotLimits.pageBytes || page.length === snapshotLimits.pageItems) {
      yield page
      page = []
      bytes = pageFrame
    }
    page.push(item)
    bytes += length
  }
  if (page.length > 0) yield page
}

function* headsOf(log: SnapshotSource['log']): Iterable<SnapshotHead> {
  const loose = new Set(log.heads().map(({ hash }) => hash))
  for (const head of log.frontier()) {
    const entry = log.entry(head.hash)
    if (entry !== undefined) yield { ...head, hlc: entry.hlc, isLoose: loose.has(head.hash) }
  }
}

/** What a view shows, as rows; equal views give equal rows. */
export function* shownRows(view: WalkedView): Iterable<SnapshotRow> {
  const numbers = new Map<string, number>([['', 0]])
  let number = 0
  for (const { path, shown } of view.walk()) {
    number++
    const parent = numbers.get(path.slice(0, -1).join('/')) ?? 0
    const { name, nodes, mtime } = shown
    const placed = { parent, name, nodes, mtime }
    if (shown.kind === 'directory') {
      numbers.set(path.join('/'), number)
      yield { kind: shown.kind, ...placed }
    } else {
      const { kind, exec, current } = shown
      const concurrent = shown.concurrent
        .slice(-snapshotLimits.concurrent)
        .map(({ entry }) => versionOf(entry))
      yield {
        kind,
        ...placed,
        exec,
        current: { ...versionOf(current.entry), operation: current.operation },
        concurrent,
      }
    }
  }
}

function versionOf({ hash, deviceId, hlc }: LogEntry): SnapshotVersion {
  return { hash, deviceId, hlc }
}

function leavesOf({ nodes, leaves }: SnapshotSource): SnapshotLeaf[] {
  const found: SnapshotLeaf[] = []
  for (const { id, kind } of nodes) {
    const leaf = kind === 'content' ? leaves.leaf(id) : undefined
    if (leaf !== undefined) found.push({ place: leaves.place(id), leaf })
  }
  return found.sort((left, right) => compareIds(left.place, right.place))
}
