import { chunkIdLength, sealedOverhead, type ChunkRows } from '../content/content.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { CacheIndex, WantedChunk } from './cache-index.ts'
import { cacheLimits as limits } from './cache-limits.ts'
import type { CacheRoom } from './cache-room.ts'

export interface CacheArrivalsParts {
  readonly index: Pick<CacheIndex, 'stored'>
  readonly chunks: Pick<ChunkStore, 'addSealed'>
  readonly room: CacheRoom
  readonly heatOf: (chunk: WantedChunk) => number
  readonly guard: (act: () => void) => void
  /** So many bytes came in one turn, of so many chunks. */
  readonly onTurn: (lengths: readonly number[]) => void
  /** Room is needed for what is worth so much. */
  readonly onFull: (bytes: number, heat: number) => void
  /** It is stored, and to be committed. */
  readonly onStored: (bytes: number) => void
  /** Not to be asked for while it waits; or it waits no more. */
  readonly onWaiting: (chunk: WantedChunk, isWaiting: boolean) => void
}

interface Arrival {
  readonly chunk: WantedChunk
  readonly sealed: Uint8Array
  readonly done: (verdict: 'ok') => void
}

/** What has come: stored with one write for all of one turn, as far as it fits. The rest waits for room, once. */
export class CacheArrivals {
  readonly #parts: CacheArrivalsParts
  #come: Arrival[] = []
  #comeBytes = 0
  /** Larger than they were taken for. */
  #waiting: Arrival[] = []
  #isStopped = false

  constructor(parts: CacheArrivalsParts) {
    this.#parts = parts
  }

  /** Of what has come in this turn. */
  get comeBytes(): number {
    return this.#comeBytes
  }

  get waitingBytes(): number {
    let bytes = 0
    for (const { sealed } of this.#waiting) bytes += sealed.length
    return bytes
  }

  get isEmpty(): boolean {
    return this.#come.length === 0 && this.#waiting.length === 0
  }

  /** Answers when it is stored, or there is no room for it. */
  take(chunk: WantedChunk, sealed: Uint8Array): Promise<'ok'> {
    if (this.#come.length === 0) setImmediate(() => this.#parts.guard(() => this.store()))
    const { promise, resolve } = Promise.withResolvers<'ok'>()
    this.#come.push({ chunk, sealed, done: resolve })
    this.#comeBytes += sealed.length
    return promise
  }

  store(): void {
    const come = this.#come
    this.#come = []
    this.#comeBytes = 0
    if (come.length === 0 || this.#isStopped) return
    const lengths = come.map(({ sealed }) => sealed.length)
    this.#wait(this.#put(come))
    this.#parts.onTurn(lengths)
  }

  /** Room has been made, or there is none. */
  storeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { chunk } of waiting) this.#parts.onWaiting(chunk, false)
    for (const { done } of this.#put(waiting)) done('ok')
  }

  /** What is not stored by now is let go. */
  stop(): void {
    this.#isStopped = true
    for (const { done } of [...this.#come, ...this.#waiting]) done('ok')
    this.#come = []
    this.#waiting = []
  }

  /** For room, as far as something may go for them; the rest is fetched again when there is some. */
  #wait(arrivals: readonly Arrival[]): void {
    const { room, heatOf, onFull, onWaiting } = this.#parts
    let bytes = this.waitingBytes
    let heat = Number.POSITIVE_INFINITY
    for (const arrival of arrivals) {
      const { chunk, sealed, done } = arrival
      const worth = heatOf(chunk)
      if (bytes + sealed.length > limits.waitingBytes || room.isDiskLow || !room.hasColder(worth)) {
        done('ok')
        continue
      }
      bytes += sealed.length
      heat = Math.min(heat, worth)
      this.#waiting.push(arrival)
      onWaiting(chunk, true)
    }
    if (heat !== Number.POSITIVE_INFINITY) onFull(bytes, heat)
  }

  /** Stores what fits, and returns the rest. */
  #put(arrivals: readonly Arrival[]): Arrival[] {
    const { chunks, index, room, heatOf, onStored } = this.#parts
    const others: Arrival[] = []
    const fitting: Arrival[] = []
    try {
      let { left } = room
      let bytes = 0
      for (const arrival of arrivals) {
        const { length } = arrival.sealed
        if (length > left) {
          others.push(arrival)
          continue
        }
        left -= length
        bytes += length
        fitting.push(arrival)
      }
      if (fitting.length > 0) {
        chunks.addSealed(...joined(fitting, bytes))
        for (const { chunk } of fitting) index.stored(chunk.number, heatOf(chunk))
        onStored(bytes)
      }
    } catch (error) {
      for (const { done } of others) done('ok')
      throw error
    } finally {
      for (const { done } of fitting) done('ok')
    }
    return others
  }
}

/** As the store takes them. It does not look at the keys, which a cache does not have. */
function joined(arrivals: readonly Arrival[], bytes: number): [rows: ChunkRows, sealed: Uint8Array] {
  const ids = new Uint8Array(arrivals.length * chunkIdLength)
  const lengths = new Uint32Array(arrivals.length)
  const all = new Uint8Array(bytes)
  let at = 0
  for (const [index, { chunk, sealed }] of arrivals.entries()) {
    ids.set(chunk.id, index * chunkIdLength)
    lengths[index] = sealed.length - sealedOverhead
    all.set(sealed, at)
    at += sealed.length
  }
  return [{ ids, keys: new Uint8Array(ids.length), lengths }, all]
}
