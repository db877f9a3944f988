import type { ChunkRows, ContentKeys } from '../content/content.ts'
import type { FileStat, Fingerprint } from '../disk/file-system.ts'
import type { ChunkerParameters } from '../format/membership.ts'

/**
 * Work for a thread: plain data in, plain data out, synchronous inside, many small things in one job. Every job function
 * is `(fs: FileSystem, job) => result` and never throws for what it finds on the disk: results say what was wrong.
 */
export interface JobTable {
  readonly list: { readonly job: ListJob; readonly result: ListResult }
  readonly hash: { readonly job: HashJob; readonly result: HashResult }
  readonly check: { readonly job: CheckJob; readonly result: CheckResult }
  readonly serve: { readonly job: ServeJob; readonly result: ServeResult }
  readonly fill: { readonly job: FillJob; readonly result: FillResult }
  readonly place: { readonly job: PlaceJob; readonly result: PlaceResult }
  readonly finish: { readonly job: FinishJob; readonly result: FinishResult }
  readonly deliver: { readonly job: DeliverJob; readonly result: DeliverResult }
  readonly settle: { readonly job: SettleJob; readonly result: SettleResult }
}
export type JobName = keyof JobTable

/** Runs jobs: `thread-pool.ts` in worker threads, `inline-pool.ts` at once, for tests and the simulator. */
export interface WorkPool {
  run<N extends JobName>(name: N, job: JobTable[N]['job']): Promise<JobTable[N]['result']>
  close(): Promise<void>
}

/** What stood in the way, as the system names it (`EACCES`, `ENOENT`, …), with its text. */
export interface DiskFault {
  readonly code: string
  readonly message: string
}

/** Names and stats in directories. */
export interface ListJob {
  /** Absolute. */
  readonly directories: readonly string[]
}
export interface ListResult {
  readonly listings: readonly (Listing | DiskFault)[]
}
export interface Listing {
  readonly entries: readonly DiskEntry[]
  /** Names that are no UTF-8, shown as well as can be. */
  readonly badNames: readonly string[]
}
export interface DiskEntry {
  readonly name: string
  readonly stat: FileStat
}

/** Cuts files into chunks and names them. Symlinks are read instead. */
export interface HashJob {
  readonly keys: ContentKeys
  readonly chunker: ChunkerParameters
  /** Absolute. */
  readonly files: readonly { readonly path: string }[]
  /** Files of at most this many bytes come with their sealed chunks, to be stored; 0 for none. */
  readonly keepUpTo: number
  /** Shared with the caller, who makes it 1 when the result is of no use any more: the files are `changing` then. */
  readonly halted?: SharedArrayBuffer | undefined
}
export interface HashResult {
  readonly files: readonly HashedFile[]
}
export type HashedFile =
  | {
      readonly state: 'hashed'
      /** The same before and after reading. */
      readonly stat: FileStat
      /** BLAKE3 of the content, 64 hex digits. */
      readonly hash: string
      readonly rows: ChunkRows
      /** One after the other, `lengths[i] + sealedOverhead` bytes each. */
      readonly sealed: Uint8Array | undefined
    }
  | { readonly state: 'symlink'; readonly stat: FileStat; readonly target: string }
  /** It was written to while it was read: look again later. */
  | { readonly state: 'changing' }
  | { readonly state: 'missing' }
  | { readonly state: 'failed'; readonly fault: DiskFault }

/** Whether parts of files still hold the chunks that were put there. */
export interface CheckJob {
  readonly keys: ContentKeys
  readonly files: readonly {
    /** Absolute. */
    readonly path: string
    readonly offset: number
    /** `k` and plaintext length of the chunks from there on. */
    readonly keys: Uint8Array
    readonly lengths: Uint32Array
  }[]
  /** As in HashJob. */
  readonly halted?: SharedArrayBuffer | undefined
}
export interface CheckResult {
  readonly files: readonly CheckedFile[]
}
export type CheckedFile =
  /** `stat`: the same before and after. `damaged`: which of the chunks are something else. */
  | { readonly state: 'read'; readonly stat: FileStat; readonly damaged: readonly number[] }
  | { readonly state: 'changing' }
  | { readonly state: 'missing' }
  | { readonly state: 'failed'; readonly fault: DiskFault }

/** Where a chunk is on this device: plaintext in a file, or sealed in a pack. */
export type ChunkSource =
  | {
      readonly in: 'file'
      readonly path: string
      readonly offset: number
      readonly length: number
      readonly key: Uint8Array
    }
  | { readonly in: 'pack'; readonly path: string; readonly offset: number; readonly sealedLength: number }

