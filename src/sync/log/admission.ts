import type { CryptoSuite } from '../crypto/suite.ts'
import { batchFolderId, encodeBatch, entryPlaces } from '../format/batch-codec.ts'
import type { Batch, EntryKind, EntryRecord } from '../format/entry.ts'
import type { Genesis } from '../format/membership.ts'
import { decodeGenesis, decodeGrant, decodeRekey, decodeRevoke } from '../format/membership-codec.ts'
import type { EntryHash, FolderId } from '../ids.ts'
import type { LogStore } from '../store/log-store.ts'
import type { AcceptedEntry } from './acceptance.ts'
import type { Dag } from './dag.ts'
import { compareHlc } from './hlc.ts'
import { KeptEntry, type LogEntry, type PlacedEntry } from './log-entry.ts'
import type { Membership, MembershipBody } from './membership.ts'
import type { Refusal, RefusalReason } from './refusal.ts'
import { BatchJudge } from './validity.ts'

const noParents: readonly EntryHash[] = Object.freeze([])

/** Turns a batch whose causes are all here into entries of the log: all of them, or none. */
export class Admission {
  readonly #suite: CryptoSuite
  readonly #store: LogStore
  readonly #dag: Dag
  readonly #membership: Membership
  #expected: FolderId | undefined
  #genesis: Genesis | undefined
  #start: LogEntry | undefined
  #latest: LogEntry | undefined

  constructor(suite: CryptoSuite, store: LogStore, dag: Dag, membership: Membership) {
    this.#suite = suite
    this.#store = store
    this.#dag = dag
    this.#membership = membership
  }

  /** Of the genesis entry; before it is here, what `expect` was told. */
  get folderId(): FolderId | undefined {
    return this.#start?.hash ?? this.#expected
  }

  get genesis(): Genesis | undefined {
    return this.#genesis
  }

  expect(folderId: FolderId): void {
    this.#expected = folderId
  }

  /** Whether it is of this folder; if none is known yet, whether it founds one. */
  belongs(batch: Batch): boolean {
    const { folderId } = this
    if (folderId !== undefined) return batchFolderId(batch) === folderId
    return batch.entries[0]?.meta.kind === 'genesis'
  }

  /** The entry with the highest clock. */
  get latest(): LogEntry | undefined {
    return this.#latest
  }

  /** A batch of which nothing is known yet. `bytes`: its encoding, if there is one already. */
  admit(batch: Batch, bytes: Uint8Array | undefined): readonly AcceptedEntry[] | Refusal {
    const added: AcceptedEntry[] = []
    const refusal = this.#add(batch, added, new BatchJudge(this.#suite, this.#membership))
    if (refusal !== undefined) {
      this.#takeBack(added)
      return refusal
    }
    try {
      this.#place(added, batch, this.#store.append('batch', bytes ?? encodeBatch(batch)))
    } catch (error) {
      this.#takeBack(added)
      throw error
    }
    this.#settle(added)
    return added
  }

  /** A batch that was judged before it was stored. */
  restore(batch: Batch, recordNumber: number): readonly AcceptedEntry[] | Refusal {
    const added: AcceptedEntry[] = []
    const refusal = this.#add(batch, added, undefined)
    if (refusal !== undefined) {
      this.#takeBack(added)
      return refusal
    }
    this.#place(added, batch, recordNumber)
    this.#settle(added)
    return added
  }

