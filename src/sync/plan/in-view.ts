import type { NodeId } from '../ids.ts'
import { rootItem, stashItem, type Item, type ItemStore } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { unnumberedName } from '../tree/names.ts'
import type { TreeNode } from '../tree/node.ts'
import type { TreeView } from '../tree/tree-view.ts'
import type { DownParts, ShownThing } from './down-parts.ts'

/** Whether an item may stand for a shown thing: it is of its kind, and of one of its nodes. */
export function fits(item: Item, shown: ShownThing): boolean {
  if ((item.kind === 'directory') !== (shown.kind === 'directory')) return false
  return item.nodes.some((node) => shown.nodes.includes(node))
}

export function sameNodes(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false
  return true
}

export function depthOf(node: TreeNode): number {
  let depth = 0
  for (let at = node.parent; at !== undefined; at = at.parent) depth++
  return depth
}

/** Whether the version of an item is shown to somebody: the current one of a file, or one that is concurrent with it. */
export function isShownHead(view: TreeView<LogEntry>, { nodes, version }: Item): boolean {
  for (const node of nodes) {
    const shown = view.of(node)
    if (shown === undefined || shown.kind === 'directory') continue
    if ([shown.current, ...shown.concurrent].some(({ entry }) => entry.hash === version)) return true
  }
  return false
}

/** What the view says of items. */
export class InView {
  readonly #view: DownParts['view']
  readonly #items: ItemStore

  constructor({ view, items }: Pick<DownParts, 'view' | 'items'>) {
    this.#view = view
    this.#items = items
  }

  /** Whether a directory item stands where the view shows a directory of exactly its nodes. */
  isCurrent(directory: Item): boolean {
    const path: string[] = []
    let at: Item | undefined = directory
    for (; at !== undefined && at.id !== rootItem; at = this.#items.get(at.parent)) {
      if (at.parent === stashItem) return false
      path.push(at.logName)
    }
    if (at === undefined) return false
    const shown = this.#view().at(path.reverse())
    return shown?.kind === 'directory' && sameNodes(shown.nodes, directory.nodes)
  }

  /** Whether an item is where the view shows one of its nodes, as far as its own directory and name tell. */
  isHome(item: Item, id: NodeId): boolean {
    const node = this.#view().tree.node(id)
    const parent = item.parent === stashItem ? undefined : this.#items.get(item.parent)
    if (node?.parent === undefined || parent === undefined) return false
    if (node.name !== item.logName && node.name !== unnumberedName(item.logName)) return false
    return parent.nodes.includes(node.parent.id) && this.#view().shows(id)
  }

  /** Whether one of its nodes is shown, and no other item stands for it in the right place. */
  isNeeded(item: Item): boolean {
    const kind = item.kind === 'directory' ? 'directory' : 'content'
    for (const node of item.nodes) {
      // An order that came late may make another kind of thing of a node.
      if (this.#view().tree.node(node)?.kind !== kind || !this.#view().shows(node)) continue
      if (!this.#hasOtherHome(item, node)) return true
    }
    return false
  }

  /** The directory item in which something that is not shown would be; the folder itself if there is none. */
  placeFor(item: Item): Item | undefined {
    for (const id of item.nodes) {
      const parent = this.#view().tree.node(id)?.parent
      for (const directory of parent === undefined ? [] : this.#items.ofNode(parent.id)) {
        if (directory.kind === 'directory' && this.isCurrent(directory)) return directory
      }
    }
    return this.#items.get(rootItem)
  }

  #hasOtherHome(item: Item, node: NodeId): boolean {
    for (const other of this.#items.ofNode(node)) {
      const isAlike = (other.kind === 'directory') === (item.kind === 'directory')
      if (other.id !== item.id && isAlike && this.isHome(other, node)) return true
    }
    return false
  }
}
