import type { Operation } from '../../../src/sync/format/operation.ts'
import type { NodeId } from '../../../src/sync/ids.ts'
import { TreeView } from '../../../src/sync/tree/tree-view.ts'
import { Tree } from '../../../src/sync/tree/tree.ts'
import type { ViewItem } from '../reference-tree.ts'

/** As much of an entry as the tree needs: what its author had seen, and its place in the order. */
export interface TestEntry {
  readonly hash: string
  readonly hlc: number
  readonly device: number
  /** Hashes of all entries before it. */
  readonly past: ReadonlySet<string>
  readonly operation: Operation | undefined
  /** Its author counts as revoked. */
  readonly isFenced?: boolean
}

export function observes(later: TestEntry, earlier: TestEntry): boolean {
  return later === earlier || later.past.has(earlier.hash)
}

export function compareEntries(left: TestEntry, right: TestEntry): number {
  return left.hlc - right.hlc || left.device - right.device || (left.hash < right.hash ? -1 : 1)
}

/** The same entries, of which those of some places count as written after a revoke. */
export function fenceSome(
  entries: readonly TestEntry[],
  isFenced: (entry: TestEntry, index: number) => boolean,
) {
  return entries.map((entry, index) => (isFenced(entry, index) ? { ...entry, isFenced: true } : entry))
}

/** Keeps a tree in order as a replica does: one rewind per batch. */
export class OrderedTree {
  readonly tree = new Tree<TestEntry>(observes)
  readonly view = new TreeView(this.tree)
  readonly order: TestEntry[] = []
  readonly known = new Set<string>()

  take(batch: readonly TestEntry[]): void {
    const fresh = batch.filter((entry) => !this.known.has(entry.hash)).sort(compareEntries)
    const first = fresh[0]
    if (first === undefined) return
    let from = this.order.length
    while (from > 0 && compareEntries(this.order[from - 1]!, first) > 0) from--
    const tail = [...this.order.slice(from), ...fresh].sort(compareEntries)
    this.#go(from, tail)
  }

  /** Some operations become others, as when a key comes or a statement fences: one rewind to the first of them. */
  change(to: (entry: TestEntry) => TestEntry): void {
    const changed = this.order.map(to)
    const from = changed.findIndex((entry, index) => entry !== this.order[index])
    if (from !== -1) this.#go(from, changed.slice(from))
  }

  #go(from: number, tail: readonly TestEntry[]): void {
    this.tree.rewind(from)
    this.order.length = from
    for (const entry of tail) {
      this.order.push(entry)
      this.known.add(entry.hash)
      if (entry.isFenced === true && entry.operation !== undefined) {
        this.tree.applyFenced(entry, entry.operation)
      } else this.tree.apply(entry, entry.operation)
    }
  }
}

/** Each content node with its heads, as the state map has them. */
export function contentHeads(tree: Tree<TestEntry>): [NodeId, readonly string[]][] {
  const found: [NodeId, readonly string[]][] = []
  for (const { id } of tree.nodes()) {
    const state = tree.contentState(id)
    if (state !== undefined) found.push([id, state.heads])
  }
  return found.sort(([left], [right]) => (left < right ? -1 : 1))
}

/** The whole view of a tree, as the reference gives it, down to the order of the properties. */
export function viewItems(view: TreeView<TestEntry>): ViewItem[] {
  const items: ViewItem[] = []
  for (const { path, shown } of view.walk()) {
    const own = { path: path.join('/'), kind: shown.kind, nodes: shown.nodes }
    const mtime = shown.mtime ?? null
    if (shown.kind === 'directory') items.push({ ...own, mtime })
    else {
      const current = shown.current.entry.hash
      const concurrent = shown.concurrent.map(({ entry }) => entry.hash)
      const versions = shown.versions.map(({ entry }) => entry.hash)
      items.push({ ...own, current, concurrent, versions, mtime, exec: shown.exec })
    }
  }
  return items.sort((left, right) => (left.path < right.path ? -1 : 1))
}
