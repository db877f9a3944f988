import { chunkIdLength } from '../content/content.ts'
import type { ChunkPeer } from './chunk-peer.ts'
import { ChunkWant, WantQueue, type ChunkTaker, type Share, type WantState } from './chunk-want.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'

const bucketMs = 1_000
/** Cancelled wants that may stay in queues. */
const mostDead = 1_024

/**
 * All chunks that are wanted, and whom to ask for them next. What nobody refused stands in one queue for all; what
 * somebody did not have stands in the queues of the others; what nobody has is parked until it is time to ask again.
 * While it `isShared` with neighbours, devices that are far are asked only for what has been cleared with them.
 */
export class WantBook {
  readonly #peers: ReadonlyMap<string, ChunkPeer>
  readonly #wants = new Map<string, ChunkWant>()
  readonly #takers = new Map<ChunkTaker, Set<ChunkWant>>()
  #fresh = new WantQueue()
  /** Was asked of somebody who is gone: goes first. */
  #returned = new WantQueue()
  /** Not cleared: what no device nearby has; and what was left for neighbours to begin with. */
  #unclaimed = new WantQueue()
  #others = new WantQueue()
  /** For devices that are far. */
  #cleared = new WantQueue()
  #isShared = false
  readyIds = 0
  readyBytes = 0
  /** Told when a want ends, or waits for better times. */
  onUnshared: (want: ChunkWant) => void = () => {}
  /** By the second in which to ask again. */
  readonly #parked = new Map<number, ChunkWant[]>()
  #dead = 0
  queuedIds = 0
  queuedBytes = 0
  wantedBytes = 0
  missingIds = 0
  missingBytes = 0

  constructor(peers: ReadonlyMap<string, ChunkPeer>) {
    this.#peers = peers
  }

  get wantedIds(): number {
    return this.#wants.size
  }

  get(id: Uint8Array): ChunkWant | undefined {
    return this.#wants.get(idText(id))
  }

  get isShared(): boolean {
    return this.#isShared
  }

  startSharing(): void {
    this.#isShared = true
  }

  stopSharing(now: number): void {
    this.#isShared = false
    this.unclear(now)
    for (const queue of [this.#unclaimed, this.#others]) {
      for (let want = queue.take(); want !== undefined; want = queue.take()) this.route(want, now)
    }
  }

  /** Something waits for a device that is far. */
  get hasForFar(): boolean {
    return this.readyIds > 0 || this.#unclaimed.first() !== undefined
  }

  /** Nobody is far, or nobody who is can be asked: those nearby are, also who counted as far before. */
  unclear(now: number): void {
    for (let want = this.#unclaimed.take(); want !== undefined; want = this.#unclaimed.take()) {
      this.route(want, now)
    }
    for (let want = this.#cleared.take(); want !== undefined; want = this.#cleared.take()) {
      if (want.share !== undefined) this.onUnshared(want)
      this.route(want, now)
    }
  }

  get hasParked(): boolean {
    return this.#parked.size > 0
  }

  want(id: Uint8Array, sealedLength: number, taker: ChunkTaker): void {
    const isPossible = sealedLength <= limits.payloadBytes
    const key = isPossible ? idText(id) : `${idText(id)}/${sealedLength}`
    const known = this.#wants.get(key)
    if (known?.takers.includes(taker) === true) return
    known?.takers.push(taker)
    const want = known ?? this.#add(new ChunkWant(key, sealedLength, taker), isPossible)
    const wants = this.#takers.get(taker)
    if (wants === undefined) this.#takers.set(taker, new Set([want]))
    else wants.add(want)
  }

  #add(want: ChunkWant, isPossible: boolean): ChunkWant {
    this.#wants.set(want.key, want)
    this.wantedBytes += want.sealedLength
    if (isPossible) {
      this.queuedIds++
      this.queuedBytes += want.sealedLength
      this.#fresh.push(want)
    } else {
      want.state = 'parked'
      want.parkedUntil = Infinity
      this.#setMissing(want, true)
    }
    return want
  }

