import { HarpError } from '../../base/errors.ts'
import type { LogStore, RecordType, StoredRecord } from './log-store.ts'

/** What a memory store holds durably: what its last commit left behind. Never changed once it is handed out. */
export interface StoreImage {
  readonly records: readonly StoredRecord[]
  readonly facts: ReadonlyMap<string, Uint8Array>
}

/** Bytes of a fact, at most. */
export const factBytes = 64 * 1024

const emptyImage: StoreImage = { records: [], facts: new Map() }

/** A store that lives as long as the process: for devices that keep nothing, and for tests. Bytes are copied both ways. */
export class MemoryStore implements LogStore {
  #records: StoredRecord[]
  #committed: number
  #facts: Map<string, Uint8Array>
  readonly #changedFacts = new Map<string, Uint8Array>()
  #closed = false

  /** Starts with what another store left behind. */
  constructor(image: StoreImage = emptyImage) {
    this.#records = [...image.records]
    this.#committed = image.records.length
    this.#facts = new Map(image.facts)
  }

  append(type: RecordType, bytes: Uint8Array): number {
    this.#assertOpen()
    const number = this.#records.length
    this.#records.push({ number, type, bytes: new Uint8Array(bytes) })
    return number
  }

  read(record: number, offset = 0, length?: number): Uint8Array {
    this.#assertOpen()
    const bytes = this.#records[record]?.bytes
    if (bytes === undefined) throw rangeError(record)
    const end = length === undefined ? bytes.length : offset + length
    if (!isRange(offset, end) || end > bytes.length) throw rangeError(record)
    return new Uint8Array(bytes.subarray(offset, end))
  }

  *records(from = 0): IterableIterator<StoredRecord> {
    this.#assertOpen()
    for (const { number, type, bytes } of this.#records) {
      this.#assertOpen()
      if (number < from) continue
      yield { number, type, bytes: new Uint8Array(bytes) }
    }
  }

  setFact(name: string, value: Uint8Array): void {
    this.#assertOpen()
    assertFactSize(name, value)
    this.#changedFacts.set(name, new Uint8Array(value))
  }

  fact(name: string): Uint8Array | undefined {
    this.#assertOpen()
    const value = this.#changedFacts.get(name) ?? this.#facts.get(name)
    return value === undefined ? undefined : new Uint8Array(value)
  }

  commit(): void {
    this.#assertOpen()
    this.#committed = this.#records.length
    for (const [name, value] of this.#changedFacts) this.#facts.set(name, value)
    this.#changedFacts.clear()
  }

  close(): void {
    this.#closed = true
  }

  /** What the last commit left behind, also of a closed store. */
  image(): StoreImage {
    return { records: this.#records.slice(0, this.#committed), facts: new Map(this.#facts) }
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError()
  }
}

export function rangeError(record: number): HarpError {
  return new HarpError(
    'SYNC_STORE_RANGE',
    `record ${record} was never appended, or is shorter than asked for`,
    {
      fix: 'this is a defect of Harp: report it with the log around it',
    },
  )
}

export function closedError(): HarpError {
  return new HarpError('SYNC_STORE_CLOSED', 'the store of this folder is closed', {
    fix: 'open the folder again',
  })
}

export function assertFactSize(name: string, value: Uint8Array): void {
  if (value.length > factBytes) {
    throw new RangeError(`fact ${name} has ${value.length} bytes, more than ${factBytes}`)
  }
}

/** Whether a part of a record was named by whole numbers in their order. */
export function isRange(offset: number, end: number): boolean {
  return Number.isSafeInteger(offset) && Number.isSafeInteger(end) && offset >= 0 && end >= offset
}
