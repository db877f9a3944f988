import { join, relative } from 'node:path'
import { staysInside } from '../disk/symlink-target.ts'
import type { NodeId } from '../ids.ts'
import { stashItem, type Item } from '../items/item.ts'
import { attributeChange, isSettled, millisecondsOf } from './difference.ts'
import type { Destination, DiskSteps } from './disk-steps.ts'
import type { DownParts, ShownContent, ShownThing } from './down-parts.ts'
import { fits, sameNodes, type InView } from './in-view.ts'
import type { Removals } from './removals.ts'
import type { WorkQueue } from './work-queue.ts'

/** A directory that is being worked on. */
export interface OpenDirectory {
  readonly item: Item
  readonly path: string
  readonly depth: number
  readonly localName: (name: string) => string
  /** What is shown there, by its name on this disk. */
  readonly shownAt: (localName: string) => ShownThing | undefined
  /** Of a directory in it: whether all that is below it is to be looked at, and not only what it holds itself. */
  readonly isDeep: (nodes: readonly NodeId[]) => boolean
  /** Looked up once, before the first change. */
  isThere: boolean | undefined
}

/** Not tried again before the next start: this disk does not hold them. */
const mostStubborn = 100_000

/** Puts one shown thing after the other in its place: finds the item that stands for it, makes room, moves or makes. */
export class Placer {
  readonly #parts: DownParts
  readonly #steps: DiskSteps
  readonly #inView: InView
  readonly #queue: WorkQueue
  readonly #removals: Removals
  /** Files whose attributes this disk does not take, or not as exactly. */
  readonly #isPlainDisk: boolean
  readonly #stubborn = new Set<number>()

  constructor(
    parts: DownParts,
    tools: {
      readonly steps: DiskSteps
      readonly inView: InView
      readonly queue: WorkQueue
      readonly removals: Removals
      /** Names that are not the same text are different names. */
      readonly isPlainDisk: boolean
    },
  ) {
    this.#parts = parts
    this.#steps = tools.steps
    this.#inView = tools.inView
    this.#queue = tools.queue
    this.#removals = tools.removals
    this.#isPlainDisk = tools.isPlainDisk
  }

  place(directory: OpenDirectory, thing: ShownThing): void {
    const name = directory.localName(thing.name)
    const item = this.#match(directory, thing, name)
    if (item !== undefined && item.parent === directory.item.id && item.name === name) {
      this.#bind(directory, thing, item)
      return
    }
    if (item === undefined && this.#isLeftOut(directory, thing, name)) return
    this.#steps.turn.unwant(directory.item.id, name)
    if (!this.#free(directory, name, item)) {
      this.#steps.turn.postpone(thing.nodes)
      return
    }
    const to = { directory: directory.item, name, logName: thing.name, nodes: thing.nodes }
    if (item === undefined) {
      if (thing.kind === 'directory') this.#make(directory, to)
      else this.#want(directory, thing, undefined)
    } else this.#move(directory, thing, item, to)
  }

  /** The item there if it is one of its own; else one of its nodes that no other place has a better claim to. */
  #match(directory: OpenDirectory, thing: ShownThing, name: string): Item | undefined {
    const { items } = this.#parts
    const here = items.child(directory.item.id, name)
    if (here !== undefined && fits(here, thing)) {
      if (!sameNodes(here.nodes, thing.nodes)) this.#releaseOthers(directory, thing, here)
      return here
    }
    let best: Item | undefined
    for (const node of thing.nodes) {
      for (const item of items.ofNode(node)) {
        if (!fits(item, thing) || this.#isClaimed(directory, thing, item)) continue
        if (best === undefined || rank(item, thing, directory) < rank(best, thing, directory)) best = item
      }
    }
    this.#releaseOthers(directory, thing, best)
    return best
  }

  #isClaimed(directory: OpenDirectory, thing: ShownThing, item: Item): boolean {
    if (item.parent === directory.item.id) {
      const shown = directory.shownAt(item.name)
      return shown !== undefined && shown !== thing && fits(item, shown)
    }
    return item.nodes.some((node) => !thing.nodes.includes(node) && this.#inView.isHome(item, node))
  }

  /** Other items of these nodes were of a union that is another one now: they go, or keep what else they stand for. */
  #releaseOthers(directory: OpenDirectory, thing: ShownThing, chosen: Item | undefined): void {
    const { items } = this.#parts
    for (const node of thing.nodes) {
      for (const item of items.ofNode(node)) {
        if (item.id === chosen?.id) continue
        this.#removals.add(item.id)
        if (item.parent !== stashItem && item.nodes.some((other) => !thing.nodes.includes(other))) {
          this.#queue.name(item.parent, directory.depth, item.logName)
        }
      }
    }
  }

