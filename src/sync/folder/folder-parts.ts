import type { CachePlace } from '../cache/cache-place.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { DeviceId } from '../ids.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { FolderPresenceParts } from '../presence/folder-presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import { ArrivingChunks } from './arriving-chunks.ts'
import { FolderFault } from './folder-fault.ts'
import { folderNetwork, type FolderNetwork } from './folder-network.ts'
import type { FolderOptions } from './folder-options.ts'
import { openStores } from './folder-stores.ts'
import { LogProblems } from './log-problems.ts'
import { OwnMembership } from './own-membership.ts'
import { Publisher } from './publisher.ts'
import { RollbackMark } from './rollback-mark.ts'
import { RunningSide } from './running-side.ts'
import { StoreRepairs } from './store-repairs.ts'

/** Who lets the parts of a folder work together. */
export interface PartsOwner {
  readonly ownPresence: FolderPresenceParts['own']
  /** Stores are about to be closed. */
  readonly isStopping: () => boolean
  readonly onGrown: (acceptance: Acceptance | undefined) => void
}

/** What a folder consists of besides its log. */
export interface FolderParts extends FolderNetwork {
  readonly own: OwnMembership
  readonly publisher: Publisher
  readonly mark: RollbackMark
  readonly repairs: StoreRepairs
  readonly logProblems: LogProblems
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  /** Undefined unless this device was set up as a cache. */
  readonly cachePlace: CachePlace | undefined
  readonly fault: FolderFault
  readonly running: RunningSide
}

/** Opens the folder's other stores, makes what works on them, and connects it all. */
export function openParts(
  options: FolderOptions,
  store: LogStore,
  replica: Replica,
  owner: PartsOwner,
): FolderParts {
  const { log, suite, clock, fs, root, name } = options
  const own = new OwnMembership(store, replica)
  const publisher = new Publisher(replica)
  const words = { suite, nameOf: (device: DeviceId) => options.nameOf?.(device) }
  const logProblems = new LogProblems({ replica, own, publisher, words, clock })
  const mark = new RollbackMark(fs, root)
  const repairs = new StoreRepairs({ store, replica, clock, log, name })
  const { items, chunks, cache } = openStores(options, repairs)
  const arriving = new ArrivingChunks(chunks)
  const fault = new FolderFault(log, () => network.peers.stop())
  const hasIn = (chunks: { has(id: Uint8Array): boolean }, id: Uint8Array): boolean => {
    let isHere = false
    fault.guard(() => {
      isHere = !owner.isStopping() && chunks.has(id)
    })
    return isHere
  }
  const network: FolderNetwork = folderNetwork(options, {
    replica,
    store,
    own,
    served: cache?.before(chunks) ?? arriving,
    has: (id) => hasIn(arriving, id),
    keeps: (id) => hasIn(chunks, id),
    ownPresence: owner.ownPresence,
    isRecovering: () => repairs.isRecovering,
    onGrown: owner.onGrown,
    onSource: () => running.current?.retry(),
    guard: (act) => fault.guard(act),
  })
  const running: RunningSide = new RunningSide({
    options,
    store,
    replica,
    items,
    chunks,
    arriving,
    cache,
    ...network,
    onFault: (error) => fault.note(error),
  })
  const cachePlace = cache
  return {
    ...network,
    own,
    publisher,
    mark,
    repairs,
    logProblems,
    items,
    chunks,
    cachePlace,
    fault,
    running,
  }
}
