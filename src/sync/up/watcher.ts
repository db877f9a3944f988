import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { isNowhere } from '../disk/disk-fault.ts'
import { privateName } from '../disk/private-directory.ts'
import { stashItem, type Item, type ItemStore } from '../items/item.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { upErrors } from './up-errors.ts'
import { watchDirectory, type DirectoryWatch, type WatchDirectory } from './watch-directory.ts'

export interface WatcherParts {
  readonly root: string
  readonly items: Pick<ItemStore, 'get' | 'path'>
  readonly clock: Clock
  /** Directory items to scan: nothing was heard of them for a moment. */
  readonly onDirty: (directories: ReadonlySet<number> | 'everything') => void
  /** Undefined: it is well again. */
  readonly onProblem: (problem: FolderProblem | undefined) => void
  readonly watch?: WatchDirectory
  readonly timers?: WatchTimers
}

export interface WatchTimers {
  set(act: () => void, ms: number): unknown
  clear(timer: unknown): void
}

const quietMs = 300
const longestMs = 3_000
const pollMs = 60_000
/** The system forgets events when more than 16,384 wait, and says so to nobody. */
const mostEvents = 8_192

const systemTimers: WatchTimers = {
  set: (act, ms) => setTimeout(act, ms).unref(),
  clear: (timer) => {
    if (timer instanceof Object && 'hasRef' in timer) clearTimeout(timer as NodeJS.Timeout)
  },
}

interface Watched {
  readonly ino: number
  readonly birthtimeMs: number
  readonly handle: DirectoryWatch
}

/**
 * Hears which directories change, one watch for each; what changed is for a scan to find. Where the system does not give
 * as many watches as there are directories, everything is scanned every minute instead.
 */
export class FolderWatcher {
  readonly #parts: WatcherParts
  readonly #watch: WatchDirectory
  readonly #timers: WatchTimers
  readonly #watched = new Map<number, Watched>()
  /** Those that may be gone. */
  readonly #suspects = new Set<number>()
  #dirty = new Set<number>()
  #isLost = false
  #events = 0
  #timer: unknown
  #firstAt = 0
  #isRunning = false
  #isLimited = false
  #nextPoll = 0

  constructor(parts: WatcherParts) {
    this.#parts = parts
    this.#watch = parts.watch ?? watchDirectory
    this.#timers = parts.timers ?? systemTimers
  }

  /** Directories with a watch of their own. */
  get size(): number {
    return this.#watched.size
  }

  /** Something was heard that has not been told yet. */
  get isHearing(): boolean {
    return this.#timer !== undefined
  }

  /** Directories are watched from the first `add` on: the first scan visits all. */
  start(): void {
    this.#isRunning = true
  }

  stop(): void {
    this.#isRunning = false
    this.#timers.clear(this.#timer)
    this.#timer = undefined
    for (const { handle } of this.#watched.values()) handle.close()
    this.#watched.clear()
    this.#suspects.clear()
    this.#dirty.clear()
  }

  /**
   * After a scan or a plan: lets go of directories that are gone, and watches those that were made. What somebody put
   * into one before its watch stood was not heard: it is told like one in which something was.
   */
  sync(made: Iterable<number> = []): void {
    const { items } = this.#parts
    for (const id of this.#suspects) if (items.get(id) === undefined) this.#release(id)
    this.#suspects.clear()
    for (const id of made) {
      const item = items.get(id)
      const path = items.path(id)
      if (item === undefined || path === undefined) continue
      const before = this.#watched.get(id)
      this.add(item, path)
      const watched = this.#watched.get(id)
      if (watched === undefined || watched === before) continue
      this.#dirty.add(id)
      this.#arm()
    }
  }

  /** Watches a directory, unless it does so already. `path`: names from the folder. */
  add(item: Item, path: readonly string[]): void {
    if (!this.#isRunning || this.#isLimited || item.kind !== 'directory' || item.parent === stashItem) return
    const { id, print } = item
    const known = this.#watched.get(id)
    // The number of what was removed goes to the next that is made.
    if (known?.ino === print.ino && known.birthtimeMs === print.birthtimeMs) return
    if (known !== undefined) this.#release(id)
    try {
      const handle = this.#watch(join(this.#parts.root, ...path), {
        onEvent: (name) => this.#heard(id, path.length === 0 ? name : undefined),
        onError: (error) => this.#failed(id, error),
      })
      this.#watched.set(id, { ino: print.ino, birthtimeMs: print.birthtimeMs, handle })
    } catch (error) {
      this.#failed(id, error)
    }
  }

  tick(): void {
    if (!this.#isRunning || !this.#isLimited) return
    const now = this.#parts.clock.monotonic()
    if (now < this.#nextPoll) return
    this.#nextPoll = now + pollMs
    this.#parts.onDirty('everything')
  }

  #release(id: number): void {
    this.#watched.get(id)?.handle.close()
    this.#watched.delete(id)
  }

  /** `name`: only of what stands at the top. */
  #heard(id: number, name: string | undefined): void {
    if (!this.#isRunning || name === privateName) return
    this.#suspects.add(id)
    this.#dirty.add(id)
    if (++this.#events > mostEvents) this.#isLost = true
    this.#arm()
  }

  #failed(id: number, error: unknown): void {
    this.#release(id)
    const code = errorCode(error)
    if (code === 'ENOSPC' || code === 'EMFILE' || code === 'ENFILE') this.#limit(error)
    // It is gone, and its parent says so.
    else if (!isNowhere(code)) {
      this.#isLost = true
      this.#arm()
    }
  }

  #limit(error: unknown): void {
    if (this.#isLimited) return
    this.#isLimited = true
    this.#nextPoll = this.#parts.clock.monotonic() + pollMs
    const code = 'FOLDER_WATCH_LIMIT'
    const message = `only ${this.#watched.size} directories can be watched for changes (${errorMessage(error)}): the folder is scanned every minute`
    this.#parts.onProblem({ code, path: '', message, fix: upErrors[code].fix })
  }

  #arm(): void {
    const now = this.#parts.clock.monotonic()
    if (this.#timer === undefined) this.#firstAt = now
    else if (now - this.#firstAt + quietMs > longestMs) return
    else this.#timers.clear(this.#timer)
    this.#timer = this.#timers.set(() => this.#tell(), quietMs)
  }

  #tell(): void {
    const what = this.#isLost ? 'everything' : this.#dirty
    this.#timer = undefined
    this.#dirty = new Set()
    this.#isLost = false
    this.#events = 0
    if (this.#isRunning) this.#parts.onDirty(what)
  }
}
