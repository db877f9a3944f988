import type { EntryKind, Hlc } from '../format/entry.ts'
import type { Operation } from '../format/operation.ts'
import type { DeviceId, EntryHash, EpochId, Incarnation } from '../ids.ts'
import type { CausalClock } from './causal-clock.ts'

/** What a replica keeps of an entry in memory: enough for order, causality and the tree. The rest is in the store. */
export interface LogEntry {
  readonly hash: EntryHash
  /** The entry before it in its chain; `chainStart` for seq 0. */
  readonly prev: EntryHash
  readonly deviceId: DeviceId
  readonly incarnation: Incarnation
  readonly seq: number
  readonly hlc: Hlc
  readonly kind: EntryKind
  readonly epoch: EpochId
  readonly parents: readonly EntryHash[]
  /** A chain that forked has several branches; numbered by arrival, so never compared between replicas. */
  readonly branch: number
  /** What the author had seen of other branches. Shared by entries that follow each other. */
  readonly clock: CausalClock
  /** Where the store keeps it: record number, and the encoded entry's place in that record. */
  readonly record: number
  readonly offset: number
  readonly length: number
  /** The opened body of an `operation`; undefined as long as its key is unknown, or if it cannot be read. */
  operation: Operation | undefined
}

/** Where an entry stands, before its operation is opened and its bytes are stored. */
export type PlacedEntry = Omit<LogEntry, 'record' | 'offset' | 'length' | 'operation'>

/** What entries that follow each other have in common. */
type Stretch = Pick<
  LogEntry,
  'deviceId' | 'incarnation' | 'kind' | 'epoch' | 'parents' | 'branch' | 'clock'
> & {
  /** The clocks of the entries are given from here on. */
  readonly ms: number
}

/** So that the difference is a small integer, which takes no memory of its own. */
const longestStretchMs = 2 ** 30

/**
 * An entry as the log keeps it, by the million. What it has in common with its predecessor is kept once for both, and
 * its clock as two small numbers.
 */
export class KeptEntry implements LogEntry {
  readonly hash: EntryHash
  readonly prev: EntryHash
  readonly seq: number
  operation: Operation | undefined = undefined
  readonly #stretch: Stretch
  readonly #ms: number
  readonly #counter: number
  #record = -1
  #offset = 0
  #length = 0

  /** `before`: its predecessor. */
  constructor(placed: PlacedEntry, before: LogEntry | undefined) {
    const { hlc } = placed
    this.hash = placed.hash
    this.prev = placed.prev
    this.seq = placed.seq
    const known = before instanceof KeptEntry ? before.#stretch : undefined
    this.#stretch = known !== undefined && continues(known, placed) ? known : stretchFrom(placed)
    this.#ms = hlc.ms - this.#stretch.ms
    this.#counter = hlc.counter
  }

  get deviceId(): DeviceId {
    return this.#stretch.deviceId
  }

  get incarnation(): Incarnation {
    return this.#stretch.incarnation
  }

  get hlc(): Hlc {
    return { ms: this.#stretch.ms + this.#ms, counter: this.#counter }
  }

  get kind(): EntryKind {
    return this.#stretch.kind
  }

  get epoch(): EpochId {
    return this.#stretch.epoch
  }

  get parents(): readonly EntryHash[] {
    return this.#stretch.parents
  }

  get branch(): number {
    return this.#stretch.branch
  }

  get clock(): CausalClock {
    return this.#stretch.clock
  }

  get record(): number {
    return this.#record
  }

  get offset(): number {
    return this.#offset
  }

  get length(): number {
    return this.#length
  }

  /** Says where the store keeps it. */
  store(record: number, offset: number, length: number): void {
    this.#record = record
    this.#offset = offset
    this.#length = length
  }
}

function continues(stretch: Stretch, placed: PlacedEntry): boolean {
  const ms = placed.hlc.ms - stretch.ms
  return (
    stretch.deviceId === placed.deviceId &&
    stretch.incarnation === placed.incarnation &&
    stretch.kind === placed.kind &&
    stretch.epoch === placed.epoch &&
    stretch.parents === placed.parents &&
    stretch.branch === placed.branch &&
    stretch.clock === placed.clock &&
    ms >= 0 &&
    ms < longestStretchMs
  )
}

function stretchFrom(placed: PlacedEntry): Stretch {
  const { deviceId, incarnation, kind, epoch, parents, branch, clock, hlc } = placed
  return { deviceId, incarnation, kind, epoch, parents, branch, clock, ms: hlc.ms }
}
