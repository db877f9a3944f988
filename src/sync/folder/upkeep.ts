import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { ItemStore } from '../items/item.ts'
import type { Replica } from '../replica/replica.ts'
import type { WorkPool } from '../work/job.ts'
import type { DiskLock } from './disk-lock.ts'
import { Retention } from './retention.ts'
import { Settling } from './settling.ts'
import { removeTemporaries } from './temporaries.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

export interface UpkeepParts {
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly versions: VersionSource
  readonly fs: FileSystem
  readonly pool: WorkPool
  readonly lock: DiskLock
  readonly clock: Clock
  readonly log: Logger
  readonly keep: KeepPolicy
  /** Whether temporary files may be there that nobody goes on with; asked when nothing is being fetched. */
  readonly takeLeft: () => boolean
  /** The folder has something else to do, or ends. */
  readonly isOver: () => boolean
}

const firstRetentionMs = 10 * 60_000
const retentionMs = 60 * 60_000

/** What is done for a folder when there is nothing else to do. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #settling: Settling
  readonly #retention: Retention
  #nextRetention: number
  #isRunning = false

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#settling = new Settling(parts)
    this.#retention = new Retention(parts)
    this.#nextRetention = parts.clock.monotonic() + firstRetentionMs
  }

  async tick(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      await this.#work()
    } finally {
      this.#isRunning = false
    }
  }

  async #work(): Promise<void> {
    const { clock, keep, log, fs, root, isOver, takeLeft } = this.#parts
    if (takeLeft()) removeTemporaries(fs, root)
    await this.#settling.tick()
    if (keep === 'all' || clock.monotonic() < this.#nextRetention || isOver()) return
    this.#nextRetention = clock.monotonic() + retentionMs
    const freed = await this.#retention.run(isOver)
    if (freed > 0) log.info({ freed }, 'content of old versions dropped')
  }
}