/** Sealed chunks to send. A result is undefined if what is there is not the chunk any more. */
export interface ServeJob {
  readonly chunks: readonly { readonly id: Uint8Array; readonly source: ChunkSource }[]
}
export interface ServeResult {
  readonly sealed: readonly (Uint8Array | undefined)[]
}

/**
 * Begins or goes on with a version in a temporary file: makes it if it is not there; rows that are in place already, by
 * their keys, are done; rows with a source are copied and verified. The rest has to come from other devices.
 */
export interface FillJob {
  readonly path: string
  readonly keys: ContentKeys
  readonly rows: ChunkRows
  /** By row; undefined where this device has nothing. The length of the array is that of the rows. */
  readonly sources: readonly (ChunkSource | undefined)[]
  /** The file was begun before: look what is in place. */
  readonly isResumed: boolean
  /** Shared with the caller, who makes it 1 when the result is of no use any more: rows are missing then. */
  readonly halted?: SharedArrayBuffer | undefined
}
export interface FillResult {
  /** Rows that are still to come. */
  readonly missing: readonly number[]
  readonly fault: DiskFault | undefined
}

/**
 * Sealed chunks that came from another device: verifies, opens, and writes each to its place in a temporary file. Takes
 * the sealed bytes away from the caller.
 */
export interface PlaceJob {
  readonly path: string
  readonly keys: ContentKeys
  readonly pieces: readonly {
    readonly id: Uint8Array
    readonly key: Uint8Array
    readonly offset: number
    readonly length: number
    readonly sealed: Uint8Array
  }[]
}
export interface PlaceResult {
  /**
   * By piece: `bad` is not what its id says; `wrong` is, and does not open to what the version's author said. After a
   * fault only those before it.
   */
  readonly states: readonly ('placed' | 'bad' | 'wrong')[]
  readonly fault: DiskFault | undefined
}

/** What stands at the target before: it must be exactly this, or nothing is done. */
export type ExpectedTarget = { readonly print: Fingerprint } | 'nothing'

export interface Target {
  /** Absolute, in a directory that exists. */
  readonly path: string
  readonly expected: ExpectedTarget
  /** The directory it is in, which must be this one and no symlink. */
  readonly parentIno: number
  /** Where what stood there goes; undefined to drop it. */
  readonly keepAt: string | undefined
  readonly mtimeMs: number
  readonly exec: boolean
}

/** Why something was not put in its place: the target or its directory changed meanwhile, so it is scanned first. */
export type PutOutcome =
  | { readonly state: 'done'; readonly stat: FileStat }
  /** `rescued`: where bytes of the user are that were displaced in that moment and could not be put back. */
  | { readonly state: 'target-changed'; readonly rescued?: string }
  | { readonly state: 'wrong-content' }
  | { readonly state: 'failed'; readonly fault: DiskFault }

/** A temporary file is whole: attributes, fsync, look at the target once more, keep the old, rename. */
export interface FinishJob {
  readonly temporary: string
  readonly size: number
  /** BLAKE3 to check for, where reading it once more is worth it. */
  readonly hash: string | undefined
  readonly target: Target
  /**
   * Lasting when it is done: fsync of the file and of the directory of kept content before the rename, and of the
   * target's directory after it. Else a later `settle` does it.
   */
  readonly isDurable: boolean
}
export type FinishResult = PutOutcome

/** Small files and symlinks, whole in one go each: sealed chunks or a target text in, files in place out. */
export interface DeliverJob {
  readonly keys: ContentKeys
  readonly files: readonly DeliveredFile[]
}
export interface DeliveredFile {
  readonly temporary: string
  readonly target: Target
  readonly content:
    | {
        readonly type: 'file'
        readonly rows: ChunkRows
        /** As in HashedFile; of chunks that are here already, by row, in `sources`. */
        readonly sealed: readonly (Uint8Array | undefined)[]
        readonly sources: readonly (ChunkSource | undefined)[]
        readonly size: number
        /** BLAKE3, 64 hex digits. */
        readonly hash: string
      }
    | { readonly type: 'symlink'; readonly target: string }
}
export interface DeliverResult {
  /** By file. `badRows`: of what came from others; nothing was done for that file then. */
  readonly files: readonly (PutOutcome & {
    readonly badRows?: readonly number[]
    readonly missingRows?: readonly number[]
  })[]
}

/** Makes files and their directories durable after the fact. Missing ones are no fault. */
export interface SettleJob {
  readonly files: readonly string[]
  readonly directories: readonly string[]
}
export interface SettleResult {
  readonly fault: DiskFault | undefined
}
