import { HarpError } from '../../base/errors.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import { compareHeads } from '../format/statement-codec.ts'
import type { Batch, EntryRecord, Hlc } from '../format/entry.ts'
import { FormatError } from '../format/format-error.ts'
import type { Genesis } from '../format/membership.ts'
import type { ChainHead } from '../format/statement.ts'
import { compareIds, type EntryHash, type FolderId } from '../ids.ts'
import type { LogStore, StoredRecord } from '../store/log-store.ts'
import type { Acceptance, AcceptedEntry } from './acceptance.ts'
import { Admission } from './admission.ts'
import { covered, joinClocks, observes, type CausalClock } from './causal-clock.ts'
import { Dag } from './dag.ts'
import type { EquivocationProof } from './equivocation.ts'
import { Intake } from './intake.ts'
import type { LogEntry } from './log-entry.ts'
import { LogReader, type StoredBatch } from './log-reader.ts'
import { Membership, type MembershipBody } from './membership.ts'
import type { WaitingLimits } from './waiting.ts'

/**
 * All entries that a replica holds: a DAG of signed chains, every one of them valid by its own causal past. It only
 * grows, and never depends on the order in which batches came in.
 */
export class Log {
  readonly membership: Membership
  readonly #suite: CryptoSuite
  readonly #dag = new Dag()
  readonly #admission: Admission
  readonly #reader: LogReader
  readonly #intake: Intake
  #frontier: { size: number; heads: readonly ChainHead[] } = { size: 0, heads: [] }

  constructor(suite: CryptoSuite, store: LogStore, waitingLimits?: WaitingLimits) {
    this.#suite = suite
    this.membership = new Membership(suite, this.#dag)
    this.#admission = new Admission(suite, store, this.#dag, this.membership)
    this.#reader = new LogReader(suite, store, this.#dag)
    const parts = { dag: this.#dag, admission: this.#admission, reader: this.#reader }
    this.#intake = new Intake(suite, parts, waitingLimits)
  }

  get folderId(): FolderId | undefined {
    return this.#admission.folderId
  }

  get genesis(): Genesis | undefined {
    return this.#admission.genesis
  }

  get size(): number {
    return this.#dag.size
  }

  /** The highest clock of all entries; a new entry is above it. */
  get latestHlc(): Hlc | undefined {
    return this.#admission.latest?.hlc
  }

  /** Entries that wait for others, and what they wait for. */
  get pending(): { readonly entries: number; readonly missing: readonly EntryHash[] } {
    return { entries: this.#intake.pending.entries, missing: this.#intake.pending.missing() }
  }

  /** Entries from clocks that run ahead, and when `settle` has something to do. */
  get held(): { readonly entries: number; readonly next: number | undefined } {
    return { entries: this.#intake.held.entries, next: this.#intake.held.next }
  }

  /** For a joiner, who knows the folder's id and nothing else: any other folder's entries are refused. */
  expectFolder(folderId: FolderId): void {
    const known = this.folderId
    if (known !== undefined && known !== folderId) {
      throw new HarpError('SYNC_FOLDER_MISMATCH', `this log is of folder ${known}, not ${folderId}`, {
        fix: 'open the store that belongs to this folder, or join with an empty one',
      })
    }
    this.#admission.expect(folderId)
  }

  /** Takes a stored record at opening. Hashes are checked; signatures and rules were, when it was stored. */
  load(record: StoredRecord): readonly AcceptedEntry[] {
    if (record.type !== 'batch') return []
    try {
      const restored = this.#admission.restore(decodeBatch(this.#suite, record.bytes), record.number)
      if (!('reason' in restored)) return restored
      throw new FormatError('chain', restored.detail)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new HarpError('SYNC_LOG_CORRUPT', `record ${record.number} of the log: ${error.message}`, {
        cause: error,
        fix: 'restore the store from a backup, or remove it and fetch the folder from another device',
      })
    }
  }

  /**
   * Takes a batch from a sender, named so that its waiting entries are counted. Never throws for what a batch holds.
   * What is accepted is appended to the store; committing is the caller's.
   */
  accept(batch: Batch | Uint8Array, source: string, now: number): Acceptance {
    return this.#intake.accept(batch, source, now)
  }

  settle(now: number): Acceptance {
    return this.#intake.settle(now)
  }

  entry(hash: EntryHash): LogEntry | undefined {
    return this.#dag.entry(hash)
  }

  /** Whether `earlier` is `later` itself or in its causal past. */
  observes(later: LogEntry, earlier: LogEntry): boolean {
    return observes(later, earlier)
  }

  /** Entries in nobody's past, sorted by hash: the parents of the next entry. */
  heads(): LogEntry[] {
    return this.#dag.heads().sort((left, right) => compareIds(left.hash, right.hash))
  }

  /** The last entry of each branch, by branch number. */
  branchHeads(): LogEntry[] {
    const heads: LogEntry[] = []
    for (const { entries } of this.#dag.branches) {
      const last = entries.at(-1)
      if (last !== undefined) heads.push(last)
    }
    return heads
  }

  frontier(): readonly ChainHead[] {
    if (this.#frontier.size === this.size) return this.#frontier.heads
    const heads = this.branchHeads().map(({ deviceId, incarnation, seq, hash }) => ({
      deviceId,
      incarnation,
      seq,
      hash,
    }))
    this.#frontier = { size: this.size, heads: heads.sort(compareHeads) }
    return this.#frontier.heads
  }

  chainEntries(branch: number, fromSeq: number): LogEntry[] {
    return this.#reader.chainEntries(branch, fromSeq)
  }

  batchesFrom(branch: number, fromSeq: number): IterableIterator<StoredBatch> {
    return this.#reader.batchesFrom(branch, fromSeq)
  }

  record(entry: LogEntry): EntryRecord {
    return this.#reader.record(entry)
  }

  body(entry: LogEntry): MembershipBody {
    return this.#reader.body(entry)
  }

  /** Genesis, grants, revokes and rekeys, each after its causes. */
  memberships(): readonly LogEntry[] {
    return this.membership.entries()
  }

  /** The joint past of these entries, themselves included; undefined if one is not here. */
  closure(hashes: readonly EntryHash[]): CausalClock | undefined {
    const entries: LogEntry[] = []
    for (const hash of hashes) {
      const entry = this.#dag.entry(hash)
      if (entry === undefined) return undefined
      entries.push(entry)
    }
    return joinClocks(entries)
  }

  covered(clock: CausalClock, entry: LogEntry): boolean {
    return covered(clock, entry)
  }

  /** A proof for each place at which a device signed two entries. One at a time: each may hold two whole batches. */
  *equivocations(): IterableIterator<EquivocationProof> {
    for (const fork of this.#dag.forks()) {
      const proof = this.#reader.proveFork(fork)
      if (proof !== undefined) yield proof
    }
  }
}