  /** Nobody connected has any of what it waits for. */
  lacks(taker: ChunkTaker): boolean {
    const wants = this.#takers.get(taker)
    if (wants === undefined) return false
    for (const { isMissing } of wants) if (!isMissing) return false
    return true
  }

  isMissing(id: Uint8Array): boolean {
    return this.#wants.get(idText(id))?.isMissing ?? false
  }

  isWanted(want: ChunkWant, taker: ChunkTaker): boolean {
    return this.#takers.get(taker)?.has(want) ?? false
  }

  /** Drops all wants of a taker. Those that nobody needs now and that somebody was asked for are told. */
  cancel(taker: ChunkTaker, onUseless: (want: ChunkWant) => void): void {
    const wants = this.#takers.get(taker)
    if (wants === undefined) return
    this.#takers.delete(taker)
    for (const want of wants) this.#withdraw(want, taker, onUseless)
    this.#sweepIfMany()
  }

  /** Drops some of them. */
  cancelSome(taker: ChunkTaker, ids: Iterable<Uint8Array>, onUseless: (want: ChunkWant) => void): void {
    for (const id of ids) {
      const want = this.get(id)
      if (want === undefined || !this.isWanted(want, taker)) continue
      this.satisfied(want, taker)
      this.#withdraw(want, taker, onUseless)
    }
    this.#sweepIfMany()
  }

