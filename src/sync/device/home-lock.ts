import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { deviceErrors } from './device-errors.ts'

/**
 * Held by the one daemon of a home: a lock of the operating system on a file, so that it is gone with the process
 * however that ends. SQLite takes it, because Node has no call for one.
 */
export class HomeLock {
  readonly #database: DatabaseSync

  /** Throws HarpError `SYNC_HOME_BUSY` if somebody else holds it. */
  constructor(path: string) {
    let database: DatabaseSync | undefined
    try {
      closeSync(openSync(path, 'a', 0o600))
      database = new DatabaseSync(path, { timeout: 0 })
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY')
      // In this mode a lock that was taken stays until the file is closed.
      database.exec('BEGIN EXCLUSIVE; COMMIT')
      this.#database = database
    } catch (error) {
      database?.close()
      throw lockError(path, error)
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

function lockError(path: string, error: unknown): HarpError {
  const isLocked = errorCode(error) === 'ERR_SQLITE_ERROR' && /locked|busy/.test(errorMessage(error))
  return isLocked
    ? new HarpError('SYNC_HOME_BUSY', `another daemon holds ${path}`, {
        cause: error,
        fix: deviceErrors.SYNC_HOME_BUSY.fix,
      })
    : new HarpError('SYNC_HOME_IO', `${path} cannot be locked: ${errorMessage(error)}`, {
        cause: error,
        fix: deviceErrors.SYNC_HOME_IO.fix,
      })
}
