import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { FilePlaces } from '../chunks/chunk-store.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { DeviceId } from '../ids.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { LogStore } from '../store/log-store.ts'
import type { RateLimit } from '../transfer/rate-limit.ts'
import type { WatchDirectory } from '../up/watch-directory.ts'
import type { WorkPool } from '../work/job.ts'
import type { KeepPolicy } from './version-source.ts'

export interface FolderOptions {
  /** Where this device keeps the folder's log, items and packs. */
  readonly directory: string
  /** The user's files. */
  readonly root: string
  readonly name: string
  readonly isPaused: boolean
  readonly keys: DeviceKeys
  readonly suite: CryptoSuite
  readonly random: RandomBytes
  readonly clock: Clock
  readonly log: Logger
  readonly fs: FileSystem
  readonly pool: WorkPool
  readonly keep: KeepPolicy
  readonly rescanMs: number
  /** Bytes per second that are read in the background to find damage; 0 if undefined: none. */
  readonly scrubRate?: number
  readonly upload: RateLimit
  readonly download: RateLimit
  /** The device's state may be older than what it has sent. */
  readonly isRestored: boolean
  /** Of a cache: bytes that it may hold, below the root. */
  readonly quota?: number | undefined
  /** One of its stores was found damaged when it was open last. */
  readonly isSuspect?: boolean
  /** Devices that this one ever knew: believed to be members while a damaged log has to say who is one. */
  readonly knownDevices?: () => readonly DeviceId[]
  /** Instead of files in `directory`. */
  readonly stores?: FolderStores
  /** Of other devices, as they call themselves. */
  readonly nameOf?: (device: DeviceId) => string | undefined
  /** Another member says where this one is. */
  readonly learned?: (device: DeviceId, addresses: readonly string[]) => void
  readonly watch?: WatchDirectory
  readonly bootId?: () => string | undefined
}

/** Where a folder keeps what it knows: whoever simulates devices has it in memory. */
export interface FolderStores {
  readonly log: () => LogStore
  readonly items: () => SqliteItems
  readonly chunks: (places: FilePlaces) => SqliteChunks
  /** Of a cache. */
  readonly cache?: DatabaseSync
}
