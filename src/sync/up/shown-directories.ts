import type { NodeId } from '../ids.ts'
import { rootItem, type Item } from '../items/item.ts'
import type { Replica } from '../replica/replica.ts'

/**
 * Which nodes the view shows a directory's item as: others may have made one of its name since, and a crash may have
 * lost that the item stands for it too. What is in it is looked up in all of them.
 */
export class ShownDirectories {
  readonly #replica: Replica
  /** Of the one that was asked for last: files are looked up one after the other. */
  #item = 0
  #size = 0
  #nodes: readonly NodeId[] = []

  constructor(replica: Replica) {
    this.#replica = replica
  }

  nodesOf({ id, nodes }: Item): readonly NodeId[] {
    if (id === rootItem) return nodes
    const { size } = this.#replica.log
    if (id !== this.#item || size !== this.#size) {
      this.#item = id
      this.#size = size
      this.#nodes = this.#find(nodes)
    }
    return this.#nodes
  }

  #find(nodes: readonly NodeId[]): readonly NodeId[] {
    const { view } = this.#replica
    for (const node of nodes) {
      const shown = view.of(node)
      if (shown?.kind === 'directory') return shown.nodes
    }
    return nodes
  }
}
