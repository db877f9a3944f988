import { isChunk } from '../content/chunk-seal.ts'
import { chunkIdLength, sealedOverhead, type ChunkRows } from '../content/content.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { DeviceId } from '../ids.ts'
import type { ChunkFetcher, ChunkTaker } from '../transfer/chunk-fetcher.ts'
import { textOf } from './asked-chunks.ts'
import type { CacheIndex, WantedChunk } from './cache-index.ts'
import { cacheLimits as limits } from './cache-limits.ts'
import type { CacheRoom } from './cache-room.ts'
import { heatOfNews, heatOfUse } from './heat.ts'

export interface CacheFillerParts {
  readonly index: CacheIndex
  readonly chunks: Pick<ChunkStore, 'addSealed' | 'has'>
  readonly fetcher: Pick<ChunkFetcher, 'want' | 'cancel' | 'lacks'>
  readonly room: CacheRoom
  readonly now: () => number
  /** In which what nobody had is not asked for. */
  readonly round: () => number
  /** Whether what nobody asked for may be fetched by now. */
  readonly mayFetchNews: () => boolean
  readonly guard: (act: () => void) => void
  /** Room is needed for a chunk that is worth so much. */
  readonly onFull: (bytes: number, heat: number) => void
  /** Room is being made. */
  readonly isWaiting: () => boolean
  /** It is stored, and to be committed. */
  readonly onStored: (bytes: number) => void
}

interface Arrival {
  readonly chunk: WantedChunk
  readonly sealed: Uint8Array
  readonly done: (verdict: 'ok') => void
}

/** Fetches what is wanted, as long as it fits: checks it against its id, and stores it. */
export class CacheFiller {
  readonly #parts: CacheFillerParts
  readonly #batches = new Set<Batch>()
  /** Numbers of chunks that are under way, and whether somebody asked for them. */
  readonly #underWay = new Map<number, boolean>()
  #arrivals: Arrival[] = []
  #arrivedBytes = 0
  /** Larger than they were taken for: room is being made for them, once. */
  #waiting: Arrival[] = []
  #meanBytes: number
  #isFull = false
  #isStopped = false

  constructor(parts: CacheFillerParts, meanBytes: number) {
    this.#parts = parts
    this.#meanBytes = clamped(meanBytes)
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0 || this.#arrivals.length > 0 || this.#waiting.length > 0
  }

  /** Nothing more fits that is worth what is here. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Of a chunk, as they came lately. */
  get meanBytes(): number {
    return this.#meanBytes
  }

  /** Something is wanted, or fits, that did not before. */
  wake(): void {
    this.#isFull = false
  }

