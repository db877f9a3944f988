import type { DeviceId } from '../ids.ts'
import type { ChunkPeer } from './chunk-peer.ts'
import type { ChunkWant, Share } from './chunk-want.ts'
import type { Claim, Neighbour } from './neighbour.ts'
import { sharingLimits as limits } from './transfer-limits.ts'
import type { WantBook } from './want-book.ts'

export interface ShareBookParts {
  readonly book: WantBook
  readonly peers: ReadonlyMap<DeviceId, ChunkPeer>
  now(): number
  /** This device does not fetch it any more, and has said that it does. */
  onGivenUp(want: ChunkWant): void
}

/** Which wants are claimed, and by whom. */
export class ShareBook {
  readonly #parts: ShareBookParts
  /** Of claims that are not settled. */
  claimingIds = 0
  claimingBytes = 0

  constructor(parts: ShareBookParts) {
    this.#parts = parts
    parts.book.onUnshared = (want) => this.#giveUp(want)
  }

  /** A neighbour may have it, or fetch it: being asked. */
  claim(want: ChunkWant, claim: Claim): void {
    this.end(want)
    want.wasClaimed = true
    this.#set(want, { state: 'claiming', claim, by: undefined })
    this.claimingIds++
    this.claimingBytes += want.sealedLength
  }

  /** This device fetches it. */
  own(want: ChunkWant): void {
    this.end(want)
    this.#set(want, { state: 'ours', claim: undefined, by: undefined })
  }

  /** Whether it is still worth waiting for somebody who promises it. */
  mayLeave({ returns }: ChunkWant): boolean {
    return returns < limits.returns
  }

  /** A neighbour fetches it. What is under way already comes nevertheless. */
  leaveTo(want: ChunkWant, neighbour: Neighbour): void {
    this.end(want)
    this.#set(want, { state: 'theirs', claim: undefined, by: neighbour })
    neighbour.hold(want, this.#parts.now())
    if (want.state !== 'asked') this.#parts.book.hold(want)
  }

  /** A neighbour has it: true if it can be asked, and is worth it. */
  tell(want: ChunkWant, device: DeviceId): boolean {
    const { book, peers } = this.#parts
    const peer = peers.get(device)
    if (peer === undefined || peer.isCrawling(this.#parts.now())) return false
    this.end(want)
    book.tell(want, peer)
    return true
  }

  end(want: ChunkWant): void {
    const { share } = want
    if (share === undefined) return
    this.#parts.book.setShare(want, undefined)
    if (share.state === 'theirs') share.by?.held.delete(want)
    if (share.state !== 'claiming') return
    this.claimingIds--
    this.claimingBytes -= want.sealedLength
  }

  /** It has to be had in another way. */
  giveBack(want: ChunkWant): void {
    this.end(want)
    want.returns++
    if (want.state === 'held') this.#parts.book.route(want, this.#parts.now())
  }

  #giveUp(want: ChunkWant): void {
    const isSaid = want.share !== undefined && want.share.state !== 'theirs'
    this.end(want)
    if (isSaid) this.#parts.onGivenUp(want)
  }

  #set(want: ChunkWant, share: Pick<Share, 'state' | 'claim' | 'by'>): void {
    this.#parts.book.setShare(want, { ...share, at: this.#parts.now(), isReady: false })
  }
}
