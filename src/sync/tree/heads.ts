import type { PutFile, PutSymlink } from '../format/operation.ts'
import type { EntryHash, NodeId } from '../ids.ts'
import { none, type TreeNode } from './node.ts'
import { effect, type Rows } from './rows.ts'

/** Which versions replace which, and so how many heads each node has. */
export class Heads<E extends { readonly hash: EntryHash }> {
  readonly #rows: Rows<E>
  readonly #observes: (later: E, earlier: E) => boolean
  readonly #nodeOf: (id: NodeId) => TreeNode | undefined
  readonly #touched: (id: NodeId) => void
  /** Where each version is. What a rewind undid stays, and shows by what now is, or is not, at that place. */
  readonly #places = new Map<EntryHash, number>()
  #changed: TreeNode[] = []

  constructor(
    rows: Rows<E>,
    observes: (later: E, earlier: E) => boolean,
    nodeOf: (id: NodeId) => TreeNode | undefined,
    touched: (id: NodeId) => void,
  ) {
    this.#rows = rows
    this.#observes = observes
    this.#nodeOf = nodeOf
    this.#touched = touched
  }

  put(position: number, operation: PutFile | PutSymlink, node: TreeNode | undefined): void {
    if (node?.kind !== 'content') return
    const { superseded } = this.#rows
    const entry = this.#rows.entry(position)
    for (let index = 0; index < operation.bases.length; index++) {
      const base = this.#base(entry, operation.bases[index] ?? '')
      if (base === none) continue
      const before = superseded[base] ?? 0
      superseded[base] = before + 1
      if (before === 0) this.#headChange(base, -1)
    }
    this.#places.set(entry.hash, position)
    node.versionCount++
    node.headCount++
    this.#change(node)
  }

  unput(position: number, operation: PutFile | PutSymlink, node: TreeNode): void {
    const { superseded } = this.#rows
    const entry = this.#rows.entry(position)
    node.versionCount--
    node.headCount--
    for (let index = 0; index < operation.bases.length; index++) {
      const base = this.#base(entry, operation.bases[index] ?? '')
      if (base === none) continue
      const after = (superseded[base] ?? 0) - 1
      superseded[base] = after
      if (after === 0) this.#headChange(base, 1)
    }
    this.#change(node)
  }

  /**
   * The place of a base. It counts only if the author of the new version had seen it, and if it is a version: after a
   * rewind it may stand at its place again and do nothing there.
   */
  #base(entry: E, hash: EntryHash): number {
    const position = this.#places.get(hash)
    const base = position === undefined ? undefined : this.#rows.entries[position]
    if (position === undefined || base?.hash !== hash || base === entry) return none
    if (this.#rows.effect[position] === effect.nothing) return none
    return this.#observes(entry, base) ? position : none
  }

  #headChange(position: number, by: 1 | -1): void {
    const operation = this.#rows.operations[position]
    if (operation?.type !== 'put' && operation?.type !== 'symlink') return
    const node = this.#nodeOf(operation.node)
    if (node?.kind !== 'content') return
    node.headCount += by
    this.#touched(node.id)
    this.#change(node)
  }

  #change(node: TreeNode): void {
    if (node.changed) return
    node.changed = true
    this.#changed.push(node)
  }

  /** Nodes that gained or lost a version or a head since the last call. */
  takeChanged(): NodeId[] {
    const ids = new Set<NodeId>()
    for (const node of this.#changed) {
      node.changed = false
      ids.add(node.id)
    }
    this.#changed = []
    return [...ids]
  }
}
