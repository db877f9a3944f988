import { join } from 'node:path'
import type { Operation } from '../format/operation.ts'
import { rootItem, stashItem, type Item } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { ShownDirectory, ShownFile } from '../tree/shown.ts'
import type { TreeView } from '../tree/tree-view.ts'
import { shownFile } from './content-plans.ts'
import { whyMissing } from './marker.ts'
import { statOr } from './same-inode.ts'
import { operationsAtOnce, pathOf, removeItem, reportReadOnly, type ScanRun } from './scan-run.ts'
import type { Ahead } from './write-ahead.ts'

/** What deleting one item says to the log. */
interface Trashing {
  readonly operations: readonly Operation[]
  /** Files and symlinks that nobody sees any more. */
  readonly files: number
  /** All that the log shows there was on this disk. */
  readonly isWhole: boolean
}

/** So few are nobody's accident. */
const fewFiles = 20
const fewOfAll = 10
const suspiciousShare = 0.3

/**
 * Items that are gone from the disk. A deletion counts for what its user had seen: a version that had not come to this
 * disk stays, and comes. Many at once are written only when the user says so.
 */
export class Deletions {
  readonly #run: ScanRun
  readonly #isAccepted: boolean
  #files = 0
  #moved: ReadonlySet<number> = new Set()

  constructor(run: ScanRun, isAccepted: boolean) {
    this.#run = run
    this.#isAccepted = isAccepted
  }

  /**
   * `replaced`: something else stands at their places. `moved` were found at other places, also those below what is
   * deleted, and are in the stash when this returns. False if nothing is to be deleted now, because this device may not
   * or a person has to be asked first; nothing is written then.
   */
  write(vanished: Iterable<number>, replaced: readonly Item[], moved: ReadonlySet<number>): boolean {
    const { parts, findings, writer } = this.#run
    const gone = [...this.#gone(vanished, moved), ...replaced]
    this.#moved = moved
    if (!writer.isAllowed && gone.length + moved.size > 0) {
      for (const item of gone) reportReadOnly(this.#run, item.parent, item.name)
      return false
    }
    if (gone.length === 0) {
      this.#stash()
      return true
    }
    const { view } = parts.replica
    const trashings = gone.map((item) => this.#trashing(view, item))
    const files = this.#files + trashings.reduce((sum, trashing) => sum + trashing.files, 0)
    if (!this.#isAccepted && this.#isSuspicious(files)) return false
    const missing = whyMissing(parts.fs, parts.root, parts.replica.folderId)
    if (missing !== undefined) {
      findings.blocked = { code: 'FOLDER_DISK_MISSING', message: missing }
      return false
    }
    this.#files = files
    this.#writeAll(gone, trashings)
    parts.chunks.commit()
    // What is in the stash would be looked for there after a crash: it is committed at its new place.
    if (moved.size === 0) writer.recorded()
    writer.announce()
    return true
  }

  #writeAll(gone: readonly Item[], trashings: readonly Trashing[]): void {
    const { findings, writer } = this.#run
    const operations = trashings.flatMap((trashing) => trashing.operations)
    const ahead = this.#moved.size === 0 ? aheadOf(gone, trashings) : []
    for (let from = 0; from < operations.length; from += operationsAtOnce) {
      const some = operations.slice(from, from + operationsAtOnce)
      const noted = ahead.filter(({ index }) => index >= from && index < from + operationsAtOnce)
      const written = writer.write(
        some.map((operation) => ({ operation })),
        noted.map((thing) => ({ ...thing, index: thing.index - from })),
      )
      if (written === undefined) return
      findings.changed += written.length
    }
    this.#stash()
    for (const [index, item] of gone.entries()) {
      if (trashings[index]?.isWhole !== true) findings.stale(item.nodes)
      this.#noteShown(item)
      removeItem(this.#run.parts, item)
    }
  }

  /** What others had moved out of it is in the log all the same, and is to be put where they have it. */
  #noteShown(directory: Item): void {
    const { items, replica } = this.#run.parts
    if (directory.kind !== 'directory') return
    const waiting = [directory.id]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (const { id, kind, nodes } of items.children(next)) {
        if (kind === 'directory') waiting.push(id)
        if (nodes.some((node) => replica.view.shows(node))) this.#run.findings.stale(nodes)
      }
    }
  }

  /** What is moved may be below what is removed. */
  #stash(): void {
    for (const id of this.#moved) this.#run.parts.items.update(id, { parent: stashItem })
  }

  /** Those that are really not there, and were not found elsewhere. */
  *#gone(vanished: Iterable<number>, moved: ReadonlySet<number>): IterableIterator<Item> {
    const { parts, findings } = this.#run
    for (const id of vanished) {
      if (moved.has(id)) continue
      const item = parts.items.get(id)
      const path = parts.items.path(id)
      if (item === undefined || path === undefined) continue
      const stat = statOr(parts, join(parts.root, ...path))
      if (stat === undefined) yield item
      else if (stat === 'unreadable') {
        const text = pathOf(this.#run, item.parent, item.name)
        findings.problem('FOLDER_FILE_UNREADABLE', text, `${text} cannot be looked at`)
      }
    }
  }

  #trashing(view: TreeView<LogEntry>, item: Item): Trashing {
    if (item.kind !== 'directory') return this.#file(shownFile(view, item), item)
    for (const node of item.nodes) {
      const shown = view.of(node)
      if (shown?.kind === 'directory') return this.#directory(view, shown, item)
    }
    return { operations: [], files: 0, isWhole: true }
  }

  #file(shown: ShownFile<LogEntry> | undefined, item: Item): Trashing {
    if (shown === undefined) return { operations: [], files: 0, isWhole: true }
    const isSeen = shown.current.entry.hash === item.version && includesAll(item, shown.nodes)
    if (shown.current.entry.hash !== item.version) return { operations: [], files: 0, isWhole: false }
    return { operations: item.nodes.map((node) => ({ type: 'trash', node })), files: 1, isWhole: isSeen }
  }

