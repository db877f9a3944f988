import type { Operation } from '../format/operation.ts'
import { compareIds, type EntryHash } from '../ids.ts'
import { none, type TreeNode } from './node.ts'
import type { Rows } from './rows.ts'

/** One line of JSON per node, sorted by id (docs/spec/tree.md). */
export function dumpTree<E extends { readonly hash: EntryHash }>(
  rows: Rows<E>,
  nodes: Iterable<TreeNode>,
): string {
  const sorted = [...nodes].sort((left, right) => compareIds(left.id, right.id))
  return sorted.map((node) => `${dumpNode(rows, node)}\n`).join('')
}

function dumpNode<E extends { readonly hash: EntryHash }>(rows: Rows<E>, node: TreeNode): string {
  const touches = along(rows, node.lastTouch)
  const versions = touches.filter((at) => node.kind === 'content' && isPut(rows.operations[at]))
  const heads = versions.filter((at) => rows.superseded[at] === 0)
  const hash = (at: number): EntryHash => rows.entry(at).hash
  return JSON.stringify([
    node.id,
    node.kind,
    node.parent?.id,
    node.name,
    hash(node.placement),
    touches.map(hash),
    along(rows, node.lastTrash).map(hash),
    [...(node.restored?.keys() ?? [])].sort(compareIds),
    node.lastMtime === none ? null : hash(node.lastMtime),
    node.lastExec === none ? null : hash(node.lastExec),
    versions.map(hash),
    heads.map(hash),
  ])
}

function isPut(operation: Operation | undefined): boolean {
  return operation?.type === 'put' || operation?.type === 'symlink'
}

/** The places of a list, in order. */
function along(rows: Rows<unknown>, last: number): number[] {
  const places: number[] = []
  for (let at = last; at !== none; at = rows.previous[at] ?? none) places.push(at)
  return places.reverse()
}
