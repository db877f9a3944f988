import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import type { DeviceId } from '../ids.ts'
import type { FrameStream } from '../link/link.ts'
import { Asker } from './asker.ts'
import type { ListPart } from './chunk-message.ts'
import { ChunkPeer, type AskedRange, type AskedWants, type PeerOwner } from './chunk-peer.ts'
import type { ChunkTaker, ChunkWant } from './chunk-want.ts'
import { Handover } from './handover.ts'
import { ListFetcher } from './list-fetcher.ts'
import type { RateLimit } from './rate-limit.ts'
import { RateMeter } from './rate-meter.ts'
import { Sharing } from './sharing.ts'
import { systemTimers, type Timers } from './timers.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'
import { WantBook } from './want-book.ts'

export type { ChunkTaker } from './chunk-want.ts'

export interface ChunkFetcherOptions {
  readonly clock: Clock
  /** Of what is received, for all folders. */
  readonly rate: RateLimit
  /** SHA3-256, for lists. */
  readonly hash: (bytes: Uint8Array) => Uint8Array
  /** A device lied, broke the protocol, or is `slow…`. */
  readonly onStrike: (peer: DeviceId, detail: string) => void
  /** Its stream is closed, and not by `removePeer` or `close`. */
  readonly onPeerGone?: (peer: DeviceId, reason: string) => void
  /** Bytes asked for, or received and not yet taken care of. */
  readonly windowBytes?: number
  /** This device, and what it has: for neighbours that fetch from far for each other. */
  readonly self?: DeviceId
  readonly has?: (id: Uint8Array) => boolean
  readonly timers?: Timers
}

export interface FetchStats {
  /** Received, per second, over the last five. */
  readonly bytesPerSecond: number
  readonly receivedBytes: number
  /** Of these, from near devices. */
  readonly nearBytes: number
  /** Asked for. */
  readonly outstandingBytes: number
  /** Handed over and not yet taken care of. */
  readonly settlingBytes: number
  readonly wantedIds: number
  readonly wantedBytes: number
  /** Of those, what nobody connected has. */
  readonly missingIds: number
  readonly missingBytes: number
  readonly lists: number
  readonly missingLists: number
}

/**
 * Fetches chunks of one folder by their ids from all devices that are connected: near ones first, then those with least
 * to do, and whoever does not have one leaves it to the others. What is under way and what nobody has taken care of is
 * bounded; nothing here checks what a chunk holds, the takers do.
 */
export class ChunkFetcher {
  readonly #options: ChunkFetcherOptions
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #window: number
  readonly #peers = new Map<DeviceId, ChunkPeer>()
  readonly #book = new WantBook(this.#peers)
  readonly #lists: ListFetcher
  readonly #handover: Handover
  readonly #meter = new RateMeter()
  #nearBytes = 0
  readonly #strikes: BoundedMap<DeviceId, number>
  readonly #asker: Asker
  /** With devices nearby, so that a chunk comes from far once. */
  readonly sharing: Sharing
  #isPaused = false
  #isTicking = false
  #isClosed = false

