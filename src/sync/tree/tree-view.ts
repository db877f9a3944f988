import { compareIds, rootNode, type EntryHash, type NodeId } from '../ids.ts'
import { numberedName, splitKinds, unnumberedName, type Namesakes } from './names.ts'
import { childrenNamed, childrenOf, type TreeNode } from './node.ts'
import { showDirectory, showFile, type Shown, type ShownFile } from './shown.ts'
import { describeHidden, trashedIn, type Hidden } from './trash-list.ts'
import type { Tree } from './tree.ts'
import type { Reach } from './visibility.ts'

/** A directory node, with what hides things in it. */
interface Place {
  readonly node: TreeNode
  readonly reach: Reach
}

/**
 * What users see: a pure function of the tree, per directory on demand. Answers are good until the tree changes. A shown
 * directory is a list of nodes, because directories of one name are one.
 */
export class TreeView<E extends { readonly hash: EntryHash }> {
  readonly tree: Tree<E>

  constructor(tree: Tree<E>) {
    this.tree = tree
  }

  root(): NodeId[] {
    return [rootNode]
  }

  /** What a directory shows, sorted by name. */
  list(directory: readonly NodeId[]): Shown<E>[] {
    return this.#list(this.#places(directory)).map((item) => item.shown)
  }

  /** Of a directory only what has these names itself: for each at most a directory, and a file that may show a number. */
  listNamed(directory: readonly NodeId[], names: Iterable<string>): Shown<E>[] {
    const { rows } = this.tree
    const places = this.#places(directory)
    const items: Shown<E>[] = []
    for (const name of names) {
      const { directories, contents } = this.#named(places, name)
      if (directories.length > 0) items.push(showDirectory(rows, name, directories))
      if (contents.length === 0) continue
      const isBeside = directories.length > 0
      items.push(
        showFile(
          rows,
          isBeside ? numberedName(name, (other) => this.#isTaken(places, other)) : name,
          contents,
        ),
      )
    }
    return items
  }

  /** What stands at a path of shown names. The empty path is the root. */
  at(path: readonly string[]): Shown<E> | undefined {
    let places = this.#places([rootNode])
    let name = ''
    for (let index = 0; index < path.length; index++) {
      name = path[index] ?? ''
      const found = this.#named(places, name)
      if (found.directories.length === 0) {
        return index < path.length - 1 ? undefined : this.#file(places, name, found.contents)
      }
      places = this.#inside(places, found.directories)
    }
    const nodes = places.map((place) => place.node)
    return showDirectory(this.tree.rows, name, nodes)
  }

  /** What stands under a shown name in a directory. */
  find(directory: readonly NodeId[], name: string): Shown<E> | undefined {
    const places = this.#places(directory)
    const { directories, contents } = this.#named(places, name)
    if (directories.length > 0) return showDirectory(this.tree.rows, name, directories)
    return this.#file(places, name, contents)
  }

  /** As what a node is shown, alone or as one with others of its name; undefined if it is not in the view. */
  of(id: NodeId): Shown<E> | undefined {
    const node = this.tree.node(id)
    if (node === undefined || !this.shows(id)) return undefined
    const names: string[] = []
    for (let at = node; at.parent !== undefined; at = at.parent) names.push(at.name)
    const name = names.shift()
    let places = this.#places([rootNode])
    if (name === undefined) return showDirectory(this.tree.rows, '', [node])
    for (let index = names.length - 1; index >= 0; index--) {
      places = this.#inside(places, this.#named(places, names[index] ?? '').directories)
    }
    const { directories, contents } = this.#named(places, name)
    if (node.kind === 'directory') return showDirectory(this.tree.rows, name, directories)
    const isNumbered = directories.length > 0
    const shownName = isNumbered ? numberedName(name, (other) => this.#isTaken(places, other)) : name
    return showFile(this.tree.rows, shownName, contents)
  }

  /** Everything shown below the root, parents first. */
  *walk(): IterableIterator<{ path: string[]; shown: Shown<E> }> {
    const waiting = [{ path: [] as string[], places: this.#places([rootNode]) }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const items = this.#list(next.places)
      for (const { shown } of items) yield { path: [...next.path, shown.name], shown }
      for (let index = items.length - 1; index >= 0; index--) {
        const item = items[index]
        if (item?.places === undefined) continue
        waiting.push({ path: [...next.path, item.shown.name], places: item.places })
      }
    }
  }

  /** Whether a node is in the view. */
  shows(id: NodeId): boolean {
    const node = this.tree.node(id)
    if (node === undefined) return false
    return (
      node.parent === undefined || this.tree.visibility.shown(this.tree.visibility.reach(node.parent), node)
    )
  }

  /** Nodes of that name in that directory that the view does not show: what is created there goes on with one of them. */
  hiddenAt(directory: readonly NodeId[], name: string): TreeNode[] {
    const found: TreeNode[] = []
    for (const place of this.#places(directory)) {
      for (const child of childrenNamed(place.node, name)) {
        if (!this.tree.visibility.shown(place.reach, child)) found.push(child)
      }
    }
    return found.sort((left, right) => compareIds(left.id, right.id))
  }

  /** What is hidden in a directory, which may be hidden itself: sorted by name and id. */
  hiddenIn(directory: readonly NodeId[]): Hidden<E>[] {
    const found: Hidden<E>[] = []
    for (const { node, reach } of this.#places(directory)) {
      for (const child of childrenOf(node)) {
        if (this.tree.visibility.hidden(reach, child)) found.push(describeHidden(this.tree, child))
      }
    }
    return found.sort((left, right) => compareIds(left.name, right.name) || compareIds(left.node, right.node))
  }

  /** What can be restored: each topmost hidden node, by when it was trashed. What is below it: `hiddenIn`. */
  trashed(): Hidden<E>[] {
    return trashedIn(this.tree)
  }

  #list(places: readonly Place[]): { shown: Shown<E>; places: Place[] | undefined }[] {
    const { rows } = this.tree
    const table = this.#table(places)
    const items: { shown: Shown<E>; places: Place[] | undefined }[] = []
    for (const [name, slot] of table) {
      const { directories, contents } = splitKinds(slot)
      if (directories.length > 0) {
        const inside = this.#inside(places, directories)
        items.push({ shown: showDirectory(rows, name, directories), places: inside })
      }
      if (contents.length > 0) {
        const shownName = directories.length > 0 ? numberedName(name, (other) => table.has(other)) : name
        items.push({ shown: showFile(rows, shownName, contents), places: undefined })
      }
    }
    return items.sort((left, right) => compareIds(left.shown.name, right.shown.name))
  }

  #table(places: readonly Place[]): Map<string, TreeNode | TreeNode[]> {
    const { visibility } = this.tree
    const table = new Map<string, TreeNode | TreeNode[]>()
    for (const { node, reach } of places) {
      for (const child of childrenOf(node)) {
        if (!visibility.shown(reach, child)) continue
        const slot = table.get(child.name)
        if (slot === undefined) table.set(child.name, child)
        else if (Array.isArray(slot)) slot.push(child)
        else table.set(child.name, [slot, child])
      }
    }
    return table
  }

  #named(places: readonly Place[], name: string): Namesakes {
    const found: TreeNode[] = []
    for (const { node, reach } of places) {
      for (const child of childrenNamed(node, name)) {
        if (this.tree.visibility.shown(reach, child)) found.push(child)
      }
    }
    return splitKinds(found)
  }

