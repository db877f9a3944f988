import { FormatError } from '../format/format-error.ts'
import { hashLength, type DeviceId } from '../ids.ts'
import type { FrameHandler, FrameStream } from '../link/link.ts'
import { decodeChunkMessage, encodeChunkMessage } from './chunk-message-codec.ts'
import type { ChunkMessage, Chunks, ListPart } from './chunk-message.ts'
import { WantQueue, type ChunkWant } from './chunk-want.ts'
import type { ListAttempt, ListRange } from './list-fetcher.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'

/** A question that is not fully answered. */
export interface AskedWants {
  readonly kind: 'chunks'
  readonly number: number
  readonly wants: readonly ChunkWant[]
  readonly bytes: number
  readonly askedAt: number
  /** The next answer is about this one. */
  next: number
  delivered: number
  /** Those that somebody still needs. */
  live: number
  isCancelled: boolean
}
export interface AskedRange {
  readonly kind: 'list'
  readonly number: number
  readonly attempt: ListAttempt
  readonly offset: number
  readonly length: number
}

/** What is known of the way to a device. */
export interface PeerPath {
  roundTripMs(): number | undefined
  /** So far, on all streams: a large chunk over a thin line comes slowly, and is no silence. */
  bytesIn(): number
  /** It says what it has as soon as it is asked by a claim: having had nothing, it need not be tried. */
  tells?(): boolean
}

export interface PeerOwner {
  now(): number
  onChunks(peer: ChunkPeer, request: AskedWants, message: Chunks, payload: Uint8Array): void
  onList(peer: ChunkPeer, request: AskedRange, message: ListPart, payload: Uint8Array): void
  /** It breaks the rules. */
  onFault(peer: ChunkPeer, detail: string): void
  onRoom(): void
  onClose(peer: ChunkPeer, reason: string): void
}

/** More than what keeps a link alive. */
const leastSign = 4_096

/** A device that can be asked, on one stream: what it was asked for, and how much it may be. */
export class ChunkPeer implements FrameHandler {
  readonly device: DeviceId
  readonly stream: FrameStream
  /** What others were asked for in vain. */
  readonly own: WantQueue = new WantQueue(this)
  readonly #owner: PeerOwner
  readonly #path: PeerPath
  #requests: (AskedWants | AskedRange)[] = []
  #number = 0
  isUsed = true
  #isBlocked = false
  outstandingBytes = 0
  #outstandingIds = 0
  #window: number = limits.leastWindow
  #shrunkAt = 0
  #heardAt = 0
  #progressAt = 0
  #bytesIn = 0
  #busySigns = 0
  #dryMs = 0
  #dryUntil = 0
  /** It had some of what it was asked for last, without having said so before. */
  gives = false

  constructor(device: DeviceId, stream: FrameStream, path: PeerPath, owner: PeerOwner) {
    this.device = device
    this.stream = stream
    this.#owner = owner
    this.#path = path
  }

  get requests(): readonly (AskedWants | AskedRange)[] {
    return this.#requests
  }

  get isIdle(): boolean {
    return this.#requests.length === 0
  }

  /** Bytes that may be under way from it. Grows as long as it is quick. */
  get window(): number {
    return this.#window
  }

