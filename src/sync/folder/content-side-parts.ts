import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import type { ItemStore } from '../items/item.ts'
import type { Presence } from '../presence/presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { WatchDirectory } from '../up/watch-directory.ts'
import type { WorkPool } from '../work/job.ts'
import type { ArrivingChunks } from './arriving-chunks.ts'
import type { KeepPolicy } from './version-source.ts'

/** What the side that reads and writes the user's files works with. */
export interface ContentSideParts {
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly arriving?: ArrivingChunks
  readonly fetcher: ChunkFetcher
  readonly pool: WorkPool
  readonly fs: FileSystem
  readonly suite: CryptoSuite
  readonly random: RandomBytes
  readonly clock: Clock
  readonly log: Logger
  readonly keep: KeepPolicy
  readonly rescanMs: number
  /** Bytes per second that are read in the background to find damage; 0: none. */
  readonly scrubRate?: number
  readonly chunker: ChunkerParameters
  readonly firstEpochKey: Uint8Array
  /** What others hold; undefined as long as nothing is known of that. */
  readonly presence?: () => Presence | undefined
  readonly isConnected?: (device: DeviceId) => boolean
  /** This device has written to the log. */
  readonly announce: () => void
  /** A store has failed: nothing goes on. */
  readonly onFault: (error: unknown) => void
  readonly watch?: WatchDirectory
  /** Of this run of the system. */
  readonly bootId?: () => string | undefined
}
