import type { EntryRecord } from '../format/entry.ts'
import type { DeviceId, EntryHash } from '../ids.ts'
import type { EquivocationProof } from './equivocation.ts'
import type { LogEntry } from './log-entry.ts'
import type { Refusal } from './refusal.ts'

/** Entry and record together, so that nothing has to be read back from the store. */
export interface AcceptedEntry {
  readonly entry: LogEntry
  readonly record: EntryRecord
}

export interface HeldBatch {
  readonly deviceId: DeviceId
  /** When `settle` will take it: the clock it shows, less what a clock may be ahead. */
  readonly ms: number
}

/** A batch that was let go because its sender had too much waiting. It can be sent again. */
export interface DroppedBatch {
  readonly source: string
  readonly deviceId: DeviceId
  readonly entries: number
}

export interface LateRefusal extends Refusal {
  readonly source: string
}

/** What became of a batch, and of those that had waited for it. */
export interface Acceptance {
  /** In an order in which each stands after its causes. Also of batches that had waited. */
  readonly accepted: readonly AcceptedEntry[]
  /** Entries that were here already. */
  readonly known: number
  /** Entries of this batch that wait for others. */
  readonly pending: number
  /** Entries that the waiting ones need first: ask the sender for them. */
  readonly missing: readonly EntryHash[]
  readonly held: readonly HeldBatch[]
  /** Why this batch was not taken: charge the sender. */
  readonly refused: Refusal | undefined
  /** Batches that had waited and could not be taken in the end: charge the one who sent them. */
  readonly refusedLater: readonly LateRefusal[]
  readonly dropped: readonly DroppedBatch[]
  /** Devices that turned out to have signed two histories: for the first places of each, one proof for each place. */
  readonly forks: readonly EquivocationProof[]
}

/** An acceptance as it is being put together. */
export interface Outcome {
  accepted: AcceptedEntry[]
  known: number
  pending: number
  missing: EntryHash[]
  held: HeldBatch[]
  refused: Refusal | undefined
  refusedLater: LateRefusal[]
  dropped: DroppedBatch[]
  forks: EquivocationProof[]
}

export function emptyOutcome(): Outcome {
  return {
    accepted: [],
    known: 0,
    pending: 0,
    missing: [],
    held: [],
    refused: undefined,
    refusedLater: [],
    dropped: [],
    forks: [],
  }
}
