import type { EpochId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import type { MerkleLog } from '../proof/merkle-log.ts'
import { Tree } from '../tree/tree.ts'
import { Fence } from './fence.ts'
import type { Timeline } from './timeline.ts'

/**
 * Keeps the tree and the Merkle log in step with the linear order. Changes are only noted; the work is done when
 * somebody looks, so that many late batches cost one rewind.
 */
export class Fold {
  readonly tree: Tree<LogEntry>
  readonly merkle: MerkleLog
  readonly #timeline: Timeline
  readonly #fence: Fence
  readonly #fencedOut: { entry: LogEntry; position: number }[] = []
  #unread: ReadonlySet<EpochId> = new Set()
  /** From here on, what was applied is not what the order says now. */
  #dirtyFrom = Number.POSITIVE_INFINITY

  constructor(log: Log, timeline: Timeline, merkle: MerkleLog) {
    const observes = log.observes.bind(log)
    this.#timeline = timeline
    this.#fence = new Fence(timeline, log)
    this.tree = new Tree(observes)
    this.merkle = merkle
  }

  /** Entries of revoked devices that do nothing, for an admin to look at. As of the last `advance`. */
  get fencedOut(): readonly LogEntry[] {
    return this.#fencedOut.map(({ entry }) => entry)
  }

  /** Operations under these epochs do nothing: the authority, whose word is final, has no key of them. */
  leaveOut(epochs: readonly EpochId[]): void {
    if (epochs.length === this.#unread.size && epochs.every((epoch) => this.#unread.has(epoch))) return
    this.#unread = new Set(epochs)
    this.changed(0)
  }

  leavesOut(epoch: EpochId): boolean {
    return this.#unread.has(epoch)
  }

  /** The order is another one from `position` on. */
  changed(position: number): void {
    this.#dirtyFrom = Math.min(this.#dirtyFrom, position)
  }

  /** A statement covers what stands from `from` to `to`: what is behind it may be fenced off by a revoke in it. */
  covered(from: number, to: number): void {
    if (this.#fence.hasRevoke(from, to)) this.changed(to)
  }

  /** Applies what stands in the order up to `length`, all of it by default, and undoes what stands behind. */
  advance(length = this.#timeline.entries.length): void {
    const keep = Math.min(this.#dirtyFrom, length)
    if (keep < this.tree.length) this.#rewind(keep)
    this.#dirtyFrom = Number.POSITIVE_INFINITY
    const { entries } = this.#timeline
    for (let position = this.tree.length; position < length; position++) {
      this.#apply(entries[position] as LogEntry, position)
    }
  }

  #apply(entry: LogEntry, position: number): void {
    this.merkle.append(entry.hash)
    if (entry.kind === 'revoke') this.#fence.apply(entry, position)
    const operation = this.#unread.has(entry.epoch) ? undefined : entry.operation
    if (operation !== undefined && this.#fence.excludes(entry, position)) {
      this.#fencedOut.push({ entry, position })
      this.tree.applyFenced(entry, operation)
    } else {
      this.tree.apply(entry, operation)
    }
  }

  #rewind(position: number): void {
    this.tree.rewind(position)
    this.merkle.truncate(position)
    this.#fence.rewind(position)
    while ((this.#fencedOut.at(-1)?.position ?? -1) >= position) this.#fencedOut.pop()
  }
}
