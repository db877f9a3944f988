import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'

/** Primary result codes of SQLite. */
const sqlite = { busy: 5, locked: 6, readOnly: 8, corrupt: 11, full: 13, notDatabase: 26 } as const

export type StoreAction = 'open' | 'read' | 'write'

/** What a failure of SQLite or of the file system means to the owner of the folder. */
export function storeError(path: string, error: unknown, action: StoreAction): HarpError {
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
      return corruptError(path, errorMessage(error), cause)
    case sqlite.notDatabase:
      return foreignError(path, undefined, undefined, cause)
    case undefined:
    default:
  }
  if (errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT') return fullError(path, cause)
  return new HarpError('SYNC_STORE_IO', `cannot ${action} ${path}: ${errorMessage(error)}`, {
    cause,
    fix: 'see that the disk is sound, and that this user may write the file and its directory; then open the folder again',
  })
}

/** `version` is what an own file says it is; undefined for a file of others. */
export function foreignError(path: string, version?: number, known?: number, cause?: unknown): HarpError {
  const what =
    version === undefined ? 'is not a log of Harp' : `has format ${version}, this Harp knows ${known ?? 1}`
  const fix =
    version === undefined
      ? 'name another file, or move this one away'
      : 'update Harp on this machine; nothing in the file has been changed'
  return new HarpError('SYNC_STORE_FORMAT', `${path} ${what}`, { cause, fix })
}

export function corruptError(path: string, what: string, cause?: unknown): HarpError {
  return new HarpError('SYNC_STORE_CORRUPT', `${path} is damaged: ${what}`, {
    cause,
    fix: 'keep a copy, restore the file from a backup or remove it; the folder is fetched again from other devices',
  })
}

function fullError(path: string, cause: unknown): HarpError {
  return new HarpError('SYNC_STORE_FULL', `no room left for ${path}`, {
    cause,
    retryable: true,
    fix: 'free some space on that disk and open the folder again; nothing that was committed is lost',
  })
}

/** The lower eight bits of an extended result code are the primary one. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') {
    return undefined
  }
  return error.errcode & 0xff
}
