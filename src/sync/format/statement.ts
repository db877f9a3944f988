import type { DeviceId, EntryHash, EpochId, FolderId, Incarnation } from '../ids.ts'
import type { Hlc } from './entry.ts'

/** What a member says of its log. The authority's statements are the final order. */
export interface Statement {
  readonly folderId: FolderId
  readonly issuer: DeviceId
  /** 0, 1, 2, … of this issuer. */
  readonly index: number
  /** Entries in order. */
  readonly size: number
  /** Root of the RFC 9162 Merkle tree (SHA3-256) over the entry hashes in order. */
  readonly logRoot: string
  /** Root of the state map. */
  readonly mapRoot: string
  /** Hash of the frontier. */
  readonly frontierHash: string
  readonly hlc: Hlc
  /** Hash of the issuer's statement before, `noHash` for the first. */
  readonly previous: string
  /**
   * Epochs that the issuer has no key of: operations under them do nothing in the map whose root this is. Sorted, no
   * doubles, not empty; undefined if the issuer can read everything.
   */
  readonly unread?: readonly EpochId[]
}

/** As it is kept, sent and put into proofs. */
export interface SignedStatement {
  readonly statement: Statement
  /** The encoded statement, which is what is signed (after the label). */
  readonly bytes: Uint8Array
  /** The issuer's Ed25519 key; its hash is the issuer's device id. */
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
}

/** A statement of the authority as it travels: with the heads that changed since the one before. */
export interface AuthorityStatement {
  readonly signed: SignedStatement
  readonly changedHeads: readonly ChainHead[]
}

/** The last entry of a chain; of each branch, if the chain was forked. Sorted by device, incarnation, seq, hash. */
export interface ChainHead {
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  readonly seq: number
  readonly hash: EntryHash
}
