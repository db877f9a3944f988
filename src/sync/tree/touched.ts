import type { NodeId } from '../ids.ts'

/** More are as much work to go through as the whole tree. */
const mostTouched = 50_000

/**
 * Which nodes the operations named that were applied or undone, for who keeps something in step with the view. At first,
 * and after more than a list is good for, it says `everything`; so it costs nothing where nobody asks.
 */
export class Touched {
  #nodes: Set<NodeId> | undefined
  /** Goes up with every change: what was read from the tree under another number may be untrue. */
  changes = 0

  readonly note = (node: NodeId): void => {
    this.changes++
    if (this.#nodes === undefined) return
    this.#nodes.add(node)
    if (this.#nodes.size > mostTouched) this.#nodes = undefined
  }

  /** Since the last call. */
  take(): ReadonlySet<NodeId> | 'everything' {
    const taken = this.#nodes
    if (taken?.size === 0) return taken
    this.#nodes = new Set()
    return taken ?? 'everything'
  }
}
