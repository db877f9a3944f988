import type { PutFile, PutSymlink } from '../format/operation.ts'
import type { EntryHash, NodeId } from '../ids.ts'
import type { Item } from '../items/item.ts'

/** A file or symlink that the log shows, and this disk does not have, or has in another version. */
export interface WantedContent {
  /** The item of its directory. */
  readonly parent: number
  readonly name: string
  readonly logName: string
  readonly nodes: readonly NodeId[]
  /** What is there now, to be replaced: of the same nodes. Undefined: nothing is there. */
  readonly item: Item | undefined
  readonly version: EntryHash
  readonly operation: PutFile | PutSymlink
  readonly mtimeMs: number
  readonly exec: boolean
}

/** Something that a person should know, shown by `harp status`; about a path, relative to the folder. */
export interface FolderProblem {
  /** A stable name, `UPPER_SNAKE`, listed in sync/errors.ts. */
  readonly code: string
  readonly path: string
  readonly message: string
  readonly fix: string
}