  #add(batch: Batch, added: AcceptedEntry[], judge: BatchJudge | undefined): Refusal | undefined {
    const first = batch.entries[0]
    if (first === undefined || !this.belongs(batch)) {
      return refuse(first, 'foreign-folder', 'of another folder')
    }
    let prev = this.#dag.entry(first.prev)
    const fault = this.#placeFault(first, prev)
    if (fault !== undefined) return refuse(first, 'sequence', fault)
    for (const record of batch.entries) {
      const parents = this.#parents(record)
      if (parents.length < record.meta.parents.length) {
        return refuse(record, 'parents', 'a parent is not here')
      }
      const entry = this.#draft(record, prev, parents)
      const body = openBody(record.meta.kind, record.body)
      const refusal = judge?.judge({ entry, prev, parents, body })
      if (refusal !== undefined) return refusal
      this.#dag.add(entry, prev)
      added.push({ entry, record })
      if (body !== undefined) this.#membership.add(entry, body)
      if (entry.kind === 'genesis') this.#found(entry, body as Genesis)
      prev = entry
    }
    return undefined
  }

  /** What is wrong with where it stands. Holds for stored batches too, so it is not left to the judge. */
  #placeFault({ meta, hash }: EntryRecord, prev: LogEntry | undefined): string | undefined {
    const { deviceId, incarnation, seq, kind } = meta
    if (this.#dag.entry(hash) !== undefined) return 'here already'
    if ((seq === 0) !== (prev === undefined)) return `number ${seq} after ${prev?.seq ?? 'nothing'}`
    if (prev === undefined) {
      // The genesis entry begins its chain under another folder id, so this would go unnoticed as a fork.
      const start = this.#start
      const again = start?.deviceId === deviceId && start.incarnation === incarnation
      return again && kind !== 'genesis' ? 'a second start of the first chain' : undefined
    }
    if (prev.deviceId !== deviceId || prev.incarnation !== incarnation) return 'after another chain'
    return prev.seq + 1 === seq ? undefined : `number ${seq} after ${prev.seq}`
  }

  #parents(record: EntryRecord): LogEntry[] {
    const parents: LogEntry[] = []
    for (const hash of record.meta.parents) {
      const parent = this.#dag.entry(hash)
      if (parent !== undefined) parents.push(parent)
    }
    return parents
  }

  /** Texts are taken from entries that are here already, so that each is kept once. */
  #draft({ hash, prev, meta }: EntryRecord, before: LogEntry | undefined, parents: LogEntry[]): KeptEntry {
    const { branch, clock } = this.#dag.place(before, parents)
    const { deviceId, incarnation } = before ?? meta
    const placed: PlacedEntry = {
      hash,
      prev: before?.hash ?? prev,
      deviceId,
      incarnation,
      seq: meta.seq,
      hlc: meta.hlc,
      kind: meta.kind,
      epoch: before?.epoch === meta.epoch ? before.epoch : meta.epoch,
      parents: parents.length === 0 ? noParents : parents.map((parent) => parent.hash),
      branch,
      clock,
    }
    return new KeptEntry(placed, before)
  }

  #found(entry: LogEntry, genesis: Genesis): void {
    this.#start = entry
    this.#genesis = genesis
  }

  #place(added: readonly AcceptedEntry[], batch: Batch, recordNumber: number): void {
    const places = entryPlaces(batch)
    for (let index = 0; index < added.length; index++) {
      const entry = added[index]?.entry as KeptEntry
      entry.store(recordNumber, places[index]?.offset ?? 0, places[index]?.length ?? 0)
    }
  }

  #settle(added: readonly AcceptedEntry[]): void {
    const first = added[0]?.entry
    const last = added.at(-1)?.entry
    if (first === undefined || last === undefined) return
    this.#dag.advance(first, last)
    if (this.#latest === undefined || compareHlc(last.hlc, this.#latest.hlc) > 0) this.#latest = last
  }

  #takeBack(added: readonly AcceptedEntry[]): void {
    for (let index = added.length - 1; index >= 0; index--) {
      const entry = added[index]?.entry
      if (entry === undefined) continue
      if (entry.kind !== 'operation') this.#membership.undo(entry)
      this.#dag.undo(entry)
      if (entry === this.#start) {
        this.#start = undefined
        this.#genesis = undefined
      }
    }
  }
}

function refuse(record: EntryRecord | undefined, reason: RefusalReason, detail: string): Refusal {
  return { reason, deviceId: record?.meta.deviceId, detail }
}

/** Of the kinds that are not sealed. The codec of batches has read it once already, so it can be read. */
export function openBody(kind: EntryKind, body: Uint8Array): MembershipBody | undefined {
  switch (kind) {
    case 'genesis':
      return decodeGenesis(body)
    case 'grant':
      return decodeGrant(body)
    case 'revoke':
      return decodeRevoke(body)
    case 'rekey':
      return decodeRekey(body)
    case 'operation':
      return undefined
  }
}
