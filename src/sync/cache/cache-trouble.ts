import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { errorMessage, HarpError } from '../../base/errors.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { cacheTimes as times } from './cache-limits.ts'

/**
 * A store of the cache has failed and takes nothing more. What it holds can still be read, so others are served as before
 * until there is hope: then the folder is opened again.
 */
export class CacheTrouble {
  readonly error: unknown
  readonly #clock: Clock
  #nextTry: number

  constructor(error: unknown, clock: Clock) {
    this.error = error
    this.#clock = clock
    this.#nextTry = clock.monotonic() + times.diskMs
  }

  get isFull(): boolean {
    return this.error instanceof HarpError && this.error.code === 'SYNC_STORE_FULL'
  }

  get problem(): FolderProblem {
    const { error } = this
    if (this.isFull) return diskFull('the disk of the cache is full: packs make room for others')
    const code = error instanceof HarpError ? error.code : 'FOLDER_FAULT'
    const fix = (error instanceof HarpError ? error.fix : undefined) ?? 'look at the disk of the cache'
    return { code, path: '', message: `the cache cannot write: ${errorMessage(error)}`, fix }
  }

  /** A full disk is no reason to wait: opening makes room. Any other must take a file first. */
  isOver(fs: FileSystem, directory: string): boolean {
    if (this.#clock.monotonic() < this.#nextTry) return false
    this.#nextTry = this.#clock.monotonic() + times.diskMs
    return this.isFull || canWrite(fs, join(directory, 'probe'))
  }
}

export function diskFull(message: string): FolderProblem {
  const fix = 'free space on that disk, or give the cache a smaller quota'
  return { code: 'FOLDER_DISK_FULL', path: '', message, fix }
}

function canWrite(fs: FileSystem, path: string): boolean {
  try {
    if (fs.stat(path) !== undefined) fs.unlink(path)
    const file = fs.open(path, 'create')
    try {
      fs.write(file, new Uint8Array(4_096), 0)
      fs.sync(file)
    } finally {
      fs.close(file)
      fs.unlink(path)
    }
    return true
  } catch {
    return false
  }
}
