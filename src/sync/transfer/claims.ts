import type { DeviceId } from '../ids.ts'
import type { ChunkPeer } from './chunk-peer.ts'
import { idsOf, type ChunkWant } from './chunk-want.ts'
import { verdicts, type Claim, type Neighbour } from './neighbour.ts'
import type { ShareBook } from './share-book.ts'
import { sharingLimits as limits, sharingTimes as times, transferLimits } from './transfer-limits.ts'
import type { WantBook } from './want-book.ts'

export interface ClaimsParts {
  readonly book: WantBook
  readonly shares: ShareBook
  readonly peers: ReadonlyMap<DeviceId, ChunkPeer>
  now(): number
  onChange(): void
}

/** What this device has claimed, until all neighbours have answered. */
export class Claims {
  readonly #parts: ClaimsParts
  readonly #open = new Set<Claim>()
  #number = 0

  constructor(parts: ClaimsParts) {
    this.#parts = parts
  }

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  /** How much may be claimed now, given what far devices may be asked for. */
  room(windows: number): { readonly bytes: number; readonly ids: number } | undefined {
    const { book, shares } = this.#parts
    const ahead = Math.min(limits.mostAhead, Math.max(limits.leastAhead, windows / 2))
    const bytes = ahead - shares.claimingBytes - book.readyBytes
    const ids = Math.min(limits.ids, transferLimits.askedIds - shares.claimingIds - book.readyIds)
    return windows === 0 || bytes < ahead / 2 || ids < limits.ids / 2 ? undefined : { bytes, ids }
  }

  add(wants: readonly ChunkWant[], asked: readonly Neighbour[]): void {
    const { shares } = this.#parts
    const settlesAt = this.#parts.now() + times.claimMs
    const waiting = new Set(asked)
    const claim: Claim = { number: this.#number++, wants, waiting, settlesAt, isSettled: false }
    for (const want of wants) shares.claim(want, claim)
    this.#open.add(claim)
    const ids = idsOf(wants)
    for (const neighbour of asked) neighbour.claimed(claim, ids)
    if (asked.length === 0) this.#settle(claim)
  }

  /** Why the answer breaks the rules, if it does. */
  answered(neighbour: Neighbour, number: number, answer: Uint8Array): string | undefined {
    if (number >= this.#number) return 'an answer to no claim'
    const claim = neighbour.claims.get(number)
    if (claim === undefined) return undefined
    neighbour.claims.delete(number)
    if (answer.length !== claim.wants.length) return 'an answer to another claim'
    const { shares, peers } = this.#parts
    const isBelieved = neighbour.isBelieved(this.#parts.now())
    let isTold = false
    for (const [index, want] of claim.wants.entries()) {
      const verdict = answer[index]
      // Late answers count as long as nobody has been asked.
      if (verdict === verdicts.nothing || !isBelieved || !isOpen(want, claim)) continue
      if (verdict === verdicts.mine) {
        if (shares.mayLeave(want)) shares.leaveTo(want, neighbour)
      } else isTold = shares.tell(want, neighbour.device) || isTold
    }
    if (isTold) peers.get(neighbour.device)?.moisten()
    claim.waiting.delete(neighbour)
    if (claim.waiting.size === 0) this.#settle(claim)
    return undefined
  }

  /** It does not answer any more. */
  leave(neighbour: Neighbour): void {
    neighbour.claims.clear()
    for (const claim of this.#open) {
      if (claim.waiting.delete(neighbour) && claim.waiting.size === 0) this.#settle(claim)
    }
  }

  tick(now: number): void {
    for (const claim of this.#open) if (claim.settlesAt <= now) this.#settle(claim)
  }

  clear(): void {
    this.#open.clear()
  }

  /** All have answered, or it is time: what nobody has or fetches is this device's to fetch. */
  #settle(claim: Claim): void {
    if (claim.isSettled) return
    claim.isSettled = true
    this.#open.delete(claim)
    const { book, shares } = this.#parts
    const now = this.#parts.now()
    for (const want of claim.wants) {
      if (want.share?.claim !== claim) continue
      shares.own(want)
      book.route(want, now)
    }
    this.#parts.onChange()
  }
}

/** Nobody has been asked for it since it was claimed. */
function isOpen(want: ChunkWant, claim: Claim): boolean {
  if (want.share?.claim === claim) return true
  return claim.isSettled && want.share?.state === 'ours' && want.state === 'queued'
}
