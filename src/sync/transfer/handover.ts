import type { ChunkPeer } from './chunk-peer.ts'
import type { ChunkTaker, ChunkWant } from './chunk-want.ts'
import { transferTimes as times } from './transfer-limits.ts'
import type { WantBook } from './want-book.ts'

export interface HandoverParts {
  readonly book: WantBook
  now(): number
  /** What this device sent is not what its id says. */
  onLie(peer: ChunkPeer): void
  /** Some bytes have been taken care of. */
  onSettled(): void
  /** All who wanted it have it. */
  onGot(want: ChunkWant): void
}

/** From the arrival of a chunk until all its takers have said what it is. */
export class Handover {
  readonly #parts: HandoverParts
  #bytes = 0

  constructor(parts: HandoverParts) {
    this.#parts = parts
  }

  /** With the takers. */
  get bytes(): number {
    return this.#bytes
  }

  give(want: ChunkWant, sealed: Uint8Array, peer: ChunkPeer): void {
    const { takers } = want
    want.takers = []
    want.settling = takers.length
    this.#parts.book.setState(want, 'settling')
    this.#bytes += sealed.length * takers.length
    const [first] = takers
    if (takers.length === 1 && first !== undefined) {
      this.#offer(want, sealed, first, peer)
      return
    }
    // The first to get it may hand its memory away, so the others get copies, made before.
    const copies = takers.map((_, index) => (index === 0 ? sealed : sealed.slice()))
    for (const [index, taker] of takers.entries()) this.#offer(want, copies[index] ?? sealed, taker, peer)
  }

  #offer(want: ChunkWant, sealed: Uint8Array, taker: ChunkTaker, peer: ChunkPeer): void {
    // By then the memory may be another thread's.
    const { length } = sealed
    const verdict = offer(taker, want.id, sealed, peer)
    if (typeof verdict === 'string') {
      this.#settled(want, peer, taker, verdict, length)
      return
    }
    verdict.then(
      (said) => this.#settled(want, peer, taker, said, length),
      () => this.#settled(want, peer, taker, 'ok', length),
    )
  }

  #settled(want: ChunkWant, peer: ChunkPeer, taker: ChunkTaker, verdict: 'ok' | 'bad', length: number): void {
    const { book } = this.#parts
    this.#bytes -= length
    if (verdict === 'bad') (want.bad ??= []).push(taker)
    else if (!want.takers.includes(taker)) book.satisfied(want, taker)
    want.settling--
    if (want.settling === 0 && want.state === 'settling') this.#close(want, peer)
    this.#parts.onSettled()
  }

  #close(want: ChunkWant, peer: ChunkPeer): void {
    const { book } = this.#parts
    const now = this.#parts.now()
    const { bad } = want
    want.bad = undefined
    for (const taker of bad ?? []) {
      if (book.isWanted(want, taker) && !want.takers.includes(taker)) want.takers.push(taker)
    }
    if (bad !== undefined) book.refused(want, peer, now, times.liedMs)
    if (want.takers.length > 0) book.route(want, now)
    else {
      if (bad === undefined) this.#parts.onGot(want)
      book.finish(want)
    }
    if (bad !== undefined) this.#parts.onLie(peer)
  }
}

/** A taker that throws has its own trouble, and not with the chunk. */
function offer(
  taker: ChunkTaker,
  id: Uint8Array,
  sealed: Uint8Array,
  peer: ChunkPeer,
): Promise<'ok' | 'bad'> | 'ok' | 'bad' {
  try {
    return taker.take(id, sealed, peer.device)
  } catch {
    return 'ok'
  }
}
