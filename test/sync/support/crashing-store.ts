import { HarpError } from '../../../src/base/errors.ts'
import { MemoryStore } from '../../../src/sync/store/memory-store.ts'
import type { StoreImage } from '../../../src/sync/store/memory-store.ts'
import type { LogStore, RecordType, StoredRecord } from '../../../src/sync/store/log-store.ts'

/** What a store throws at the commit where its device was to die. Not a HarpError: nobody may handle it. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash'
}

/** How the next commit ends: with the device dead before or after it is durable, or with a disk that takes no more. */
export type CommitFault = 'crash-before' | 'crash-after' | 'full' | 'io'

/**
 * A store in memory that dies on demand. What survives is exactly what the last finished commit held. As a real store
 * does, it takes nothing more after a commit that failed, until it is opened again: `crash()` gives that store.
 */
export class CrashingStore implements LogStore {
  readonly #store: MemoryStore
  #fault: CommitFault | undefined
  #failure: HarpError | undefined
  #commits = 0
  #dirty = false

  constructor(image?: StoreImage) {
    this.#store = new MemoryStore(image)
  }

  /** Finished commits of this store. */
  get commits(): number {
    return this.#commits
  }

  /** Whether a crash now would lose something. */
  get dirty(): boolean {
    return this.#dirty
  }

  /** The device dies: this store is closed, and the answer is what it finds when it starts again. */
  crash(): CrashingStore {
    this.#store.close()
    return new CrashingStore(this.#store.image())
  }

  /** A copy of what is durable now: a backup, or a cloned disk. This store goes on. */
  copy(): CrashingStore {
    return new CrashingStore(this.#store.image())
  }

  image(): StoreImage {
    return this.#store.image()
  }

  /** The next commit ends like this. */
  failCommit(fault: CommitFault): void {
    this.#fault = fault
  }

  append(type: RecordType, bytes: Uint8Array): number {
    this.#assertSound()
    this.#dirty = true
    return this.#store.append(type, bytes)
  }

  read(record: number, offset?: number, length?: number): Uint8Array {
    return this.#store.read(record, offset, length)
  }

  records(from?: number): IterableIterator<StoredRecord> {
    return this.#store.records(from)
  }

  setFact(name: string, value: Uint8Array): void {
    this.#assertSound()
    this.#dirty = true
    this.#store.setFact(name, value)
  }

  fact(name: string): Uint8Array | undefined {
    return this.#store.fact(name)
  }

  commit(): void {
    this.#assertSound()
    const fault = this.#fault
    this.#fault = undefined
    if (fault === 'crash-before') throw this.#die()
    if (fault === 'full' || fault === 'io') {
      this.#failure = new HarpError(fault === 'full' ? 'SYNC_STORE_FULL' : 'SYNC_STORE_IO', 'simulated', {
        fix: 'none, this is a test',
      })
      throw this.#failure
    }
    this.#store.commit()
    this.#commits++
    this.#dirty = false
    if (fault === 'crash-after') throw this.#die()
  }

  close(): void {
    this.#store.close()
  }

  #die(): SimulatedCrash {
    this.#store.close()
    return new SimulatedCrash('the device died at a commit')
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