  #withdraw(want: ChunkWant, taker: ChunkTaker, onUseless: (want: ChunkWant) => void): void {
    want.takers = want.takers.filter((other) => other !== taker)
    if (want.takers.length > 0 || want.state === 'settling') return
    if (want.request !== undefined) onUseless(want)
    else if (want.state === 'queued') this.#dead++
    this.finish(want)
  }

  #sweepIfMany(): void {
    if (this.#dead > mostDead && this.#dead > this.queuedIds) this.#sweep()
  }

  /** The taker has it. */
  satisfied(want: ChunkWant, taker: ChunkTaker): void {
    const wants = this.#takers.get(taker)
    if (wants === undefined) return
    wants.delete(want)
    if (wants.size === 0) this.#takers.delete(taker)
  }

  finish(want: ChunkWant): void {
    if (want.state === 'done') return
    this.setState(want, 'done')
    this.#setMissing(want, false)
    if (want.share !== undefined) this.onUnshared(want)
    this.#wants.delete(want.key)
    this.wantedBytes -= want.sealedLength
  }

  setState(want: ChunkWant, state: WantState): void {
    const change = (state === 'queued' ? 1 : 0) - (want.state === 'queued' ? 1 : 0)
    this.queuedIds += change
    this.queuedBytes += change * want.sealedLength
    want.state = state
    if (change < 0 && want.share?.isReady === true) this.#setReady(want, want.share, false)
  }

  setShare(want: ChunkWant, share: Share | undefined): void {
    if (want.share?.isReady === true) this.#setReady(want, want.share, false)
    want.share = share
  }

  /** A device nearby is going to have it, or is asked: nobody else is, until it is routed again. */
  hold(want: ChunkWant): void {
    this.#setMissing(want, false)
    this.setState(want, 'held')
  }

  /** What to ask this device for: at most so many bytes and ids, but one in any case. */
  collect(peer: ChunkPeer, most: { bytes: number; ids: number; ownOnly: boolean }, now: number): ChunkWant[] {
    const wants: ChunkWant[] = []
    let bytes = 0
    while (wants.length < most.ids && bytes < most.bytes) {
      const queue = this.#queueFor(peer, most.ownOnly, now)
      const want = queue?.first()
      if (want === undefined || (bytes > 0 && bytes + want.sealedLength > most.bytes)) break
      queue?.shift()
      bytes += want.sealedLength
      this.setState(want, 'asked')
      wants.push(want)
    }
    return wants
  }

  /**
   * What to clear with neighbours, held meanwhile. `isOwn`: what to begin with, the rest is left to them as long as there
   * is any of it. `mayFresh`: no device nearby is to be asked before.
   */
  takeUnclaimed(
    most: { bytes: number; ids: number },
    mayFresh: boolean,
    isOwn: (want: ChunkWant) => boolean,
  ): ChunkWant[] {
    const wants: ChunkWant[] = []
    let bytes = 0
    while (wants.length < most.ids && bytes < most.bytes) {
      let want = this.#unclaimed.take()
      if (want === undefined && mayFresh) {
        want = this.#returned.take() ?? this.#takeOwn(isOwn) ?? this.#others.take()
      }
      if (want === undefined) break
      if (want.share?.state === 'ours') continue
      this.setState(want, 'held')
      bytes += want.sealedLength
      wants.push(want)
    }
    return wants
  }

  /** The device has it: asked before all others, whatever it said earlier. */
  tell(want: ChunkWant, peer: ChunkPeer): void {
    const note = want.noteOf(peer) ?? want.makeNote(peer)
    note.until = 0
    note.delayMs = 0
    note.told++
    this.#setMissing(want, false)
    this.setState(want, 'queued')
    if (note.isListed) return
    note.isListed = true
    peer.own.push(want)
  }

  /** The device has what it said, and gives next to nothing: what waits for it alone goes to others. */
  untell(peer: ChunkPeer, now: number): void {
    const wants: ChunkWant[] = []
    const kept: ChunkWant[] = []
    for (let want = peer.own.take(); want !== undefined; want = peer.own.take()) {
      const isTold = (want.noteOf(peer)?.told ?? 0) > 0
      ;(isTold ? wants : kept).push(want)
    }
    for (const want of kept) {
      const note = want.noteOf(peer)
      if (note !== undefined) note.isListed = true
      peer.own.push(want)
    }
    for (const want of wants) {
      const note = want.noteOf(peer)
      if (note !== undefined) note.told = 0
      this.refused(want, peer, now)
      this.route(want, now)
    }
  }

  /** The device does not have it; or had something else, and is not asked for `leastMs` then. */
  refused(want: ChunkWant, peer: ChunkPeer, now: number, leastMs = 0): void {
    const note = want.noteOf(peer) ?? want.makeNote(peer)
    note.delayMs = Math.max(
      leastMs,
      Math.min(times.missLastMs, Math.max(times.missFirstMs, note.delayMs * 2)),
    )
    note.until = now + note.delayMs
  }

  /** It has to be asked for, of somebody. */
  route(want: ChunkWant, now: number): void {
    this.setState(want, 'queued')
    const notes = want.notes?.filter(({ peer }) => peer.isUsed)
    want.notes = notes === undefined || notes.length === 0 ? undefined : notes
    const isOurs = this.#isShared && want.share?.state === 'ours'
    if (want.notes === undefined) {
      if (isOurs) this.#clear(want)
      else this.#returned.push(want)
      return
    }
    let until = Infinity
    let isListed = false
    let isUnclaimed = false
    for (const peer of this.#peers.values()) {
      const isNear = this.#isShared && peer.isNear
      if (isNear && isOurs) continue
      const note = want.noteOf(peer) ?? want.makeNote(peer)
      if (note.until > now) {
        until = Math.min(until, note.until)
        continue
      }
      if (this.#isShared && !isNear && !isOurs) {
        isUnclaimed = true
        continue
      }
      isListed = true
      if (note.isListed) continue
      note.isListed = true
      peer.own.push(want)
    }
    if (isListed) return
    if (isUnclaimed) this.#unclaimed.push(want)
    else if (isOurs) {
      // Nobody far has it: a device nearby may, by now.
      this.onUnshared(want)
      this.route(want, now)
    } else this.#park(want, until)
  }

  /** Asks again for what is due. */
  tick(now: number): void {
    for (const [bucket, wants] of this.#parked) {
      if (bucket * bucketMs > now) continue
      this.#parked.delete(bucket)
      for (const want of wants) {
        if (want.state === 'parked' && want.parkedUntil === bucket) this.route(want, now)
      }
    }
  }

  /** A device came, went, or may have more than it had: what was parked is looked at again. */
  unpark(now: number, retried?: ChunkPeer): void {
    const buckets = [...this.#parked.values()]
    this.#parked.clear()
    for (const wants of buckets) {
      for (const want of wants) {
        if (want.state !== 'parked') continue
        const note = retried === undefined ? undefined : want.noteOf(retried)
        if (note !== undefined && note.delayMs < times.liedMs) note.until = 0
        this.#setMissing(want, false)
        this.route(want, now)
      }
    }
  }

  /** The device is gone: what stood in its queue goes to others. */
  leave(peer: ChunkPeer, now: number): void {
    for (let want = peer.own.shift(); want !== undefined; want = peer.own.shift()) {
      if (want.state === 'queued') this.route(want, now)
    }
  }

  clear(): void {
    for (const want of this.#wants.values()) want.state = 'done'
    this.#wants.clear()
    this.#takers.clear()
    this.#parked.clear()
    this.#fresh = new WantQueue()
    this.#returned = new WantQueue()
    this.#unclaimed = new WantQueue()
    this.#others = new WantQueue()
    this.#cleared = new WantQueue()
    this.readyIds = 0
    this.readyBytes = 0
    this.queuedIds = 0
    this.queuedBytes = 0
    this.wantedBytes = 0
    this.missingIds = 0
    this.missingBytes = 0
  }

  #queueFor(peer: ChunkPeer, ownOnly: boolean, now: number): WantQueue | undefined {
    const isFar = this.#isShared && !peer.isNear
    if (this.#firstOwn(peer, isFar, now) !== undefined) return peer.own
    if (isFar) return this.#firstCleared() === undefined ? undefined : this.#cleared
    if (ownOnly) return undefined
    if (this.#returned.first() !== undefined) return this.#returned
    return this.#fresh.first() === undefined ? this.#others : this.#fresh
  }

  #firstOwn(peer: ChunkPeer, isFar: boolean, now: number): ChunkWant | undefined {
    for (;;) {
      const want = peer.own.first()
      if (want === undefined) return undefined
      const note = want.noteOf(peer)
      const isDue = note !== undefined && note.until <= now
      if (isDue && (!isFar || want.share?.state === 'ours')) return want
      peer.own.shift()
      if (isDue) this.#unclaimed.push(want)
    }
  }

  #firstCleared(): ChunkWant | undefined {
    for (;;) {
      const want = this.#cleared.first()
      if (want === undefined || want.share?.state === 'ours') return want
      this.#cleared.shift()
    }
  }

  #takeOwn(isOwn: (want: ChunkWant) => boolean): ChunkWant | undefined {
    for (;;) {
      const want = this.#fresh.take()
      if (want === undefined || isOwn(want)) return want
      this.#others.push(want)
    }
  }

  #clear(want: ChunkWant): void {
    this.#cleared.push(want)
    if (want.share?.isReady === false) this.#setReady(want, want.share, true)
  }

  #setReady(want: ChunkWant, share: Share, isReady: boolean): void {
    share.isReady = isReady
    this.readyIds += isReady ? 1 : -1
    this.readyBytes += isReady ? want.sealedLength : -want.sealedLength
  }

  #park(want: ChunkWant, until: number): void {
    this.setState(want, 'parked')
    this.#setMissing(want, true)
    const bucket = Math.ceil(until / bucketMs)
    want.parkedUntil = bucket
    const wants = this.#parked.get(bucket)
    if (wants === undefined) this.#parked.set(bucket, [want])
    else wants.push(want)
  }

  #setMissing(want: ChunkWant, isMissing: boolean): void {
    if (want.isMissing === isMissing) return
    want.isMissing = isMissing
    this.missingIds += isMissing ? 1 : -1
    this.missingBytes += isMissing ? want.sealedLength : -want.sealedLength
  }

  #sweep(): void {
    this.#dead = 0
    for (const queue of [this.#fresh, this.#returned, this.#unclaimed, this.#others, this.#cleared]) {
      queue.sweep()
    }
    for (const peer of this.#peers.values()) peer.own.sweep()
  }
}

/** For maps: one character for each byte. */
function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, chunkIdLength).toString('latin1')
}
