import type { DeviceId, EntryHash, EpochId, FolderId, Incarnation } from '../ids.ts'

/** A hybrid logical clock: 48 bits of milliseconds since 1970, 16 bits of counter. Encoded as 8 bytes, big-endian. */
export interface Hlc {
  readonly ms: number
  readonly counter: number
}

export const entryKinds = ['genesis', 'operation', 'grant', 'revoke', 'rekey'] as const
/** Only the body of `operation` is sealed; the index in the list is the number on the wire. */
export type EntryKind = (typeof entryKinds)[number]

/** What is hashed: `entryHash = SHA3-256(serialize(meta) || prev_hash)`. */
export interface EntryMeta {
  /** `noFolder` in a genesis entry. */
  readonly folderId: FolderId
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  /** 0, 1, 2, … in its chain (deviceId, incarnation). */
  readonly seq: number
  readonly hlc: Hlc
  /** Heads that the author knew besides its own predecessor: sorted, no doubles, at most 16. */
  readonly parents: readonly EntryHash[]
  /** Under whose key the body is sealed; `noEpoch` unless kind is `operation`. */
  readonly epoch: EpochId
  readonly kind: EntryKind
  /** SHA3-256 of the body as it travels. */
  readonly bodyHash: string
  readonly bodyLength: number
  /** Of the concatenated chunk ids of a put: SHA3-256 and how many. */
  readonly chunks: ChunkListRef | undefined
}

export interface ChunkListRef {
  readonly hash: string
  readonly count: number
}

/** One entry as it is kept and sent. `hash` and the hashes in `meta` have been checked against the bytes. */
export interface EntryRecord {
  readonly hash: EntryHash
  /** The entry before it in its chain, or the chain's start (`chainStart`) for seq 0. */
  readonly prev: EntryHash
  readonly meta: EntryMeta
  readonly metaBytes: Uint8Array
  readonly body: Uint8Array
  /** Concatenated chunk ids of 32 bytes; undefined if there are none or the list stayed behind. */
  readonly chunkList: Uint8Array | undefined
}

/**
 * Consecutive entries of one chain with one signature over the last. Only the first may have parents: a device closes
 * its batch before it takes in entries of others. So a batch is accepted, stored and sent whole, or as a suffix.
 */
export interface Batch {
  /** The author's Ed25519 key, 32 bytes; its hash is the device id of every entry. */
  readonly publicKey: Uint8Array
  readonly entries: readonly EntryRecord[]
  readonly signature: Uint8Array
}
