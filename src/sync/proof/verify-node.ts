import type { CryptoSuite } from '../crypto/suite.ts'
import type { EntryMeta, Hlc } from '../format/entry.ts'
import { decodeMeta, entryHash } from '../format/entry-codec.ts'
import { orReason } from '../format/format-error.ts'
import type { PutFile, PutSymlink } from '../format/operation.ts'
import { openOperation } from '../format/sealing.ts'
import type { Statement } from '../format/statement.ts'
import { type DeviceId, type EntryHash, type Incarnation, type NodeId, toHex } from '../ids.ts'
import type { NodeProof, ProvedVersion } from './history-proof.ts'
import { mapRootOf } from './map-path.ts'
import { versionChain } from './version-chain.ts'

/** One node: all versions that the statement's issuer knew of it, and no other. */
export interface VerifiedNode {
  /** A member can compare it with the place of a node that it knows (`mapPlace`). */
  readonly place: string
  /** Known only if at least one version is revealed. */
  readonly node: NodeId | undefined
  /** In order. */
  readonly versions: readonly VerifiedVersion[]
  /** Which of the versions no other one replaces: indices. */
  readonly heads: readonly number[]
}

export interface VerifiedVersion {
  readonly hash: EntryHash
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  readonly seq: number
  readonly hlc: Hlc
  /** Bytes of the sealed body. */
  readonly bodyLength: number
  /** What the author wrote, if it is revealed. */
  readonly opened: PutFile | PutSymlink | undefined
}

export type NodeRefusal =
  | 'malformed'
  | 'other-folder'
  | 'not-a-version'
  | 'not-in-map'
  | 'not-the-body'
  | 'other-node'

export function verifyNode(
  suite: CryptoSuite,
  proof: NodeProof,
  statement: Statement,
): VerifiedNode | NodeRefusal {
  const metas: EntryMeta[] = []
  const hashes: EntryHash[] = []
  for (const { metaBytes, prev } of proof.versions) {
    const meta = orReason(() => decodeMeta(metaBytes))
    if (typeof meta === 'string') return 'malformed'
    if (meta.folderId !== statement.folderId) return 'other-folder'
    if (meta.kind !== 'operation') return 'not-a-version'
    metas.push(meta)
    hashes.push(entryHash(suite, metaBytes, prev))
  }
  if (!isInMap(suite, proof, hashes, statement)) return 'not-in-map'

  // NOTE: only now are bodies opened, for entries that a trusted device has vouched for.
  const versions: VerifiedVersion[] = []
  let node: NodeId | undefined
  for (const [index, version] of proof.versions.entries()) {
    const meta = metas[index]
    const hash = hashes[index]
    if (meta === undefined || hash === undefined) return 'malformed'
    const opened = openVersion(suite, version, meta)
    if (typeof opened === 'string') return opened
    if (opened !== undefined && node !== undefined && opened.node !== node) return 'other-node'
    node ??= opened?.node
    const { deviceId, incarnation, seq, hlc, bodyLength } = meta
    versions.push({ hash, deviceId, incarnation, seq, hlc, bodyLength, opened })
  }
  return { place: proof.place, node, versions, heads: proof.heads }
}

function isInMap(
  suite: CryptoSuite,
  proof: NodeProof,
  hashes: readonly EntryHash[],
  statement: Statement,
): boolean {
  const heads = proof.heads.map((index) => hashes[index] ?? '').toSorted()
  const leaf = { heads, count: hashes.length, chain: versionChain(suite, hashes) }
  return mapRootOf(suite, proof.place, leaf, proof.path) === statement.mapRoot
}

function openVersion(
  suite: CryptoSuite,
  { revealed }: ProvedVersion,
  meta: EntryMeta,
): PutFile | PutSymlink | 'not-the-body' | 'not-a-version' | undefined {
  if (revealed === undefined) return undefined
  const { body, secret } = revealed
  if (body.length !== meta.bodyLength || toHex(suite.hash(body)) !== meta.bodyHash) return 'not-the-body'
  const operation = openOperation(suite, secret, meta, body)
  if (typeof operation === 'string') return 'not-the-body'
  return operation.type === 'put' || operation.type === 'symlink' ? operation : 'not-a-version'
}
