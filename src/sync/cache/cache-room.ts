import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { CacheIndex } from './cache-index.ts'
import { cacheLimits as limits, packBytesOf, reserveOf } from './cache-limits.ts'
import type { WantedLists } from './wanted-lists.ts'

export type RoomChunks = Pick<
  SqliteChunks,
  'drop' | 'compact' | 'dropLeastPack' | 'endPacksAt' | 'commit' | 'stats'
>

export interface CacheRoomParts {
  readonly chunks: RoomChunks
  readonly index: CacheIndex
  readonly lists: WantedLists
  readonly fs: Pick<FileSystem, 'free'>
  /** Where the packs are. */
  readonly directory: string
  readonly quota: number
}

/** How much may be stored, by the quota and by the disk; and making room when there is none. */
export class CacheRoom {
  readonly #parts: CacheRoomParts
  #packBytes: number
  #quota: number
  #free = 0
  #reserve = 0
  /** Of what had to go: what is worth no more is not fetched in its place. */
  #floor = Number.NEGATIVE_INFINITY
  evictedBytes = 0

  constructor(parts: CacheRoomParts) {
    this.#parts = parts
    this.#quota = parts.quota
    this.#packBytes = packBytesOf(parts.quota)
    this.look()
  }

  get quota(): number {
    return this.#quota
  }

  /** Another one. If it is smaller, `left` may be less than nothing from now on. */
  set quota(bytes: number) {
    if (bytes > this.#quota) this.forgetFloor()
    this.#quota = bytes
    this.#packBytes = packBytesOf(bytes)
    this.#parts.chunks.endPacksAt(this.#packBytes)
  }

  /** On the disk: packs with their holes, and long lists. */
  get used(): number {
    return this.#parts.chunks.stats().packBytes + this.#parts.lists.bytes
  }

  /** May be stored now; less than nothing: too much is here. One pack's worth is kept for copying. */
  get left(): number {
    return Math.min(this.#quotaLeft, this.#free - this.#reserve)
  }

  get #quotaLeft(): number {
    return this.#quota - this.#packBytes - this.used
  }

  /** It is the disk that keeps the cache from filling its quota. */
  get isDiskTight(): boolean {
    return this.#free - this.#reserve < this.#quotaLeft
  }

  /** Whether to fetch, unasked, what is worth so much: not what would be the next to go. */
  isWorth(heat: number): boolean {
    return heat > this.#floor || this.left > this.#quota / 4
  }

  /** There is room again, on the disk or by the quota. */
  forgetFloor(): void {
    this.#floor = Number.NEGATIVE_INFINITY
  }

  /** Other programs took what the cache leaves to them. */
  get isDiskLow(): boolean {
    return this.#free < this.#reserve
  }

  /** So little that nothing at all should be written but what makes room. */
  get isDiskSpent(): boolean {
    return this.#free < this.#reserve / 4
  }

  /** So much was stored since the disk was asked. */
  took(bytes: number): void {
    this.#free -= bytes
  }

  /** Asks the disk. */
  look(): void {
    const { fs, directory } = this.#parts
    this.#free = fs.free(directory)
    this.#reserve = reserveOf(this.#free + this.used)
  }

  /** Whether something could go to make room for what is worth so much. */
  hasColder(heat: number): boolean {
    return this.#parts.index.coldest(heat, 1).length > 0
  }

  /**
   * Until so many bytes are left, and a step more; or nothing is here that is worth less than `below`. In small steps: others have their
   * turn between them.
   */
  async make(bytes: number, below: number, isOver: () => boolean): Promise<void> {
    const { chunks } = this.#parts
    const goal = Math.max(bytes, this.#quota / 64)
    let holes: number = limits.holes
    while (!isOver() && this.left < goal) {
      if (this.#free < this.#packBytes) {
        if (!this.#dropPack()) break
      } else if (this.#excess > 0 && this.#drop(below, this.#excess) > 0) {
        this.#commit()
      } else {
        const { freedBytes, done } = chunks.compact(holes, limits.copyBytes)
        if (freedBytes > 0) this.#commit()
        if (done && holes === limits.leastHoles) break
        // Only holes are left to gain from: smaller ones will do, before it is given up.
        if (done && this.#drop(below, this.#packBytes / 4) === 0) holes = limits.leastHoles
      }
      await new Promise(setImmediate)
    }
    if (!isOver()) this.#commit()
  }

  /**
   * Above the quota even without any holes: after it was made smaller. What has to go for that goes before anything is
   * copied, or packs would be written anew many times.
   */
  get #excess(): number {
    return this.#parts.chunks.stats().liveBytes + this.#parts.lists.bytes + this.#packBytes - this.#quota
  }

  /** The coldest, about so many bytes of them. Returns how many. */
  #drop(below: number, most: number): number {
    const { chunks, index } = this.#parts
    const victims = index.coldest(below, limits.dropAtOnce)
    let bytes = 0
    let count = 0
    for (const { id, number, heat } of victims) {
      bytes += chunks.drop(id)
      index.gone(number)
      this.#floor = Math.max(this.#floor, heat)
      count++
      if (bytes >= most) break
    }
    this.evictedBytes += bytes
    return count
  }

  /** Without copying: there is no room for that. */
  #dropPack(): boolean {
    const { chunks, index } = this.#parts
    const before = chunks.stats().packBytes
    const ids = chunks.dropLeastPack()
    for (const id of ids) index.goneId(id, false)
    this.evictedBytes += before - chunks.stats().packBytes
    this.#commit()
    return ids.length > 0
  }

  /** The files of packs go with it. */
  #commit(): void {
    this.#parts.chunks.commit()
    this.#parts.index.commit()
    this.look()
  }
}
