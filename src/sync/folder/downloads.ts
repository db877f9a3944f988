import type { Clock } from '../../base/clock.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { EntryHash } from '../ids.ts'
import type { ItemStore } from '../items/item.ts'
import type { FolderProblem, WantedContent } from '../plan/wanted.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { PutOutcome, WorkPool } from '../work/job.ts'
import type { ArrivingChunks } from './arriving-chunks.ts'
import type { DiskLock } from './disk-lock.ts'
import { newDownload, placeKey, smallFileBytes, type Download } from './download.ts'
import { LargeDownloads } from './large-downloads.ts'
import type { Placement, Placing } from './placing.ts'
import { SmallDownloads } from './small-downloads.ts'
import { rescuedEdit } from './temporaries.ts'
import type { VersionBook } from './version-book.ts'

export interface DownloadParts {
  readonly root: string
  readonly items: ItemStore
  readonly chunks: ChunkStore
  /** Told of what is on its way, so that it can be given to others. */
  readonly arriving?: ArrivingChunks | undefined
  readonly fs: FileSystem
  readonly pool: WorkPool
  readonly fetcher: ChunkFetcher
  readonly versions: VersionBook
  readonly placing: Placing
  readonly lock: DiskLock
  readonly clock: Clock
  /** Aborted when nothing is fetched any more. */
  readonly signal: AbortSignal
  /** The disk is not what the items say: scan these directories, then plan again. */
  readonly onDirty: (directories: Iterable<number>) => void
  /** The log or the items have moved on. */
  readonly onStale: () => void
  readonly onProblem: (problem: FolderProblem) => void
  /** What was told of this path as a wanted version's place is so no longer. */
  readonly onSettled: (path: string) => void
  /** A store or a thread failed, and with it what the folder knows. */
  readonly onFault: (error: unknown) => void
  /** Something is in its place now, or a place has become free. */
  readonly onProgress: () => void
}

const firstRetryMs = 5_000
const lastRetryMs = 60_000
const spareBytes = 64 * 1024 * 1024
const refusedTimes = 3
const refusedKept = 1_024
const targetChanged = 'what is there was changed on this device, and cannot be sent'

/** Wanted versions, from the plan until they are in place. */
export class Downloads {
  readonly #parts: DownloadParts
  readonly #byPlace = new Map<string, Download>()
  readonly #small: SmallDownloads
  readonly #large: LargeDownloads
  readonly #refused = new Map<string, { readonly version: EntryHash; readonly times: number }>()
  #failed = 0
  #bytes = 0
  #presentBytes = 0
  #mayHaveLeft = true
  #isStopped = false

  constructor(parts: DownloadParts) {
    this.#parts = parts
    const owner = {
      placed: (placement: Placement, outcome: PutOutcome) => this.#placed(placement, outcome),
      drop: (download: Download) => this.#stale(download),
      fail: (download: Download, code: string, message: string) => this.#fail(download, code, message),
      arrived: (bytes: number) => {
        this.#presentBytes += bytes
      },
      given: (download: Download) => this.#unsay(download),
    }
    this.#small = new SmallDownloads(parts, owner)
    this.#large = new LargeDownloads(parts, owner)
  }

  get files(): number {
    return this.#byPlace.size
  }

