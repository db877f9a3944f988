import type { Fingerprint } from '../disk/file-system.ts'
import type { EntryHash, NodeId } from '../ids.ts'

/** The folder itself. */
export const rootItem = 1
/** The parent of items that are between two places, in the private directory as `moving-<id>`. */
export const stashItem = 2

/**
 * One file, directory or symlink on this device's disk, as it was last seen to agree with the log: the synced tree. The
 * disk is compared with it to find what the user did, the log's view to find what others did. Items hang on their
 * parents by number, so moving a directory is one change.
 */
export interface Item {
  readonly id: number
  readonly parent: number
  /** As on this disk; `logName` in the log, where this disk cannot hold that. */
  readonly name: string
  readonly logName: string
  readonly kind: 'file' | 'directory' | 'symlink'
  /** Which nodes of the log it stands for, sorted; several where things of one name are shown as one. Never empty. */
  readonly nodes: readonly NodeId[]
  /** The version whose content is on the disk; undefined for directories. */
  readonly version: EntryHash | undefined
  readonly print: Fingerprint
  readonly state: ItemState
}

export const itemStates = [
  /** As in the log. */
  'synced',
  /** A directory that the log does not show, which stays because ignored things are in it. */
  'leftover',
  /** In place, and not yet certain to survive a loss of power. */
  'unsettled',
] as const
export type ItemState = (typeof itemStates)[number]

export type NewItem = Omit<Item, 'id'>

/** A version is about to be renamed into place: after a crash its inode tells whether that happened. */
export interface ApplyIntent {
  readonly parent: number
  readonly name: string
  readonly logName: string
  readonly nodes: readonly NodeId[]
  readonly version: EntryHash
  readonly kind: 'file' | 'symlink'
  /** Undefined until the temporary file is there. */
  readonly temporaryName: string
}

/** Kept in SQLite, one per folder; reads see what was written before, `commit` makes it lasting. */
export interface ItemStore {
  get(id: number): Item | undefined
  child(parent: number, name: string): Item | undefined
  /** Sorted by name. */
  children(parent: number): Item[]
  /** Whether there are any, without reading them. */
  hasChildren(parent: number): boolean
  /** The items that stand for a node: mostly one, more while a union is being joined. */
  ofNode(node: NodeId): Item[]
  /** Items whose inode this was; of another file now, unless the birth time agrees as well. */
  ofInode(ino: number): Item[]
  /** Names from the folder to it, as on disk; undefined if it hangs on nothing. Of a stashed one: its private path. */
  path(id: number): readonly string[] | undefined
  add(item: NewItem): Item
  update(id: number, change: Partial<NewItem>): void
  /** With all below it. Returns how many. */
  remove(id: number): number
  /** Files and symlinks, and bytes of them. */
  totals(): { readonly files: number; readonly bytes: number }
  /** Items with a state other than `synced`, at most `limit`. */
  inState(state: ItemState, limit: number): Item[]
  /** Files, directories and symlinks below, itself included. */
  countBelow(id: number): number

  addIntents(intents: readonly ApplyIntent[]): void
  intents(): ApplyIntent[]
  clearIntents(temporaryNames: readonly string[]): void

  /** Small local facts: `last-full-scan`, `accept-deletions`, … */
  fact(name: string): string | undefined
  setFact(name: string, value: string | undefined): void

  /** Group commit: nothing is lasting before. Called by the owner after each group of changes. */
  commit(): void
  close(): void
}
