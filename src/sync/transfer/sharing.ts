import { BoundedMap } from '../../base/bounded-map.ts'
import { hashLength, type DeviceId } from '../ids.ts'
import type { ChunkPeer } from './chunk-peer.ts'
import type { ChunkWant } from './chunk-want.ts'
import { Claims } from './claims.ts'
import { Neighbour, verdicts, type NeighbourWire, type Trust } from './neighbour.ts'
import { ShareBook } from './share-book.ts'
import { Tellings } from './tellings.ts'
import type { Timers } from './timers.ts'
import { sharingLimits as limits, sharingTimes as times } from './transfer-limits.ts'
import type { WantBook } from './want-book.ts'

export interface SharingParts {
  readonly self: DeviceId
  readonly book: WantBook
  readonly peers: ReadonlyMap<DeviceId, ChunkPeer>
  readonly timers: Timers
  now(): number
  /** This device has the chunk, and can give it. */
  has(id: Uint8Array): boolean
  /** Something can be asked for now. */
  onChange(): void
}

/**
 * What some neighbour is about to fetch from far: a cache may want to have it too, and wants it before this returns. For
 * each id 1 if this device fetches it for both. The ids are valid during the call.
 */
export type OnClaimed = (ids: Uint8Array, peer: DeviceId) => Uint8Array | undefined

/**
 * Devices near each other fetch a chunk from far once: who is about to ask a far device for chunks claims them, hears from
 * all neighbours whether they have them or fetch them already, and tells when they are here. Nothing that is correct
 * depends on it: who promises and does not deliver is passed over, and not waited for again for a while.
 */
export class Sharing {
  readonly #parts: SharingParts
  readonly #shares: ShareBook
  readonly #tellings: Tellings
  readonly #neighbours = new Map<DeviceId, Neighbour>()
  /** Near, and believed. */
  #active: Neighbour[] = []
  readonly #trust: BoundedMap<DeviceId, Trust>
  readonly #claims: Claims
  /** Of this device among those that share, in the order of their ids. */
  #place = 0
  /** Of those that said they have something and had not, when they were asked. */
  #again: { readonly want: ChunkWant; readonly peer: ChunkPeer; readonly at: number }[] = []
  /** From the end of a claim of this device until the chunk was here. */
  #paceMs: number = times.paceMs
  #isTicking = false
  #isClosed = false
  onClaimed: OnClaimed = () => undefined

  constructor(parts: SharingParts) {
    this.#parts = parts
    const now = (): number => parts.now()
    this.#trust = new BoundedMap({ maxEntries: 256, maxAgeMs: 2 * times.ignoreLastMs, now })
    this.#tellings = new Tellings(parts.timers, this.#neighbours)
    const onGivenUp = (want: ChunkWant): void => this.#tellings.released(want)
    const { book, peers } = parts
    const shares = new ShareBook({ book, peers, now, onGivenUp })
    this.#shares = shares
    this.#claims = new Claims({ book, shares, peers, now, onChange: () => parts.onChange() })
  }

  get neighbours(): number {
    return this.#active.length
  }

