import type { CryptoSuite } from '../crypto/suite.ts'
import { decodeBatch, decodeEntryItem, encodeBatch, trimBatch } from '../format/batch-codec.ts'
import type { Batch, EntryRecord } from '../format/entry.ts'
import type { LogStore } from '../store/log-store.ts'
import { openBody } from './admission.ts'
import type { Dag, Fork } from './dag.ts'
import { makeEquivocation, type EquivocationProof } from './equivocation.ts'
import type { LogEntry } from './log-entry.ts'
import type { MembershipBody } from './membership.ts'

/** A stored batch as it is sent, and the first of the entries in it. */
export interface StoredBatch {
  readonly bytes: Uint8Array
  readonly first: LogEntry
}

/** Bodies kept in memory; a rekey for many devices is large. */
const cachedBodies = 64

/** Reads entries back from the store, where their bytes are. */
export class LogReader {
  readonly #suite: CryptoSuite
  readonly #store: LogStore
  readonly #dag: Dag
  readonly #bodies = new Map<LogEntry, MembershipBody>()
  #last: { readonly record: number; bytes: Uint8Array | undefined } = { record: -1, bytes: undefined }

  constructor(suite: CryptoSuite, store: LogStore, dag: Dag) {
    this.#suite = suite
    this.#store = store
    this.#dag = dag
  }

  record(entry: LogEntry): EntryRecord {
    return decodeEntryItem(this.#suite, this.#itemBytes(entry), entry.prev)
  }

  /** Who asks for one entry of a batch asks for the others mostly: the second time all of it is read at once. */
  #itemBytes({ record, offset, length }: LogEntry): Uint8Array {
    if (this.#last.record !== record) {
      this.#last = { record, bytes: undefined }
      return this.#store.read(record, offset, length)
    }
    this.#last.bytes ??= this.#store.read(record)
    return this.#last.bytes.subarray(offset, offset + length)
  }

  body(entry: LogEntry): MembershipBody {
    const known = this.#bodies.get(entry)
    if (known !== undefined) return known
    const body = openBody(entry.kind, this.record(entry).body)
    if (body === undefined) throw new RangeError('the body of an operation is sealed')
    for (const oldest of this.#bodies.keys()) {
      if (this.#bodies.size < cachedBodies) break
      this.#bodies.delete(oldest)
    }
    this.#bodies.set(entry, body)
    return body
  }

  /** The line that leads to the end of this branch, through those that it forked from. */
  chainEntries(branch: number, fromSeq: number): LogEntry[] {
    const entries: LogEntry[] = []
    for (const [lineBranch, from, to] of this.#line(branch, fromSeq)) {
      for (let seq = from; seq < to; seq++) entries.push(this.#at(lineBranch, seq))
    }
    return entries
  }

  /**
   * The batches with the entries of this line from `fromSeq` on. The first is trimmed; one that goes on beyond a fork
   * is whole, since its signature is at its end.
   */
  *batchesFrom(branch: number, fromSeq: number): IterableIterator<StoredBatch> {
    for (const [lineBranch, from, to] of this.#line(branch, fromSeq)) {
      let seq = from
      while (seq < to) {
        const first = this.#at(lineBranch, seq)
        yield { bytes: this.#bytesFrom(first), first }
        seq = this.#endOfRecord(first)
      }
    }
  }

  /** Of the first fork at these siblings: any two of them prove it. */
  proveFork({ siblings }: Fork, sibling?: LogEntry): EquivocationProof | undefined {
    const [one, second] = siblings
    const other = sibling ?? second
    if (one === undefined || other === undefined || one === other) return undefined
    return makeEquivocation(this.#batchFrom(one), this.#batchFrom(other))
  }

  /** The parts of a line: branch number, first sequence number, one above the last. */
  #line(branch: number, fromSeq: number): [branch: number, from: number, to: number][] {
    const parts: [number, number, number][] = []
    let found = this.#dag.branches[branch]
    let to = found === undefined ? 0 : found.firstSeq + found.entries.length
    while (found !== undefined && fromSeq < to) {
      parts.unshift([found.number, Math.max(fromSeq, found.firstSeq), to])
      to = found.firstSeq
      found = found.root === undefined ? undefined : this.#dag.branches[found.root.branch]
    }
    return parts
  }

  #at(branch: number, seq: number): LogEntry {
    const found = this.#dag.branches[branch]
    const entry = found?.entries[seq - found.firstSeq]
    if (entry === undefined) throw new RangeError(`no entry ${seq} in branch ${branch}`)
    return entry
  }

  #endOfRecord(first: LogEntry): number {
    const branch = this.#dag.branches[first.branch]
    let seq = first.seq + 1
    while (branch?.entries[seq - branch.firstSeq]?.record === first.record) seq++
    return seq
  }

  #bytesFrom(first: LogEntry): Uint8Array {
    const branch = this.#dag.branches[first.branch]
    const before = branch?.entries[first.seq - 1 - branch.firstSeq]
    if (before?.record !== first.record) return this.#store.read(first.record)
    return encodeBatch(this.#batchFrom(first))
  }

  #batchFrom(first: LogEntry): Batch {
    const batch = decodeBatch(this.#suite, this.#store.read(first.record))
    return trimBatch(batch, first.seq - (batch.entries[0]?.meta.seq ?? first.seq))
  }
}
