import type { EntryHash } from '../ids.ts'
import { childrenOf, none, type TreeNode } from './node.ts'
import type { Rows } from './rows.ts'
import { below, Shade, type Below } from './shade.ts'

/** What a directory hands down to its children: the trashes that cover it, and which answers still hold. */
export interface Reach {
  /** Positions, latest first. */
  readonly cover: readonly number[]
  readonly reset: number
}

interface Level {
  readonly node: TreeNode
  readonly reach: Reach
  children: TreeNode[] | undefined
  index: number
}

const uncovered: readonly number[] = []
const clear: Reach = { cover: uncovered, reset: 0 }

/**
 * What trashes hide. A trash covers a node if its author had seen the present placement of every node from there up to
 * the child of the trashed one, nobody moved the trashed one meanwhile, and no restore on the way cancels it. A node is hidden if each touch of it was seen by a
 * trash that covers it. It is shown all the same, as a bare path, if something below it is visible.
 */
export class Visibility<E extends { readonly hash: EntryHash }> {
  readonly #rows: Rows<E>
  readonly #observes: (later: E, earlier: E) => boolean
  /** Where each applied trash is. */
  readonly trashAt = new Map<EntryHash, number>()
  /** How many applied restores name a trash, on any node. */
  readonly #named = new Map<EntryHash, number>()
  #stamp = 1
  /** Whether anything was computed that a change could make untrue. */
  #warm = false

  constructor(rows: Rows<E>, observes: (later: E, earlier: E) => boolean) {
    this.#rows = rows
    this.#observes = observes
  }