  join(device: DeviceId, wire: NeighbourWire, roundTripMs: () => number | undefined): void {
    this.leave(device)
    if (this.#isClosed || this.#neighbours.size >= limits.neighbours) return
    const trust = this.#trust.get(device) ?? { strikes: 0, ignoredUntil: 0 }
    const own = { trust, now: this.#parts.now() }
    this.#neighbours.set(device, new Neighbour(device, wire, roundTripMs, own))
    this.#parts.onChange()
  }

  leave(device: DeviceId): void {
    const neighbour = this.#neighbours.get(device)
    if (neighbour === undefined) return
    this.#neighbours.delete(device)
    this.#letGo(neighbour)
    this.refresh()
    this.#parts.onChange()
  }

  close(): void {
    this.#isClosed = true
    this.#neighbours.clear()
    this.#active = []
    this.#claims.clear()
    this.#again = []
  }

  /** Before anything is asked: who is near and believed may have changed. */
  refresh(): void {
    if (this.#neighbours.size === 0 && this.#active.length === 0) return
    const { book, self, peers } = this.#parts
    const now = this.#parts.now()
    const active: Neighbour[] = []
    let place = 0
    for (const neighbour of this.#neighbours.values()) {
      if (!neighbour.isBelieved(now)) continue
      active.push(neighbour)
      if (neighbour.device < self) place++
    }
    this.#active = active
    this.#place = place
    if (active.length > 0) book.startSharing()
    else if (book.isShared) book.stopSharing(now)
    if (book.hasForFar && farWindows(peers) === 0) book.unclear(now)
  }

  /**
   * It will be asked by claims, as nobody near has what this device wants: if it had nothing of what it was asked for,
   * there is no need to try it for the rest.
   */
  tells(device: DeviceId): boolean {
    const { book, peers } = this.#parts
    if (!book.isShared || !this.#neighbours.has(device) || farWindows(peers) === 0) return false
    const now = this.#parts.now()
    for (const peer of peers.values()) if (peer.isNear && peer.gives && !peer.isCrawling(now)) return false
    return true
  }

  /** Claims what will be asked of far devices next. `mayFresh`: no device nearby is to be asked for it before. */
  claimMore(mayFresh: boolean): void {
    const { book, peers } = this.#parts
    if (!book.isShared || book.queuedIds === 0) return
    const room = this.#claims.room(farWindows(peers))
    if (room === undefined) return
    // Each begins with another part, so that two seldom claim the same.
    const count = this.#active.length + 1
    const wants = book.takeUnclaimed(room, mayFresh, ({ number }) => number % count === this.#place)
    if (wants.length > 0) this.#claim(wants, this.#active)
  }

  #claim(wants: readonly ChunkWant[], asked: readonly Neighbour[]): void {
    this.#claims.add(wants, asked)
    this.#tickLater()
  }

  /** A neighbour is about to fetch these. */
  claimed(device: DeviceId, number: number, ids: Uint8Array): void {
    const neighbour = this.#neighbours.get(device)
    if (neighbour === undefined) return
    neighbour.hasClaimed = true
    const now = this.#parts.now()
    const count = ids.length / hashLength
    const answer = new Uint8Array(count)
    const mayLook = neighbour.mayLook(count, now)
    const isBelieved = neighbour.isBelieved(now)
    const canFetch = mayLook && isBelieved && farWindows(this.#parts.peers) > 0
    const forBoth = canFetch ? this.onClaimed(ids, device) : undefined
    const taken: ChunkWant[] = []
    for (let index = 0; index < count; index++) {
      const id = ids.subarray(index * hashLength, (index + 1) * hashLength)
      const want = this.#parts.book.get(id)
      if (want !== undefined && forBoth?.[index] === 1 && this.#takes(want, taken)) {
        answer[index] = verdicts.mine
      } else if (want !== undefined) answer[index] = this.#judge(want, neighbour, isBelieved)
      else if (mayLook && this.#parts.has(id)) answer[index] = verdicts.here
    }
    neighbour.wire.answer(number, answer)
    if (taken.length > 0) {
      this.#claim(
        taken,
        this.#active.filter((other) => other !== neighbour),
      )
    }
    this.#tickLater()
  }

  /** Whether this device fetches it instead of the neighbour that claims it: `taken` has to be claimed of the others. */
  #takes(want: ChunkWant, taken: ChunkWant[]): boolean {
    const { share, state } = want
    if (share !== undefined && share.state !== 'claiming') return false
    if (state === 'asked') this.#shares.own(want)
    else if (state === 'queued' || state === 'held') {
      // What the neighbour says to an earlier claim counts no more: it leaves the chunk to this device.
      this.#shares.end(want)
      this.#parts.book.hold(want)
      taken.push(want)
    } else return false
    return true
  }

  #judge(want: ChunkWant, neighbour: Neighbour, isBelieved: boolean): number {
    const { peers, self } = this.#parts
    const { share, state } = want
    if (share?.state === 'ours') return verdicts.mine
    // Of two at the same time the lesser id has it: both ends see it alike.
    const mayLeave = isBelieved && this.#shares.mayLeave(want)
    if (share?.state === 'claiming' && (self < neighbour.device || !mayLeave)) return verdicts.mine
    if (state === 'settling' || (state === 'asked' && isAskedFar(want, peers))) {
      this.#shares.own(want)
      return verdicts.mine
    }
    if (mayLeave && share?.state !== 'theirs') this.#shares.leaveTo(want, neighbour)
    return verdicts.nothing
  }

  /** What a neighbour says to a claim of this device. Returns why it breaks the rules, if it does. */
  answered(device: DeviceId, number: number, answer: Uint8Array): string | undefined {
    const neighbour = this.#neighbours.get(device)
    if (neighbour === undefined) return undefined
    const fault = this.#claims.answered(neighbour, number, answer)
    this.#tickLater()
    this.#parts.onChange()
    return fault
  }

  /** A neighbour has these now. */
  told(device: DeviceId, ids: Uint8Array): void {
    const neighbour = this.#neighbours.get(device)
    if (neighbour === undefined) return
    const now = this.#parts.now()
    for (let offset = 0; offset < ids.length; offset += hashLength) {
      const want = this.#parts.book.get(ids.subarray(offset, offset + hashLength))
      if (want === undefined) continue
      const { share, state } = want
      if (share?.by === neighbour) neighbour.kept(share.at, now)
      if (neighbour.isBelieved(now) && state !== 'asked' && state !== 'settling') {
        this.#shares.tell(want, device)
      }
    }
    this.#parts.onChange()
  }

  /** A neighbour does not fetch these any more. */
  released(device: DeviceId, ids: Uint8Array): void {
    const neighbour = this.#neighbours.get(device)
    if (neighbour === undefined) return
    for (let offset = 0; offset < ids.length; offset += hashLength) {
      const want = this.#parts.book.get(ids.subarray(offset, offset + hashLength))
      if (want?.share?.by === neighbour) this.#shares.giveBack(want)
    }
    this.#parts.onChange()
  }

  /** It is here, and whoever wanted it has taken care of it. */
  got(want: ChunkWant): void {
    const { share } = want
    this.#shares.end(want)
    if (share?.state !== 'ours') {
      // Left to another one after it was claimed: who does not hear that one still waits for this device.
      if (want.wasClaimed) this.#tellings.got(want)
      return
    }
    this.#paceMs += (this.#parts.now() - share.at - this.#paceMs) / 8
    this.#tellings.got(want)
  }

  /** It was asked for and did not come: true if it is held now, until a neighbour has it. */
  missed(want: ChunkWant, peer: ChunkPeer): boolean {
    const { book } = this.#parts
    const note = want.noteOf(peer)
    const neighbour = this.#neighbours.get(peer.device)
    if (note !== undefined && note.told > 0 && neighbour !== undefined) {
      if (note.told <= limits.toldMisses) {
        const at = this.#parts.now() + times.againMs * 2 ** (note.told - 1)
        book.hold(want)
        this.#again.push({ want, peer, at })
        this.#tickLater()
        return true
      }
      note.told = 0
      this.#distrust(neighbour)
    }
    if (want.share?.state !== 'theirs') return false
    // A neighbour claimed it while another one was asked in vain.
    book.hold(want)
    return true
  }

  /** Nothing is expected of it any more. */
  #letGo(neighbour: Neighbour): void {
    for (const want of neighbour.held) this.#shares.giveBack(want)
    this.#claims.leave(neighbour)
  }

  #distrust(neighbour: Neighbour): void {
    neighbour.distrust(this.#parts.now())
    this.#trust.set(neighbour.device, neighbour.trust)
    this.#letGo(neighbour)
    this.refresh()
    this.#parts.onChange()
  }

  #tickLater(): void {
    if (this.#isTicking || this.#isClosed || !this.#isBusy()) return
    this.#isTicking = true
    this.#parts.timers.after(times.tickMs, () => {
      this.#isTicking = false
      if (this.#isClosed) return
      this.#tick()
      this.#tickLater()
    })
  }

  #isBusy(): boolean {
    if (!this.#claims.isEmpty || this.#again.length > 0) return true
    for (const { held } of this.#neighbours.values()) if (held.size > 0) return true
    return false
  }

  #tick(): void {
    const now = this.#parts.now()
    this.#claims.tick(now)
    for (const neighbour of this.#neighbours.values()) if (neighbour.isLate(now)) this.#distrust(neighbour)
    if (this.#again.length > 0) this.#askAgain(now)
    if (this.#isIdle()) this.#takeOver(now)
  }

  /** It has far devices, and nothing to ask them for. */
  #isIdle(): boolean {
    const { book, peers } = this.#parts
    if (book.readyIds > 0 || this.#shares.claimingIds > 0 || farWindows(peers) === 0) return false
    for (const peer of peers.values()) if (!peer.isNear && !peer.isIdle) return false
    return true
  }

  /** What would have been here long ago if this device had fetched it: all others but the one that promised are asked. */
  #takeOver(now: number): void {
    const patienceMs = Math.max(times.takeOverMs, 4 * this.#paceMs)
    for (const neighbour of this.#neighbours.values()) {
      const taken: ChunkWant[] = []
      let bytes = 0
      for (const want of neighbour.held) {
        if (now - (want.share?.at ?? now) < patienceMs || bytes >= limits.leastAhead) break
        if (taken.length === limits.ids) break
        if (want.state !== 'held') continue
        taken.push(want)
        bytes += want.sealedLength
      }
      if (taken.length === 0) continue
      this.#claim(
        taken,
        this.#active.filter((other) => other !== neighbour),
      )
      return
    }
  }

  #askAgain(now: number): void {
    const { book, peers } = this.#parts
    const due = this.#again.filter(({ at }) => at <= now)
    this.#again = this.#again.filter(({ at }) => at > now)
    for (const { want, peer } of due) {
      if (want.state !== 'held' || want.share !== undefined) continue
      if (peers.get(peer.device) === peer) book.tell(want, peer)
      else book.route(want, now)
    }
    if (due.length > 0) this.#parts.onChange()
  }
}

function isAskedFar(want: ChunkWant, peers: ReadonlyMap<DeviceId, ChunkPeer>): boolean {
  for (const peer of peers.values()) {
    if (want.request !== undefined && peer.requests.includes(want.request)) return !peer.isNear
  }
  return false
}

/** Bytes that far devices may be asked for; 0 if there is none. */
function farWindows(peers: ReadonlyMap<DeviceId, ChunkPeer>): number {
  let windows = 0
  for (const peer of peers.values()) if (peer.isUsed && !peer.isNear) windows += peer.window
  return windows
}
