import { sealedOverhead, type ChunkRows } from '../content/content.ts'
import type { WantedContent } from '../plan/wanted.ts'
import type { ChunkSource } from '../work/job.ts'

/** Files up to this size are put together in memory and delivered many at once. */
export const smallFileBytes = 1024 * 1024

/** One wanted version on its way to the disk. */
export interface Download {
  /** As the last plan has it, and always the same version at the same place. */
  wanted: WantedContent
  readonly size: number
  /** Undefined for symlinks, and as long as the list of chunks is not known. */
  rows: ChunkRows | undefined
  state: DownloadState
  /** By row, of small files. */
  sealed: (Uint8Array | undefined)[]
  sources: (ChunkSource | undefined)[]
  /** Rows that have to come yet. */
  missing: number
  /** Bytes of plaintext that are here already. */
  present: number
  /** Whoever handed over a chunk waits for what became of it; by row. */
  settles: Map<number, (verdict: 'ok' | 'bad') => void>
  /** When something of it came last, by the monotonic clock. */
  progressAt: number
  /** When to try again, by the monotonic clock. */
  retryAt: number
  /** How often it was tried in vain. */
  failures: number
  /** The path that a problem was told of, which still holds. */
  toldPath: string | undefined
}

export type DownloadState =
  /** Its list of chunks is being asked for. */
  | 'listing'
  /** Waits for one of the places for large files. */
  | 'queued'
  | 'fetching'
  /** All is here. */
  | 'ready'
  | 'applying'
  /** Something stood in the way; tried again later. */
  | 'failed'
  | 'dropped'

export function newDownload(wanted: WantedContent): Download {
  const { operation } = wanted
  return {
    wanted,
    size: operation.type === 'put' ? operation.content.size : 0,
    rows: undefined,
    state: 'listing',
    sealed: [],
    sources: [],
    missing: 0,
    present: 0,
    settles: new Map(),
    progressAt: 0,
    retryAt: 0,
    failures: 0,
    toldPath: undefined,
  }
}

/** Where a download goes: one at a time for each place. */
export function placeKey({ parent, name }: { readonly parent: number; readonly name: string }): string {
  return `${parent}/${name}`
}

export function idOf(rows: ChunkRows, row: number): Uint8Array {
  return rows.ids.subarray(row * 32, row * 32 + 32)
}

export function keyOf(rows: ChunkRows, row: number): Uint8Array {
  return rows.keys.subarray(row * 32, row * 32 + 32)
}

export function sealedLength(rows: ChunkRows, row: number): number {
  return (rows.lengths[row] ?? 0) + sealedOverhead
}

/** For maps: one character for each byte. */
export function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}
