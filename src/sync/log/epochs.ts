import { compareIds, type EpochId } from '../ids.ts'
import { observes, type Viewpoint } from './causal-clock.ts'
import { compareHlc } from './hlc.ts'
import type { LogEntry } from './log-entry.ts'

/** Which epochs a past knows, and which of them a new entry may use: those founded after every revocation in it. */
export class Epochs {
  /** The entries that found an epoch: one, unless devices that did not know of each other chose one key. */
  readonly #foundings = new Map<EpochId, LogEntry[]>()
  readonly #revokes: LogEntry[] = []

  found(epoch: EpochId, entry: LogEntry): void {
    const foundings = this.#foundings.get(epoch)
    if (foundings === undefined) this.#foundings.set(epoch, [entry])
    else foundings.push(entry)
  }

  revoke(entry: LogEntry): void {
    this.#revokes.push(entry)
  }

  /** Takes back the entry that was added last, if it says anything of epochs. */
  undo(entry: LogEntry): void {
    if (this.#revokes.at(-1) === entry) this.#revokes.pop()
    for (const [epoch, foundings] of this.#foundings) {
      if (foundings.at(-1) !== entry) continue
      foundings.pop()
      if (foundings.length === 0) this.#foundings.delete(epoch)
    }
  }

  isKnown(epoch: EpochId, view: Viewpoint): boolean {
    for (const entry of this.#foundings.get(epoch) ?? []) if (observes(view, entry)) return true
    return false
  }

  isUsable(epoch: EpochId, view: Viewpoint): boolean {
    for (const entry of this.#foundings.get(epoch) ?? []) if (this.#isFresh(entry, view)) return true
    return false
  }

  /** The oldest first. */
  known(view: Viewpoint): EpochId[] {
    return this.#sorted((entry) => observes(view, entry))
  }

  /** The newest last. */
  usable(view: Viewpoint): EpochId[] {
    return this.#sorted((entry) => this.#isFresh(entry, view))
  }

  #isFresh(founding: LogEntry, view: Viewpoint): boolean {
    if (!observes(view, founding)) return false
    for (const revoke of this.#revokes) {
      if (observes(view, revoke) && !observes(founding, revoke)) return false
    }
    return true
  }

  /** By the first founding of each that counts, so that all replicas sort alike. */
  #sorted(counts: (entry: LogEntry) => boolean): EpochId[] {
    const found: { epoch: EpochId; entry: LogEntry }[] = []
    for (const [epoch, foundings] of this.#foundings) {
      let first: LogEntry | undefined
      for (const entry of foundings) {
        if (counts(entry) && (first === undefined || compareByClock(entry, first) < 0)) first = entry
      }
      if (first !== undefined) found.push({ epoch, entry: first })
    }
    return found.sort((left, right) => compareByClock(left.entry, right.entry)).map(({ epoch }) => epoch)
  }
}

/** By clock, then by hash. */
export function compareByClock(left: LogEntry, right: LogEntry): number {
  return compareHlc(left.hlc, right.hlc) || compareIds(left.hash, right.hash)
}
