import type { PutFile, PutSymlink } from '../format/operation.ts'
import { compareIds, type EntryHash, type NodeId } from '../ids.ts'
import { none, type TreeNode } from './node.ts'
import type { Rows } from './rows.ts'

/** One state of a file or symlink that somebody committed. */
export interface Version<E> {
  readonly entry: E
  readonly node: NodeId
  readonly operation: PutFile | PutSymlink
  /** Its place in the order. */
  readonly position: number
}

/** What the state map says of a content node. */
export interface ContentState<E> {
  /** Sorted. May be empty, when versions of other nodes replace all. */
  readonly heads: readonly EntryHash[]
  /** In order. */
  readonly versions: readonly Version<E>[]
}

export function contentState<E extends { readonly hash: EntryHash }>(
  rows: Rows<E>,
  node: TreeNode,
): ContentState<E> {
  const heads = headsOf(rows, [node]).map((version) => version.entry.hash)
  return { heads: heads.sort(compareIds), versions: versionsOf(rows, [node]) }
}

/** The versions of all these nodes, in order. */
export function versionsOf<E>(rows: Rows<E>, nodes: readonly TreeNode[]): Version<E>[] {
  const found: Version<E>[] = []
  for (const node of nodes) {
    let left = node.versionCount
    for (let at = node.lastTouch; at !== none && left > 0; at = rows.previous[at] ?? none) {
      const version = versionAt(rows, at)
      if (version === undefined) continue
      found.push(version)
      left--
    }
  }
  return nodes.length === 1 ? found.reverse() : found.sort(inOrder)
}

/** The versions of these nodes that no applied version replaces, in order. */
export function headsOf<E>(rows: Rows<E>, nodes: readonly TreeNode[]): Version<E>[] {
  const found: Version<E>[] = []
  for (const node of nodes) {
    let left = node.headCount
    for (let at = node.lastTouch; at !== none && left > 0; at = rows.previous[at] ?? none) {
      const version = rows.superseded[at] === 0 ? versionAt(rows, at) : undefined
      if (version === undefined) continue
      found.push(version)
      left--
    }
  }
  return nodes.length === 1 ? found.reverse() : found.sort(inOrder)
}

/** The last of their versions in order, replaced or not. */
export function lastVersion<E>(rows: Rows<E>, nodes: readonly TreeNode[]): Version<E> | undefined {
  let last: Version<E> | undefined
  for (const node of nodes) {
    for (let at = node.lastTouch; at > (last?.position ?? none); at = rows.previous[at] ?? none) {
      last = versionAt(rows, at) ?? last
    }
  }
  return last
}

function versionAt<E>(rows: Rows<E>, position: number): Version<E> | undefined {
  const operation = rows.operations[position]
  if (operation?.type !== 'put' && operation?.type !== 'symlink') return undefined
  return { entry: rows.entry(position), node: operation.node, operation, position }
}

function inOrder(left: { readonly position: number }, right: { readonly position: number }): number {
  return left.position - right.position
}
