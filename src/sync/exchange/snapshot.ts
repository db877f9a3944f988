import type { Hlc } from '../format/entry.ts'
import type { PutFile, PutSymlink, Timestamp } from '../format/operation.ts'
import type { ChainHead, SignedStatement } from '../format/statement.ts'
import type { DeviceId, EntryHash, EpochId, FolderId, NodeId } from '../ids.ts'
import type { MapLeaf } from '../proof/map-path.ts'

/**
 * What a blank device gets first: the folder as one member sees it, without history. The issuer signs it and is taken
 * at its word, but only until the history is there: `checkSnapshot` then says whether it told the truth.
 */
export interface Snapshot {
  /** The issuer's statement about its log. */
  readonly signed: SignedStatement
  /** Keys the places of the state map. */
  readonly mapKey: Uint8Array
  /** How many statements of the authority had counted for the issuer, and the hash of the last. */
  readonly statements: SnapshotStatements
  readonly heads: readonly SnapshotHead[]
  /** Parents before what is in them; the position plus one is the number that others name as their parent. */
  readonly rows: readonly SnapshotRow[]
  /** Of every file and symlink, also of those that are not shown; by place. */
  readonly leaves: readonly SnapshotLeaf[]
}

export interface SnapshotStatements {
  readonly count: number
  readonly lastHash: string
}

export interface SnapshotHead extends ChainHead {
  readonly hlc: Hlc
  /** In nobody's past: a parent of the next entry. */
  readonly isLoose: boolean
}

export type SnapshotRow = SnapshotDirectoryRow | SnapshotFileRow

interface PlacedRow {
  /** The number of its directory; 0 for the folder itself. */
  readonly parent: number
  readonly name: string
  /** Sorted. */
  readonly nodes: readonly NodeId[]
  readonly mtime: Timestamp | undefined
}

export interface SnapshotDirectoryRow extends PlacedRow {
  readonly kind: 'directory'
}

export interface SnapshotFileRow extends PlacedRow {
  readonly kind: 'file' | 'symlink'
  readonly exec: boolean
  readonly current: SnapshotVersion & { readonly operation: PutFile | PutSymlink }
  /** The other heads, in order. */
  readonly concurrent: readonly SnapshotVersion[]
}

export interface SnapshotVersion {
  readonly hash: EntryHash
  readonly deviceId: DeviceId
  readonly hlc: Hlc
}

export interface SnapshotLeaf {
  readonly place: string
  readonly leaf: MapLeaf
}

/** As it travels: the envelope in the clear, the pages sealed. */
export interface SealedSnapshot {
  readonly envelope: Uint8Array
  readonly pages: readonly Uint8Array[]
}

/** What is signed: it names the sealed pages by their hashes, in order. */
export interface SnapshotEnvelope {
  readonly folderId: FolderId
  /** The issuer's Ed25519 key. */
  readonly publicKey: Uint8Array
  /** Under whose key the pages are sealed. */
  readonly epoch: EpochId
  /** 32 random bytes, so that no two snapshots share a key. */
  readonly salt: Uint8Array
  readonly pages: readonly string[]
  readonly signature: Uint8Array
}

export const snapshotLimits = {
  /** Bytes of a sealed page. */
  pageBytes: 1024 * 1024,
  pages: 16_384,
  /** Heads, rows or leaves in a page. */
  pageItems: 4_096,
  /** Other heads named with a file; the leaves name all of them. */
  concurrent: 1_024,
  /** Bytes of a shown name: a name, and the number of a file beside a directory. */
  nameBytes: 255 + 16,
  /** Nodes shown as one thing. */
  nodes: 16_384,
} as const
