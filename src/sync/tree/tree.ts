import type {
  MakeDirectory,
  Move,
  Operation,
  PutFile,
  PutSymlink,
  Restore,
  SetAttributes,
} from '../format/operation.ts'
import { rootNode, type EntryHash, type NodeId } from '../ids.ts'
import { dumpTree } from './digest.ts'
import { Heads } from './heads.ts'
import { addChild, isWithin, none, removeChild, TreeNode } from './node.ts'
import { effect, Rows } from './rows.ts'
import { Touched } from './touched.ts'
import { contentState, type ContentState } from './versions.ts'
import { count, Visibility } from './visibility.ts'

/**
 * The fold of operations in linear order: where each node is, and what was done to it. A late operation is taken in by
 * one rewind to its place and applying again from there. What users see of it is the view's business (tree-view.ts).
 */
export class Tree<E extends { readonly hash: EntryHash }> {
  readonly rows = new Rows<E>()
  readonly visibility: Visibility<E>
  /** Whether a trash was ever applied: before that, nothing can be hidden. */
  hadTrash = false
  /** Nodes whose place, versions or visibility may have changed; with each the directory that it left. */
  readonly touched = new Touched()
  readonly #heads: Heads<E>
  readonly #root = new TreeNode(rootNode, 'directory')
  /** Those that a rewind took out of the tree stay, without a parent: mostly they come back at once. */
  readonly #nodes = new Map<NodeId, TreeNode>()

  /** `observes`: whether the earlier entry is the later one, or in its causal past. */
  constructor(observes: (later: E, earlier: E) => boolean) {
    this.visibility = new Visibility(this.rows, observes)
    this.#heads = new Heads(this.rows, observes, (id) => this.node(id), this.touched.note)
    this.#nodes.set(rootNode, this.#root)
  }

  /** Operations applied, those without effect included. */
  get length(): number {
    return this.rows.length
  }

  node(id: NodeId): TreeNode | undefined {
    return this.#inTree(this.#nodes.get(id))
  }

  #inTree(node: TreeNode | undefined): TreeNode | undefined {
    return node === undefined || (node.parent === undefined && node !== this.#root) ? undefined : node
  }

  /** All but the root, in no order that replicas would share. */
  *nodes(): IterableIterator<TreeNode> {
    for (const node of this.#nodes.values()) if (node.parent !== undefined) yield node
  }

  /** Applies the next operation in order. Undefined changes nothing and keeps its place. */
  apply(entry: E, operation: Operation | undefined): void {
    const position = this.rows.push(entry, operation)
    if (operation === undefined || operation.type === 'merge' || operation.node === rootNode) return
    this.touched.note(operation.node)
    const known = this.#nodes.get(operation.node)
    const node = this.#inTree(known)
    switch (operation.type) {
      case 'mkdir':
        if (node === undefined) this.#create(position, operation, known)
        else this.#touch(position, node)
        return
      case 'put':
      case 'symlink':
        if (node !== undefined) this.#touch(position, node)
        this.#heads.put(position, operation, node ?? this.#create(position, operation, known))
        return
      case 'move':
        if (node !== undefined) this.#move(position, operation, node)
        return
      case 'attr':
        if (node !== undefined) this.#attributes(position, operation, node)
        return
      case 'trash':
        if (node !== undefined) this.#trash(position, entry, node)
        return
      case 'restore':
        if (node !== undefined) this.#restore(position, operation, node)
    }
  }

  /**
   * An operation that counts as written after its author was revoked: it does nothing, except that a directory gets its
   * place. Others may have put files there without knowing, and theirs must not be lost; as nothing has touched it, it
   * shows only if something in it does.
   */
  applyFenced(entry: E, operation: Operation): void {
    if (
      operation.type !== 'mkdir' ||
      operation.node === rootNode ||
      this.node(operation.node) !== undefined
    ) {
      this.apply(entry, undefined)
      return
    }
    this.touched.note(operation.node)
    const known = this.#nodes.get(operation.node)
    const node = this.#create(this.rows.push(entry, operation), operation, known)
    if (node !== undefined) node.lastTouch = none
  }

  /** Undoes all operations from place `length` on. */
  rewind(length: number): void {
    if (length < 0 || length > this.length) throw new RangeError('no such place to rewind to')
    for (let position = this.length - 1; position >= length; position--) this.#undo(position)
    this.rows.truncate(length)
  }

  /** Content nodes whose versions or heads changed since the last call; some may be gone by a rewind. */
  takeChangedContent(): NodeId[] {
    return this.#heads.takeChanged()
  }

  /** Undefined if there is no such content node. */
  contentState(id: NodeId): ContentState<E> | undefined {
    const node = this.node(id)
    return node?.kind === 'content' ? contentState(this.rows, node) : undefined
  }

  /** A canonical dump: equal texts if and only if the states are equal. */
  digest(): string {
    return dumpTree(this.rows, this.nodes())
  }

  /** `known`: a node of that id that a rewind took out of the tree. */
  #create(
    position: number,
    at: MakeDirectory | PutFile | PutSymlink,
    known: TreeNode | undefined,
  ): TreeNode | undefined {
    const parent = this.node(at.parent)
    if (parent?.kind !== 'directory') return undefined
    const kind = at.type === 'mkdir' ? 'directory' : 'content'
    let node = known
    if (node?.kind !== kind) {
      node = new TreeNode(at.node, kind)
      this.#nodes.set(at.node, node)
    }
    addChild(parent, node, at.name)
    this.rows.effect[position] = effect.created
    this.rows.previous[position] = none
    this.rows.placed[position] = none
    node.placement = position
    node.lastTouch = position
    this.visibility.touched(node)
    return node
  }

