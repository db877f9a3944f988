import { HarpError } from '../../base/errors.ts'
import { sameBytes } from '../format/cbor.ts'
import { fromHex, hashLength } from '../ids.ts'
import type { ChunkPeer } from './chunk-peer.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'

/** A list of chunk ids that somebody needs, by its hash. */
export interface WantedList {
  readonly hash: string
  readonly size: number
  readonly waiters: Set<ListWaiter>
  /** By device that did not have it: not asked again before. */
  readonly notes: Map<ChunkPeer, { readonly until: number; readonly delayMs: number }>
  attempt: ListAttempt | undefined
}

export interface ListWaiter {
  resolve(list: Uint8Array): void
  reject(error: Error): void
}

/** One device's answers; parts of several are never mixed, so a wrong list names its source. */
export interface ListAttempt {
  readonly list: WantedList
  readonly peer: ChunkPeer
  bytes: Uint8Array | undefined
  asked: number
  received: number
  isOver: boolean
}

export interface ListRange {
  readonly attempt: ListAttempt
  readonly offset: number
  readonly length: number
}

/** Of those that wait for a device, so many are looked at for each question. */
const mostLookedAt = 64

/** Lists of chunks that are too long for their entries: few, and needed before their chunks. */
export class ListFetcher {
  readonly #hash: (bytes: Uint8Array) => Uint8Array
  readonly #lists = new Map<string, WantedList>()
  /** Those without an attempt. */
  readonly #waiting = new Set<WantedList>()
  readonly #active = new Set<ListAttempt>()
  #activeBytes = 0

  constructor(hash: (bytes: Uint8Array) => Uint8Array) {
    this.#hash = hash
  }

  get size(): number {
    return this.#lists.size
  }

  get bytes(): number {
    let bytes = 0
    for (const { size } of this.#lists.values()) bytes += size
    return bytes
  }

  async want(hash: string, count: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (count === 0) return new Uint8Array(0)
    const size = count * hashLength
    if (size > limits.listBytes) {
      throw new HarpError('TRANSFER_LIST_TOO_LARGE', `a list of ${count} chunks is too long`)
    }
    if (signal?.aborted === true) throw cancelled()
    const key = `${hash}/${size}`
    let list = this.#lists.get(key)
    if (list === undefined) {
      list = { hash, size, waiters: new Set(), notes: new Map(), attempt: undefined }
      this.#lists.set(key, list)
      this.#waiting.add(list)
    }
    const wanted = list
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const waiter = { resolve, reject }
    wanted.waiters.add(waiter)
    const abort = (): void => {
      wanted.waiters.delete(waiter)
      if (wanted.waiters.size === 0) this.#remove(wanted)
      reject(cancelled())
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** What to ask this device for next. */
  next(peer: ChunkPeer, now: number): ListRange | undefined {
    for (const attempt of this.#active) {
      const { list, asked, received } = attempt
      if (attempt.peer !== peer || asked >= list.size) continue
      if (asked - received < limits.listRanges * limits.rangeBytes) return rangeOf(attempt)
    }
    let looks = mostLookedAt
    for (const list of this.#waiting) {
      if (looks-- === 0) return undefined
      const isAllowed = (list.notes.get(peer)?.until ?? 0) <= now
      if (isAllowed && (this.#active.size === 0 || this.#activeBytes + list.size <= limits.activeListBytes)) {
        return rangeOf(this.#begin(list, peer))
      }
      this.#waiting.delete(list)
      this.#waiting.add(list)
    }
    return undefined
  }

  asked({ attempt, length }: ListRange): void {
    attempt.asked += length
  }

  /** A part came. `lie`: the whole is not what its hash says. */
  received(range: ListRange, total: number, part: Uint8Array, now: number): 'ok' | 'lie' | 'fault' {
    const { attempt, offset, length } = range
    const { list } = attempt
    if (attempt.isOver) return 'ok'
    if (total !== list.size) {
      // Not here; or the author's count is wrong, which is not the device's doing.
      this.#refused(attempt, now, total === 0 ? 0 : times.missLastMs)
      return 'ok'
    }
    if (part.length !== length) return 'fault'
    attempt.bytes ??= new Uint8Array(list.size)
    attempt.bytes.set(part, offset)
    attempt.received += part.length
    if (attempt.received < list.size) return 'ok'
    const { bytes } = attempt
    if (!sameBytes(this.#hash(bytes), fromHex(list.hash))) {
      this.#refused(attempt, now, times.liedMs)
      return 'lie'
    }
    const waiters = [...list.waiters]
    this.#remove(list)
    for (const waiter of waiters) waiter.resolve(bytes)
    return 'ok'
  }

  leave(peer: ChunkPeer): void {
    for (const attempt of this.#active) if (attempt.peer === peer) this.#end(attempt)
    for (const list of this.#lists.values()) list.notes.delete(peer)
  }

  retry(peer: ChunkPeer): void {
    for (const { notes } of this.#lists.values()) {
      if ((notes.get(peer)?.delayMs ?? Infinity) < times.liedMs) notes.delete(peer)
    }
  }

  /** How many none of these devices has, as far as is known. */
  missing(peers: Iterable<ChunkPeer>): number {
    const all = [...peers]
    let count = 0
    for (const { notes, attempt } of this.#lists.values()) {
      if (attempt === undefined && all.every((peer) => notes.has(peer))) count++
    }
    return count
  }

  close(error: Error): void {
    for (const list of this.#lists.values()) {
      this.#remove(list)
      for (const waiter of list.waiters) waiter.reject(error)
    }
  }

  #begin(list: WantedList, peer: ChunkPeer): ListAttempt {
    const attempt = { list, peer, bytes: undefined, asked: 0, received: 0, isOver: false }
    list.attempt = attempt
    this.#waiting.delete(list)
    this.#active.add(attempt)
    this.#activeBytes += list.size
    return attempt
  }

  #refused(attempt: ListAttempt, now: number, leastMs: number): void {
    const { notes } = attempt.list
    const before = notes.get(attempt.peer)?.delayMs ?? 0
    const delayMs = Math.max(leastMs, Math.min(times.missLastMs, Math.max(times.missFirstMs, before * 2)))
    notes.set(attempt.peer, { until: now + delayMs, delayMs })
    this.#end(attempt)
  }

  #end(attempt: ListAttempt): void {
    if (attempt.isOver) return
    attempt.isOver = true
    attempt.bytes = undefined
    attempt.list.attempt = undefined
    this.#active.delete(attempt)
    this.#activeBytes -= attempt.list.size
    this.#waiting.add(attempt.list)
  }

  #remove(list: WantedList): void {
    if (list.attempt !== undefined) this.#end(list.attempt)
    this.#waiting.delete(list)
    this.#lists.delete(`${list.hash}/${list.size}`)
  }
}

function rangeOf(attempt: ListAttempt): ListRange {
  const offset = attempt.asked
  return { attempt, offset, length: Math.min(limits.rangeBytes, attempt.list.size - offset) }
}

function cancelled(): HarpError {
  return new HarpError('TRANSFER_CANCELLED', 'the list of chunks is not wanted any more')
}
