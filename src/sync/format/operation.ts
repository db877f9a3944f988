import type { EntryHash, NodeId } from '../ids.ts'

/** What a user did: the plaintext of a sealed body. */
export type Operation =
  | MakeDirectory
  | PutFile
  | PutSymlink
  | Move
  | SetAttributes
  | Trash
  | Restore
  | MergeHeads

/** Makes a directory. For a node that exists it places nothing, but counts as a touch: a hidden one is shown again. */
export interface MakeDirectory {
  readonly type: 'mkdir'
  readonly node: NodeId
  readonly parent: NodeId
  readonly name: string
}

/** A version of a file. Parent and name place a node that does not exist yet; they never move one that does. */
export interface PutFile {
  readonly type: 'put'
  readonly node: NodeId
  readonly parent: NodeId
  readonly name: string
  readonly content: FileContent
  /** The content heads that this version replaces: sorted, no doubles. They may belong to other nodes of that name. */
  readonly bases: readonly EntryHash[]
}

/** A version of a symlink; target is kept as given and never followed. */
export interface PutSymlink {
  readonly type: 'symlink'
  readonly node: NodeId
  readonly parent: NodeId
  readonly name: string
  readonly target: string
  readonly bases: readonly EntryHash[]
}

/** Gives a node another parent, another name, or both. */
export interface Move {
  readonly type: 'move'
  readonly node: NodeId
  readonly parent: NodeId
  readonly name: string
}

/** Last-writer registers, one per attribute. */
export interface SetAttributes {
  readonly type: 'attr'
  readonly node: NodeId
  readonly mtime?: Timestamp
  readonly exec?: boolean
}

/** Hides a node and what its author saw below it. Moves nothing. */
export interface Trash {
  readonly type: 'trash'
  readonly node: NodeId
}

/** Cancels the named trash operations for this node and all below it. */
export interface Restore {
  readonly type: 'restore'
  readonly node: NodeId
  /** Sorted, no doubles. */
  readonly trashes: readonly EntryHash[]
}

/** Changes nothing in the tree; its parents join more than 16 heads. */
export interface MergeHeads {
  readonly type: 'merge'
}

export interface FileContent {
  /** Opaque here: how to decrypt the chunks of the entry's chunk list, in order. */
  readonly manifest: Uint8Array
  /** Bytes of the plaintext, a safe integer. */
  readonly size: number
  readonly mtime: Timestamp
  readonly exec: boolean
  /** BLAKE3 of the plaintext, 64 hex digits. */
  readonly hash: string
}

/** Since 1970; `nanos` is 0 … 999,999,999 and counts forward also before 1970. */
export interface Timestamp {
  readonly seconds: number
  readonly nanos: number
}