  #touch(position: number, node: TreeNode): void {
    this.rows.effect[position] = effect.listed
    this.rows.previous[position] = node.lastTouch
    node.lastTouch = position
    this.visibility.touched(node)
  }

  #move(position: number, operation: Move, node: TreeNode): void {
    this.#touch(position, node)
    this.rows.placed[position] = none
    const parent = this.node(operation.parent)
    if (parent?.kind !== 'directory' || (node.kind === 'directory' && isWithin(parent, node))) return
    this.rows.placed[position] = node.placement
    this.#place(node, parent, operation.name, position)
  }

  #place(node: TreeNode, parent: TreeNode, name: string, placement: number): void {
    if (node.parent !== undefined) this.touched.note(node.parent.id)
    this.visibility.reached(node)
    removeChild(node)
    addChild(parent, node, name)
    node.placement = placement
    this.visibility.touched(node)
  }

  #attributes(position: number, operation: SetAttributes, node: TreeNode): void {
    this.rows.effect[position] = effect.listed
    this.rows.previous[position] = node.lastMtime
    this.rows.placed[position] = node.lastExec
    if (operation.mtime !== undefined) node.lastMtime = position
    if (operation.exec !== undefined) node.lastExec = position
  }

  #trash(position: number, entry: E, node: TreeNode): void {
    this.hadTrash = true
    this.rows.effect[position] = effect.listed
    this.rows.previous[position] = node.lastTrash
    node.lastTrash = position
    this.visibility.trashAt.set(entry.hash, position)
    this.visibility.reached(node)
  }

  #restore(position: number, operation: Restore, node: TreeNode): void {
    this.#touch(position, node)
    node.restored ??= new Map()
    this.#name(operation, node, node.restored, 1)
  }

  #name(operation: Restore, node: TreeNode, restored: Map<EntryHash, number>, times: 1 | -1): void {
    for (const hash of operation.trashes) {
      count(restored, hash, times)
      const trash = this.rows.operations[this.visibility.trashAt.get(hash) ?? none]
      this.visibility.named(hash, times, trash?.type === 'trash' ? this.node(trash.node) : undefined)
    }
    this.visibility.reached(node)
  }

  #undo(position: number): void {
    const done = this.rows.effect[position]
    const operation = this.rows.operations[position]
    if (done === effect.nothing || operation === undefined || operation.type === 'merge') return
    const node = this.node(operation.node)
    if (node === undefined) return
    this.touched.note(node.id)
    const previous = this.rows.previous[position] ?? none
    switch (operation.type) {
      case 'trash':
        node.lastTrash = previous
        this.visibility.trashAt.delete(this.rows.entry(position).hash)
        this.visibility.reached(node)
        return
      case 'attr':
        node.lastMtime = previous
        node.lastExec = this.rows.placed[position] ?? none
        return
      case 'put':
      case 'symlink':
        if (node.kind === 'content') this.#heads.unput(position, operation, node)
        break
      case 'move':
        this.#unmove(position, node)
        break
      case 'restore':
        if (node.restored !== undefined) this.#name(operation, node, node.restored, -1)
        break
      case 'mkdir':
        break
    }
    node.lastTouch = previous
    this.visibility.touched(node)
    if (done !== effect.created) return
    if (node.parent !== undefined) this.touched.note(node.parent.id)
    removeChild(node)
    node.placement = none
    node.shade = undefined
  }

  #unmove(position: number, node: TreeNode): void {
    const placement = this.rows.placed[position] ?? none
    const before = this.rows.operations[placement]
    if (
      before?.type !== 'mkdir' &&
      before?.type !== 'put' &&
      before?.type !== 'symlink' &&
      before?.type !== 'move'
    ) {
      return
    }
    const parent = this.node(before.parent)
    if (parent !== undefined) this.#place(node, parent, before.name, placement)
  }
}