  get isNear(): boolean {
    return (this.#path.roundTripMs() ?? Infinity) <= times.nearMs
  }

  /** 0 near, then one more for each doubling of the round trip; what is not known is farthest. */
  get distance(): number {
    const roundTripMs = this.#path.roundTripMs()
    if (roundTripMs === undefined) return Infinity
    return roundTripMs <= times.nearMs ? 0 : 1 + Math.floor(Math.log2(roundTripMs / times.nearMs))
  }

  /** Chunk ids that it may be asked for now. */
  get idRoom(): number {
    if (this.#isBlocked || this.#requests.length >= limits.wants) return 0
    return Math.min(limits.wantIds, limits.askedIds - this.#outstandingIds)
  }

  /** It had nothing of what it was asked for last. */
  isDry(now: number): boolean {
    return this.#dryUntil > now || (this.#dryMs > 0 && this.#path.tells?.() === true)
  }

  /** It may have more than it had. */
  moisten(): void {
    this.#dryUntil = 0
    this.#dryMs = 0
  }

  /** It owes something, and nothing has come for so long. */
  quietMs(now: number): number {
    return this.isIdle ? 0 : now - this.#progressAt
  }

  /** It gives, and so little that others are asked as if it had nothing. */
  isCrawling(now: number): boolean {
    const [oldest] = this.#requests
    if (oldest?.kind !== 'chunks') return false
    const waitedMs = now - oldest.askedAt
    return waitedMs > (this.#window <= limits.leastWindow ? times.lateMs : times.crawlMs)
  }

  /** Starts hearing from it. */
  start(): void {
    this.stream.setHandler(this)
  }

  ask(wants: readonly ChunkWant[], bytes: number): void {
    const now = this.#owner.now()
    const ids = new Uint8Array(wants.length * hashLength)
    for (const [index, want] of wants.entries()) want.writeId(ids, index * hashLength)
    const number = this.#number++
    this.#outstandingIds += wants.length
    const rest = { next: 0, delivered: 0, live: wants.length, isCancelled: false }
    const request: AskedWants = { kind: 'chunks', number, wants, bytes, askedAt: now, ...rest }
    for (const want of wants) want.request = request
    this.#asked(request, bytes)
    this.#send({ type: 'want', request: number, ids })
  }

  askRange({ attempt, offset, length }: ListRange): void {
    const number = this.#number++
    this.#asked({ kind: 'list', number, attempt, offset, length }, length)
    this.#send({ type: 'want-list', request: number, hash: attempt.list.hash, offset, length })
  }

  /** Nobody needs anything of it any more. The answers come nevertheless, and are short. */
  cancel(request: AskedWants): void {
    request.isCancelled = true
    this.#send({ type: 'cancel', request: request.number })
  }

  /** The next answer of the oldest request is here. */
  advance(request: AskedWants, isDelivered: boolean): void {
    this.outstandingBytes -= request.wants[request.next]?.sealedLength ?? 0
    request.next++
    if (isDelivered) request.delivered++
    this.#outstandingIds--
    this.#progressed()
    if (request.next < request.wants.length) return
    this.#requests.shift()
    if (!request.isCancelled) this.#adapt(request)
  }

  advanceList(request: AskedRange): void {
    this.#requests.shift()
    this.outstandingBytes -= request.length
    this.#progressed()
  }

  /** Why it should not be waited for any longer, if so. */
  overdue(now: number): string | undefined {
    if (this.isIdle) return undefined
    const bytesIn = this.#path.bytesIn()
    if (bytesIn - this.#bytesIn >= leastSign) {
      this.#bytesIn = bytesIn
      this.#heardAt = now
    }
    if (now - this.#heardAt > times.silentMs) return 'slow: nothing came'
    return now - this.#progressAt > times.stuckMs ? 'slow: signs of life and no chunk' : undefined
  }

  /** It could not be heard until now. */
  excuse(now: number): void {
    this.#heardAt = now
    this.#progressAt = now
  }

  onFrame(head: Uint8Array, payload: Uint8Array): void {
    if (!this.isUsed) return
    let message: ChunkMessage
    try {
      message = decodeChunkMessage(head, payload.length)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.#owner.onFault(this, error.message)
      return
    }
    this.#heardAt = this.#owner.now()
    const fault = this.#take(message, payload)
    if (fault !== undefined) this.#owner.onFault(this, fault)
  }

  onDrain(): void {
    this.#isBlocked = false
    this.#owner.onRoom()
  }

  onClose(reason: string): void {
    this.#owner.onClose(this, reason)
  }

  #take(message: ChunkMessage, payload: Uint8Array): string | undefined {
    if (message.type !== 'chunks' && message.type !== 'list') return 'a question on a stream for answers'
    const [request] = this.#requests
    if (request === undefined || request.number !== message.request) return 'an answer that was not asked for'
    if (message.type === 'list') {
      if (request.kind !== 'list' || request.offset !== message.offset) return 'an answer to something else'
      this.#owner.onList(this, request, message, payload)
      return undefined
    }
    if (message.lengths.length === 0) {
      return ++this.#busySigns > limits.busySigns ? 'signs of life and no answer' : undefined
    }
    if (request.kind !== 'chunks' || message.first !== request.next) return 'an answer to something else'
    const end = message.first + message.lengths.length
    if (end > request.wants.length) return 'more chunks than were asked for'
    this.#owner.onChunks(this, request, message, payload)
    return undefined
  }

  #asked(request: AskedWants | AskedRange, bytes: number): void {
    if (this.isIdle) this.excuse(this.#owner.now())
    this.#requests.push(request)
    this.outstandingBytes += bytes
  }

  #progressed(): void {
    this.#progressAt = this.#heardAt
    this.#busySigns = 0
  }

  /** As much as comes within some seconds, so that a slow device is not asked for what a quick one could give. */
  #adapt(request: AskedWants): void {
    const tookMs = this.#heardAt - request.askedAt
    const wasTold = request.wants.every((want) => (want.noteOf(this)?.told ?? 0) > 0)
    if (!wasTold) this.gives = request.delivered > 0
    if (request.delivered === 0) {
      if (wasTold) return
      this.#dryMs = Math.min(times.dryLastMs, Math.max(times.dryFirstMs, this.#dryMs * 2))
      this.#dryUntil = this.#heardAt + this.#dryMs
      return
    }
    if (!wasTold) this.moisten()
    if (tookMs <= times.quickMs) {
      this.#window = Math.min(limits.mostWindow, this.#window + request.bytes)
    } else if (tookMs > times.lateMs && request.askedAt >= this.#shrunkAt) {
      this.#window = Math.max(limits.leastWindow, this.#window / 2)
      this.#shrunkAt = this.#heardAt
    }
  }

  #send(message: ChunkMessage): void {
    if (!this.stream.send(encodeChunkMessage(message))) this.#isBlocked = true
  }
}
