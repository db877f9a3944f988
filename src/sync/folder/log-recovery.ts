import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { FolderId } from '../ids.ts'
import { Replica } from '../replica/replica.ts'
import { setAside } from '../store/sqlite-damage.ts'
import type { LogStore } from '../store/log-store.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { salvageLog, type Salvage } from './log-salvage.ts'

export interface RecoveryParts {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly random: RandomBytes
  readonly folderId: FolderId
  readonly now: number
}

const recoveringFact = 'recovering'
const salvagingFact = 'salvaging'

/** Entries are missing that this device once had: nothing is read from the disk or written to it before they are back. */
export function isRecovering(store: LogStore): boolean {
  return (store.fact(recoveringFact)?.length ?? 0) > 0
}

/** To be committed. */
export function setRecovering(store: LogStore, isIt: boolean): void {
  store.setFact(recoveringFact, isIt ? Uint8Array.of(1) : new Uint8Array(0))
}

/** Whether a store of a folder that this device had has nothing of it: not even who invited it. */
export function isEmptied(store: LogStore, replica: Replica): boolean {
  return replica.log.size === 0 && store.fact('inviter') === undefined
}

/** A log that was set aside has not been read to its end: what is here is only a part of what can be had of it. */
export function isSalvaging(store: LogStore): boolean {
  return (store.fact(salvagingFact)?.length ?? 0) > 0
}

/**
 * A new log in the place of a damaged one, with what can still be read of that. Each entry is verified as if another
 * device had sent it. This device goes on with a new chain: of the old one others may know more than is left here.
 */
export function recoverLog(
  path: string,
  parts: RecoveryParts,
  aside = setAside(path),
): { store: LogStore; replica: Replica } {
  const { suite, keys, random, folderId, now } = parts
  const salvage = salvageLog(aside)
  const store = new SqliteStore(path)
  try {
    for (const [name, value] of salvage.facts) store.setFact(name, value)
    setRecovering(store, true)
    store.setFact(salvagingFact, Uint8Array.of(1))
    store.commit()
    const replica = Replica.open({ suite, keys, random, store, folderId, isRestored: true })
    takeIn(salvage, replica, now)
    store.setFact(salvagingFact, new Uint8Array(0))
    replica.commit()
    return { store, replica }
  } catch (error) {
    store.close()
    throw error
  } finally {
    salvage.close()
  }
}

const recordsAtOnce = 1_000

function takeIn(salvage: Salvage, replica: Replica, now: number): void {
  let taken = 0
  for (const { type, bytes } of salvage.records) {
    if (type === 'batch') replica.receive(bytes, 'salvage', now)
    else replica.receiveStatement(bytes, 'salvage', now)
    if (++taken % recordsAtOnce === 0) replica.commit()
  }
  replica.commit()
}
