import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { HarpError } from '../../base/errors.ts'
import { isNoDatabase } from './sqlite-errors.ts'

/** What SQLite keeps beside a database. */
export const companions = ['-wal', '-shm', ''] as const

/**
 * Another one can be made in its place; the old one stays beside it, until the next is damaged. What belongs to it must
 * not be taken for the new one's.
 */
export function setAside(path: string): string {
  const aside = `${path}.damaged`
  for (const end of companions) {
    if (existsSync(path + end)) renameSync(path + end, `${aside}${end}`)
    else rmSync(`${aside}${end}`, { force: true })
  }
  return aside
}

/**
 * What was set aside to be read, if that did not come to its end: what was begun in its place goes. Undefined if nothing was
 * set aside.
 */
export function takeUpAside(path: string): string | undefined {
  const aside = `${path}.damaged`
  if (!existsSync(aside)) return undefined
  for (const end of companions) rmSync(path + end, { force: true })
  return aside
}

/** What is there is not what was written. Not one of a newer version or another program, nor one that is in use. */
export function isSpoilt(error: unknown): boolean {
  return isNoDatabase(error) || (error instanceof HarpError && error.code === 'SYNC_STORE_CORRUPT')
}

/** Looks through the whole file, which nobody has open. One that is not there is sound. */
export function isUnsound(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    const database = new DatabaseSync(path, { timeout: 0 })
    try {
      const rows = database.prepare('PRAGMA quick_check(1)').all()
      return rows.length !== 1 || Object.values(rows[0] ?? {})[0] !== 'ok'
    } finally {
      database.close()
    }
  } catch {
    return true
  }
}