  #file(places: readonly Place[], name: string, own: readonly TreeNode[]): ShownFile<E> | undefined {
    const contents = own.length > 0 ? own : this.#numbered(places, name)
    return contents.length === 0 ? undefined : showFile(this.tree.rows, name, contents)
  }

  #numbered(places: readonly Place[], name: string): readonly TreeNode[] {
    const own = unnumberedName(name)
    if (own === undefined) return []
    const { directories, contents } = this.#named(places, own)
    if (directories.length === 0 || contents.length === 0) return []
    return numberedName(own, (other) => this.#isTaken(places, other)) === name ? contents : []
  }

  #isTaken(places: readonly Place[], name: string): boolean {
    const { visibility } = this.tree
    return places.some(({ node, reach }) =>
      childrenNamed(node, name).some((child) => visibility.shown(reach, child)),
    )
  }

  #places(directory: readonly NodeId[]): Place[] {
    const places: Place[] = []
    for (const id of directory) {
      const node = this.tree.node(id)
      if (node?.kind === 'directory') places.push({ node, reach: this.tree.visibility.reach(node) })
    }
    return places
  }

  #inside(outer: readonly Place[], directories: readonly TreeNode[]): Place[] {
    return directories.map((node) => {
      const parent = outer.find((place) => place.node === node.parent)
      const { visibility } = this.tree
      return {
        node,
        reach: parent === undefined ? visibility.reach(node) : visibility.inner(parent.reach, node),
      }
    })
  }
}
