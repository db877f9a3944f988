import { errorCode } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { FormatError } from '../format/format-error.ts'
import { hashLength, type DeviceId } from '../ids.ts'
import type { FrameHandler, FrameStream } from '../link/link.ts'
import type { ChunkSource, WorkPool } from '../work/job.ts'
import { decodeChunkMessage, encodeChunkMessage } from './chunk-message-codec.ts'
import type { ChunkMessage } from './chunk-message.ts'
import type { ServedStore } from './chunk-server.ts'
import type { RateLane, RateWaiter } from './rate-limit.ts'
import {
  joined,
  sealedBytes,
  ServeBatch,
  type Asked,
  type AskedChunks,
  type AskedList,
} from './serve-batch.ts'
import { transferLimits as limits, transferTimes as times } from './transfer-limits.ts'

export interface ServedParts {
  readonly store: ServedStore
  readonly pool: WorkPool
  readonly lane: RateLane
  readonly log: Logger
  list(hash: string): Uint8Array | undefined
  /** It owes an answer now. */
  onBusy(): void
  onStrike(peer: DeviceId, detail: string): void
  readonly onMiss: ((id: Uint8Array, peer: DeviceId) => void) | undefined
  onClosed(served: ServedStream): void
}

const nothing = new Uint8Array(0)

/**
 * One device's questions, answered in their order. Reads a little ahead of what the stream takes, in jobs of many chunks,
 * and no further: what a slow reader has not taken is not read.
 */
export class ServedStream implements FrameHandler, RateWaiter {
  readonly #stream: FrameStream
  readonly #parts: ServedParts
  /** All that is not fully answered; from `#preparing` on nothing of it, or a part, is being read. */
  #requests: Asked[] = []
  #preparing = 0
  /** In the order of the requests. A list is a batch of its own. */
  #batches: (ServeBatch | AskedList)[] = []
  #preparedBytes = 0
  #jobs = 0
  #lastRequest = -1
  #isBlocked = false
  #isClosed = false
  /** Ticks since something was sent. */
  #quietTicks = 0

  constructor(stream: FrameStream, parts: ServedParts) {
    this.#stream = stream
    this.#parts = parts
    stream.setHandler(this)
  }

  get peer(): DeviceId {
    return this.#stream.peer
  }

  get owes(): boolean {
    return this.#requests.length > 0
  }

  onFrame(head: Uint8Array, payload: Uint8Array): void {
    if (this.#isClosed) return
    let message: ChunkMessage
    try {
      message = decodeChunkMessage(head, payload.length)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.#refuse(error.message)
      return
    }
    const fault = this.#take(message)
    if (fault !== undefined) this.#refuse(fault)
    else this.#work()
  }

  onDrain(): void {
    this.#isBlocked = false
    this.#quietTicks = 0
    this.#work()
  }

  onRate(): void {
    this.#work()
  }

  onClose(): void {
    this.#end()
  }

  /** Every `busyMs`: says that an answer is on its way, so that nobody takes a slow disk or a rate for a dead peer. */
  tick(): void {
    const [request] = this.#requests
    if (request === undefined || this.#isClosed) return
    this.#quietTicks++
    if (this.#isBlocked) {
      if (this.#quietTicks * times.busyMs >= times.unreadMs) this.close('nobody reads')
    } else if (this.#quietTicks > 1) {
      const first = request.kind === 'chunks' ? placeOf(request) : 0
      this.#put(encodeChunkMessage({ type: 'chunks', request: request.number, first, lengths: [] }), nothing)
      this.#quietTicks = 1
    }
  }

  close(reason: string): void {
    if (this.#isClosed) return
    this.#end()
    this.#stream.close(reason.slice(0, 200))
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#requests = []
    this.#batches = []
    this.#parts.lane.forget(this)
    this.#parts.onClosed(this)
  }

  #refuse(detail: string): void {
    this.close(`refused: ${detail}`)
    this.#parts.onStrike(this.#stream.peer, detail)
  }

  /** The reason if it breaks the rules. */
  #take(message: ChunkMessage): string | undefined {
    if (message.type === 'cancel') {
      const request = this.#requests.find(({ number }) => number === message.request)
      if (request !== undefined) request.isCancelled = true
      return undefined
    }
    if (message.type !== 'want' && message.type !== 'want-list') return 'an answer to nothing'
    if (message.request <= this.#lastRequest) return 'a request out of order'
    this.#lastRequest = message.request
    if (this.#requests.length >= limits.openRequests) return 'too many requests'
    if (message.type === 'want') {
      const { request: number, ids } = message
      const unanswered = ids.length / hashLength
      this.#requests.push({ kind: 'chunks', number, ids, next: 0, unanswered, isCancelled: false })
    } else {
      const { request: number, hash, offset, length } = message
      this.#requests.push({ kind: 'list', number, hash, offset, length, unanswered: 1, isCancelled: false })
    }
    if (this.#requests.length === 1) {
      this.#quietTicks = 0
      this.#parts.onBusy()
    }
    return undefined
  }

  #work(): void {
    try {
      this.#send()
      this.#prepare()
    } catch (error) {
      this.#parts.log.warn({ peer: this.#stream.peer, code: errorCode(error) }, 'chunks cannot be served')
      this.close('chunks cannot be served now')
    }
  }

  #prepare(): void {
    while (!this.#isClosed && this.#jobs < limits.serveJobs && this.#preparedBytes < limits.preparedBytes) {
      const request = this.#requests[this.#preparing]
      if (request === undefined) return
      if (request.kind === 'list') {
        this.#batches.push(request)
        this.#preparing++
        this.#send()
        continue
      }
      const batch = this.#nextBatch(request)
      if (request.next * hashLength === request.ids.length) this.#preparing++
      this.#batches.push(batch)
      this.#preparedBytes += batch.bytes
      this.#read(batch)
    }
  }

  #nextBatch(request: AskedChunks): ServeBatch {
    const batch = new ServeBatch(request)
    const count = request.ids.length / hashLength
    while (request.next < count && batch.bytes < limits.serveJobBytes) {
      if (request.isCancelled) batch.add(undefined)
      else this.#add(batch, batch.id(batch.count))
      request.next++
    }
    return batch
  }

  #add(batch: ServeBatch, id: Uint8Array): void {
    const { store, onMiss } = this.#parts
    const source = this.#find(id)
    const held = source === undefined ? store.held?.(id) : undefined
    batch.add(source, held)
    if (source === undefined && held === undefined) onMiss?.(id.slice(), this.peer)
  }

