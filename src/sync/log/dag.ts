import type { DeviceId, EntryHash, Incarnation } from '../ids.ts'
import { emptyClock, joinClocks, type CausalClock, type Viewpoint } from './causal-clock.ts'
import type { LogEntry } from './log-entry.ts'

/** Consecutive entries of one chain. A chain has one branch, until its device signs two entries at one place. */
export interface Branch {
  readonly number: number
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  /** The entry of another branch that this one goes on from; undefined if it begins with seq 0. */
  readonly root: LogEntry | undefined
  readonly firstSeq: number
  readonly entries: LogEntry[]
}

/** Two or more entries with one predecessor: `siblings` are the first entries of each branch, by arrival. */
export interface Fork {
  readonly deviceId: DeviceId
  readonly prev: EntryHash
  readonly siblings: LogEntry[]
}

export interface NewPlace {
  readonly branch: number
  readonly clock: CausalClock
}

/** The shape of the log: which entry follows which. Knows nothing of roles, bodies or bytes. */
export class Dag {
  readonly branches: Branch[] = []
  readonly #entries = new Map<EntryHash, LogEntry>()
  /** First entries of chains, by device and incarnation. */
  readonly #starts = new Map<string, LogEntry[]>()
  readonly #forks = new Map<EntryHash, Fork>()
  readonly #forksOf = new Map<DeviceId, Fork[]>()
  readonly #heads = new Set<EntryHash>()

  get size(): number {
    return this.#entries.size
  }

  entry(hash: EntryHash): LogEntry | undefined {
    return this.#entries.get(hash)
  }

  /** Where an entry after `prev` with these parents will stand. */
  place(prev: LogEntry | undefined, parents: readonly LogEntry[]): NewPlace {
    const continued = prev !== undefined && this.successor(prev) === undefined
    const branch = continued ? prev.branch : this.branches.length
    if (continued && parents.length === 0) return { branch, clock: prev.clock }
    const past: Viewpoint[] = prev === undefined ? [...parents] : [prev, ...parents]
    return { branch, clock: past.length === 0 ? emptyClock : joinClocks(past) }
  }

  /** Adds an entry at the place that `place` gave; whether it is a head yet is said by `advance`. */
  add(entry: LogEntry, prev: LogEntry | undefined): void {
    const branch = this.branches[entry.branch]
    if (branch === undefined) this.#open(entry, prev)
    else branch.entries.push(entry)
    this.#entries.set(entry.hash, entry)
  }

  /** Takes back the entry that was added last. */
  undo(entry: LogEntry): void {
    this.#entries.delete(entry.hash)
    const branch = this.branches[entry.branch]
    branch?.entries.pop()
    if (branch === undefined || branch.entries.length > 0) return
    this.branches.pop()
    if (entry.seq === 0) this.#undoStart(chainKey(entry))
    const fork = this.#forks.get(entry.prev)
    if (fork?.siblings.at(-1) !== entry) return
    fork.siblings.pop()
    if (fork.siblings.length > 1) return
    this.#forks.delete(entry.prev)
    this.#forksOf.get(entry.deviceId)?.pop()
  }

  /** A batch has been added for good: what it names is no head any more, its last entry is one. */
  advance(first: LogEntry, last: LogEntry): void {
    this.#heads.delete(first.prev)
    for (const parent of first.parents) this.#heads.delete(parent)
    this.#heads.add(last.hash)
  }

  /** Entries in nobody's past. */
  heads(): LogEntry[] {
    const heads: LogEntry[] = []
    for (const hash of this.#heads) {
      const entry = this.#entries.get(hash)
      if (entry !== undefined) heads.push(entry)
    }
    return heads
  }

  /** The entry after this one in its own branch. */
  successor(entry: LogEntry): LogEntry | undefined {
    const branch = this.branches[entry.branch]
    return branch?.entries[entry.seq + 1 - branch.firstSeq]
  }

  /** The fork that this entry is a first entry of. */
  forkAt(entry: LogEntry): Fork | undefined {
    const fork = this.#forks.get(entry.prev)
    return fork?.siblings.includes(entry) === true ? fork : undefined
  }

  forksOf(device: DeviceId): readonly Fork[] {
    return this.#forksOf.get(device) ?? noForks
  }

  forks(): Iterable<Fork> {
    return this.#forks.values()
  }

  /** The branch at this place of the line that leads to `branch`: itself, or one that it forked from. */
  branchAt(branch: number, seq: number): Branch | undefined {
    let found = this.branches[branch]
    while (found !== undefined && found.firstSeq > seq) {
      found = found.root === undefined ? undefined : this.branches[found.root.branch]
    }
    return found
  }

  #undoStart(key: string): void {
    const starts = this.#starts.get(key)
    starts?.pop()
    if (starts?.length === 0) this.#starts.delete(key)
  }

  #open(entry: LogEntry, prev: LogEntry | undefined): void {
    const { deviceId, incarnation } = entry
    let sibling = prev === undefined ? undefined : this.successor(prev)
    if (prev === undefined) {
      const starts = this.#starts.get(chainKey(entry)) ?? []
      sibling = starts[0]
      starts.push(entry)
      this.#starts.set(chainKey(entry), starts)
    }
    const branch = { number: entry.branch, deviceId, incarnation, root: prev, firstSeq: entry.seq }
    this.branches.push({ ...branch, entries: [entry] })
    if (sibling !== undefined) this.#fork(entry, sibling)
  }

  #fork(entry: LogEntry, sibling: LogEntry): void {
    const known = this.#forks.get(entry.prev)
    if (known !== undefined) {
      known.siblings.push(entry)
      return
    }
    const fork = { deviceId: entry.deviceId, prev: entry.prev, siblings: [sibling, entry] }
    this.#forks.set(entry.prev, fork)
    const ofDevice = this.#forksOf.get(entry.deviceId)
    if (ofDevice === undefined) this.#forksOf.set(entry.deviceId, [fork])
    else ofDevice.push(fork)
  }
}

const noForks: readonly Fork[] = []

function chainKey(entry: LogEntry): string {
  return entry.deviceId + entry.incarnation
}