  /** Asks for as much as may be under way. */
  fill(): void {
    if (this.#isStopped) return
    if (this.#waiting.length > 0 && !this.#parts.isWaiting()) this.#storeWaiting()
    if (this.#isFull || this.#underWay.size > limits.idsAtOnce / 2) return
    const { wanted: open, missing } = this.#parts.index.counts
    if (open + missing === 0 || this.#parts.isWaiting()) return
    const wanted = this.#next(limits.idsAtOnce - this.#underWay.size)
    const [first] = wanted
    const { room, onFull } = this.#parts
    if (first === undefined) return
    const fits = Math.floor((room.left - this.#bytesUnderWay()) / this.#meanBytes)
    for (let at = 0; at < Math.min(fits, wanted.length); at += limits.idsOfBatch) {
      this.#ask(wanted.slice(at, Math.min(fits, at + limits.idsOfBatch)))
    }
    if (fits >= 1 || this.isBusy) return
    const heat = this.#heatOf(first)
    if (!room.isDiskLow && room.hasColder(heat)) onFull(this.#meanBytes, heat)
    else this.#isFull = true
  }

  /**
   * What a neighbour is about to fetch from far is fetched by this device for both, as far as there is room, or some can
   * be made by the time it comes. For each id 1 if so; the neighbour has it from here then.
   */
  demand(ids: Uint8Array): Uint8Array {
    const forBoth = new Uint8Array(ids.length / chunkIdLength)
    const { index, round, room, now, onFull } = this.#parts
    if (this.#isStopped || room.isDiskLow) return forBoth
    const heat = heatOfUse(now())
    const wanted: WantedChunk[] = []
    let most = limits.idsAtOnce - this.#underWay.size
    most = Math.min(most, Math.floor((room.left + this.#bytesAhead(heat)) / this.#meanBytes))
    for (let at = 0; at < forBoth.length; at++) {
      const chunk = index.lacking(ids.subarray(at * chunkIdLength, (at + 1) * chunkIdLength), round())
      if (chunk === undefined) continue
      const isAskedFor = this.#underWay.get(chunk.number)
      // What is only new is shared with neighbours as any of them would share it.
      if (isAskedFor === undefined ? wanted.length >= most : !isAskedFor) continue
      forBoth[at] = 1
      if (isAskedFor !== undefined) continue
      wanted.push(chunk)
      this.#underWay.set(chunk.number, true)
    }
    for (let at = 0; at < wanted.length; at += limits.idsOfBatch) {
      this.#ask(wanted.slice(at, at + limits.idsOfBatch))
    }
    const bytes = this.#bytesUnderWay()
    if (wanted.length > 0 && room.left < bytes) onFull(bytes, heat)
    return forBoth
  }

  /** More than there is room for: half of what may wait in memory while room is made. Less what is under way. */
  #bytesAhead(heat: number): number {
    let waiting = this.#bytesUnderWay()
    for (const { sealed } of this.#waiting) waiting += sealed.length
    return (this.#parts.room.hasColder(heat) ? limits.waitingBytes / 2 : 0) - waiting
  }

  /** Lets go of what nobody connected has. */
  tick(isConnected: boolean): void {
    const { index, fetcher, round } = this.#parts
    for (const batch of this.#batches) {
      if (isConnected && !fetcher.lacks(batch)) continue
      if (isConnected) for (const { number } of batch.open()) index.missed(number, round())
      this.#drop(batch)
    }
  }

  /** What is under way is not waited for. What has arrived is stored unless `isLost`. */
  stop(isLost = false): void {
    if (this.#isStopped) return
    if (!isLost) this.#parts.guard(() => this.#store())
    this.#isStopped = true
    for (const { done } of [...this.#arrivals, ...this.#waiting]) done('ok')
    this.#arrivals = []
    this.#waiting = []
    for (const batch of this.#batches) this.#drop(batch)
  }

  /** Quickly up, slowly down: more than was reckoned with must not come again and again. */
  #learnMean(bytes: number): void {
    const share = bytes > this.#meanBytes * 2 ? 4 : 64
    this.#meanBytes = clamped(this.#meanBytes + (bytes - this.#meanBytes) / share)
  }

  #next(count: number): WantedChunk[] {
    const { index, round, mayFetchNews, chunks, room, now } = this.#parts
    const mayFetch = mayFetchNews()
    const found: WantedChunk[] = []
    for (const chunk of index.wanted(round(), this.#underWay.size + count)) {
      if (this.#underWay.has(chunk.number)) continue
      if (!chunk.isAskedFor && !mayFetch) break
      if (!chunk.isAskedFor && !room.isWorth(this.#heatOf(chunk))) {
        this.#isFull = found.length === 0 && !this.isBusy
        break
      }
      // What came before a stop that was none.
      if (chunks.has(chunk.id)) index.stored(chunk.number, heatOfNews(-chunk.age, now()))
      else if (found.length < count) found.push(chunk)
    }
    return room.isDiskSpent ? [] : found
  }

  #heatOf({ isAskedFor, age }: WantedChunk): number {
    const now = this.#parts.now()
    return isAskedFor ? heatOfUse(now) : heatOfNews(-age, now)
  }

  #bytesUnderWay(): number {
    return this.#underWay.size * this.#meanBytes + this.#arrivedBytes
  }

  #ask(chunks: readonly WantedChunk[]): void {
    const batch = new Batch(chunks, (chunk, sealed) => this.#arrived(batch, chunk, sealed))
    this.#batches.add(batch)
    const bytes = Math.round(this.#meanBytes)
    for (const { number, id, isAskedFor } of chunks) {
      this.#underWay.set(number, isAskedFor)
      this.#parts.fetcher.want(id, bytes, batch)
    }
  }

  #drop(batch: Batch): void {
    this.#parts.fetcher.cancel(batch)
    this.#batches.delete(batch)
    for (const { number } of batch.open()) this.#underWay.delete(number)
  }

  /** Many together: one write for all that came in one turn. */
  async #arrived(batch: Batch, chunk: WantedChunk, sealed: Uint8Array): Promise<'ok'> {
    this.#underWay.delete(chunk.number)
    if (batch.isEmpty) this.#batches.delete(batch)
    if (this.#isStopped) return 'ok'
    if (this.#arrivals.length === 0) setImmediate(() => this.#parts.guard(() => this.#store()))
    const { promise, resolve } = Promise.withResolvers<'ok'>()
    this.#arrivals.push({ chunk, sealed, done: resolve })
    this.#arrivedBytes += sealed.length
    return promise
  }

  #store(): void {
    const arrivals = this.#arrivals
    this.#arrivals = []
    this.#arrivedBytes = 0
    if (arrivals.length === 0 || this.#isStopped) return
    for (const { sealed } of arrivals) this.#learnMean(sealed.length)
    this.#wait(this.#put(arrivals))
    this.fill()
  }

  /** Room has been made, or there is none. */
  #storeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { chunk } of waiting) this.#underWay.delete(chunk.number)
    for (const { done } of this.#put(waiting)) done('ok')
  }

  /** For room, as far as something may go for them; the rest is fetched again when there is some. */
  #wait(arrivals: readonly Arrival[]): void {
    const { room, onFull } = this.#parts
    let bytes = 0
    let heat = Number.POSITIVE_INFINITY
    for (const { sealed } of this.#waiting) bytes += sealed.length
    for (const arrival of arrivals) {
      const { chunk, sealed, done } = arrival
      const worth = this.#heatOf(chunk)
      if (bytes + sealed.length > limits.waitingBytes || room.isDiskLow || !room.hasColder(worth)) {
        done('ok')
        continue
      }
      bytes += sealed.length
      heat = Math.min(heat, worth)
      this.#waiting.push(arrival)
      this.#underWay.set(chunk.number, chunk.isAskedFor)
    }
    if (heat !== Number.POSITIVE_INFINITY) onFull(bytes, heat)
  }

  /** Stores what fits, and returns the rest. */
  #put(arrivals: readonly Arrival[]): Arrival[] {
    const { chunks, index, room, onStored } = this.#parts
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
        for (const { chunk } of fitting) index.stored(chunk.number, this.#heatOf(chunk))
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

/** Chunks that were asked for together. */
class Batch implements ChunkTaker {
  readonly #open = new Map<string, WantedChunk>()
  readonly #onChunk: (chunk: WantedChunk, sealed: Uint8Array) => Promise<'ok'>

  constructor(
    chunks: readonly WantedChunk[],
    onChunk: (chunk: WantedChunk, sealed: Uint8Array) => Promise<'ok'>,
  ) {
    for (const chunk of chunks) this.#open.set(textOf(chunk.id), chunk)
    this.#onChunk = onChunk
  }

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  open(): IterableIterator<WantedChunk> {
    return this.#open.values()
  }

  take(id: Uint8Array, sealed: Uint8Array, _peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' | 'bad' {
    const text = textOf(id)
    const chunk = this.#open.get(text)
    if (chunk === undefined) return 'ok'
    if (sealed.length <= sealedOverhead || !isChunk(id, sealed)) return 'bad'
    this.#open.delete(text)
    return this.#onChunk(chunk, sealed)
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

function clamped(bytes: number): number {
  return Math.min(limits.largestChunk, Math.max(512, bytes))
}
