import { HarpError } from '../../base/errors.ts'
import type { CachePlace } from '../cache/cache-place.ts'
import { CacheSide } from '../cache/cache-side.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { FolderPresence } from '../presence/folder-presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { ArrivingChunks } from './arriving-chunks.ts'
import { ContentSide } from './content-side.ts'
import type { FolderOptions } from './folder-options.ts'
import type { FolderPeers } from './folder-peers.ts'
import type { FolderSide } from './folder-side.ts'

export interface RunningSideParts {
  readonly options: FolderOptions
  readonly store: LogStore
  readonly replica: Replica
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  readonly arriving: ArrivingChunks
  /** Undefined unless this device was set up as a cache. */
  readonly cache: CachePlace | undefined
  readonly fetcher: ChunkFetcher
  readonly presence: FolderPresence
  readonly peers: FolderPeers
  readonly onFault: (error: unknown) => void
}

/** Of plaintext in a chunk: what a frame of a link carries. */
const largestSealable = 1024 * 1024

/** The side of a folder that runs: the one that fits this device's role, and never two at a time. */
export class RunningSide {
  readonly #parts: RunningSideParts
  #side: FolderSide | undefined
  /** What ran until this device was revoked. */
  #leaving: Promise<void> | undefined

  constructor(parts: RunningSideParts) {
    this.#parts = parts
  }

  get current(): FolderSide | undefined {
    return this.#side
  }

  get content(): ContentSide | undefined {
    return this.#side instanceof ContentSide ? this.#side : undefined
  }

  get cache(): CacheSide | undefined {
    return this.#side instanceof CacheSide ? this.#side : undefined
  }

  /** As soon as this device can read the folder; or knows itself as its cache. Until then nothing happens. */
  begin(): void {
    if (this.#side !== undefined) return
    const { replica, cache } = this.#parts
    const isCache = replica.role === 'cache' || cache !== undefined
    this.#side = isCache ? this.#cacheSide() : this.#contentSide()
    this.#side?.start()
  }

  /** Until it has stopped it is still the one that runs. */
  async pause(): Promise<void> {
    const side = this.#side
    await side?.stop()
    // Meanwhile it may have been resumed, with another one.
    if (this.#side === side) this.#side = undefined
  }

  /** From now on there is none; what runs in threads may take a while to end. Returns whether there was one. */
  leave(): boolean {
    const side = this.#side
    if (side === undefined) return false
    this.#side = undefined
    this.#leaving = side.stop()
    return true
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    await Promise.all([this.#leaving, this.#side?.stop()])
    this.#side = undefined
  }

  #contentSide(): ContentSide | undefined {
    const { options, replica, items, chunks, arriving, fetcher, presence, peers, onFault } = this.#parts
    const { firstEpochKey, role, log } = replica
    if (firstEpochKey === undefined || role === undefined || log.genesis === undefined) return undefined
    const { chunker } = log.genesis
    if (chunker.maximum > largestSealable) {
      onFault(
        new HarpError('FOLDER_CHUNKS_TOO_LARGE', 'the folder was begun with chunks that no link carries'),
      )
      return undefined
    }
    return new ContentSide({
      ...options,
      replica,
      items,
      chunks,
      arriving,
      presence: () => presence,
      fetcher,
      chunker,
      firstEpochKey,
      announce: () => peers.changed(),
      isConnected: (device) => peers.linkOf(device) !== undefined,
      onFault,
    })
  }

  #cacheSide(): CacheSide | undefined {
    const { options, replica, chunks, fetcher, peers, store, cache, onFault } = this.#parts
    if (replica.role === undefined) return undefined
    return cache?.begin({ ...options, replica, chunks, fetcher, peers, store, onFault })
  }
}
