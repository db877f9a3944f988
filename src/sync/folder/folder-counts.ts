import type { UpkeepCounters } from './upkeep.ts'

/** What a folder has counted since it was opened, for `/metrics`. */
export interface FolderCounts {
  /** Of the log. */
  readonly entries: number
  /** Directories. */
  readonly watched: number
  /** Bytes of sealed chunks. */
  readonly received: number
  /** Of `received`, from devices that are near. */
  readonly near: number
  readonly sent: number
  /** A device broke the rules. */
  readonly strikes: number
  /** Undefined while nothing goes on with files, as where the folder is paused or a cache. */
  readonly upkeep: UpkeepCounters | undefined
}
