import type { ChunkPeer } from './chunk-peer.ts'
import type { Handover } from './handover.ts'
import type { ListFetcher } from './list-fetcher.ts'
import type { RateLane, RateWaiter } from './rate-limit.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'
import type { Sharing } from './sharing.ts'
import type { WantBook } from './want-book.ts'

export interface AskerParts {
  readonly peers: ReadonlyMap<string, ChunkPeer>
  readonly book: WantBook
  readonly lists: ListFetcher
  readonly handover: Handover
  readonly sharing: Sharing
  readonly lane: RateLane
  /** Bytes under way and with takers. */
  readonly window: number
  now(): number
  /** Somebody may owe something now. */
  onAsked(): void
}

/** So many messages may ask for a few chunks each. */
const partialWants = 4

/** Decides whom to ask for how much, whenever something may have changed. */
export class Asker implements RateWaiter {
  readonly #parts: AskerParts
  readonly #due = (): void => {
    this.#isScheduled = false
    this.pump()
  }
  #outstanding = 0
  #isScheduled = false
  #isStopped = false

  constructor(parts: AskerParts) {
    this.#parts = parts
  }

  /** Bytes asked for. */
  get outstanding(): number {
    return this.#outstanding
  }

  onRate(): void {
    this.pump()
  }

  /** Soon: after what the caller has still to say. */
  schedule(): void {
    if (this.#isScheduled || this.#isStopped) return
    this.#isScheduled = true
    queueMicrotask(this.#due)
  }

  /** Asks for as much as may be under way. */
  pump(): void {
    if (this.#isStopped) return
    const { peers, book, lists, sharing } = this.#parts
    sharing.refresh()
    const candidates = [...peers.values()]
    while (candidates.length > 0 && (book.queuedIds > 0 || lists.size > 0)) {
      const peer = best(candidates)
      if (!this.#ask(peer)) candidates.splice(candidates.indexOf(peer), 1)
    }
    if (book.isShared) sharing.claimMore(!this.#hasNear(this.#parts.now()))
    this.#parts.onAsked()
  }

  /** What was asked for is owed; less than nothing: it does not come any more. */
  spend(bytes: number): void {
    this.#outstanding += bytes
    this.#parts.lane.spend(bytes)
  }

  /** So many bytes were asked for, and so many came. */
  came(asked: number, bytes: number): void {
    this.#outstanding -= asked
    this.#parts.lane.spend(bytes - asked)
  }

  stop(): void {
    this.#isStopped = true
    this.#parts.lane.forget(this)
  }

  #ask(peer: ChunkPeer): boolean {
    const { book, lists, lane } = this.#parts
    const now = this.#parts.now()
    const ids = peer.idRoom
    const room = this.#room(peer)
    if (!peer.isUsed || ids <= 0 || room <= 0) return false
    const range = lists.next(peer, now)
    if (range === undefined && !this.#isWorthAsking(peer, ids)) return false
    if (!lane.ready(this)) return false
    if (range !== undefined) {
      lists.asked(range)
      this.spend(range.length)
      peer.askRange(range)
      return true
    }
    const ownOnly = (peer.isDry(now) && this.#hasWet(now)) || (!peer.isNear && this.#hasNear(now))
    const bytes = Math.min(room, limits.wantBytes, lane.grain)
    const wants = book.collect(peer, { bytes, ids, ownOnly }, now)
    if (wants.length === 0) return false
    let sum = 0
    for (const { sealedLength } of wants) sum += sealedLength
    this.spend(sum)
    peer.ask(wants, sum)
    return true
  }

  /** Bytes that it may be asked for now. */
  #room(peer: ChunkPeer): number {
    const { window, peers, handover } = this.#parts
    const held = handover.bytes
    const share = Math.min(peer.window, Math.max(limits.leastWindow, window / peers.size))
    const room = Math.min(share - peer.outstandingBytes, window - this.#outstanding - held)
    // Slow ones must not keep the others from being asked at all.
    if (peer.isIdle) return held < window / 2 ? Math.max(room, limits.leastWindow) : room
    return room < share / 4 ? 0 : room
  }

  /** Some at once; then many together, so that a message of its own for each is the exception. */
  #isWorthAsking(peer: ChunkPeer, ids: number): boolean {
    const { queuedIds, queuedBytes } = this.#parts.book
    if (queuedIds === 0) return false
    return peer.requests.length < partialWants || queuedIds >= ids || queuedBytes >= limits.wantBytes
  }

  #hasWet(now: number): boolean {
    for (const peer of this.#parts.peers.values()) if (!peer.isDry(now)) return true
    return false
  }

  /** Somebody nearby may have what nobody was asked for, so that it need not come from far. */
  #hasNear(now: number): boolean {
    for (const peer of this.#parts.peers.values()) {
      if (!peer.isNear || peer.isDry(now) || peer.isCrawling(now)) continue
      if (peer.quietMs(now) < times.stalledMs) return true
    }
    return false
  }
}

/** Near before far, quick before slow, then the one with least to do. */
function best(peers: readonly ChunkPeer[]): ChunkPeer {
  return peers.reduce((left, right) => {
    if (left.distance !== right.distance) return left.distance < right.distance ? left : right
    return left.outstandingBytes <= right.outstandingBytes ? left : right
  })
}
