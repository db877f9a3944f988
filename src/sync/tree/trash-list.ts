import { rootNode, type EntryHash, type NodeId } from '../ids.ts'
import { childrenOf, type NodeKind, type TreeNode } from './node.ts'
import type { Tree } from './tree.ts'
import type { Reach } from './visibility.ts'

/** A hidden node, as an item of the trash. */
export interface Hidden<E> {
  readonly node: NodeId
  readonly kind: NodeKind
  readonly name: string
  /** The names from the root to it, as the tree has them. */
  readonly path: readonly string[]
  /** The trashes that cover it, in order. */
  readonly trashes: readonly E[]
}

export function describeHidden<E extends { readonly hash: EntryHash }>(
  tree: Tree<E>,
  node: TreeNode,
): Hidden<E> {
  const path: string[] = []
  for (let at: TreeNode | undefined = node; at?.parent !== undefined; at = at.parent) path.push(at.name)
  const covering = tree.visibility.covering(node).map((position) => tree.rows.entry(position))
  return {
    node: node.id,
    kind: node.kind,
    name: node.name,
    path: path.reverse(),
    trashes: covering.reverse(),
  }
}

/** The topmost hidden nodes, in the order of the trashes that hide them. */
export function trashedIn<E extends { readonly hash: EntryHash }>(tree: Tree<E>): Hidden<E>[] {
  const { rows, visibility } = tree
  const tops = new Set<TreeNode>()
  const seen = new Set<NodeId>()
  for (const position of [...visibility.trashAt.values()].sort((left, right) => left - right)) {
    const operation = rows.operations[position]
    if (operation?.type !== 'trash' || operation.node === rootNode || seen.has(operation.node)) continue
    seen.add(operation.node)
    const node = tree.node(operation.node)
    if (node?.parent === undefined) continue
    const outer = visibility.reach(node.parent)
    if (visibility.hidden(outer, node)) tops.add(topOf(tree, node))
    else hiddenBelow(tree, node, visibility.inner(outer, node), tops)
  }
  return [...tops].map((node) => describeHidden(tree, node))
}

/** The highest node of the hidden ones that end in this hidden node without a gap. */
function topOf<E extends { readonly hash: EntryHash }>(tree: Tree<E>, node: TreeNode): TreeNode {
  const path: TreeNode[] = []
  for (let at: TreeNode | undefined = node; at?.parent !== undefined; at = at.parent) path.push(at)
  let top: TreeNode | undefined
  let reach = tree.visibility.reach(path.at(-1)?.parent ?? node)
  for (const at of path.reverse()) {
    if (!tree.visibility.hidden(reach, at)) top = undefined
    else top ??= at
    if (at !== node) reach = tree.visibility.inner(reach, at)
  }
  return top ?? node
}

/** A trashed directory that came back by itself may still hide what it held. */
function hiddenBelow<E extends { readonly hash: EntryHash }>(
  tree: Tree<E>,
  directory: TreeNode,
  reach: Reach,
  tops: Set<TreeNode>,
): void {
  const waiting = [{ directory, reach }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of next.reach.cover.length === 0 ? [] : childrenOf(next.directory)) {
      if (tree.visibility.hidden(next.reach, child)) tops.add(child)
      else if (child.kind === 'directory') {
        waiting.push({ directory: child, reach: tree.visibility.inner(next.reach, child) })
      }
    }
  }
}
