import { HarpError } from '../../base/errors.ts'
import type { EntryRecord } from '../format/entry.ts'
import { FormatError } from '../format/format-error.ts'
import type { SignedStatement, Statement } from '../format/statement.ts'
import { compareIds, type EntryHash, type NodeId } from '../ids.ts'
import {
  encodeHistoryProof,
  proofLimits,
  type GrowthProof,
  type NodeProof,
  type ProvedVersion,
} from './history-proof.ts'
import type { MapLeaves } from './map-leaves.ts'
import type { MerkleLog } from './merkle-log.ts'

/** Where a proof is made from: the state that the statement was signed over, and the entries behind it. */
export interface HistorySource<E extends { readonly hash: EntryHash }> {
  readonly signed: SignedStatement
  readonly leaves: Pick<MapLeaves, 'map' | 'place'>
  readonly log: Pick<MerkleLog, 'root' | 'consistency'>
  /** Heads (sorted) and versions (in order) of a content node. */
  contentState(node: NodeId): VersionsOf<E> | undefined
  record(entry: E): EntryRecord
  /** What opens the body of this entry and of no other; undefined if its epoch's key is unknown. */
  secret(record: EntryRecord): Uint8Array | undefined
}

interface VersionsOf<E> {
  readonly heads: readonly EntryHash[]
  readonly versions: readonly { readonly entry: E }[]
}

export interface HistoryRequest {
  /** The nodes of one shown file. */
  readonly nodes: readonly NodeId[]
  /** Of which versions name, time, size and content hash are shown too; of none by default. */
  readonly reveal?: 'none' | 'all' | ReadonlySet<EntryHash>
  /** An older statement that the verifier has: the proof shows that its log is the beginning of this one. */
  readonly since?: Statement
}

/**
 * A FileHistoryProof. Throws HarpError `SYNC_PROOF_STATE` if source and statement do not belong together,
 * `SYNC_PROOF_NO_HISTORY`, `SYNC_PROOF_NO_KEY`, `SYNC_PROOF_NOT_GROWN` or `SYNC_PROOF_TOO_LARGE`.
 */
export function makeHistoryProof<E extends { readonly hash: EntryHash }>(
  source: HistorySource<E>,
  request: HistoryRequest,
): Uint8Array {
  const { statement, bytes, publicKey, signature } = source.signed
  const map = source.leaves.map()
  if (map.root() !== statement.mapRoot) {
    throw new HarpError('SYNC_PROOF_STATE', 'the statement is not about the state the proof is made from', {
      fix: 'sign a new statement, or make the proof from the state that the statement covers',
    })
  }
  const reveal = request.reveal ?? 'none'
  if (request.nodes.length === 0) throw noHistory()
  const nodes = [...new Set(request.nodes)]
    .map((node) => nodeProof(source, node, reveal))
    .toSorted((left, right) => compareIds(left.place, right.place))
  const growth = request.since === undefined ? undefined : growthSince(source, request.since)
  try {
    return encodeHistoryProof({ statement: bytes, publicKey, signature, nodes, growth })
  } catch (error) {
    if (!(error instanceof FormatError) || error.reason !== 'limit') throw error
    throw new HarpError('SYNC_PROOF_TOO_LARGE', 'the history is too large for one proof', {
      fix: `reveal fewer versions; more than ${proofLimits.versions}, or than 4 MiB with nothing revealed, have no proof`,
      cause: error,
    })
  }
}

function nodeProof<E extends { readonly hash: EntryHash }>(
  source: HistorySource<E>,
  node: NodeId,
  reveal: NonNullable<HistoryRequest['reveal']>,
): NodeProof {
  const place = source.leaves.place(node)
  const path = source.leaves.map().path(place)
  const state = source.contentState(node)
  if (path === undefined || state === undefined) throw noHistory()
  const known = new Set(state.heads)
  const heads: number[] = []
  const versions: ProvedVersion[] = []
  for (const [index, { entry }] of state.versions.entries()) {
    if (known.has(entry.hash)) heads.push(index)
    const isRevealed = reveal === 'all' || (reveal !== 'none' && reveal.has(entry.hash))
    versions.push(provedVersion(source, source.record(entry), isRevealed))
  }
  if (heads.length !== state.heads.length) throw new RangeError('a head that is no version of its node')
  return { place, path, versions, heads }
}

function noHistory(): HarpError {
  return new HarpError('SYNC_PROOF_NO_HISTORY', 'there is no file with a history there', {
    fix: 'name a file or symlink that has at least one version in the state the statement covers',
  })
}

function provedVersion<E extends { readonly hash: EntryHash }>(
  source: HistorySource<E>,
  record: EntryRecord,
  isRevealed: boolean,
): ProvedVersion {
  const { metaBytes, prev, body } = record
  if (!isRevealed) return { metaBytes, prev, revealed: undefined }
  const secret = source.secret(record)
  if (secret === undefined) {
    throw new HarpError(
      'SYNC_PROOF_NO_KEY',
      'the key of a version that shall be revealed is not known here',
      {
        fix: 'make the proof without revealing it, or on a device that can read the folder',
      },
    )
  }
  return { metaBytes, prev, revealed: { body, secret } }
}

function growthSince<E extends { readonly hash: EntryHash }>(
  source: HistorySource<E>,
  since: Statement,
): GrowthProof {
  const { size } = source.signed.statement
  if (since.size > size || source.log.root(since.size) !== since.logRoot) {
    throw new HarpError('SYNC_PROOF_NOT_GROWN', 'the older statement is not about a beginning of this log', {
      fix: 'without an authority late entries change the order: ask for a proof without the older statement',
    })
  }
  return { olderSize: since.size, hashes: source.log.consistency(since.size, size) }
}
