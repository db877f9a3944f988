import type { LocalNames } from '../disk/local-names.ts'
import { rootNode, type NodeId } from '../ids.ts'
import { rootItem, type Item } from '../items/item.ts'
import { Affected } from './affected.ts'
import { compareDirectory } from './difference.ts'
import { DiskSteps } from './disk-steps.ts'
import type { DownParts, DownReport, ShownThing } from './down-parts.ts'
import { InView } from './in-view.ts'
import { Placer, type OpenDirectory } from './placer.ts'
import { putBackStrays } from './put-back-strays.ts'
import { Removals } from './removals.ts'
import { Turn } from './turn.ts'
import { WorkQueue, type Work } from './work-queue.ts'

export type { DownParts, DownReport } from './down-parts.ts'

/** Changes of the disk that one call makes, unless it is told otherwise. */
const usualBudget = 2_000
/** Looked at again within a run, as long as that helps: the removal of one thing may make room for another. */
const mostPasses = 4
const mostPostponed = 50_000
/** Comparing one name costs as much of the budget. */
const perName = 0.1

interface Open {
  readonly directory: OpenDirectory
  readonly unsettled: readonly ShownThing[]
  index: number
  /** Of the tree when it was listed. */
  readonly changes: number
  readonly work: Work
}

/**
 * From the log to the disk: makes, moves and removes what is needed for the disk to have the structure that the view
 * shows, and tells which contents are wanted. It keeps no plan: what is to do follows from view and items each time, so a
 * crash or a change of mind of the log needs no undoing. The log must be durable before its changes are carried out.
 */
export class DownSync {
  readonly #parts: DownParts
  readonly #inView: InView
  readonly #steps: DiskSteps
  readonly #queue = new WorkQueue()
  readonly #removals: Removals
  readonly #affected: Affected
  readonly #placer: Placer
  readonly #postponed = new Set<NodeId>()
  /** Whether names are called alike in the log and on this disk, each by itself. */
  readonly #isPlainDisk: boolean
  readonly #wholeFrom: number
  #open: Open | undefined
  #passes = 0