  /** It is in its place. */
  #bind(directory: OpenDirectory, thing: ShownThing, item: Item): void {
    const { items } = this.#parts
    if (isSettled(item, thing)) return
    const isOther = !sameNodes(item.nodes, thing.nodes) || item.state === 'leftover'
    if (isOther || item.logName !== thing.name) {
      const state = item.state === 'leftover' ? 'synced' : item.state
      items.update(item.id, { nodes: thing.nodes, logName: thing.name, state })
    }
    if (thing.kind !== 'directory') this.#settleContent(directory, thing, item.id)
    else this.#descend(directory, thing.nodes, item.id, isOther)
  }

  #make(directory: OpenDirectory, to: Destination): void {
    const made = this.#isThere(directory) ? this.#steps.makeDirectory(to) : undefined
    if (made === undefined) this.#steps.turn.postpone(to.nodes)
    else this.#descend(directory, to.nodes, made.id, true)
  }

  #move(directory: OpenDirectory, thing: ShownThing, item: Item, to: Destination): void {
    const isWithin = item.kind === 'directory' && this.#isWithin(directory.item, item.id)
    if (isWithin || this.#leavesFolder(directory, thing, to.name) || !this.#isThere(directory)) {
      this.#steps.turn.postpone(thing.nodes)
      return
    }
    const wasOther = !sameNodes(item.nodes, thing.nodes) || item.state === 'leftover'
    if (!this.#steps.move(item, to)) {
      this.#steps.turn.postpone(thing.nodes)
      return
    }
    if (item.state === 'leftover') this.#parts.items.update(item.id, { state: 'synced' })
    if (thing.kind !== 'directory') this.#settleContent(directory, thing, item.id)
    else this.#descend(directory, thing.nodes, item.id, wasOther)
  }

  #descend({ depth, isDeep }: OpenDirectory, nodes: readonly NodeId[], id: number, isOther: boolean): void {
    const deep = isDeep(nodes)
    if (deep || isOther) this.#queue.whole(id, depth + 1, deep)
  }

  #settleContent(directory: OpenDirectory, thing: ShownContent, id: number): void {
    const item = this.#parts.items.get(id)
    if (item === undefined) return
    if (item.version !== thing.current.entry.hash) {
      this.#want(directory, thing, item)
      return
    }
    const change = attributeChange(item, thing)
    if (change === undefined || this.#stubborn.has(id)) return
    if (!this.#isThere(directory) || !this.#steps.setAttributes(item, change)) {
      this.#steps.turn.postpone(thing.nodes)
      return
    }
    const after = this.#parts.items.get(id)
    if (after !== undefined && attributeChange(after, thing) !== undefined) {
      if (this.#stubborn.size >= mostStubborn) this.#stubborn.clear()
      this.#stubborn.add(id)
    }
  }

  #want(directory: OpenDirectory, thing: ShownContent, item: Item | undefined): void {
    const { turn } = this.#steps
    const { mtime, exec, nodes, current } = thing
    const { entry, operation } = current
    const name = directory.localName(thing.name)
    turn.spend(0.5)
    if (this.#leavesFolder(directory, thing, name)) return
    turn.want({
      parent: directory.item.id,
      name,
      logName: thing.name,
      nodes,
      item,
      version: entry.hash,
      operation,
      mtimeMs: mtime === undefined ? entry.hlc.ms : millisecondsOf(mtime),
      exec,
    })
  }

  #isLeftOut(directory: OpenDirectory, thing: ShownThing, name: string): boolean {
    const path = this.#relative(directory, name)
    return this.#parts.isIgnored(path, thing.kind === 'directory')
  }

  #leavesFolder(directory: OpenDirectory, thing: ShownThing, name: string): boolean {
    if (thing.kind === 'directory' || thing.current.operation.type !== 'symlink') return false
    const path = this.#relative(directory, name)
    const { target } = thing.current.operation
    if (staysInside(path, target)) return false
    const message = `the symlink points to ${JSON.stringify(target)}, which is not in the folder`
    this.#steps.turn.problem('FOLDER_SYMLINK_OUTSIDE', join(directory.path, name), message)
    return true
  }

  #relative(directory: OpenDirectory, name: string): string {
    return relative(this.#parts.root, join(directory.path, name))
  }

  /** Whether nothing that is known has that name any more. What is unknown there is met by the step itself. */
  #free(directory: OpenDirectory, name: string, item: Item | undefined): boolean {
    const occupant = this.#occupant(directory, name)
    if (occupant === undefined || occupant.id === item?.id) return true
    if (!this.#isThere(directory)) return false
    if (occupant.kind !== 'directory' && !this.#inView.isNeeded(occupant)) {
      return this.#removals.removeContent(occupant)
    }
    if (!this.#steps.stash(occupant)) return false
    this.#removals.add(occupant.id)
    this.#steps.turn.postpone(occupant.nodes)
    return true
  }

  #occupant(directory: OpenDirectory, name: string): Item | undefined {
    const { items, fs } = this.#parts
    const { id } = directory.item
    const named = items.child(id, name)
    if (named !== undefined || this.#isPlainDisk || !this.#isThere(directory)) return named
    let found: Item | undefined
    const path = join(directory.path, name)
    this.#steps.turn.attempt(path, id, () => {
      const stat = fs.stat(path)
      if (stat !== undefined) found = items.ofInode(stat.ino).find(({ parent }) => parent === id)
      return true
    })
    return found
  }

  #isThere(directory: OpenDirectory): boolean {
    directory.isThere ??= this.#steps.isThere(directory.item)
    return directory.isThere
  }

  #isWithin(directory: Item, id: number): boolean {
    let at: Item | undefined = directory
    while (at !== undefined && at.id !== at.parent) {
      if (at.id === id) return true
      at = this.#parts.items.get(at.parent)
    }
    return false
  }
}

/** The lower, the better: the content that is wanted, then what is near, then by number. */
function rank(item: Item, thing: ShownThing, directory: OpenDirectory): number {
  const isWrong = thing.kind !== 'directory' && item.version !== thing.current.entry.hash
  return (isWrong ? 2 : 0) * 2 ** 50 + (item.parent === directory.item.id ? 0 : 2 ** 50) + item.id
}
