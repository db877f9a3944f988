import { crc32 } from 'node:zlib'
import { recordTypes } from './log-store.ts'
import type { LogStore, RecordType, StoredRecord } from './log-store.ts'
import { assertFactSize, isRange, rangeError } from './memory-store.ts'
import { corruptError, logWords } from './sqlite-errors.ts'
import { SqliteFile } from './sqlite-file.ts'
import type { SqliteKind } from './sqlite-file.ts'

const kind: SqliteKind = {
  /** "HaLg". */
  applicationId: 0x48614c67,
  formatVersion: 1,
  schema: `
    CREATE TABLE records (
      number INTEGER PRIMARY KEY, type INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID`,
  words: logWords,
  synchronous: 'FULL',
}

const wholeRecord = 'SELECT type, checksum, bytes FROM records WHERE number = ?'
/** A part of nothing is NULL. */
const partOfRecord = 'SELECT substr(bytes, ?, ?) AS part, length(bytes) AS size FROM records WHERE number = ?'

export interface SqliteStoreOptions {
  /** Pages of 4 KiB that the file may grow to; a commit beyond it finds the disk full. */
  readonly maxPages?: number
}

/**
 * A store in one SQLite file: write-ahead log, one fsync per commit, one process at a time. What is appended is written
 * into an open transaction, so memory stays small however much comes between two commits. When a write fails the
 * transaction is rolled back and the store takes nothing more: numbers that were given out do not exist any longer, so
 * whoever holds them has to begin again from what the file says. SQLite does not notice a bit that flips on the disk, so
 * each record has a checksum: a spoilt signature would be found by other devices only, who would blame this one.
 */
export class SqliteStore implements LogStore {
  readonly #file: SqliteFile
  #next: number
  /** Records that are durable. */
  #committed: number

  /** Opens the file, or makes it together with its directory. Throws HarpError if it cannot or must not be used. */
  constructor(path: string, options: SqliteStoreOptions = {}) {
    this.#file = new SqliteFile(path, kind, options)
    // With a transaction its numbers are gone.
    this.#file.whenRolledBack(() => (this.#next = this.#committed))
    try {
      const last = this.#read(() => this.#file.sql('SELECT max(number) AS last FROM records').get())?.['last']
      this.#committed = typeof last === 'number' ? last + 1 : 0
      this.#next = this.#committed
    } catch (error) {
      this.#file.close()
      throw error
    }
  }

  append(type: RecordType, bytes: Uint8Array): number {
    return this.#write(() => {
      const number = this.#next
      const typeNumber = recordTypes.indexOf(type)
      const checksum = crc32(bytes, typeNumber)
      this.#file.sql('INSERT INTO records VALUES (?, ?, ?, ?)').run(number, typeNumber, checksum, bytes)
      this.#next++
      return number
    })
  }

  read(record: number, offset = 0, length?: number): Uint8Array {
    if (!Number.isSafeInteger(record) || !isRange(offset, offset + (length ?? 0))) throw rangeError(record)
    if (offset === 0 && length === undefined) return this.#whole(record)
    // The largest length there is stands for all the rest.
    const row = this.#read(() => this.#file.sql(partOfRecord).get(offset + 1, length ?? 0x7fff_ffff, record))
    const size = Number(row?.['size'] ?? -1)
    if (offset + (length ?? 0) > size) throw rangeError(record)
    const part = row?.['part']
    return part instanceof Uint8Array ? part : new Uint8Array(0)
  }

  #whole(record: number): Uint8Array {
    const row = this.#read(() => this.#file.sql(wholeRecord).get(record))
    if (row === undefined) throw rangeError(record)
    return this.#checked(record, row).bytes
  }

  *records(from = 0): IterableIterator<StoredRecord> {
    for (let number = from; ; number++) {
      const row = this.#read(() => this.#file.sql(wholeRecord).get(number))
      if (row === undefined && number >= this.#next) return
      yield this.#checked(number, row ?? {})
    }
  }

  #checked(number: number, row: Record<string, unknown>): StoredRecord {
    const typeNumber = Number(row['type'])
    const type = recordTypes[typeNumber]
    const bytes = row['bytes']
    if (
      type === undefined ||
      !(bytes instanceof Uint8Array) ||
      crc32(bytes, typeNumber) !== row['checksum']
    ) {
      throw corruptError(this.#file.path, `record ${number}`)
    }
    return { number, type, bytes }
  }

  setFact(name: string, value: Uint8Array): void {
    assertFactSize(name, value)
    this.#write(() => this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value))
  }

  fact(name: string): Uint8Array | undefined {
    const row = this.#read(() => this.#file.sql('SELECT value FROM facts WHERE name = ?').get(name))
    const value = row?.['value']
    return value instanceof Uint8Array ? value : undefined
  }

  commit(): void {
    this.#file.commit()
    this.#committed = this.#next
  }

  close(): void {
    this.#file.close()
  }

  #write<T>(act: () => T): T {
    return this.#file.write(act)
  }

  #read<T>(act: () => T): T {
    return this.#file.read(act)
  }
}
