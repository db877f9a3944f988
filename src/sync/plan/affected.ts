import { rootNode, type NodeId } from '../ids.ts'
import { rootItem, stashItem, type Item } from '../items/item.ts'
import { unnumberedName } from '../tree/names.ts'
import type { TreeNode } from '../tree/node.ts'
import type { DownParts } from './down-parts.ts'
import { depthOf } from './in-view.ts'
import type { Removals } from './removals.ts'
import type { WorkQueue } from './work-queue.ts'

/** From nodes of which the log says something new to the places on the disk that may have to change for it. */
export class Affected {
  readonly #parts: DownParts
  readonly #queue: WorkQueue
  readonly #removals: Removals
  /** Directories of which all that is below may be shown or hidden otherwise than before. */
  readonly deep = new Set<NodeId>()
  /** The last directory that was asked for: neighbours come one after the other. */
  #last: { readonly node: TreeNode; readonly items: readonly Item[]; readonly depth: number } | undefined

  constructor(parts: DownParts, queue: WorkQueue, removals: Removals) {
    this.#parts = parts
    this.#queue = queue
    this.#removals = removals
  }

  addAll(nodes: Iterable<NodeId>, isDeep: boolean): void {
    for (const node of nodes) this.add(node, isDeep)
    this.#last = undefined
  }

  add(id: NodeId, isDeep: boolean): void {
    const { items, view } = this.#parts
    const { tree } = view()
    const node = tree.node(id)
    if (node?.parent !== undefined) this.#climb(node)
    // What a trash hides below depends on where its author had seen things; without any, nothing is hidden.
    if (node?.kind === 'directory' && (isDeep || tree.hadTrash)) this.deep.add(id)
    for (const item of items.ofNode(id)) {
      if (item.id === rootItem) continue
      this.#removals.add(item.id)
      this.#look(item)
    }
  }

  /** The place where an item is. */
  #look(item: Item): void {
    const { items, view } = this.#parts
    if (item.parent === stashItem) return
    const directory = items.get(item.parent)
    if (directory === undefined) return
    for (const id of directory.nodes) {
      const node = view().tree.node(id)
      // It may be shown only because of what was in it.
      if (node?.parent !== undefined && !view().shows(id)) this.#climb(node)
    }
    const node = view().tree.node(directory.nodes[0] ?? rootNode)
    if (node !== undefined) this.#name(directory, depthOf(node), item.logName)
  }

  /** Up to the first directory that is shown and on the disk: there begins what may have to be made or removed. */
  #climb(node: TreeNode): void {
    let at = node
    for (let parent = at.parent; parent !== undefined; at = parent, parent = at.parent) {
      if (at !== node) for (const item of this.#parts.items.ofNode(at.id)) this.#removals.add(item.id)
      const { items, depth } = this.#shownDirectories(parent)
      for (const item of items) this.#name(item, depth, at.name)
      if (items.length > 0) return
    }
  }

  #shownDirectories(node: TreeNode): { readonly items: readonly Item[]; readonly depth: number } {
    if (this.#last?.node === node) return this.#last
    this.#last = { node, items: this.#directoriesOf(node), depth: depthOf(node) }
    return this.#last
  }

  #directoriesOf(node: TreeNode): readonly Item[] {
    const { items, view } = this.#parts
    if (node.id === rootNode) {
      const root = items.get(rootItem)
      return root === undefined ? [] : [root]
    }
    if (!view().shows(node.id)) return []
    return items.ofNode(node.id).filter(({ kind, parent }) => kind === 'directory' && parent !== stashItem)
  }

  #name(directory: Item, depth: number, name: string): void {
    this.#queue.name(directory.id, depth, name)
    // Which number a file shows beside a directory depends on who has the numbered name.
    const own = unnumberedName(name)
    if (own !== undefined) this.#queue.name(directory.id, depth, own)
  }
}
