import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { SqliteItems } from '../items/sqlite-items.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import { isSpoilt, isUnsound, setAside } from '../store/sqlite-damage.ts'
import type { LogStore } from '../store/log-store.ts'
import { folderErrors } from './folder-errors.ts'
import { forgetAhead } from './items-ahead.ts'
import { isRecovering, setRecovering } from './log-recovery.ts'

export interface StoreRepairsParts {
  readonly store: LogStore
  readonly replica: Replica
  readonly clock: Clock
  readonly log: Logger
  readonly name: string
}

/** What tells whether the log is as long as that of others again. */
export interface Company {
  readonly connected: number
  readonly isIdle: boolean
  members(): readonly unknown[]
}

const shownMs = 3_600_000

/** What becomes of a folder whose own files were damaged: what was made anew, and what it waits for. */
export class StoreRepairs {
  readonly #parts: StoreRepairsParts
  #isRecovering: boolean
  #repaired: FolderProblem[] = []
  #shownUntil = 0

  constructor(parts: StoreRepairsParts) {
    this.#parts = parts
    this.#isRecovering = isRecovering(parts.store)
  }

  /** Entries of the log are missing: disk and log are left as they are until these are back. */
  get isRecovering(): boolean {
    return this.#isRecovering
  }

  get problems(): readonly FolderProblem[] {
    const shown = this.#parts.clock.monotonic() < this.#shownUntil ? this.#repaired : []
    if (!this.#isRecovering) return shown
    const message = 'the log was damaged, and what is missing of it has to come from another device'
    return [
      { code: 'FOLDER_LOG_DAMAGED', path: '', message, fix: folderErrors.FOLDER_LOG_DAMAGED.fix },
      ...shown,
    ]
  }

  /** The list of what was last seen on the disk can be made anew from disk and log. */
  openItems(path: string): SqliteItems {
    try {
      return new SqliteItems(path)
    } catch (error) {
      if (!isSpoilt(error)) throw error
      const aside = setAside(path)
      this.note(`${path} was damaged: it is set aside as ${aside}, and made anew from the files and the log`)
      return new SqliteItems(path)
    }
  }

  /** The store sets a damaged index aside by itself, and the next opening makes it anew from the packs. */
  openChunks<Chunks>(open: () => Chunks): Chunks {
    try {
      return open()
    } catch (error) {
      if (!isSpoilt(error)) throw error
      this.note('the index of chunks was damaged: it is made anew from the packs and files')
      return open()
    }
  }

  note(message: string): void {
    const { log, clock } = this.#parts
    log.warn({ message }, 'a damaged store')
    const { fix } = folderErrors.FOLDER_STORE_REPAIRED
    this.#repaired = [...this.#repaired.slice(-9), { code: 'FOLDER_STORE_REPAIRED', path: '', message, fix }]
    this.#shownUntil = clock.monotonic() + shownMs
  }

  /** Whether it is over just now: all that connected devices have is here, or there are no others. */
  tick(company: Company, items: SqliteItems): boolean {
    const { replica } = this.#parts
    if (!this.#isRecovering || replica.role === undefined) return false
    const isAlone = company.members().length === 0
    return (isAlone || (company.connected > 0 && company.isIdle)) && this.end(items)
  }

  /** Goes on with what is there: as its user says, if nobody else can be reached any more. */
  end(items: SqliteItems): boolean {
    const { store, replica } = this.#parts
    if (!this.#isRecovering || replica.role === undefined) return false
    this.forgetAhead(items)
    setRecovering(store, false)
    replica.commit()
    this.#isRecovering = false
    this.note('the log was damaged: it was put together again from what could be read and from other devices')
    return true
  }

  forgetAhead(items: SqliteItems): void {
    const { replica, log, name } = this.#parts
    const forgotten = forgetAhead(items, replica)
    if (forgotten === 0) return
    log.warn({ folder: name, forgotten }, 'files that the log does not know any more are read again')
  }
}

/** After a store failed for being damaged: the list of items is looked through, and set aside if it is not sound. */
export function checkItems(path: string): boolean {
  if (!isUnsound(path)) return false
  setAside(path)
  return true
}

export function isDamage(error: unknown): boolean {
  return error instanceof HarpError && error.code === 'SYNC_STORE_CORRUPT'
}
