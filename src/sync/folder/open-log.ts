import { join } from 'node:path'
import { Replica } from '../replica/replica.ts'
import { isSpoilt, isUnsound, takeUpAside } from '../store/sqlite-damage.ts'
import type { LogStore } from '../store/log-store.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { isEmptied, isSalvaging, recoverLog, type RecoveryParts } from './log-recovery.ts'

export interface OpenLogParts extends RecoveryParts {
  readonly directory: string
  /** It failed for being damaged when it was open last. */
  readonly isSuspect: boolean
  readonly onRecovered: (message: string) => void
}

/** The log of a folder that this device had, mended if it is damaged. */
export function openLog(parts: OpenLogParts): { readonly store: LogStore; readonly replica: Replica } {
  const { suite, keys, random, folderId, directory, isSuspect, onRecovered } = parts
  const path = join(directory, 'log.sqlite')
  const recover = (): ReturnType<typeof recoverLog> => {
    onRecovered(`${path} was damaged: it is set aside as ${path}.damaged`)
    return recoverLog(path, parts)
  }
  if (isSuspect && isUnsound(path)) return recover()
  let store: SqliteStore | undefined
  try {
    store = new SqliteStore(path)
    const replica = Replica.open({ suite, keys, random, store, folderId })
    if (!isSalvaging(store) && !isEmptied(store, replica)) return { store, replica }
    store.close()
    // The end of the process came while it was read: nothing of it may be lost for that.
    const aside = takeUpAside(path)
    if (aside === undefined) return recover()
    onRecovered(`${path} was damaged: it is set aside as ${aside}`)
    return recoverLog(path, parts, aside)
  } catch (error) {
    store?.close()
    if (isSpoilt(error)) return recover()
    throw error
  }
}
