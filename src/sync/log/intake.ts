import type { CryptoSuite } from '../crypto/suite.ts'
import { decodeBatch, encodeBatch, trimBatch, verifyBatch } from '../format/batch-codec.ts'
import type { Batch } from '../format/entry.ts'
import { FormatError } from '../format/format-error.ts'
import type { DeviceId, EntryHash } from '../ids.ts'
import { emptyOutcome, type AcceptedEntry, type Outcome } from './acceptance.ts'
import type { Admission } from './admission.ts'
import type { Dag } from './dag.ts'
import type { LogReader } from './log-reader.ts'
import type { Refusal, RefusalReason } from './refusal.ts'
import { Held, Pending, type WaitingBatch, type WaitingLimits } from './waiting.ts'

/** How far a clock may be ahead of ours; batches further ahead are held until they are not. */
export const clockAheadMs = 300_000

/** The source of batches that this device has just made; no other sender may be named so. */
export const ownSource = 'me'

/** Of one device, the forks that are told as they are found; `Log.equivocations` has them all. */
const toldForks = 16

/** The way of a batch into the log: verified first, then held, left pending, refused or admitted. */
export class Intake {
  readonly #suite: CryptoSuite
  readonly #dag: Dag
  readonly #admission: Admission
  readonly #reader: LogReader
  readonly #pending: Pending
  readonly #held: Held

  constructor(
    suite: CryptoSuite,
    parts: { dag: Dag; admission: Admission; reader: LogReader },
    waitingLimits?: WaitingLimits,
  ) {
    this.#suite = suite
    this.#dag = parts.dag
    this.#admission = parts.admission
    this.#reader = parts.reader
    this.#pending = new Pending(waitingLimits)
    this.#held = new Held(waitingLimits)
  }

  get pending(): Pending {
    return this.#pending
  }

  get held(): Held {
    return this.#held
  }

