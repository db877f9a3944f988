import { errorCode } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { cacheTimes as times } from './cache-limits.ts'
import type { LongList, WantedLists } from './wanted-lists.ts'

export interface CacheListsParts {
  readonly lists: WantedLists
  readonly chunks: Pick<ChunkStore, 'addList' | 'list'>
  readonly fetcher: Pick<ChunkFetcher, 'wantList' | 'stats'>
  readonly clock: Clock
  readonly round: () => number
  /** Bytes that lists may take. */
  readonly most: () => number
  readonly guard: (act: () => void) => void
  /** A list is here, to be read. */
  readonly onList: (bytes: number) => void
}

const never = Number.MAX_SAFE_INTEGER
const bytesOfId = 32

/** Fetches long lists, one after the other, newest first. */
export class CacheLists {
  readonly #parts: CacheListsParts
  #current: { readonly list: LongList; readonly abort: AbortController; readonly since: number } | undefined
  #leftOut = 0
  #isStopped = false

  constructor(parts: CacheListsParts) {
    this.#parts = parts
  }

  get isBusy(): boolean {
    return this.#current !== undefined
  }

  /** Since the last round: for which there is no room. */
  get leftOut(): number {
    return this.#leftOut
  }

  newRound(): void {
    this.#leftOut = 0
  }

  tick(isConnected: boolean): void {
    const { clock, fetcher, round, lists } = this.#parts
    const current = this.#current
    if (current === undefined) {
      if (isConnected) this.next()
      return
    }
    const isMissing = fetcher.stats().missingLists > 0
    if (isConnected && (!isMissing || clock.monotonic() - current.since < times.listMs)) return
    if (isConnected) lists.missed(current.list, round())
    this.#current = undefined
    current.abort.abort()
  }

  next(): void {
    const { lists, chunks, clock, round, most, onList } = this.#parts
    while (this.#current === undefined && !this.#isStopped) {
      const list = lists.wanted(round())
      if (list === undefined) return
      if (lists.bytes + list.count * bytesOfId > most()) {
        this.#leftOut++
        lists.missed(list, round())
      } else if (chunks.list(list.hash) !== undefined) {
        lists.read(list, 0)
        onList(0)
      } else {
        this.#current = { list, abort: new AbortController(), since: clock.monotonic() }
        void this.#fetch(this.#current)
      }
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#current?.abort.abort()
    this.#current = undefined
  }

  async #fetch({ list, abort }: { readonly list: LongList; readonly abort: AbortController }): Promise<void> {
    const { lists, chunks, fetcher, guard, onList } = this.#parts
    let bytes: Uint8Array | undefined
    let isTooLarge = false
    try {
      bytes = await fetcher.wantList(list.hash, list.count, abort.signal)
    } catch (error) {
      isTooLarge = errorCode(error) === 'TRANSFER_LIST_TOO_LARGE'
    }
    if (abort.signal.aborted || this.#isStopped) return
    guard(() => {
      this.#current = undefined
      if (bytes === undefined) {
        lists.missed(list, isTooLarge ? never : this.#parts.round())
        return
      }
      chunks.addList(list.hash, bytes)
      lists.read(list, 0)
      onList(bytes.length)
    })
  }
}
