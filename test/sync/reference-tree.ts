import type {
  Operation,
  PutFile,
  PutSymlink,
  SetAttributes,
  Timestamp,
} from '../../src/sync/format/operation.ts'
import { rootNode, type EntryHash, type NodeId } from '../../src/sync/ids.ts'

/**
 * The tree once more, written from docs/spec/tree.md as naively as it can be: sort everything, apply one by one, keep no
 * caches, answer each question from its definition. It shares no code with the real one, which must agree with it.
 */

export interface OrderedOperation<E> {
  readonly entry: E
  readonly operation: Operation | undefined
  /** Its author counts as revoked: only the place of a new directory is left of it. */
  readonly isFenced?: boolean
}

interface Done<E, O> {
  readonly entry: E
  readonly operation: O
  readonly position: number
}

interface Node<E> {
  readonly id: NodeId
  readonly kind: 'directory' | 'content'
  parent: NodeId
  name: string
  placement: E
  readonly touches: E[]
  readonly trashes: E[]
  readonly restored: Set<EntryHash>
  readonly attributes: Done<E, SetAttributes>[]
  readonly versions: Done<E, PutFile | PutSymlink>[]
}

/** An item of the view, as tests compare it. */
export interface ViewItem {
  readonly path: string
  readonly kind: 'directory' | 'file' | 'symlink'
  readonly nodes: readonly NodeId[]
  readonly current?: EntryHash
  readonly concurrent?: readonly EntryHash[]
  readonly versions?: readonly EntryHash[]
  readonly mtime: Timestamp | null
  readonly exec?: boolean
}

export class ReferenceTree<E extends { readonly hash: EntryHash }> {
  readonly #nodes = new Map<NodeId, Node<E>>()
  readonly #versions: Done<E, PutFile | PutSymlink>[] = []
  readonly #observes: (later: E, earlier: E) => boolean

  constructor(
    operations: readonly OrderedOperation<E>[],
    compare: (left: E, right: E) => number,
    observes: (later: E, earlier: E) => boolean,
  ) {
    this.#observes = observes
    const sorted = operations.toSorted((left, right) => compare(left.entry, right.entry))
    for (const [position, { entry, operation, isFenced }] of sorted.entries()) {
      if (operation === undefined) continue
      if (isFenced !== true) this.#apply(entry, operation, position)
      else if (operation.type === 'mkdir' && !this.#nodes.has(operation.node)) {
        this.#apply(entry, operation, position)
        this.#nodes.get(operation.node)?.touches.pop()
      }
    }
  }

