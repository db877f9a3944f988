import type { NodeId } from '../ids.ts'
import type { DownReport } from '../plan/down-parts.ts'
import type { ScanReport } from '../up/up-parts.ts'
import { AgainLater } from './again-later.ts'

/** Directories, by their items. */
export type Directories = ReadonlySet<number> | 'everything'
export type Nodes = ReadonlySet<NodeId> | 'everything'

const againMs = 1_000
const firstDirtyMs = 100
const longestDirtyMs = 60_000

/**
 * What has to be looked at: by a scan, which compares the disk with the items, and by a plan, which compares the items
 * with the log. At first that is everything. Times are by the monotonic clock.
 */
export class PendingLooks {
  #dirty: Set<number> | 'everything' = 'everything'
  #touched: Set<NodeId> | 'everything' = 'everything'
  readonly #again = new AgainLater()
  #isPlanned = false
  /** The disk was not what the plan believed: it is made anew after the next scan. */
  #isPlanWaiting = false
  /** Grows as long as scans do not help, as where this device may not write. */
  #dirtyDelayMs = firstDirtyMs
  #nextRescan = Number.POSITIVE_INFINITY

  get needsScan(): boolean {
    return this.#dirty === 'everything' || this.#dirty.size > 0
  }

  get needsPlan(): boolean {
    return !this.#isPlanned || this.#touched === 'everything' || this.#touched.size > 0
  }

  /** The last plan was carried out to its end, whatever has been touched since. */
  get isPlanned(): boolean {
    return this.#isPlanned
  }

  /** Directories will be scanned once more, in a while. */
  get isWaiting(): boolean {
    return this.#again.isWaiting
  }

  markDirty(directories: Iterable<number> | 'everything'): void {
    this.#dirty = union(this.#dirty, directories)
  }

  markTouched(nodes: Iterable<NodeId> | 'everything'): void {
    this.#touched = union(this.#touched, nodes)
  }

  /** Marks what is to be scanned again by now. Returns whether there was anything. */
  tick(now: number): boolean {
    const again = this.#again.take(now)
    const isRescanDue = now >= this.#nextRescan
    this.markDirty(isRescanDue ? 'everything' : (again ?? []))
    return isRescanDue || again !== undefined
  }

  /** For a scan; `scanned` follows, unless the folder fails. */
  takeDirty(): Directories {
    const dirty = this.#dirty
    this.#dirty = new Set()
    // Its time is set anew when it is over: one that takes longer than a tick is not begun a second time.
    if (dirty === 'everything') this.#nextRescan = Number.POSITIVE_INFINITY
    return dirty
  }

  /** For a plan; `planned` follows, unless the folder fails. */
  takeTouched(): Nodes {
    const touched = this.#touched
    this.#touched = new Set()
    return touched
  }

  scanned({ again, changed, stale }: Pick<ScanReport, 'again' | 'changed' | 'stale'>, now: number): void {
    if (again.size > 0) this.#again.add(again, now + againMs)
    if (changed > 0) this.#dirtyDelayMs = firstDirtyMs
    this.markTouched(this.#isPlanWaiting ? 'everything' : stale)
    this.#isPlanWaiting = false
  }

  /** When everything is scanned, though nobody has marked it. */
  rescanAt(at: number): void {
    this.#nextRescan = at
  }

  planned({ dirty, done }: Pick<DownReport, 'dirty' | 'done'>, now: number): void {
    this.#isPlanned = done
    if (dirty.size > 0) {
      this.#again.add(dirty, now + this.#dirtyDelayMs)
      this.#dirtyDelayMs = Math.min(2 * this.#dirtyDelayMs, longestDirtyMs)
      this.#isPlanWaiting = true
    } else if (done) this.#dirtyDelayMs = firstDirtyMs
  }
}

/** Adds to the set that it is given. */
function union<T>(marked: Set<T> | 'everything', more: Iterable<T> | 'everything'): Set<T> | 'everything' {
  if (marked === 'everything' || more === 'everything') return 'everything'
  for (const each of more) marked.add(each)
  return marked
}
