import type { Clock } from '../../base/clock.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ContentKeys } from '../content/content.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { LocalNames } from '../disk/local-names.ts'
import type { KeepPolicy, VersionSource } from '../folder/version-source.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import type { NodeId } from '../ids.ts'
import type { Item, ItemStore } from '../items/item.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import type { WorkPool } from '../work/job.ts'

export interface UpParts {
  /** Absolute path of the folder. */
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly pool: WorkPool
  readonly fs: FileSystem
  readonly names: Pick<LocalNames, 'logName'>
  readonly clock: Clock
  readonly random: RandomBytes
  readonly suite: CryptoSuite
  readonly keys: ContentKeys
  readonly chunker: ChunkerParameters
  readonly keep: KeepPolicy
  readonly rows: VersionSource['rows']
  /** The log has grown. */
  readonly announce: () => void
  readonly report: (progress: ScanProgress) => void
  /** A directory is about to be listed; so a watch that begins here misses nothing. `path`: names from the folder. */
  readonly visit?: (directory: Item, path: readonly string[]) => void
  /** Not 0: files are not read to their end any more. */
  readonly halted?: SharedArrayBuffer
  /** Of this run of the system; undefined where there is none. */
  readonly bootId?: () => string | undefined
}

export interface ScanProgress {
  readonly scanned: number
  readonly hashed: number
  readonly hashedBytes: number
}

export interface ScanOptions {
  readonly acceptDeletions: boolean
  readonly signal: AbortSignal
}

export interface ScanReport {
  /** Operations written. */
  readonly changed: number
  /** Directories to look at again soon: files that change while they are read, or changed a moment ago. */
  readonly again: ReadonlySet<number>
  readonly problems: readonly FolderProblem[]
  readonly blocked: Blocked | undefined
  /** Items whose content was lost with the power: their version is undefined now, and has to be put there again. */
  readonly damaged: readonly number[]
  /** Nodes whose items changed and no operation says so: the plan has to look at them. */
  readonly stale: ReadonlySet<NodeId> | 'everything'
  /** All places were looked at, and nothing stood in the way. */
  readonly isComplete: boolean
}

export interface Blocked {
  readonly code: 'FOLDER_DISK_MISSING' | 'FOLDER_MASS_DELETION'
  readonly message: string
  readonly deletions?: number
}
