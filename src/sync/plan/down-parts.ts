import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { LocalNames } from '../disk/local-names.ts'
import type { KeepPolicy, VersionSource } from '../folder/version-source.ts'
import type { ItemStore } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Shown, ShownFile } from '../tree/shown.ts'
import type { TreeView } from '../tree/tree-view.ts'
import type { FolderProblem, WantedContent } from './wanted.ts'

export interface DownParts {
  /** Absolute. */
  readonly root: string
  readonly view: () => TreeView<LogEntry>
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly versions: VersionSource
  readonly fs: FileSystem
  readonly names: LocalNames
  readonly keep: KeepPolicy
  /** Of a path relative to the folder, as on this disk. */
  readonly isIgnored: (relativePath: string, isDirectory: boolean) => boolean
}

export interface DownReport {
  /** Files and symlinks to be put in place. One that is not comes again with the next look at its directory. */
  readonly wanted: readonly WantedContent[]
  /** Directories in which the disk is not what the items say: what depends on it waits for a scan, and is not lost. */
  readonly dirty: ReadonlySet<number>
  readonly problems: readonly FolderProblem[]
  /** False: the budget was used up, call again. */
  readonly done: boolean
  /** Directory items that were made or moved. */
  readonly appeared: readonly number[]
  /** Absolute paths of directories in which names changed: lasting before the items say so, after a loss of power. */
  readonly changedDirectories: ReadonlySet<string>
}

export type ShownThing = Shown<LogEntry>
export type ShownContent = ShownFile<LogEntry>