  /** Bytes that are still to come. */
  get bytes(): number {
    return Math.max(0, this.#bytes - this.#presentBytes)
  }

  /** Those that nobody connected can give, or that something stands in the way of. */
  get failed(): number {
    return this.#failed
  }

  /** Since it was asked last: a temporary file may be there that nobody goes on with. */
  takeLeft(): boolean {
    const mayHave = this.#mayHaveLeft
    this.#mayHaveLeft = false
    return mayHave
  }

  offer(wanted: WantedContent): void {
    if (this.#isStopped) return
    const key = placeKey(wanted)
    const before = this.#byPlace.get(key)
    if (before !== undefined) {
      const isSame = before.wanted.version === wanted.version && before.wanted.item?.id === wanted.item?.id
      // Its times, its execute bit or what it stands for may be others by now.
      if (isSame) before.wanted = wanted
      if (isSame && before.state !== 'dropped' && before.state !== 'failed') return
      if (isSame && before.state === 'failed' && before.retryAt > this.#parts.clock.monotonic()) return
    }
    const download = newDownload(wanted)
    if (before?.wanted.version === wanted.version) {
      download.failures = before.failures
      // It is named until there is news of it, and not in between whenever it is tried.
      download.toldPath = before.toldPath
      before.toldPath = undefined
    }
    if (before !== undefined) this.#remove(before)
    this.#byPlace.set(key, download)
    this.#bytes += download.size
    this.#begin(download)
  }

  /** Tries again what failed, if it is time. */
  tick(): void {
    const now = this.#parts.clock.monotonic()
    for (const download of this.#byPlace.values()) {
      if (download.state !== 'failed' || download.retryAt > now) continue
      // The log may want something else by now, or want it elsewhere, and nobody has to have this one.
      if (this.#parts.placing.prepare(download) === undefined) this.#stale(download)
      else this.offer(download.wanted)
    }
    this.#small.tick(now)
    this.#large.tick(now)
  }

  /** Somebody came who may have what was not to be had. */
  retry(): void {
    for (const download of this.#byPlace.values()) if (download.state === 'failed') download.retryAt = 0
    this.tick()
  }

  /** Nothing more is fetched or put in place; what is under way in a thread ends. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const download of this.#byPlace.values()) this.#remove(download)
    await Promise.all([this.#small.stop(), this.#large.stop()])
  }

  #begin(download: Download): void {
    const { versions } = this.#parts
    const { operation, version } = download.wanted
    if (operation.type === 'symlink') {
      this.#small.add(download)
      return
    }
    const rows = versions.rows(version)
    if (rows === undefined) {
      this.#listChunks(download).catch((error: unknown) => this.#parts.onFault(error))
      return
    }
    download.rows = rows
    if (download.size > smallFileBytes && !this.#hasRoom(download)) return
    if (download.size <= smallFileBytes) this.#small.add(download)
    else this.#large.add(download)
  }

  async #listChunks(download: Download): Promise<void> {
    const { versions, fetcher, signal } = this.#parts
    const problem = await versions.complete(download.wanted.version, fetcher, signal)
    if (download.state !== 'listing') return
    if (problem !== undefined) this.#fail(download, problem.code, problem.message)
    else this.#begin(download)
  }

  #hasRoom(download: Download): boolean {
    const { fs, root } = this.#parts
    if (fs.free(root) > download.size + spareBytes) return true
    this.#fail(download, 'ENOSPC', `the disk has no room for ${download.size} bytes`)
    return false
  }

  #placed(placement: Placement, outcome: PutOutcome): void {
    const { download } = placement
    const { items, placing, onDirty } = this.#parts
    if (outcome.state === 'done') {
      placing.record(placement, outcome.stat)
      this.#remove(download)
    } else if (outcome.state === 'target-changed') {
      onDirty([download.wanted.parent])
      if (this.#isHopeless(download)) this.#fail(download, 'FOLDER_TARGET_CHANGED', targetChanged)
      else this.#remove(download)
      if (outcome.rescued !== undefined) this.#parts.onProblem(rescuedEdit(outcome.rescued))
    } else if (outcome.state === 'wrong-content') {
      this.#fail(download, 'FOLDER_WRONG_CONTENT', 'its chunks are not what its author said')
    } else {
      this.#fail(download, outcome.fault.code, outcome.fault.message)
      if (outcome.fault.code === 'ENOENT' || outcome.fault.code === 'ENOTDIR') {
        onDirty([download.wanted.parent])
      }
    }
    if (outcome.state !== 'done') items.clearIntents([placement.temporaryName])
    this.#parts.onProgress()
  }

  /** A scan takes what was changed for an edit, unless this device may not write: then trying at once is of no use. */
  #isHopeless({ wanted }: Download): boolean {
    const key = placeKey(wanted)
    const before = this.#refused.get(key)
    const times = before?.version === wanted.version ? before.times + 1 : 1
    this.#refused.set(key, { version: wanted.version, times })
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size <= refusedKept) break
      this.#refused.delete(oldest)
    }
    return times >= refusedTimes
  }

  #stale(download: Download): void {
    this.#remove(download)
    this.#parts.onStale()
  }

  #fail(download: Download, code: string, message: string): void {
    if (download.state === 'dropped') return
    const { items, clock, onProblem } = this.#parts
    const waited = Math.min(lastRetryMs, firstRetryMs * 2 ** download.failures++)
    this.#release(download)
    if (download.state !== 'failed') this.#failed++
    download.state = 'failed'
    download.retryAt = clock.monotonic() + waited
    const { parent, name } = download.wanted
    const path = [...(items.path(parent) ?? []), name].join('/')
    this.#unsay(download)
    download.toldPath = path
    onProblem({ code: problemCode(code), path, message, fix: fixes[code] ?? defaultFix })
    this.#parts.onProgress()
  }

  #remove(download: Download): void {
    if (download.state === 'dropped') return
    const key = placeKey(download.wanted)
    if (this.#byPlace.get(key) === download) this.#byPlace.delete(key)
    this.#unsay(download)
    if (download.size <= smallFileBytes) this.#small.drop(download)
    this.#release(download)
    if (download.state === 'failed') this.#failed--
    download.state = 'dropped'
    this.#mayHaveLeft ||= download.size > smallFileBytes
    this.#bytes -= download.size
    this.#presentBytes -= download.present
    if (this.#byPlace.size === 0) {
      this.#bytes = 0
      this.#presentBytes = 0
    }
  }

  #unsay(download: Download): void {
    const { toldPath } = download
    if (toldPath === undefined) return
    download.toldPath = undefined
    this.#parts.onSettled(toldPath)
  }

  /** Who handed over chunks need not wait any longer. */
  #release(download: Download): void {
    for (const settle of download.settles.values()) settle('ok')
    download.settles.clear()
    this.#small.forget(download)
    this.#large.forget(download)
  }
}

function problemCode(code: string): string {
  return code.startsWith('FOLDER_') ? code : code === 'ENOSPC' ? 'FOLDER_DISK_FULL' : 'FOLDER_CANNOT_WRITE'
}

const defaultFix = 'see the reason; it is tried again by itself'
const fixes: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on the disk; it is tried again by itself',
  EACCES: 'give the user that harp runs as the right to write there; it is tried again by itself',
  EPERM: 'give the user that harp runs as the right to write there; it is tried again by itself',
  FOLDER_WRONG_CONTENT: 'ask the author to save the file again',
  FOLDER_TARGET_CHANGED: 'move or undo the change; the newer version comes by itself then',
  FOLDER_CHUNKS_UNKNOWN: 'connect a device that has this version',
  FOLDER_CONTENT_MISSING: 'connect a device that has this version; it is tried again by itself',
}