  #directory(view: TreeView<LogEntry>, shown: ShownDirectory, item: Item): Trashing {
    const byNode = new Map<string, Item>()
    for (const child of this.#run.parts.items.children(item.id)) {
      for (const node of child.nodes) byNode.set(node, child)
    }
    const operations: Operation[] = []
    let files = 0
    let isWhole = includesAll(item, shown.nodes)
    for (const thing of view.list(shown.nodes)) {
      const child = byNode.get(thing.nodes[0] ?? '')
      if (child !== undefined && this.#moved.has(child.id)) continue
      let inner: Trashing | undefined
      if (thing.kind !== 'directory') inner = child === undefined ? undefined : this.#file(thing, child)
      else if (child?.kind === 'directory') inner = this.#directory(view, thing, child)
      if (inner === undefined) {
        isWhole = false
        continue
      }
      files += inner.files
      if (!inner.isWhole) isWhole = false
      for (const operation of inner.operations) operations.push(operation)
    }
    if (!isWhole) return { operations, files, isWhole }
    return { operations: item.nodes.map((node) => ({ type: 'trash', node })), files, isWhole }
  }

  #isSuspicious(files: number): boolean {
    const { items } = this.#run.parts
    const all = items.totals().files
    const isMost = files >= fewFiles && files > suspiciousShare * all
    if (!isMost && (files < fewOfAll || files < all)) return false
    const text = files >= all ? `all ${files} files are` : `${files} of ${all} files are`
    this.#run.findings.blocked = {
      code: 'FOLDER_MASS_DELETION',
      message: `${text} missing from ${this.#run.parts.root}: nothing was told to other devices`,
      deletions: files,
    }
    return true
  }
}

/** By the last operation of each. What is moved out of something is still below it in the items, and goes before it. */
function aheadOf(gone: readonly Item[], trashings: readonly Trashing[]): Ahead[] {
  const ahead: Ahead[] = []
  let index = -1
  for (const [at, { id, parent, name }] of gone.entries()) {
    const { operations, isWhole } = trashings[at] ?? { operations: [], isWhole: false }
    index += operations.length
    if (isWhole && operations.length > 0) ahead.push({ index, item: id, parent, name, print: undefined })
  }
  return ahead
}

function includesAll(item: Item, nodes: readonly string[]): boolean {
  return item.id === rootItem || nodes.every((node) => item.nodes.includes(node))
}
