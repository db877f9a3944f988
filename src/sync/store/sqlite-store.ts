import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { HarpError } from '../../base/errors.ts'
import { recordTypes } from './log-store.ts'
import type { LogStore, RecordType, StoredRecord } from './log-store.ts'
import { assertFactSize, closedError, isRange, rangeError } from './memory-store.ts'
import { corruptError, foreignError, storeError } from './sqlite-errors.ts'

/** "HaLg", so that `file` and other programs see whose database this is. */
const applicationId = 0x48614c67
const formatVersion = 1

const schema = `
  CREATE TABLE records (
    number INTEGER PRIMARY KEY, type INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`

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
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #next: number
  /** Records that are durable. */
  #committed: number
  #failure: HarpError | undefined
  #closed = false

  /** Opens the file, or makes it together with its directory. Throws HarpError if it cannot or must not be used. */
  constructor(path: string, options: SqliteStoreOptions = {}) {
    this.#path = path
    this.#database = open(path)
    try {
      prepare(this.#database, path, options)
      const last = this.#database.prepare('SELECT max(number) AS last FROM records').get()?.['last']
      this.#committed = typeof last === 'number' ? last + 1 : 0
      this.#next = this.#committed
    } catch (error) {
      this.#database.close()
      throw storeError(path, error, 'open')
    }
  }

  append(type: RecordType, bytes: Uint8Array): number {
    return this.#write(() => {
      const number = this.#next
      const typeNumber = recordTypes.indexOf(type)
      const checksum = crc32(bytes, typeNumber)
      this.#sql('INSERT INTO records VALUES (?, ?, ?, ?)').run(number, typeNumber, checksum, bytes)
      this.#next++
      return number
    })
  }

  read(record: number, offset = 0, length?: number): Uint8Array {
    if (!Number.isSafeInteger(record) || !isRange(offset, offset + (length ?? 0))) throw rangeError(record)
    if (offset === 0 && length === undefined) return this.#whole(record)
    // The largest length there is stands for all the rest.
    const row = this.#read(() => this.#sql(partOfRecord).get(offset + 1, length ?? 0x7fff_ffff, record))
    const size = Number(row?.['size'] ?? -1)
    if (offset + (length ?? 0) > size) throw rangeError(record)
    const part = row?.['part']
    return part instanceof Uint8Array ? part : new Uint8Array(0)
  }

  #whole(record: number): Uint8Array {
    const row = this.#read(() => this.#sql(wholeRecord).get(record))
    if (row === undefined) throw rangeError(record)
    return this.#checked(record, row).bytes
  }

  *records(): IterableIterator<StoredRecord> {
    for (let number = 0; ; number++) {
      const row = this.#read(() => this.#sql(wholeRecord).get(number))
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
      throw corruptError(this.#path, `record ${number}`)
    }
    return { number, type, bytes }
  }

  setFact(name: string, value: Uint8Array): void {
    assertFactSize(name, value)
    this.#write(() => this.#sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value))
  }

  fact(name: string): Uint8Array | undefined {
    const value = this.#read(() => this.#sql('SELECT value FROM facts WHERE name = ?').get(name))?.['value']
    return value instanceof Uint8Array ? value : undefined
  }

  commit(): void {
    if (this.#closed) throw closedError()
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#database.isTransaction) return
    this.#attempt(() => this.#sql('COMMIT').run())
    this.#committed = this.#next
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#statements.clear()
    // An open transaction ends with its connection, as it would with the process.
    this.#database.close()
  }

  #write<T>(act: () => T): T {
    if (this.#closed) throw closedError()
    if (this.#failure !== undefined) throw this.#failure
    return this.#attempt(() => {
      if (!this.#database.isTransaction) this.#sql('BEGIN IMMEDIATE').run()
      return act()
    })
  }

  /** Nothing that was written since the last commit counts if anything of it fails. */
  #attempt<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.#failure = storeError(this.#path, error, 'write')
      this.#next = this.#committed
      try {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      } catch {
        // The failure that came first says more; the file is rolled back when it is opened again.
      }
      throw this.#failure
    }
  }

  #read<T>(act: () => T): T {
    if (this.#closed) throw closedError()
    try {
      return act()
    } catch (error) {
      throw storeError(this.#path, error, 'read')
    }
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#database.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }
}

function open(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Made here, because SQLite would make it readable for others; its companions get the same mode.
    closeSync(openSync(path, 'a', 0o600))
    syncDirectory(dirname(path))
    return new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false })
  } catch (error) {
    throw storeError(path, error, 'open')
  }
}

/** So that a new file is still there after the power failed. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Looks first and writes only into a file that is ours, or empty. */
function prepare(database: DatabaseSync, path: string, options: SqliteStoreOptions): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  const found = {
    application: pragma(database, 'application_id'),
    version: pragma(database, 'user_version'),
    tables: Number(database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables']),
  }
  const isNew = found.application === 0 && found.version === 0 && found.tables === 0
  if (!isNew && (found.application !== applicationId || found.version !== formatVersion)) {
    throw foreignError(path, found.application === applicationId ? found.version : undefined, formatVersion)
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864')
  if (options.maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`)
  // Takes the lock now: in exclusive mode it stays until the file is closed, or the process is gone.
  database.exec(isNew ? `BEGIN EXCLUSIVE; ${schema} COMMIT` : 'BEGIN IMMEDIATE; COMMIT')
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}