  /** `wholeFrom`: from which share of its names on a directory is listed as a whole. */
  constructor(parts: DownParts, wholeFrom: number = 1 / 2) {
    this.#parts = parts
    this.#wholeFrom = wholeFrom
    const { names } = parts
    this.#inView = new InView(parts)
    this.#steps = new DiskSteps(parts, new Turn(parts.root, 0))
    this.#removals = new Removals(parts, this.#steps, this.#inView)
    this.#affected = new Affected(parts, this.#queue, this.#removals)
    const isPlainDisk = isPlain(names)
    this.#isPlainDisk = isPlainDisk
    const tools = { steps: this.#steps, inView: this.#inView, queue: this.#queue, removals: this.#removals }
    this.#placer = new Placer(parts, { ...tools, isPlainDisk })
  }

  /** Before the first scan: things that a crash left between two places are known where they are, or put back. */
  recover(): void {
    putBackStrays(this.#parts)
  }

  /** Carries out what the log shows about these nodes, or about all. What is left over from earlier calls comes first. */
  reconcile(what: 'everything' | ReadonlySet<NodeId>, budget: number = usualBudget): DownReport {
    const turn = new Turn(this.#parts.root, budget)
    this.#steps.turn = turn
    this.#take(what)
    let changes = 0
    let isDone = false
    while (!isDone && !turn.isSpent) {
      if (this.#work()) continue
      isDone = turn.changes === changes || turn.postponed.size === 0 || ++this.#passes >= mostPasses
      if (isDone) continue
      changes = turn.changes
      this.#again(turn)
    }
    for (const node of turn.postponed) this.#postponed.add(node)
    if (isDone) this.#affected.deep.clear()
    return turn.report(isDone)
  }

  #take(what: 'everything' | ReadonlySet<NodeId>): void {
    if (what === 'everything' || this.#postponed.size > mostPostponed) {
      this.#passes = 0
      this.#postponed.clear()
      this.#open = undefined
      this.#queue.clear()
      this.#queue.whole(rootItem, 0, true)
      this.#removals.addStashed()
      return
    }
    if (what.size > 0 || this.#postponed.size > 0) this.#passes = 0
    const postponed = [...this.#postponed]
    this.#postponed.clear()
    this.#affected.addAll(postponed, true)
    this.#affected.addAll(what, false)
  }

  /** The next bit. False: there is nothing to do. */
  #work(): boolean {
    const open = this.#open
    if (open !== undefined) {
      this.#goOn(open)
      return true
    }
    const next = this.#queue.next()
    if (next !== undefined) this.#openDirectory(next.work, next.depth)
    else if (this.#removals.isEmpty) return false
    else this.#removals.next()
    return true
  }

  #goOn(open: Open): void {
    const thing = open.unsettled[open.index++]
    if (thing === undefined) {
      this.#open = undefined
    } else if (this.#parts.view().tree.touched.changes === open.changes) {
      this.#placer.place(open.directory, thing)
    } else {
      // The log has changed since: what is left of it is looked at anew.
      this.#open = undefined
      const { work, directory } = open
      if (work.isWhole) this.#queue.whole(work.directory, directory.depth, work.isDeep)
      for (const name of work.names) this.#queue.name(work.directory, directory.depth, name)
    }
  }

  #openDirectory(work: Work, depth: number): void {
    const { items, view } = this.#parts
    const item = items.get(work.directory)
    if (item?.kind !== 'directory') return
    if (!this.#inView.isCurrent(item)) {
      this.#leave(item)
      return
    }
    const path = this.#steps.path(item.id)
    if (path === undefined) return
    const isWhole = work.isWhole || this.#isMostOf(item, work.names)
    const shown = isWhole ? view().list(item.nodes) : view().listNamed(item.nodes, work.names)
    const localName = this.#spelled(item, this.#localNames(shown))
    const here = isWhole ? items.children(item.id) : this.#itemsOf(item, shown, localName)
    const { unsettled, settled, extras } = compareDirectory(shown, here, localName)
    this.#steps.turn.spend((shown.length + here.length) * perName)
    for (const extra of extras) this.#removals.add(extra.id)
    const { deep } = this.#affected
    const isDeep = (nodes: readonly NodeId[]): boolean => work.isDeep || nodes.some((node) => deep.has(node))
    for (const { id, nodes } of settled) if (isDeep(nodes)) this.#queue.whole(id, depth + 1, true)
    if (unsettled.length === 0) return
    const shownAt = lazyNames(shown, localName)
    const directory = { item, path, depth, localName, shownAt, isDeep, isThere: undefined }
    this.#open = { directory, unsettled, index: 0, changes: view().tree.touched.changes, work }
  }

  /** It is not where the log shows it, or not shown. If that is so because something is in the way, it waits. */
  #leave(item: Item): void {
    const { items, view } = this.#parts
    const isDouble = items
      .ofNode(item.nodes[0] ?? rootNode)
      .some((other) => other.id !== item.id && other.kind === 'directory' && this.#inView.isCurrent(other))
    if (!isDouble && item.nodes.some((node) => view().shows(node))) this.#steps.turn.postpone(item.nodes)
  }

  /** Then to list it all is cheaper; and on some disks each name depends on the others. */
  #isMostOf(item: Item, names: ReadonlySet<string>): boolean {
    if (!this.#isPlainDisk) return true
    const { tree } = this.#parts.view()
    let count = 0
    for (const id of item.nodes) count += tree.node(id)?.children?.size ?? 0
    if (names.size >= count * this.#wholeFrom) return true
    for (const name of names) if (isPrivate(name)) return true
    return false
  }

  #localNames(shown: readonly ShownThing[]): (name: string) => string {
    if (this.#isPlainDisk && !shown.some(({ name }) => isPrivate(name))) return (name) => name
    const placed = this.#parts.names.placeNames(shown.map(({ name }) => name))
    return (name) => placed.get(name) ?? name
  }

  /** What the user spelled in another form of Unicode than the log keeps its spelling on this disk. */
  #spelled(item: Item, localName: (name: string) => string): (name: string) => string {
    let spelled: Map<string, string> | undefined
    return (logName) => {
      const name = localName(logName)
      if (isAscii(name)) return name
      spelled ??= otherSpellings(this.#parts.items.children(item.id))
      return spelled.get(logName) ?? name
    }
  }

  #itemsOf(item: Item, shown: readonly ShownThing[], localName: (name: string) => string): Item[] {
    const found: Item[] = []
    for (const { name } of shown) {
      const child = this.#parts.items.child(item.id, localName(name))
      if (child !== undefined) found.push(child)
    }
    return found
  }

  #again(turn: Turn): void {
    const postponed = [...turn.postponed]
    turn.postponed.clear()
    this.#affected.addAll(postponed, true)
  }
}

function isPlain(names: LocalNames): boolean {
  if (names.isSame('a', 'A') || names.isSame('\u00e9', 'e\u0301')) return false
  return names.placeNames(['a:b']).get('a:b') === 'a:b'
}

function isAscii(name: string): boolean {
  return /^[\u0020-\u007e]*$/.test(name)
}

/** By log name. */
function otherSpellings(items: readonly Item[]): Map<string, string> {
  const spelled = new Map<string, string>()
  for (const { name, logName } of items) {
    if (name !== logName && name.normalize('NFC') === logName) spelled.set(logName, name)
  }
  return spelled
}

/** On any disk: names that are, or are made from, the one of the private directory. */
function isPrivate(name: string): boolean {
  return name.startsWith('.harp')
}

function lazyNames(
  shown: readonly ShownThing[],
  localName: (name: string) => string,
): (name: string) => ShownThing | undefined {
  let byName: Map<string, ShownThing> | undefined
  return (name) => {
    byName ??= new Map(shown.map((thing) => [localName(thing.name), thing]))
    return byName.get(name)
  }
}
