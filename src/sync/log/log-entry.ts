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
