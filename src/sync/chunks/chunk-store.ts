import type { ChunkRows } from '../content/content.ts'
import type { EntryHash } from '../ids.ts'
import type { ChunkSource } from '../work/job.ts'

/**
 * Where the bytes of chunks are on this device: in the user's files, which are only pointed at; in content that was kept
 * when it was replaced; sealed in packs. Nothing here is trusted: who reads a chunk verifies it, and says so if it is
 * not there any more. Chunk ids are 32 bytes.
 */
export interface ChunkStore {
  /** The content of an item's file, at the time it was synced: replaces what was said of that item before. */
  addFile(item: number, rows: ChunkRows): void
  /** The item's file is gone, or is something else now. */
  removeFile(item: number): void
  /** A file in the private directory that holds a version; named by its entry hash. */
  addKept(version: EntryHash, rows: ChunkRows, size: number): void
  removeKept(version: EntryHash): void
  kept(): readonly { readonly version: EntryHash; readonly size: number }[]
  isKept(version: EntryHash): boolean
  /** Sealed chunks, one after the other, `lengths[i] + sealedOverhead` bytes each; those that are there are skipped. */
  addSealed(rows: ChunkRows, sealed: Uint8Array): void
  /** A list of chunk ids that is too long for its entry; by the hash in the entry's meta. */
  addList(hash: string, list: Uint8Array): void
  list(hash: string): Uint8Array | undefined

  /** The best place to read a chunk from: packs before files. `not`: sources found wrong by the caller. */
  find(id: Uint8Array): ChunkSource | undefined
  has(id: Uint8Array): boolean
  /** The caller found something else there. */
  forget(id: Uint8Array, source: ChunkSource): void

  /**
   * Makes packs and index lasting. With `false` they survive the end of the process and not a loss of power, which costs
   * no wait for the disk; a later commit makes up for it. Before a file is dropped because its chunks are in packs there
   * must be a lasting one.
   */
  commit(isLasting?: boolean): void
  /** Removes everything for whose chunk `isWanted` is false; rewrites packs that are mostly holes. Bounded work a call. */
  collect(isWanted: (id: Uint8Array) => boolean): { readonly freedBytes: number; readonly done: boolean }
  /**
   * Reads packs through and checks every chunk: those that are damaged are forgotten and named. Goes on where the same
   * reader stopped: in the background, or for an audit.
   */
  scrub(
    limitBytes: number,
    reader?: 'scrubbed' | 'audited',
  ): {
    readonly checked: number
    readonly bytes: number
    readonly damaged: readonly Uint8Array[]
    readonly done: boolean
  }
  stats(): {
    readonly packs: number
    readonly packBytes: number
    readonly chunks: number
    readonly keptBytes: number
  }
  close(): void
}

/** What answering other devices needs of it. */
export type ServedChunks = Pick<ChunkStore, 'find' | 'forget' | 'list'>

/** How the store finds the files that it points at. */
export interface FilePlaces {
  /** Absolute; undefined if the item is gone. */
  itemPath(item: number): string | undefined
  keptPath(version: EntryHash): string
}
