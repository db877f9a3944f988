import type { CryptoSuite } from '../crypto/suite.ts'
import type { EntryRecord } from '../format/entry.ts'
import type { Genesis, Grant, Rekey } from '../format/membership.ts'
import type { Operation } from '../format/operation.ts'
import { openEntry } from '../format/sealing.ts'
import { compareIds, type DeviceId, type EntryHash, type EpochId, type FolderId } from '../ids.ts'
import type { AcceptedEntry } from '../log/acceptance.ts'
import { KeptOperations } from '../log/kept-operations.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import { deviceIdOf } from '../crypto/identity.ts'
import type { Keyring } from './keyring.ts'

/**
 * Opens bodies as far as this device has the keys. A key may come after what it opens (a new member reads history), so
 * what stays closed is tried again when the keyring has grown. A body that its own key does not open, or that is no
 * operation, does nothing in the tree of anybody who can judge it; its author is named.
 */
export class Opener {
  readonly #suite: CryptoSuite
  readonly #log: Log
  readonly #keyring: Keyring
  /** By epoch. */
  readonly #closed = new Map<EpochId, LogEntry[]>()
  #closedCount = 0
  readonly #unreadable = new Map<EntryHash, DeviceId>()
  #keysTried = 0
  readonly #kept = new KeptOperations()

  constructor(suite: CryptoSuite, log: Log, keyring: Keyring) {
    this.#suite = suite
    this.#log = log
    this.#keyring = keyring
  }

  /** Operations whose key is not known here. */
  get closed(): number {
    return this.#closedCount
  }

  /** Their epochs, sorted. */
  closedEpochs(): EpochId[] {
    return [...this.#closed.keys()].sort(compareIds)
  }

  /** Entries that say nothing although their key is known, with their authors. */
  get unreadable(): ReadonlyMap<EntryHash, DeviceId> {
    return this.#unreadable
  }

  /** Learns the keys in new entries and opens their bodies. Returns entries from before that can be read only now. */
  open(accepted: readonly AcceptedEntry[], folderId: FolderId): readonly LogEntry[] {
    for (const { entry, record } of accepted) {
      if (entry.kind === 'operation') this.#open(entry, record)
      else this.#learn(entry, folderId)
    }
    if (this.#keyring.size === this.#keysTried) return []
    this.#keysTried = this.#keyring.size
    const late: LogEntry[] = []
    for (const [epoch, entries] of this.#closed) {
      if (this.#keyring.key(epoch) === undefined) continue
      this.#closed.delete(epoch)
      this.#closedCount -= entries.length
      for (const entry of entries) {
        this.#open(entry, this.#log.record(entry))
        late.push(entry)
      }
    }
    return late
  }

  /** Of an entry of this device, whose operation is known without a key. */
  keep(entry: LogEntry, operation: Operation): void {
    entry.operation = this.#kept.keep(operation)
  }

  #learn(entry: LogEntry, folderId: FolderId): void {
    const body = this.#log.body(entry)
    if (entry.kind === 'genesis') this.#keyring.learnGenesis(body as Genesis)
    else if (entry.kind === 'rekey') this.#keyring.learnRekey(body as Rekey, folderId)
    else if (entry.kind === 'grant') {
      const grant = body as Grant
      this.#keyring.learnGrant(grant, deviceIdOf(this.#suite, grant.device.signingKey), folderId)
    }
  }

  #open(entry: LogEntry, record: EntryRecord): void {
    if (entry.operation !== undefined) return
    const key = this.#keyring.key(entry.epoch)
    if (key === undefined) {
      const closed = this.#closed.get(entry.epoch)
      if (closed === undefined) this.#closed.set(entry.epoch, [entry])
      else closed.push(entry)
      this.#closedCount++
      return
    }
    const operation = openEntry(this.#suite, key, record)
    if (typeof operation === 'string') this.#unreadable.set(entry.hash, entry.deviceId)
    else entry.operation = this.#kept.keep(operation)
  }
}
