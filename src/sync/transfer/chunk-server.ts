import type { Logger } from '../../base/logger.ts'
import type { ServedChunks } from '../chunks/chunk-store.ts'
import type { DeviceId } from '../ids.ts'
import type { FrameStream } from '../link/link.ts'
import type { WorkPool } from '../work/job.ts'
import type { RateLimit } from './rate-limit.ts'
import { ServedStream, type ServedParts } from './served-stream.ts'
import { systemTimers, type Timers } from './timers.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'

/** Where chunks are served from. */
export interface ServedStore extends ServedChunks {
  /** Sealed, of what is nowhere on the disk yet; the server's to keep. */
  held?(id: Uint8Array): Uint8Array | undefined
}

export interface ChunkServerOptions {
  readonly store: ServedStore
  readonly pool: WorkPool
  /** Of what is sent, on all streams of all folders. */
  readonly rate: RateLimit
  readonly log: Logger
  /** The peer broke the protocol; its stream is closed by then. */
  readonly onStrike?: (peer: DeviceId, detail: string) => void
  /** A device wanted a chunk that is not here. The id is the caller's to keep. */
  readonly onMiss?: (id: Uint8Array, peer: DeviceId) => void
  readonly timers?: Timers
}

/** Answers what other devices ask of one folder's chunks, each on a stream that it opened. */
export class ChunkServer {
  readonly #options: ChunkServerOptions
  readonly #timers: Timers
  readonly #streams = new Set<ServedStream>()
  readonly #lists: ListShelf
  readonly #parts: ServedParts
  #isTicking = false

  constructor(options: ChunkServerOptions) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.#lists = new ListShelf(options.store)
    this.#parts = {
      store: options.store,
      pool: options.pool,
      log: options.log,
      lane: options.rate.lane(),
      list: (hash: string) => this.#lists.get(hash),
      onBusy: () => this.#tick(),
      onStrike: (peer: DeviceId, detail: string) => this.#options.onStrike?.(peer, detail),
      onMiss: options.onMiss,
      onClosed: (served: ServedStream) => this.#streams.delete(served),
    }
  }

  /** Of chunks and lists, since the start. */
  get sentBytes(): number {
    return this.#parts.lane.spent
  }

  get streams(): number {
    return this.#streams.size
  }

  /** Takes the stream over, or not: each holds memory for what is read ahead of a slow reader. */
  serve(stream: FrameStream): boolean {
    let ofPeer = 0
    for (const { peer } of this.#streams) if (peer === stream.peer) ofPeer++
    if (ofPeer >= limits.streamsOfPeer) return false
    this.#streams.add(new ServedStream(stream, this.#parts))
    return true
  }

  /** Ends the streams of one device. */
  drop(peer: DeviceId, reason: string): void {
    for (const served of this.#streams) if (served.peer === peer) served.close(reason)
  }

  /** Ends all streams. */
  close(reason = 'the folder is closed'): void {
    for (const served of this.#streams) served.close(reason)
    this.#lists.clear()
  }

  /** Runs as long as some stream owes an answer. */
  #tick(): void {
    if (this.#isTicking) return
    this.#isTicking = true
    this.#timers.after(times.busyMs, () => {
      this.#isTicking = false
      let owes = false
      for (const served of this.#streams) {
        served.tick()
        owes ||= served.owes
      }
      if (owes) this.#tick()
      else this.#lists.clear()
    })
  }
}

/** The list that parts were asked of last: reading it whole for each part would cost too much. */
class ListShelf {
  readonly #store: ServedChunks
  #hash: string | undefined
  #list: Uint8Array | undefined

  constructor(store: ServedChunks) {
    this.#store = store
  }

  get(hash: string): Uint8Array | undefined {
    if (this.#hash !== hash) {
      this.#list = this.#store.list(hash)
      this.#hash = this.#list === undefined ? undefined : hash
    }
    return this.#list
  }

  clear(): void {
    this.#hash = undefined
    this.#list = undefined
  }
}
