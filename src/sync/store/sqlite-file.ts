import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { HarpError } from '../../base/errors.ts'
import { closedError } from './memory-store.ts'
import { foreignError, isConstraint, storeError } from './sqlite-errors.ts'
import type { StoreWords } from './sqlite-errors.ts'

/** What a file of ours is, by which it is told from others and from newer ones. */
export interface SqliteKind {
  /** Four letters in the head of the file, so that `file` and other programs see whose database this is. */
  readonly applicationId: number
  readonly formatVersion: number
  readonly schema: string
  readonly words: StoreWords
  /** FULL: a commit is on the disk when it returns. NORMAL: the last ones may be gone after a loss of power. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** Memory for pages, in KiB; SQLite's own choice if undefined. */
  readonly cacheKiB?: number
}

export interface SqliteFileOptions {
  /** Pages of 4 KiB that the file may grow to; a commit beyond it finds the disk full. */
  readonly maxPages?: number | undefined
}

/** A prepared statement whose rows are arrays, which cost half of what objects do. */
export interface RowStatement<Row> {
  get(...values: SQLInputValue[]): Row | undefined
  all(...values: SQLInputValue[]): Row[]
  iterate(...values: SQLInputValue[]): IterableIterator<Row>
}

/**
 * One SQLite file of ours: write-ahead log, one process at a time, for its owner only. What is written goes into an open
 * transaction, so memory stays small however much comes between two commits. When a write fails the transaction is
 * rolled back and the file takes nothing more: who holds something that was written since the last commit has to begin
 * again from what the file says.
 */
export class SqliteFile {
  readonly path: string
  /** There was nothing of ours in it. */
  readonly isNew: boolean
  readonly #kind: SqliteKind
  readonly #database: DatabaseSync
  readonly #isOwned: boolean
  readonly #statements = new Map<string, StatementSync>()
  readonly #rowStatements = new Map<string, StatementSync>()
  #onRollback: () => void = () => {}
  #failure: HarpError | undefined
  #isDamaged = false
  #isOpen = false
  #closed = false

  /**
   * Opens the file, or makes it together with its directory. Throws HarpError if it cannot or must not be used. Instead
   * of a path: a database in memory that outlives this; what was not committed in it is rolled back, as after a crash.
   */
  constructor(place: string | DatabaseSync, kind: SqliteKind, options: SqliteFileOptions = {}) {
    this.#kind = kind
    this.#isOwned = typeof place === 'string'
    this.path = typeof place === 'string' ? place : ':memory:'
    this.#database = typeof place === 'string' ? open(place, kind) : place
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      this.isNew = prepare(this.#database, this.path, kind, options)
    } catch (error) {
      if (this.#isOwned) this.#database.close()
      throw storeError(this.path, error, 'open', kind.words)
    }
  }

  /** SQLite, or who reads what it answers, found that the file is not what was written. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  /** Whether it still takes writes. */
  get isWritable(): boolean {
    return !this.#closed && this.#failure === undefined
  }

  /** For who keeps in memory what was written: called when a failure undid what came after the last commit. */
  whenRolledBack(act: () => void): void {
    this.#onRollback = act
  }

  sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#database.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  rows<Row>(text: string): RowStatement<Row> {
    let statement = this.#rowStatements.get(text)
    if (statement === undefined) {
      statement = this.#database.prepare(text)
      statement.setReturnArrays(true)
      this.#rowStatements.set(text, statement)
    }
    return statement as unknown as RowStatement<Row>
  }

  read<T>(act: () => T): T {
    if (this.#closed) throw closedError()
    try {
      return act()
    } catch (error) {
      throw this.#failed(error, 'read')
    }
  }

  /**
   * Nothing that was written since the last commit counts if anything of it fails. A rule of the schema that was broken
   * is a RangeError, and changes nothing.
   */
  write<T>(act: () => T): T {
    this.#assertWritable()
    try {
      if (!this.#isOpen) {
        this.sql('BEGIN IMMEDIATE').run()
        this.#isOpen = true
      }
      return act()
    } catch (error) {
      if (isConstraint(error)) {
        throw new RangeError('this is there already, or is not what the store holds', { cause: error })
      }
      throw this.#fail(error)
    }
  }

  commit(): void {
    this.#assertWritable()
    if (!this.#isOpen) return
    try {
      this.sql('COMMIT').run()
      this.#isOpen = false
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** After a commit of the NORMAL kind: now it is on the disk. */
  sync(): void {
    if (!this.#isOwned) return
    this.#assertWritable()
    try {
      const log = openSync(`${this.path}-wal`, 'r')
      try {
        fsyncSync(log)
      } finally {
        closeSync(log)
      }
    } catch (error) {
      throw this.#fail(error)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#statements.clear()
    this.#rowStatements.clear()
    // An open transaction ends with its connection, as it would with the process.
    if (this.#isOwned) this.#database.close()
  }

  #assertWritable(): void {
    if (this.#closed) throw closedError()
    if (this.#failure !== undefined) throw this.#failure
  }

  #fail(error: unknown): HarpError {
    this.#failure = this.#failed(error, 'write')
    this.#isOpen = false
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      this.#onRollback()
    } catch {
      // The failure that came first says more; the file is rolled back when it is opened again.
    }
    return this.#failure
  }

  #failed(error: unknown, action: 'read' | 'write'): HarpError {
    const failure = storeError(this.path, error, action, this.#kind.words)
    if (failure.code === 'SYNC_STORE_CORRUPT') this.#isDamaged = true
    return failure
  }
}

function open(path: string, kind: SqliteKind): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Made here, because SQLite would make it readable for others; its companions get the same mode.
    closeSync(openSync(path, 'a', 0o600))
    syncDirectory(dirname(path))
    return new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false })
  } catch (error) {
    throw storeError(path, error, 'open', kind.words)
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
function prepare(
  database: DatabaseSync,
  path: string,
  kind: SqliteKind,
  options: SqliteFileOptions,
): boolean {
  const { applicationId, formatVersion, schema } = kind
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  const found = {
    application: pragma(database, 'application_id'),
    version: pragma(database, 'user_version'),
    tables: Number(database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables']),
  }
  const isNew = found.application === 0 && found.version === 0 && found.tables === 0
  if (!isNew && (found.application !== applicationId || found.version !== formatVersion)) {
    const isOurs = found.application === applicationId
    throw foreignError(path, kind.words, isOurs ? { found: found.version, known: formatVersion } : undefined)
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864')
  database.exec(`PRAGMA synchronous = ${kind.synchronous}`)
  if (kind.cacheKiB !== undefined) database.exec(`PRAGMA cache_size = -${kind.cacheKiB}`)
  if (options.maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`)
  // Takes the lock now: in exclusive mode it stays until the file is closed, or the process is gone.
  database.exec(
    isNew
      ? `BEGIN EXCLUSIVE; ${schema}; PRAGMA application_id = ${applicationId};
         PRAGMA user_version = ${formatVersion}; COMMIT`
      : 'BEGIN IMMEDIATE; COMMIT',
  )
  return isNew
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}
