import type { Operation, PutFile, PutSymlink } from '../format/operation.ts'
import type { EntryHash, NodeId } from '../ids.ts'
import { none, type TreeNode } from './node.ts'
import { effect, type Rows } from './rows.ts'

/** A file's new version nearly always replaces its last. */
const nearSteps = 8

/** Which versions replace which, and so how many heads each node has. */
export class Heads<E extends { readonly hash: EntryHash }> {
  readonly #rows: Rows<E>
  readonly #observes: (later: E, earlier: E) => boolean
  readonly #nodeOf: (id: NodeId) => TreeNode | undefined
  readonly #touched: (id: NodeId) => void
  /**
   * Where each version is. What a rewind undid stays, and shows by what now is, or is not, at that place. Not there as
   * long as no version replaces another than the last few of its own node: so it is not there for most folders.
   */
  #places: Map<EntryHash, number> | undefined
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
    for (let index = 0; index < operation.bases.length; index++) {
      const base = this.#base(position, operation.bases[index] ?? '')
      if (base === none) continue
      const before = superseded[base] ?? 0
      superseded[base] = before + 1
      if (before === 0) this.#headChange(base, -1)
    }
    this.#places?.set(this.#rows.entry(position).hash, position)
    node.versionCount++
    node.headCount++
    this.#change(node)
  }

  unput(position: number, operation: PutFile | PutSymlink, node: TreeNode): void {
    const { superseded } = this.#rows
    node.versionCount--
    node.headCount--
    for (let index = 0; index < operation.bases.length; index++) {
      const base = this.#base(position, operation.bases[index] ?? '')
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
  #base(by: number, hash: EntryHash): number {
    const entry = this.#rows.entry(by)
    const position = this.#near(by, hash) ?? this.#allPlaces().get(hash)
    const base = position === undefined ? undefined : this.#rows.entries[position]
    if (position === undefined || base?.hash !== hash || base === entry) return none
    if (this.#rows.effect[position] === effect.nothing) return none
    return this.#observes(entry, base) ? position : none
  }

  /** Of the versions before in the list of touches that this one stands in. */
  #near(by: number, hash: EntryHash): number | undefined {
    const { entries, operations, previous } = this.#rows
    let at = previous[by] ?? none
    for (let steps = 0; at !== none && steps < nearSteps; steps++) {
      if (entries[at]?.hash === hash) return isVersion(operations[at]) ? at : undefined
      at = previous[at] ?? none
    }
    return undefined
  }

  #allPlaces(): Map<EntryHash, number> {
    if (this.#places !== undefined) return this.#places
    const { entries, operations } = this.#rows
    const places = new Map<EntryHash, number>()
    for (let position = 0; position < entries.length; position++) {
      const operation = operations[position]
      if (!isVersion(operation) || this.#rows.effect[position] === effect.nothing) continue
      if (this.#nodeOf(operation.node)?.kind === 'content') {
        places.set(this.#rows.entry(position).hash, position)
      }
    }
    this.#places = places
    return places
  }

  #headChange(position: number, by: 1 | -1): void {
    const operation = this.#rows.operations[position]
    if (!isVersion(operation)) return
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

function isVersion(operation: Operation | undefined): operation is PutFile | PutSymlink {
  return operation?.type === 'put' || operation?.type === 'symlink'
}