  /** A touch came or went: of the answers only those of the directories above can change. */
  touched(node: TreeNode): void {
    if (this.#warm) climb(node, true)
  }

  /** Trashes, restores or the placement of the node changed, which reaches all below. */
  reached(node: TreeNode): void {
    if (!this.#warm) return
    if (node.kind === 'directory') this.#reset(node)
    climb(node, false)
  }

  named(trash: EntryHash, times: 1 | -1, node: TreeNode | undefined): void {
    count(this.#named, trash, times)
    // A trash that nobody restores stands for those its author had seen; this one no longer does.
    if (this.#warm && node !== undefined) this.#reset(node)
  }

  /** From the root down to a directory. */
  reach(directory: TreeNode): Reach {
    // Answers that were kept may be void by now, also when no trash is left: then the way down has to say so.
    if (this.trashAt.size === 0 && !this.#warm) return clear
    const path: TreeNode[] = []
    for (let at: TreeNode | undefined = directory; at !== undefined; at = at.parent) path.push(at)
    let reach = clear
    for (let index = path.length - 1; index >= 0; index--) {
      const node = path[index]
      if (node !== undefined) reach = this.inner(reach, node)
    }
    return reach
  }

  /** What `directory` hands down, given what it has of its parent. */
  inner(outer: Reach, directory: TreeNode): Reach {
    const shade = directory.shade
    const reset = shade !== undefined && shade.reset > outer.reset ? shade.reset : outer.reset
    if (outer.cover.length === 0 && directory.lastTrash === none) {
      return reset === outer.reset ? outer : { cover: uncovered, reset }
    }
    if (shade?.cover !== undefined && shade.coverStamp >= reset) return { cover: shade.cover, reset }
    const cover = this.#cover(outer.cover, directory)
    const kept = this.#shade(directory)
    kept.cover = cover
    kept.coverStamp = this.#stamp
    return { cover, reset }
  }

  /** Whether a child of the directory that `outer` belongs to is hidden itself. */
  hidden(outer: Reach, node: TreeNode): boolean {
    if (node.lastTouch === none) return true
    if (outer.cover.length === 0 && node.lastTrash === none) return false
    const previous = this.#rows.previous
    for (let touch = node.lastTouch; touch !== none; touch = previous[touch] ?? none) {
      if (!this.#unmade(outer.cover, node, touch)) return false
    }
    return true
  }

  /** Whether it is in the view: visible, or a bare path. */
  shown(outer: Reach, node: TreeNode): boolean {
    if (!this.hidden(outer, node)) return true
    return node.children !== undefined && this.#below(this.inner(outer, node), node)
  }

  /** All trashes that cover a node, latest first. */
  covering(node: TreeNode): number[] {
    const found: number[] = []
    for (const position of this.trashAt.values()) {
      if (this.#covers(position, node)) found.push(position)
    }
    return found.sort((left, right) => right - left)
  }

  #covers(trash: number, node: TreeNode): boolean {
    const entry = this.#rows.entry(trash)
    const operation = this.#rows.operations[trash]
    if (operation?.type !== 'trash') return false
    for (let at: TreeNode | undefined = node; at !== undefined; at = at.parent) {
      if (at.parent === undefined || at.restored?.has(entry.hash) === true) return false
      if (at.id === operation.node) return this.#holds(entry, at)
      if (!this.#observes(entry, this.#rows.entry(at.placement))) return false
    }
    return false
  }

  /** Whether a trash that covers the node had seen this touch of it. None that is earlier in the order can have. */
  #unmade(cover: readonly number[], node: TreeNode, touch: number): boolean {
    const { previous } = this.#rows
    const touched = this.#rows.entry(touch)
    for (let trash = node.lastTrash; trash > touch; trash = previous[trash] ?? none) {
      const entry = this.#rows.entry(trash)
      if (this.#observes(entry, touched) && this.#holds(entry, node)) return true
    }
    for (let index = 0; index < cover.length; index++) {
      const trash = cover[index] ?? none
      if (trash < touch) return false
      const entry = this.#rows.entry(trash)
      if (this.#observes(entry, touched) && this.#reaches(entry, node)) return true
    }
    return false
  }

  /** Whether a trash of the node covers it: nobody moved it without knowing of the trash. */
  #holds(trash: E, node: TreeNode): boolean {
    const placement = this.#rows.entry(node.placement)
    const isConcurrent = !this.#observes(trash, placement) && !this.#observes(placement, trash)
    return !isConcurrent && node.restored?.has(trash.hash) !== true
  }

  /** Whether a trash that covers the parent covers the node: its author had seen it there. */
  #reaches(trash: E, node: TreeNode): boolean {
    return this.#observes(trash, this.#rows.entry(node.placement)) && node.restored?.has(trash.hash) !== true
  }

  #cover(inherited: readonly number[], node: TreeNode): readonly number[] {
    const { previous } = this.#rows
    const cover: number[] = []
    let own = node.lastTrash
    let index = 0
    while (own !== none || index < inherited.length) {
      const outer = inherited[index] ?? none
      const trash = own > outer ? own : outer
      const entry = this.#rows.entry(trash)
      const isOwn = own > outer
      if (isOwn) own = previous[own] ?? none
      else index++
      const covers = isOwn ? this.#holds(entry, node) : this.#reaches(entry, node)
      if (covers && !this.#implied(entry, cover)) cover.push(trash)
    }
    return cover.length === 0 ? uncovered : cover
  }

  /** Whether a later trash hides all that this one does: its author had seen it, and no restore cancels it anywhere. */
  #implied(trash: E, cover: readonly number[]): boolean {
    for (let index = 0; index < cover.length; index++) {
      const later = this.#rows.entry(cover[index] ?? none)
      if (this.#observes(later, trash) && !this.#named.has(later.hash)) return true
    }
    return false
  }

  /** Whether something below a directory is visible. With a stack of its own: trees may be deeper than the program's. */
  #below(reach: Reach, node: TreeNode): boolean {
    const known = knownBelow(node, reach.reset)
    if (known !== below.unknown) return known === below.something
    const stack: Level[] = [{ node, reach, children: undefined, index: none }]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = next(top)
      if (child === undefined) {
        this.#remember(top.node, below.nothing, undefined)
        stack.pop()
      } else if (!this.hidden(top.reach, child)) return this.#found(stack, child)
      else if (child.children !== undefined) {
        const inner = this.inner(top.reach, child)
        const state = knownBelow(child, inner.reset)
        if (state === below.something) return this.#found(stack, child)
        if (state === below.unknown) {
          stack.push({ node: child, reach: inner, children: undefined, index: none })
        }
      }
    }
    return false
  }

  #found(stack: readonly Level[], child: TreeNode): true {
    let hint = child
    for (let index = stack.length - 1; index >= 0; index--) {
      const level = stack[index]
      if (level === undefined) continue
      this.#remember(level.node, below.something, hint)
      hint = level.node
    }
    return true
  }

  #remember(node: TreeNode, state: Below, hint: TreeNode | undefined): void {
    const shade = this.#shade(node)
    shade.below = state
    shade.belowStamp = this.#stamp
    shade.hint = hint
  }

  #shade(node: TreeNode): Shade {
    this.#warm = true
    node.shade ??= new Shade()
    return node.shade
  }

  #reset(node: TreeNode): void {
    this.#shade(node).reset = ++this.#stamp
  }
}

function climb(node: TreeNode, hopeful: boolean): void {
  let child = node
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (at.shade !== undefined) {
      at.shade.below = below.unknown
      if (hopeful) at.shade.hint = child
    }
    child = at
  }
}

function knownBelow(node: TreeNode, reset: number): Below {
  const shade = node.shade
  return shade !== undefined && shade.belowStamp >= reset ? shade.below : below.unknown
}

function next(level: Level): TreeNode | undefined {
  if (level.children === undefined) {
    const hint = level.node.shade?.hint
    level.children = []
    if (hint?.parent === level.node) return hint
  }
  if (level.index === none) {
    level.children = childrenOf(level.node)
    level.index = 0
  }
  return level.children[level.index++]
}

export function count(counts: Map<EntryHash, number>, hash: EntryHash, times: 1 | -1): void {
  const number = (counts.get(hash) ?? 0) + times
  if (number === 0) counts.delete(hash)
  else counts.set(hash, number)
}
