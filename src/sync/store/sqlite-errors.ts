import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'

/** Primary result codes of SQLite. */
const sqlite = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  constraint: 19,
  notDatabase: 26,
} as const

export type StoreAction = 'open' | 'read' | 'write'

/** What error texts say of a file. */
export interface StoreWords {
  /** As in "is not …". */
  readonly name: string
  /** What to do about a damaged one. */
  readonly repair: string
}

export const logWords: StoreWords = {
  name: 'a log of Harp',
  repair:
    'keep a copy, restore the file from a backup or remove it; the folder is fetched again from other devices',
}

/** What a failure of SQLite or of the file system means to the owner of the folder. */
export function storeError(path: string, error: unknown, action: StoreAction, words = logWords): HarpError {
  if (error instanceof HarpError) return error
  const cause = error
  switch (primaryCode(error)) {
    case sqlite.busy:
    case sqlite.locked:
      return new HarpError('SYNC_STORE_LOCKED', `${path} is in use by another process`, {
        cause,
        retryable: true,
        fix: 'stop the other Harp that has this folder open, or talk to it instead',
      })
    case sqlite.full:
      return fullError(path, cause)
    case sqlite.corrupt:
      return corruptError(path, errorMessage(error), cause, words)
    case sqlite.notDatabase:
      return foreignError(path, words, undefined, cause)
    case undefined:
    default:
  }
  if (errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT') return fullError(path, cause)
  return new HarpError('SYNC_STORE_IO', `cannot ${action} ${path}: ${errorMessage(error)}`, {
    cause,
    fix: 'see that the disk is sound, and that this user may write the file and its directory; then open the folder again',
  })
}

/** `versions`: what an own file says it is, and what is known here; undefined for a file of others. */
export function foreignError(
  path: string,
  words: StoreWords,
  versions?: { readonly found: number; readonly known: number },
  cause?: unknown,
): HarpError {
  const what =
    versions === undefined
      ? `is not ${words.name}`
      : `has format ${versions.found}, this Harp knows ${versions.known}`
  const fix =
    versions === undefined
      ? 'name another file, or move this one away'
      : 'update Harp on this machine; nothing in the file has been changed'
  return new HarpError('SYNC_STORE_FORMAT', `${path} ${what}`, { cause, fix })
}

export function corruptError(path: string, what: string, cause?: unknown, words = logWords): HarpError {
  return new HarpError('SYNC_STORE_CORRUPT', `${path} is damaged: ${what}`, { cause, fix: words.repair })
}

function fullError(path: string, cause: unknown): HarpError {
  return new HarpError('SYNC_STORE_FULL', `no room left for ${path}`, {
    cause,
    retryable: true,
    fix: 'free some space on that disk and open the folder again; nothing that was committed is lost',
  })
}

/** What was asked for breaks a rule of the schema: nothing is wrong with the file. */
export function isConstraint(error: unknown): boolean {
  return primaryCode(error) === sqlite.constraint
}

/** The file has no head of a database, or a spoilt one. */
export function isNoDatabase(error: unknown): boolean {
  return error instanceof HarpError && primaryCode(error.cause) === sqlite.notDatabase
}

/** The lower eight bits of an extended result code are the primary one. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') {
    return undefined
  }
  return error.errcode & 0xff
}
