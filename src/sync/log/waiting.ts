import type { DeviceId, EntryHash } from '../ids.ts'
import type { DroppedBatch } from './acceptance.ts'

/** What may wait, at most: of one sender, and in all. */
export const waitingLimits = {
  sourceEntries: 10_000,
  sourceBytes: 16 * 1024 * 1024,
  allEntries: 40_000,
  allBytes: 64 * 1024 * 1024,
}
export type WaitingLimits = typeof waitingLimits

/**
 * A batch that is verified as far as it can be, and cannot be taken yet. Kept as a copy of its bytes and read again
 * when its time comes, so that what the limits count is what it takes.
 */
export interface WaitingBatch {
  readonly bytes: Uint8Array
  readonly source: string
  readonly deviceId: DeviceId
  readonly entries: number
  /** Two batches with one last hash differ in how far back they begin. */
  readonly lastHash: EntryHash
}

interface Shelf {
  readonly source: string
  /** By arrival, the oldest first. */
  readonly batches: Map<EntryHash, WaitingBatch>
  entries: number
  bytes: number
}

/**
 * A bounded room. When it is full the oldest of the sender who has the most is let go, so that a flood by one pushes
 * out nobody else's.
 */
export class WaitingRoom {
  readonly #limits: WaitingLimits
  readonly #shelves = new Map<string, Shelf>()
  #entries = 0
  #bytes = 0

  constructor(limits: WaitingLimits = waitingLimits) {
    this.#limits = limits
  }

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether this sender's batch, or a longer one with the same end, is here already. */
  has(waiting: WaitingBatch): boolean {
    const known = this.#shelves.get(waiting.source)?.batches.get(waiting.lastHash)
    return known !== undefined && known.entries >= waiting.entries
  }

  /** Puts it in and returns what had to go. */
  add(waiting: WaitingBatch): WaitingBatch[] {
    const { source, lastHash } = waiting
    const shelf = this.#shelves.get(source) ?? { source, batches: new Map(), entries: 0, bytes: 0 }
    this.#shelves.set(source, shelf)
    const shorter = shelf.batches.get(lastHash)
    const gone = shorter === undefined ? [] : [shorter]
    if (shorter !== undefined) this.remove(shorter)
    this.#shelves.set(source, shelf)
    shelf.batches.set(lastHash, waiting)
    this.#count(shelf, waiting, 1)
    const { sourceEntries, sourceBytes, allEntries, allBytes } = this.#limits
    while (shelf.entries > sourceEntries || shelf.bytes > sourceBytes) this.#dropOldest(shelf, gone)
    while (this.#entries > allEntries || this.#bytes > allBytes) this.#dropOldest(this.#fullest(shelf), gone)
    return gone
  }

  remove(waiting: WaitingBatch): void {
    const shelf = this.#shelves.get(waiting.source)
    if (shelf?.batches.get(waiting.lastHash) !== waiting) return
    shelf.batches.delete(waiting.lastHash)
    this.#count(shelf, waiting, -1)
    if (shelf.batches.size === 0) this.#shelves.delete(waiting.source)
  }

  #dropOldest(shelf: Shelf, gone: WaitingBatch[]): void {
    const oldest = shelf.batches.values().next().value
    if (oldest === undefined) return
    this.remove(oldest)
    gone.push(oldest)
  }

  #fullest(shelf: Shelf): Shelf {
    const share = (one: Shelf) =>
      Math.max(one.entries / this.#limits.allEntries, one.bytes / this.#limits.allBytes)
    let fullest = shelf
    for (const other of this.#shelves.values()) if (share(other) > share(fullest)) fullest = other
    return fullest
  }

  #count(shelf: Shelf, { entries, bytes }: WaitingBatch, sign: 1 | -1): void {
    shelf.entries += sign * entries
    shelf.bytes += sign * bytes.length
    this.#entries += sign * entries
    this.#bytes += sign * bytes.length
  }
}

/** Batches whose causes are not here yet, found again by the one entry that each waits for. */
export class Pending {
  readonly #room: WaitingRoom
  readonly #waitingFor = new Map<EntryHash, Set<WaitingBatch>>()
  readonly #needs = new Map<WaitingBatch, EntryHash>()

  constructor(limits?: WaitingLimits) {
    this.#room = new WaitingRoom(limits)
  }

  get entries(): number {
    return this.#room.entries
  }

  /** What is waited for: each a predecessor or parent of a pending batch. */
  missing(): EntryHash[] {
    return [...this.#waitingFor.keys()]
  }

  has(waiting: WaitingBatch): boolean {
    return this.#room.has(waiting)
  }

  add(waiting: WaitingBatch, missing: EntryHash): DroppedBatch[] {
    const waiters = this.#waitingFor.get(missing) ?? new Set()
    this.#waitingFor.set(missing, waiters.add(waiting))
    this.#needs.set(waiting, missing)
    const gone = this.#room.add(waiting)
    for (const one of gone) this.#forget(one)
    return named(gone, waiting)
  }

  /** The batches that waited for this entry; they are not pending any more. */
  take(hash: EntryHash): WaitingBatch[] {
    const waiters = this.#waitingFor.get(hash)
    if (waiters === undefined) return []
    const taken = [...waiters]
    for (const waiting of taken) {
      this.#forget(waiting)
      this.#room.remove(waiting)
    }
    return taken
  }

  #forget(waiting: WaitingBatch): void {
    const missing = this.#needs.get(waiting)
    this.#needs.delete(waiting)
    const waiters = missing === undefined ? undefined : this.#waitingFor.get(missing)
    waiters?.delete(waiting)
    if (missing !== undefined && waiters?.size === 0) this.#waitingFor.delete(missing)
  }
}

/** Batches from clocks that run ahead, until their time has come. */
export class Held {
  readonly #room: WaitingRoom
  readonly #until = new Map<WaitingBatch, number>()
  #next = Infinity

  constructor(limits?: WaitingLimits) {
    this.#room = new WaitingRoom(limits)
  }

  get entries(): number {
    return this.#room.entries
  }

  /** When the next batch can be taken; undefined if none is held. */
  get next(): number | undefined {
    return this.#until.size === 0 ? undefined : this.#next
  }

  has(waiting: WaitingBatch): boolean {
    return this.#room.has(waiting)
  }

  add(waiting: WaitingBatch, until: number): DroppedBatch[] {
    this.#until.set(waiting, until)
    this.#next = Math.min(this.#next, until)
    const gone = this.#room.add(waiting)
    for (const one of gone) this.#until.delete(one)
    return named(gone, waiting)
  }

  /** Those whose time has come, by the time they waited for. */
  take(now: number): WaitingBatch[] {
    if (now < this.#next) return []
    const due = [...this.#until].filter(([, until]) => until <= now).sort((left, right) => left[1] - right[1])
    for (const [waiting] of due) {
      this.#until.delete(waiting)
      this.#room.remove(waiting)
    }
    this.#next = Infinity
    for (const until of this.#until.values()) this.#next = Math.min(this.#next, until)
    return due.map(([waiting]) => waiting)
  }
}

/** A shorter batch that a longer one stands in for is not lost, so it is not named. */
function named(gone: readonly WaitingBatch[], by: WaitingBatch): DroppedBatch[] {
  return gone
    .filter((one) => one === by || one.source !== by.source || one.lastHash !== by.lastHash)
    .map(({ source, deviceId, entries }) => ({ source, deviceId, entries }))
}