  #apply(entry: E, operation: Operation, position: number): void {
    if (operation.type === 'merge' || operation.node === rootNode) return
    const creates = operation.type === 'mkdir' || operation.type === 'put' || operation.type === 'symlink'
    if (creates && !this.#nodes.has(operation.node) && this.#isDirectory(operation.parent)) {
      this.#nodes.set(operation.node, {
        id: operation.node,
        kind: operation.type === 'mkdir' ? 'directory' : 'content',
        parent: operation.parent,
        name: operation.name,
        placement: entry,
        touches: [],
        trashes: [],
        restored: new Set(),
        attributes: [],
        versions: [],
      })
    }
    const node = this.#nodes.get(operation.node)
    if (node === undefined) return
    if (operation.type === 'trash') node.trashes.push(entry)
    else if (operation.type === 'attr') node.attributes.push({ entry, operation, position })
    else node.touches.push(entry)
    if (operation.type === 'restore') for (const hash of operation.trashes) node.restored.add(hash)
    if ((operation.type === 'put' || operation.type === 'symlink') && node.kind === 'content') {
      node.versions.push({ entry, operation, position })
      this.#versions.push({ entry, operation, position })
    }
    if (operation.type !== 'move' || !this.#isDirectory(operation.parent)) return
    if (this.#path(operation.parent).includes(node)) return
    node.parent = operation.parent
    node.name = operation.name
    node.placement = entry
  }

  #isDirectory(id: NodeId): boolean {
    return id === rootNode || this.#nodes.get(id)?.kind === 'directory'
  }

  /** The node and those above it, the root left out. */
  #path(id: NodeId): Node<E>[] {
    const node = this.#nodes.get(id)
    return node === undefined ? [] : [node, ...this.#path(node.parent)]
  }

  #covers(trash: E, trashed: Node<E>, node: Node<E>): boolean {
    const path = this.#path(node.id)
    const upTo = path.indexOf(trashed)
    if (upTo === -1) return false
    if (path.slice(0, upTo + 1).some((on) => on.restored.has(trash.hash))) return false
    if (!this.#observes(trash, trashed.placement) && !this.#observes(trashed.placement, trash)) return false
    return path.slice(0, upTo).every((on) => this.#observes(trash, on.placement))
  }

  hidden(node: Node<E>): boolean {
    return node.touches.every((touch) =>
      this.#path(node.id).some((above) =>
        above.trashes.some((trash) => this.#covers(trash, above, node) && this.#observes(trash, touch)),
      ),
    )
  }

  shown(node: Node<E>): boolean {
    return !this.hidden(node) || this.#children([node.id]).some((child) => this.shown(child))
  }

  #children(parents: readonly NodeId[]): Node<E>[] {
    return [...this.#nodes.values()].filter((node) => parents.includes(node.parent))
  }

  #isHead(version: Done<E, PutFile | PutSymlink>): boolean {
    return !this.#versions.some(
      (later) =>
        later.entry.hash !== version.entry.hash &&
        later.operation.bases.includes(version.entry.hash) &&
        this.#observes(later.entry, version.entry),
    )
  }

  /** The whole view, sorted by path. */
  view(directory: readonly NodeId[] = [rootNode], prefix = ''): ViewItem[] {
    const shown = this.#children(directory).filter((node) => this.shown(node))
    const names = new Set(shown.map((node) => node.name))
    const items: ViewItem[] = []
    for (const name of names) {
      const alike = shown.filter((node) => node.name === name).sort((a, b) => (a.id < b.id ? -1 : 1))
      const directories = alike.filter((node) => node.kind === 'directory')
      const contents = alike.filter((node) => node.kind === 'content')
      if (directories.length > 0) {
        const nodes = directories.map((node) => node.id)
        const mtime = this.#attribute(directories, 'mtime', -1) ?? null
        items.push({ path: prefix + name, kind: 'directory', nodes, mtime })
        items.push(...this.view(nodes, `${prefix}${name}/`))
      }
      let number = 2
      while (names.has(`${name}~${number}`)) number++
      const suffix = directories.length > 0 ? `~${number}` : ''
      if (contents.length > 0) items.push(this.#file(prefix + name + suffix, contents))
    }
    return items.sort((left, right) => (left.path < right.path ? -1 : 1))
  }

  #file(path: string, nodes: readonly Node<E>[]): ViewItem {
    const versions = nodes.flatMap((node) => node.versions).sort((a, b) => a.position - b.position)
    const heads = versions.filter((version) => this.#isHead(version))
    const current = heads.at(-1) ?? versions.at(-1)
    if (current === undefined) throw new Error('content without versions')
    const content = current.operation.type === 'put' ? current.operation.content : undefined
    return {
      path,
      kind: content === undefined ? 'symlink' : 'file',
      nodes: nodes.map((node) => node.id),
      current: current.entry.hash,
      concurrent: heads.filter((head) => head !== current).map((head) => head.entry.hash),
      versions: versions.map((version) => version.entry.hash),
      mtime: this.#attribute(nodes, 'mtime', current.position) ?? content?.mtime ?? null,
      exec: this.#attribute(nodes, 'exec', current.position) ?? content?.exec ?? false,
    }
  }

  #attribute<K extends 'mtime' | 'exec'>(
    nodes: readonly Node<E>[],
    key: K,
    after: number,
  ): SetAttributes[K] | undefined {
    const settings = nodes.flatMap((node) => node.attributes)
    const later = settings.filter((one) => one.operation[key] !== undefined && one.position > after)
    return later.sort((a, b) => a.position - b.position).at(-1)?.operation[key]
  }

  /** Each content node with its heads, as the state map has them. */
  contentHeads(): [NodeId, readonly EntryHash[]][] {
    return [...this.#nodes.values()]
      .filter((node) => node.kind === 'content')
      .map(({ id, versions }): [NodeId, EntryHash[]] => {
        const heads = versions.filter((version) => this.#isHead(version))
        return [id, heads.map((head) => head.entry.hash).sort()]
      })
      .sort(([left], [right]) => (left < right ? -1 : 1))
  }

  digest(): string {
    const lines = [...this.#nodes.values()].map((node) => {
      const last = (key: 'mtime' | 'exec') =>
        node.attributes.findLast((one) => one.operation[key] !== undefined)?.entry.hash ?? null
      const versions = node.versions.map((version) => version.entry.hash)
      const heads = node.versions.filter((version) => this.#isHead(version)).map((head) => head.entry.hash)
      const touches = node.touches.map((entry) => entry.hash)
      const trashes = node.trashes.map((entry) => entry.hash)
      const fold = [node.id, node.kind, node.parent, node.name, node.placement.hash, touches, trashes]
      const rest = [[...node.restored].sort(), last('mtime'), last('exec'), versions, heads]
      return `${JSON.stringify([...fold, ...rest])}\n`
    })
    return lines.sort().join('')
  }
}
