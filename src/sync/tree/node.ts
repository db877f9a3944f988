import type { EntryHash, NodeId } from '../ids.ts'
import type { Shade } from './shade.ts'

/** Files and symlinks are both content: one node may have versions of either. */
export type NodeKind = 'directory' | 'content'

/** In place of a position in the order: there is none. */
export const none = -1

/**
 * A file, directory or symlink as the fold has it. Only the tree writes its fields. What it is made of are positions in
 * the order; the operations there say the rest, so that a rewind needs no records of its own.
 */
export class TreeNode {
  readonly id: NodeId
  readonly kind: NodeKind
  /** Undefined for the root, and for a node that a rewind took out of the tree. */
  parent: TreeNode | undefined = undefined
  name = ''
  /** Of the operation that placed the node where it is. */
  placement = none
  /** Of the last mkdir, put, symlink, move or restore that named the node. */
  lastTouch = none
  versionCount = 0
  /** Versions that no other version replaces. May be 0, when versions of other nodes replace all. */
  headCount = 0
  /** Waits in the list of changed content. */
  changed = false
  /** Most nodes are files that never had any of it, and there is one for each file. */
  #rare: Rare | undefined = undefined

  constructor(id: NodeId, kind: NodeKind) {
    this.id = id
    this.kind = kind
  }

  get lastTrash(): number {
    return this.#rare === undefined ? none : this.#rare.lastTrash
  }

  set lastTrash(position: number) {
    ;(this.#rare ??= new Rare()).lastTrash = position
  }

  get lastMtime(): number {
    return this.#rare === undefined ? none : this.#rare.lastMtime
  }

  set lastMtime(position: number) {
    ;(this.#rare ??= new Rare()).lastMtime = position
  }

  get lastExec(): number {
    return this.#rare === undefined ? none : this.#rare.lastExec
  }

  set lastExec(position: number) {
    ;(this.#rare ??= new Rare()).lastExec = position
  }

  /** A slot holds several nodes when they were given one name. */
  get children(): Map<string, TreeNode | Set<TreeNode>> | undefined {
    return this.#rare?.children
  }

  set children(children: Map<string, TreeNode | Set<TreeNode>> | undefined) {
    ;(this.#rare ??= new Rare()).children = children
  }

  /** Trashes that restores of this very node name, and how many restores do. */
  get restored(): Map<EntryHash, number> | undefined {
    return this.#rare?.restored
  }

  set restored(restored: Map<EntryHash, number> | undefined) {
    ;(this.#rare ??= new Rare()).restored = restored
  }

  /** What was computed of its visibility. */
  get shade(): Shade | undefined {
    return this.#rare?.shade
  }

  set shade(shade: Shade | undefined) {
    if (shade !== undefined || this.#rare !== undefined) (this.#rare ??= new Rare()).shade = shade
  }
}

class Rare {
  lastTrash = none
  lastMtime = none
  lastExec = none
  children: Map<string, TreeNode | Set<TreeNode>> | undefined = undefined
  restored: Map<EntryHash, number> | undefined = undefined
  shade: Shade | undefined = undefined
}

export function addChild(parent: TreeNode, node: TreeNode, name: string): void {
  node.parent = parent
  node.name = name
  parent.children ??= new Map()
  const slot = parent.children.get(name)
  if (slot === undefined) parent.children.set(name, node)
  else if (slot instanceof TreeNode) parent.children.set(name, new Set([slot, node]))
  else slot.add(node)
}

export function removeChild(node: TreeNode): void {
  const siblings = node.parent?.children
  const slot = siblings?.get(node.name)
  if (slot instanceof TreeNode) siblings?.delete(node.name)
  else if (slot !== undefined) {
    slot.delete(node)
    if (slot.size === 0) siblings?.delete(node.name)
  }
  node.parent = undefined
}

export function childrenNamed(parent: TreeNode, name: string): readonly TreeNode[] {
  const slot = parent.children?.get(name)
  if (slot === undefined) return []
  return slot instanceof TreeNode ? [slot] : [...slot]
}

export function childrenOf(parent: TreeNode): TreeNode[] {
  const all: TreeNode[] = []
  if (parent.children === undefined) return all
  for (const slot of parent.children.values()) {
    if (slot instanceof TreeNode) all.push(slot)
    else for (const node of slot) all.push(node)
  }
  return all
}

/** Whether `node` is `ancestor` or below it. */
export function isWithin(node: TreeNode, ancestor: TreeNode): boolean {
  for (let at: TreeNode | undefined = node; at !== undefined; at = at.parent) {
    if (at === ancestor) return true
  }
  return false
}
