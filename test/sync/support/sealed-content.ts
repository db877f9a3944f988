import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { sealChunk } from '../../../src/sync/content/chunk-seal.ts'
import type { ChunkRows, ContentKeys } from '../../../src/sync/content/content.ts'
import { toHex } from '../../../src/sync/ids.ts'
import type { PlaceJob } from '../../../src/sync/work/job.ts'

export const testKeys: ContentKeys = {
  content: new Uint8Array(32).fill(1),
  boundaries: new Uint8Array(32).fill(2),
}

/** A content as other devices have it. */
export interface SealedContent {
  readonly bytes: Uint8Array
  readonly rows: ChunkRows
  readonly sealed: readonly Uint8Array[]
  readonly hash: string
}

/** Cut at fixed lengths. */
export function sealContent(content: string | Uint8Array, chunkLength = 5_000): SealedContent {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const ids: number[] = []
  const keys: number[] = []
  const lengths: number[] = []
  const sealed: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += chunkLength) {
    const chunk = sealChunk(testKeys, bytes.subarray(at, at + chunkLength))
    ids.push(...chunk.id)
    keys.push(...chunk.key)
    lengths.push(Math.min(chunkLength, bytes.length - at))
    sealed.push(chunk.sealed)
  }
  const rows = { ids: Uint8Array.from(ids), keys: Uint8Array.from(keys), lengths: Uint32Array.from(lengths) }
  return { bytes, rows, sealed, hash: toHex(nodeContentSuite.hash(bytes)) }
}

/** Bytes that are not all alike. */
export function variedBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed + 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}

export function pieceOf(content: SealedContent, row: number): PlaceJob['pieces'][number] {
  let offset = 0
  for (let before = 0; before < row; before++) offset += content.rows.lengths[before]!
  return {
    id: content.rows.ids.slice(row * 32, row * 32 + 32),
    key: content.rows.keys.slice(row * 32, row * 32 + 32),
    offset,
    length: content.rows.lengths[row]!,
    sealed: content.sealed[row]!,
  }
}
