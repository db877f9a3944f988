import { dirname, join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { ItemStore } from '../items/item.ts'
import type { WorkPool } from '../work/job.ts'
import type { DiskLock } from './disk-lock.ts'

export interface SettlingParts {
  readonly root: string
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly pool: WorkPool
  readonly clock: Clock
  readonly lock: DiskLock
}

/** The system has written most of it by then, so that the fsyncs cost little. */
const waitMs = 45_000
const filesAtOnce = 256

/**
 * Files are put in place without waiting for the disk, and named `unsettled`. This makes them durable later, when there
 * is nothing else to do; after a loss of power those still named so are read and compared before they are believed.
 */
export class Settling {
  readonly #parts: SettlingParts
  #nextAt: number
  #isRunning = false

  constructor(parts: SettlingParts) {
    this.#parts = parts
    this.#nextAt = parts.clock.monotonic() + waitMs
  }

  async tick(): Promise<void> {
    const { clock, lock } = this.#parts
    if (this.#isRunning || clock.monotonic() < this.#nextAt) return
    this.#isRunning = true
    try {
      const settled = await lock.run(() => this.#settle())
      this.#nextAt = clock.monotonic() + (settled === filesAtOnce ? 200 : waitMs)
    } finally {
      this.#isRunning = false
    }
  }

  async #settle(): Promise<number> {
    const { root, items, chunks, pool } = this.#parts
    chunks.commit()
    const unsettled = items.inState('unsettled', filesAtOnce)
    if (unsettled.length === 0) return 0
    const files: string[] = []
    const directories = new Set([join(root, privatePaths.kept)])
    for (const { id } of unsettled) {
      const path = items.path(id)
      if (path === undefined) continue
      const absolute = join(root, ...path)
      files.push(absolute)
      directories.add(dirname(absolute))
    }
    const { fault } = await pool.run('settle', { files, directories: [...directories] })
    if (fault !== undefined) return 0
    for (const { id } of unsettled) items.update(id, { state: 'synced' })
    // While nobody else has the disk: what a plan has just done may not be lasting yet.
    items.commit()
    return unsettled.length
  }
}