  accept(given: Batch | Uint8Array, source: string, now: number): Outcome {
    const outcome = emptyOutcome()
    const own = source === ownSource && !(given instanceof Uint8Array)
    const bytes = given instanceof Uint8Array ? given : encodeBatch(given)
    const batch = own ? given : this.#decode(bytes, outcome)
    if (batch === undefined) return outcome
    const deviceId = authorOf(batch)
    const belongs = this.#admission.belongs(batch)
    if (!belongs) return refused(outcome, 'foreign-folder', deviceId, 'of another folder')
    const unknown = this.#trim(batch, outcome)
    if (unknown === undefined) return outcome
    if (!own && !verifyBatch(this.#suite, batch)) {
      return refused(outcome, 'signature', deviceId, 'not by the author')
    }
    const arrived: Arrived = {
      batch: unknown,
      bytes: unknown === batch ? bytes : encodeBatch(unknown),
      source,
    }
    if (own || !this.#hold(arrived, now, outcome)) {
      outcome.refused = this.#take(arrived, outcome)
      this.#releasePending(outcome, new Set(outcome.missing))
    }
    return outcome
  }

  /** Takes the held batches whose time has come. */
  settle(now: number): Outcome {
    const outcome = emptyOutcome()
    const missing = new Set<EntryHash>()
    for (const waiting of this.#held.take(now)) this.#retry(waiting, outcome, missing)
    this.#releasePending(outcome, missing)
    return outcome
  }

  #decode(bytes: Uint8Array, outcome: Outcome): Batch | undefined {
    try {
      return decodeBatch(this.#suite, bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      refused(outcome, error.reason, undefined, error.message)
      return undefined
    }
  }

  /** The part that is not known yet: what follows an unknown entry of a chain is unknown too. */
  #trim(batch: Batch, outcome: Outcome): Batch | undefined {
    const { entries } = batch
    let known = 0
    while (known < entries.length && this.#dag.entry(entries[known]?.hash ?? '') !== undefined) known++
    outcome.known += known
    return known === entries.length ? undefined : trimBatch(batch, known)
  }

  #hold(arrived: Arrived, now: number, outcome: Outcome): boolean {
    const last = arrived.batch.entries.at(-1)?.meta
    if (last === undefined || last.hlc.ms <= now + clockAheadMs) return false
    const ms = last.hlc.ms - clockAheadMs
    outcome.held.push({ deviceId: last.deviceId, ms })
    const waiting = waitingBatch(arrived)
    if (!this.#held.has(waiting)) outcome.dropped.push(...this.#held.add(waiting, ms))
    return true
  }

  /** Admits it, or leaves it pending; or says why not. */
  #take(arrived: Arrived, outcome: Outcome): Refusal | undefined {
    const missing = this.#missing(arrived.batch)
    const [needed] = missing
    if (needed !== undefined) {
      outcome.pending += arrived.batch.entries.length
      for (const hash of missing) outcome.missing.push(hash)
      const waiting = waitingBatch(arrived)
      if (!this.#pending.has(waiting)) outcome.dropped.push(...this.#pending.add(waiting, needed))
      return undefined
    }
    const admitted = this.#admission.admit(arrived.batch, arrived.bytes)
    if ('reason' in admitted) return admitted
    for (const one of admitted) outcome.accepted.push(one)
    this.#proveFork(admitted, outcome)
    return undefined
  }

  #missing(batch: Batch): EntryHash[] {
    const first = batch.entries[0]
    if (first === undefined) return []
    const needed = first.meta.seq === 0 ? first.meta.parents : [first.prev, ...first.meta.parents]
    return needed.filter((hash) => this.#dag.entry(hash) === undefined)
  }

  /** A proof reads whole batches back, for a batch that may have been one small entry: so it is not made at will. */
  #proveFork([first]: readonly AcceptedEntry[], outcome: Outcome): void {
    if (first === undefined) return
    const fork = this.#dag.forkAt(first.entry)
    if (fork === undefined || fork.siblings.length > 2) return
    if (this.#dag.forksOf(fork.deviceId).length > toldForks) return
    const proof = this.#reader.proveFork(fork, first.entry)
    if (proof !== undefined) outcome.forks.push(proof)
  }

  /** Everything that waited for what has just come in, and then for that. The list grows as it is walked. */
  #releasePending(outcome: Outcome, missing: Set<EntryHash>): void {
    for (let index = 0; index < outcome.accepted.length; index++) {
      const hash = outcome.accepted[index]?.entry.hash ?? ''
      for (const waiting of this.#pending.take(hash)) this.#retry(waiting, outcome, missing)
    }
    outcome.missing = [...missing].filter((hash) => this.#dag.entry(hash) === undefined)
  }

  /** A batch that had waited; it may wait on, for another entry. Its numbers are not those of the batch at hand. */
  #retry({ bytes, source }: WaitingBatch, outcome: Outcome, missing: Set<EntryHash>): void {
    const retried: Outcome = { ...outcome, pending: 0, missing: [] }
    const batch = decodeBatch(this.#suite, bytes)
    const rest = this.#trim(batch, retried)
    if (rest === undefined) return
    const arrived = { batch: rest, bytes: rest === batch ? bytes : encodeBatch(rest), source }
    const refusal = this.#take(arrived, retried)
    if (refusal !== undefined) outcome.refusedLater.push({ ...refusal, source })
    for (const hash of retried.missing) missing.add(hash)
  }
}

/** A verified batch, as far as it is not known yet, and its encoding. */
interface Arrived {
  readonly batch: Batch
  readonly bytes: Uint8Array
  readonly source: string
}

function waitingBatch({ batch, bytes, source }: Arrived): WaitingBatch {
  const lastHash = batch.entries.at(-1)?.hash ?? ''
  const { length } = batch.entries
  // `slice` would not do: in a Buffer it is a view, of memory that its owner uses again.
  return { bytes: new Uint8Array(bytes), source, deviceId: authorOf(batch), entries: length, lastHash }
}

function authorOf(batch: Batch): DeviceId {
  return batch.entries[0]?.meta.deviceId ?? ''
}

function refused(
  outcome: Outcome,
  reason: RefusalReason,
  deviceId: DeviceId | undefined,
  detail: string,
): Outcome {
  outcome.refused = { reason, deviceId, detail }
  return outcome
}
