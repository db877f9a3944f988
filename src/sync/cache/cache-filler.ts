import { isChunk } from '../content/chunk-seal.ts'
import { chunkIdLength, sealedOverhead } from '../content/content.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { DeviceId } from '../ids.ts'
import type { ChunkFetcher, ChunkTaker } from '../transfer/chunk-fetcher.ts'
import { textOf } from './asked-chunks.ts'
import { CacheArrivals } from './cache-arrivals.ts'
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

/** Asks for what is wanted, as long as it fits, and checks what comes against its id. */
export class CacheFiller {
  readonly #parts: CacheFillerParts
  readonly #batches = new Set<Batch>()
  /** Numbers of chunks that are under way, and whether somebody asked for them. */
  readonly #underWay = new Map<number, boolean>()
  readonly #arrivals: CacheArrivals
  #meanBytes: number
  #isFull = false
  #isStopped = false

  constructor(parts: CacheFillerParts, meanBytes: number) {
    this.#parts = parts
    this.#meanBytes = clamped(meanBytes)
    this.#arrivals = new CacheArrivals({
      ...parts,
      heatOf: (chunk) => this.#heatOf(chunk),
      onTurn: (lengths) => {
        for (const length of lengths) this.#learnMean(length)
        this.fill()
      },
      onWaiting: (chunk, isWaiting) => {
        if (isWaiting) this.#underWay.set(chunk.number, chunk.isAskedFor)
        else this.#underWay.delete(chunk.number)
      },
    })
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0 || !this.#arrivals.isEmpty
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
    if (this.#arrivals.waitingBytes > 0 && !this.#parts.isWaiting()) this.#arrivals.storeWaiting()
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
    const waiting = this.#bytesUnderWay() + this.#arrivals.waitingBytes
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
    if (!isLost) this.#parts.guard(() => this.#arrivals.store())
    this.#isStopped = true
    this.#arrivals.stop()
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
    return this.#underWay.size * this.#meanBytes + this.#arrivals.comeBytes
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

  async #arrived(batch: Batch, chunk: WantedChunk, sealed: Uint8Array): Promise<'ok'> {
    this.#underWay.delete(chunk.number)
    if (batch.isEmpty) this.#batches.delete(batch)
    return this.#isStopped ? 'ok' : this.#arrivals.take(chunk, sealed)
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

function clamped(bytes: number): number {
  return Math.min(limits.largestChunk, Math.max(512, bytes))
}