  #find(id: Uint8Array): ChunkSource | undefined {
    const source = this.#parts.store.find(id)
    return source === undefined || sealedBytes(source) > limits.payloadBytes ? undefined : source
  }

  #read(batch: ServeBatch): void {
    if (batch.bytes === 0) {
      // Nothing of it is here: no thread is needed to say so.
      batch.isReady = true
      this.#send()
      return
    }
    this.#jobs++
    this.#readAll(batch)
      .catch((error: unknown) => {
        this.#parts.log.warn({ peer: this.#stream.peer, code: errorCode(error) }, 'chunks cannot be read')
      })
      .finally(() => {
        this.#jobs--
        batch.isReady = true
        this.#work()
      })
      .catch(() => undefined)
  }

  /** Tries the places that the store knows, one after the other, until one holds what the id says. */
  async #readAll(batch: ServeBatch): Promise<void> {
    const { pool, store } = this.#parts
    let open: number[] = []
    for (const [index, source] of batch.sources.entries()) if (source !== undefined) open.push(index)
    for (let attempt = 0; open.length > 0 && attempt < limits.sourcesTried; attempt++) {
      const tried: number[] = []
      const chunks: { id: Uint8Array; source: ChunkSource }[] = []
      for (const index of open) {
        const source = batch.sources[index]
        if (source === undefined) continue
        tried.push(index)
        chunks.push({ id: batch.id(index), source })
      }
      if (chunks.length === 0) return
      const { sealed } = await pool.run('serve', { chunks }).catch(() => pool.run('serve', { chunks }))
      if (this.#isClosed || batch.request.isCancelled) return
      open = []
      for (const [at, index] of tried.entries()) {
        const source = batch.sources[index]
        if (source === undefined) continue
        const bytes = sealed[at]
        if (bytes !== undefined && bytes.length === sealedBytes(source)) {
          batch.sealed[index] = bytes
          continue
        }
        store.forget(batch.id(index), source)
        const other = this.#find(batch.id(index))
        batch.sources[index] = other
        const change = (other === undefined ? 0 : sealedBytes(other)) - sealedBytes(source)
        batch.bytes += change
        this.#preparedBytes += change
        if (other !== undefined) open.push(index)
      }
    }
  }

  #send(): void {
    while (!this.#isBlocked && !this.#isClosed) {
      const [batch] = this.#batches
      if (batch === undefined) return
      if (batch instanceof ServeBatch) {
        if (!batch.isReady || !this.#sendChunks(batch)) return
      } else if (!this.#sendList(batch)) return
    }
  }

  #sendChunks(batch: ServeBatch): boolean {
    const { request } = batch
    const lengths: number[] = []
    const parts: Uint8Array[] = []
    const most = Math.min(limits.groupBytes, this.#parts.lane.grain)
    let bytes = 0
    for (let index = batch.sent; index < batch.count; index++) {
      const sealed = request.isCancelled ? undefined : batch.sealed[index]
      const length = sealed?.length ?? 0
      if (bytes > 0 && bytes + length > most) break
      lengths.push(length)
      if (sealed === undefined) continue
      bytes += length
      parts.push(sealed)
    }
    if (bytes > 0 && !this.#parts.lane.ready(this)) return false
    const first = batch.first + batch.sent
    const head = encodeChunkMessage({ type: 'chunks', request: request.number, first, lengths })
    batch.sealed.fill(undefined, batch.sent, batch.sent + lengths.length)
    batch.sent += lengths.length
    this.#preparedBytes -= bytes
    batch.bytes -= bytes
    request.unanswered -= lengths.length
    if (batch.sent === batch.count) {
      this.#batches.shift()
      this.#preparedBytes -= batch.bytes
    }
    if (request.unanswered === 0) this.#answered()
    this.#parts.lane.spend(bytes)
    this.#put(head, joined(parts), true)
    return true
  }

  #sendList(request: AskedList): boolean {
    const { number, hash, offset, length, isCancelled } = request
    const list = isCancelled ? undefined : this.#parts.list(hash)
    const isHere = list !== undefined && list.length <= limits.listBytes
    const part = isHere ? list.subarray(offset, offset + length) : nothing
    if (part.length > 0 && !this.#parts.lane.ready(this)) return false
    const total = isHere ? list.length : 0
    this.#batches.shift()
    this.#answered()
    this.#parts.lane.spend(part.length)
    this.#put(encodeChunkMessage({ type: 'list', request: number, offset, total }), part)
    return true
  }

  #answered(): void {
    this.#requests.shift()
    this.#preparing--
  }

  #put(head: Uint8Array, payload: Uint8Array, isSpent = false): void {
    this.#quietTicks = 0
    if (!this.#stream.send(head, payload, isSpent)) this.#isBlocked = true
  }
}

function placeOf({ ids, unanswered }: AskedChunks): number {
  return ids.length / hashLength - unanswered
}
