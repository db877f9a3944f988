import type { CryptoSuite } from '../crypto/suite.ts'
import { hashLength, noEpoch, toHex } from '../ids.ts'
import type { DeviceId, EntryHash, EpochId, FolderId, Incarnation } from '../ids.ts'
import type { ChunkListRef, EntryRecord, Hlc } from './entry.ts'
import { encodeMeta, entryHash } from './entry-codec.ts'
import type { PartialMeta } from './entry-codec.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import type { Operation } from './operation.ts'
import { sealOperation } from './sealing.ts'

/** Where an entry stands. */
export interface EntryCoordinates {
  /** `noFolder` for genesis. */
  readonly folderId: FolderId
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  readonly seq: number
  readonly hlc: Hlc
  readonly parents: readonly EntryHash[]
  /** The entry before; `chainStart` for seq 0. */
  readonly prev: EntryHash
}

export interface OperationDraft extends EntryCoordinates {
  readonly kind: 'operation'
  readonly epoch: EpochId
  readonly epochKey: Uint8Array
  readonly operation: Operation
  /** Concatenated chunk ids of 32 bytes; empty is the same as absent. Longer than the limit, it stays behind. */
  readonly chunkList?: Uint8Array | undefined
}

export interface PlainDraft extends EntryCoordinates {
  readonly kind: 'genesis' | 'grant' | 'revoke' | 'rekey'
  /** From the codec of its kind. */
  readonly body: Uint8Array
}

export type EntryDraft = OperationDraft | PlainDraft

/** Seals, hashes and encodes. Throws FormatError for what a decoder would refuse. */
export function makeEntry(suite: CryptoSuite, draft: EntryDraft): EntryRecord {
  const { folderId, deviceId, incarnation, seq, hlc, parents, prev, kind } = draft
  const chunkList = kind === 'operation' ? draft.chunkList : undefined
  const partial: PartialMeta = {
    folderId,
    deviceId,
    incarnation,
    seq,
    hlc,
    parents,
    epoch: kind === 'operation' ? draft.epoch : noEpoch,
    kind,
    chunks: chunkListRef(suite, chunkList),
  }
  const { body, bodyHash } =
    kind === 'operation'
      ? sealOperation(suite, draft.epochKey, partial, prev, draft.operation)
      : { body: draft.body, bodyHash: toHex(suite.hash(draft.body)) }
  const meta = { ...partial, bodyHash, bodyLength: body.length }
  const metaBytes = encodeMeta(meta)
  const hash = entryHash(suite, metaBytes, prev)
  const inline = (meta.chunks?.count ?? limits.inlineChunks + 1) <= limits.inlineChunks
  return { hash, prev, meta, metaBytes, body, chunkList: inline ? chunkList : undefined }
}

function chunkListRef(suite: CryptoSuite, chunkList: Uint8Array | undefined): ChunkListRef | undefined {
  if (chunkList === undefined || chunkList.length === 0) return undefined
  if (chunkList.length % hashLength !== 0) throw new FormatError('length', 'chunk list')
  return { hash: toHex(suite.hash(chunkList)), count: chunkList.length / hashLength }
}
