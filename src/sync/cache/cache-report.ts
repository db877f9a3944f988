import type { CacheStatus, FolderStateName } from '../device/daemon-api.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { AskedChunks } from './asked-chunks.ts'
import type { CacheFiller } from './cache-filler.ts'
import type { CacheIndex } from './cache-index.ts'
import type { CacheLists } from './cache-lists.ts'
import type { CacheRoom } from './cache-room.ts'
import { diskFull, type CacheTrouble } from './cache-trouble.ts'
import type { CacheUpkeep } from './cache-upkeep.ts'

export interface CacheReportParts {
  readonly index: Pick<CacheIndex, 'counts'>
  readonly asked: Pick<AskedChunks, 'hitBytes' | 'missBytes'>
  readonly room: CacheRoom
  readonly filler: CacheFiller
  readonly longLists: CacheLists
  readonly upkeep: CacheUpkeep
  readonly connected: () => number
  /** What it is at besides fetching. */
  readonly now: () => {
    readonly isLearning: boolean
    readonly isMakingRoom: boolean
    readonly trouble: CacheTrouble | undefined
  }
}

/** What a cache says of itself: how it goes, what is wrong, how full it is. */
export class CacheReport {
  readonly #parts: CacheReportParts

  constructor(parts: CacheReportParts) {
    this.#parts = parts
  }

  get state(): FolderStateName {
    const { index, room, filler, longLists, now } = this.#parts
    const { isLearning, isMakingRoom, trouble } = now()
    if (trouble !== undefined || room.isDiskLow) return 'blocked'
    if (isLearning || isMakingRoom || filler.isBusy || longLists.isBusy) return 'syncing'
    const mayCome = index.counts.wanted > 0 && !filler.isFull
    return mayCome ? 'syncing' : 'idle'
  }

  get activity(): string {
    const { index, room, connected, now } = this.#parts
    const { isLearning, isMakingRoom, trouble } = now()
    if (trouble !== undefined) return 'serves what it has; cannot store more'
    if (room.isDiskLow) return 'serves what it has; the disk is full'
    if (isLearning) return 'reading which chunks there are'
    if (isMakingRoom) return 'making room'
    if (this.state === 'idle') return ''
    const { wanted } = index.counts
    if (connected() === 0) return `waiting for a device: ${wanted} chunks are not here`
    return `fetching chunks, ${wanted} are not here`
  }

  get problems(): readonly FolderProblem[] {
    const { room, filler, longLists, upkeep, now } = this.#parts
    const { trouble } = now()
    const problems: FolderProblem[] = []
    if (trouble !== undefined) problems.push(trouble.problem)
    else if (room.isDiskLow || (room.isDiskTight && filler.isFull)) {
      problems.push(diskFull('the disk has no room for the quota of the cache'))
    }
    if (longLists.leftOut > 0) {
      const message = `the lists of ${longLists.leftOut} large files do not fit the quota`
      const fix = 'give the cache a larger quota: harp folder quota'
      problems.push({ code: 'CACHE_LISTS_LEFT_OUT', path: '', message, fix })
    }
    return [...problems, ...upkeep.problems]
  }

  /** Of what is wanted, as much as fits. */
  need(): { readonly files: number; readonly bytes: number } {
    const { index, room, filler } = this.#parts
    const bytes = Math.round(index.counts.wanted * filler.meanBytes)
    return { files: 0, bytes: this.state === 'syncing' ? Math.max(0, Math.min(bytes, room.left)) : 0 }
  }

  get status(): CacheStatus {
    const { asked, index, room } = this.#parts
    return {
      quotaBytes: room.quota,
      usedBytes: room.used,
      chunks: index.counts.held,
      hitBytes: asked.hitBytes,
      missBytes: Math.round(asked.missBytes),
      evictedBytes: room.evictedBytes,
    }
  }
}
