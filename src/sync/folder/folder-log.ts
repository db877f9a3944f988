import { join } from 'node:path'
import type { FolderMode } from '../format/membership.ts'
import type { FolderId } from '../ids.ts'
import { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import type { FolderOptions } from './folder-options.ts'
import { openLog } from './open-log.ts'
import { OwnMembership, type Invited } from './own-membership.ts'
import { RollbackMark } from './rollback-mark.ts'

/** A folder's log, and this device's copy of it in memory. */
export interface FolderLog {
  readonly store: LogStore
  readonly replica: Replica
  /** What was mended. */
  readonly notes: readonly string[]
  /** The home is older than what this device has sent: it goes on with a new chain. */
  readonly isRolledBack: boolean
}

/** Of a folder that begins here. */
export function foundedLog(options: FolderOptions, mode: FolderMode): FolderLog {
  const { suite, keys, random, clock } = options
  return newLog(options, (store) => Replica.found({ suite, keys, random, store }, { mode }, clock.wall()))
}

/** Of a folder that this device was invited to: empty as yet. */
export function joinedLog(options: FolderOptions, folderId: FolderId, invited: Invited): FolderLog {
  const { suite, keys, random, isRestored } = options
  return newLog(options, (store) => {
    OwnMembership.note(store, invited)
    return Replica.open({ suite, keys, random, store, folderId, isRestored })
  })
}

function newLog({ stores, directory }: FolderOptions, make: (store: LogStore) => Replica): FolderLog {
  const store = stores?.log() ?? new SqliteStore(join(directory, 'log.sqlite'))
  return closingOnError(store, () => ({ store, replica: make(store), notes: [], isRolledBack: false }))
}

/** As this device left it; mended if it is damaged. */
export function knownLog(options: FolderOptions, folderId: FolderId): FolderLog {
  const { suite, keys, random, fs, root, stores, directory, clock, isSuspect = false, log, name } = options
  const own = { suite, keys, random, folderId }
  const notes: string[] = []
  let replica: Replica | undefined
  let store = stores?.log()
  if (store === undefined) {
    const onRecovered = (note: string): number => notes.push(note)
    const opened = openLog({ ...own, directory, isSuspect, now: clock.wall(), onRecovered })
    store = opened.store
    replica = opened.replica
  }
  const found = store
  return closingOnError(found, () => {
    replica ??= Replica.open({ ...own, store: found })
    const isRolledBack = notes.length === 0 && new RollbackMark(fs, root).isRolledBack(replica)
    if (!isRolledBack) return { store: found, replica, notes, isRolledBack }
    log.warn({ folder: name }, 'the home is older than what this device has sent')
    replica = Replica.open({ ...own, store: found, isRestored: true })
    return { store: found, replica, notes, isRolledBack }
  })
}

function closingOnError<T>(store: LogStore, act: () => T): T {
  try {
    return act()
  } catch (error) {
    store.close()
    throw error
  }
}