  constructor(options: ChunkFetcherOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#timers = options.timers ?? systemTimers
    this.#window = options.windowBytes ?? limits.window
    this.#lists = new ListFetcher(options.hash)
    const now = (): number => this.#clock.monotonic()
    this.#strikes = new BoundedMap({ maxEntries: 1_024, maxAgeMs: times.liedMs, now })
    this.sharing = new Sharing({
      self: options.self ?? '',
      book: this.#book,
      peers: this.#peers,
      timers: this.#timers,
      now,
      has: (id) => options.has?.(id) ?? false,
      onChange: () => this.#asker.schedule(),
    })
    this.#handover = new Handover({
      book: this.#book,
      now,
      onLie: (peer) => this.#strike(peer, 'a chunk that is not what its id says'),
      onGot: (want) => this.sharing.got(want),
      onSettled: () => {
        this.#unpause()
        this.#asker.schedule()
      },
    })
    this.#asker = new Asker({
      peers: this.#peers,
      book: this.#book,
      lists: this.#lists,
      handover: this.#handover,
      sharing: this.sharing,
      lane: options.rate.lane(),
      window: this.#window,
      now,
      onAsked: () => this.#tickLater(),
    })
  }

  /**
   * Asks this device as well, on a stream that was opened for it and is the fetcher's from now on. `bytesIn`: what its link
   * has received so far; without it, a chunk that takes more than 20 seconds to come counts as silence.
   */
  addPeer(
    peer: DeviceId,
    stream: FrameStream,
    roundTripMs: () => number | undefined,
    bytesIn: () => number = () => 0,
  ): void {
    const before = this.#peers.get(peer)
    if (before !== undefined) this.#drop(before, 'another stream takes its place')
    const tells = (): boolean => this.sharing.tells(peer)
    const added = new ChunkPeer(peer, stream, { roundTripMs, bytesIn, tells }, this.#owner)
    if (this.#isClosed || (this.#strikes.get(peer) ?? 0) >= limits.strikes) {
      added.isUsed = false
      added.start()
      stream.close('refused for what it sent')
      queueMicrotask(() => this.#options.onPeerGone?.(peer, 'refused for what it sent'))
      return
    }
    this.#peers.set(peer, added)
    added.start()
    if (this.#isPaused) stream.pause()
    this.#book.unpark(this.#clock.monotonic())
    this.#asker.schedule()
  }

  removePeer(peer: DeviceId): void {
    const found = this.#peers.get(peer)
    if (found !== undefined) this.#drop(found, 'not asked any more')
  }

  /** The device may have now what it did not have. */
  retry(peer: DeviceId): void {
    const found = this.#peers.get(peer)
    if (found === undefined) return
    found.moisten()
    this.#lists.retry(found)
    this.#book.unpark(this.#clock.monotonic(), found)
    this.#asker.schedule()
  }

  /**
   * `sealedLength`: where it is not known, as without keys, an estimate; a chunk of another length is as good, and costs
   * the window what it is.
   * A second want of the same chunk for the same taker is the same want, unless the chunk has been handed over already.
   */
  want(id: Uint8Array, sealedLength: number, taker: ChunkTaker): void {
    if (this.#isClosed) return
    this.#book.want(id, sealedLength, taker)
    this.#asker.schedule()
  }

  /** All who are connected have said of all that this taker waits for that they do not have it. */
  lacks(taker: ChunkTaker): boolean {
    return this.#peers.size > 0 && this.#book.lacks(taker)
  }

  /** All who are connected have said that they do not have this chunk. */
  isMissing(id: Uint8Array): boolean {
    return this.#peers.size > 0 && this.#book.isMissing(id)
  }

  /** The taker gets nothing more; or nothing of these, but for what it has been handed already. */
  cancel(taker: ChunkTaker, ids?: Iterable<Uint8Array>): void {
    const useless = new Set<AskedWants>()
    const onUseless = (want: ChunkWant): void => {
      const { request } = want
      want.request = undefined
      if (request !== undefined && --request.live === 0) useless.add(request)
    }
    if (ids === undefined) this.#book.cancel(taker, onUseless)
    else this.#book.cancelSome(taker, ids, onUseless)
    for (const request of useless) {
      for (const peer of this.#peers.values()) if (peer.requests.includes(request)) peer.cancel(request)
    }
  }

  /**
   * A list of so many chunk ids, verified. Waits until somebody has it: `signal` ends that. Rejects with HarpError
   * TRANSFER_LIST_TOO_LARGE, TRANSFER_CANCELLED or TRANSFER_CLOSED.
   */
  async wantList(hash: string, count: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#isClosed) throw closed()
    const list = this.#lists.want(hash, count, signal)
    this.#asker.schedule()
    return list
  }

  stats(): FetchStats {
    const book = this.#book
    const isAlone = this.#peers.size === 0
    return {
      bytesPerSecond: this.#meter.perSecond(this.#clock.monotonic()),
      receivedBytes: this.#meter.total,
      nearBytes: this.#nearBytes,
      outstandingBytes: this.#asker.outstanding,
      settlingBytes: this.#handover.bytes,
      wantedIds: book.wantedIds,
      wantedBytes: book.wantedBytes,
      missingIds: isAlone ? book.wantedIds : book.missingIds,
      missingBytes: isAlone ? book.wantedBytes : book.missingBytes,
      lists: this.#lists.size,
      missingLists: this.#lists.missing(this.#peers.values()),
    }
  }

  /** Closes all streams; takers hear nothing more, and who waits for a list is told. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.sharing.close()
    for (const peer of this.#peers.values()) this.#drop(peer, 'the folder is closed')
    this.#book.clear()
    this.#lists.close(closed())
    this.#asker.stop()
  }

  readonly #owner: PeerOwner = {
    now: () => this.#clock.monotonic(),
    onChunks: (peer, request, message, payload) => this.#take(peer, request, message.lengths, payload),
    onList: (peer, request, message, payload) => this.#takeList(peer, request, message, payload),
    onFault: (peer, detail) => {
      this.#strike(peer, detail)
      this.#lose(peer, `refused: ${detail}`)
    },
    onRoom: () => this.#asker.schedule(),
    onClose: (peer, reason) => this.#lose(peer, reason),
  }

  #take(peer: ChunkPeer, request: AskedWants, lengths: readonly number[], payload: Uint8Array): void {
    const now = this.#clock.monotonic()
    this.#meter.add(payload.length, now)
    if (peer.isNear) this.#nearBytes += payload.length
    let offset = 0
    for (const length of lengths) {
      const want = request.wants[request.next]
      if (want === undefined || !peer.isUsed) break
      peer.advance(request, length > 0)
      this.#asker.came(want.sealedLength, length)
      if (want.request === request) {
        want.request = undefined
        request.live--
      }
      if (length === 0) {
        if (want.state !== 'asked') continue
        if (this.sharing.missed(want, peer)) continue
        this.#book.refused(want, peer, now)
        this.#book.route(want, now)
        continue
      }
      const sealed = length === payload.length ? payload : payload.subarray(offset, offset + length)
      offset += length
      if (want.state === 'asked') this.#handover.give(want, sealed, peer)
    }
    this.#pauseIfFull()
    this.#asker.schedule()
  }

  #takeList(peer: ChunkPeer, request: AskedRange, { total }: ListPart, part: Uint8Array): void {
    const now = this.#clock.monotonic()
    this.#meter.add(part.length, now)
    if (peer.isNear) this.#nearBytes += part.length
    peer.advanceList(request)
    this.#asker.came(request.length, part.length)
    const outcome = this.#lists.received(request, total, part, now)
    if (outcome === 'lie') this.#strike(peer, 'a list that is not what its hash says')
    else if (outcome === 'fault') this.#owner.onFault(peer, 'another part of a list than was asked for')
    this.#asker.schedule()
  }

  /** Only if somebody sends more than it was asked for: its chunks are longer than they should be. */
  #pauseIfFull(): void {
    if (this.#isPaused || this.#handover.bytes <= this.#window * 1.5) return
    this.#isPaused = true
    for (const { stream } of this.#peers.values()) stream.pause()
  }

  #unpause(): void {
    if (!this.#isPaused || this.#handover.bytes > this.#window) return
    this.#isPaused = false
    for (const peer of this.#peers.values()) {
      peer.excuse(this.#clock.monotonic())
      peer.stream.resume()
    }
  }

  #strike(peer: ChunkPeer, detail: string): void {
    const count = (this.#strikes.get(peer.device) ?? 0) + 1
    this.#strikes.set(peer.device, count)
    this.#options.onStrike(peer.device, detail)
    if (count >= limits.strikes) this.#lose(peer, 'refused for what it sent')
  }

  /** By no wish of the owner. */
  #lose(peer: ChunkPeer, reason: string): void {
    if (!peer.isUsed) return
    this.#drop(peer, reason)
    this.#options.onPeerGone?.(peer.device, reason)
  }

  #drop(peer: ChunkPeer, reason: string): void {
    peer.isUsed = false
    this.#peers.delete(peer.device)
    const now = this.#clock.monotonic()
    this.#asker.spend(-peer.outstandingBytes)
    for (const request of peer.requests) {
      if (request.kind === 'list') continue
      for (const want of request.wants.slice(request.next)) {
        if (want.request !== request) continue
        want.request = undefined
        if (want.state !== 'asked') continue
        if (want.share?.state === 'theirs') this.#book.hold(want)
        else this.#book.route(want, now)
      }
    }
    this.#book.leave(peer, now)
    this.#book.unpark(now)
    this.#lists.leave(peer)
    peer.stream.close(reason.slice(0, 200))
    this.#asker.schedule()
  }

  #tickLater(): void {
    if (this.#isTicking || this.#isClosed || !this.#hasDeadlines()) return
    this.#isTicking = true
    this.#timers.after(times.tickMs, () => {
      this.#isTicking = false
      this.#tick()
    })
  }

  #hasDeadlines(): boolean {
    if (this.#peers.size === 0) return false
    return (
      this.#asker.outstanding > 0 || this.#book.hasParked || this.#book.queuedIds > 0 || this.#lists.size > 0
    )
  }

  #tick(): void {
    if (this.#isClosed) return
    const now = this.#clock.monotonic()
    this.#book.tick(now)
    for (const peer of this.#peers.values()) {
      const overdue = this.#isPaused ? undefined : peer.overdue(now)
      if (overdue === undefined) {
        if (peer.isNear && peer.isCrawling(now)) this.#book.untell(peer, now)
        continue
      }
      this.#options.onStrike(peer.device, overdue)
      this.#lose(peer, overdue)
    }
    this.#asker.pump()
  }
}

function closed(): HarpError {
  return new HarpError('TRANSFER_CLOSED', 'nothing is fetched any more: the folder is closed')
}
