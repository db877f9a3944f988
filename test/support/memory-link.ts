/**
 * Two wires in memory, joined by a link that a test controls: lag, bandwidth, room, the size of every
 * delivery, stall, loss, cut. It keeps the `Wire` contract to the letter and holds its users to it: delivered
 * bytes are overwritten after the call, and bytes that must not change are compared when they leave.
 */
import { transientBytes, type Wire, type WireHandler } from '../../src/net/wire.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface MemoryLinkOptions {
  /** One way. */
  readonly lagMs?: number
  readonly bytesPerMs?: number
  /** Bytes under way in one direction, unread ones included; a write beyond has to wait. */
  readonly roomBytes?: number
  /** How many of the bytes that have arrived are delivered in one call. */
  readonly chunkSize?: (availableBytes: number) => number
  /** What each wire has handed to its peer, in order. */
  readonly onPassed?: (from: 'near' | 'far', bytes: Buffer) => void
}

/** Copied small writes that wait may add up to this before the writer is told to stop. */
const highWaterBytes = 16_384
const largestDelivery = 65_536
const scrub = 0xaa
const shared = Buffer.alloc(transientBytes)

export class MemoryLink {
  readonly near: MemoryWire
  readonly far: MemoryWire
  readonly time: VirtualTime
  readonly options: MemoryLinkOptions
  lagMs: number
  #isStalled = false
  #isLosing = false

  constructor(time: VirtualTime, options: MemoryLinkOptions = {}) {
    this.time = time
    this.options = options
    this.lagMs = options.lagMs ?? 0
    this.near = new MemoryWire(this, 'near')
    this.far = new MemoryWire(this, 'far')
    this.near.join(this.far)
    this.far.join(this.near)
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  get isLosing(): boolean {
    return this.#isLosing
  }

  /** Nothing arrives any more, until `heal`. */
  stall(): void {
    this.#isStalled = true
  }

  heal(): void {
    this.#isStalled = false
    this.near.deliverSoon()
    this.far.deliverSoon()
  }

  /** From now on all bytes and ends vanish, and nobody is told. */
  lose(): void {
    this.#isLosing = true
    this.near.forgetArriving()
    this.far.forgetArriving()
  }

  /** Both wires close with the error; what was under way is lost. */
  cut(message = 'read ECONNRESET'): void {
    for (const wire of [this.near, this.far]) {
      this.time.after(0, () => wire.close(Object.assign(new Error(message), { code: 'ECONNRESET' })))
    }
  }
}

interface Waiting {
  readonly bytes: Buffer
  /** Where the writer has to keep the bytes unchanged. */
  readonly source: Buffer | null
  taken: number
}

interface Arriving {
  /** null is the peer's end. */
  bytes: Buffer | null
  readonly dueAt: number
}

export class MemoryWire implements Wire {
  readonly #link: MemoryLink
  readonly #name: 'near' | 'far'
  #peer: MemoryWire | null = null
  #handler: WireHandler | null = null

  #waiting: Waiting[] = []
  #corked: Waiting[] | null = null
  #isBlocked = false
  #ending: 'no' | 'asked' | 'sent' = 'no'
  #closesWhenSent = false
  #lineFreeAt = 0

  #arriving: Arriving[] = []
  #arrivingBytes = 0
  #large: Buffer | null = null
  #isPaused = false
  #hasEnded = false
  #isDue = false

  #isClosed = false
  #closeError: Error | null = null
  #isCloseTold = false
  #peakWaitingBytes = 0
  #bytesWritten = 0

  constructor(link: MemoryLink, name: 'near' | 'far') {
    this.#link = link
    this.#name = name
  }

  join(peer: MemoryWire): void {
    this.#peer = peer
  }

  /** The most that ever waited to leave: what a writer pushed although it was told to stop shows here. */
  get peakWaitingBytes(): number {
    return this.#peakWaitingBytes
  }

  get bytesWritten(): number {
    return this.#bytesWritten
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  setHandler(handler: WireHandler): void {
    this.#handler = handler
    if (this.#isClosed) this.#tellClose()
    this.deliverSoon()
  }

  write(data: Buffer | string): boolean {
    if (this.#isClosed) return false
    if (this.#ending !== 'no') {
      this.#link.time.fail(`${this.#name}: a write after end()`)
      return false
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data)
    this.#bytesWritten += bytes.length
    const source = typeof data === 'string' ? null : data
    if (this.#corked !== null) {
      // NOTE: the result says nothing here, so it is the one that hurts whoever believes it.
      this.#corked.push({ bytes, source, taken: 0 })
      return false
    }
    this.#waiting.push({ bytes, source: bytes.length > transientBytes ? source : null, taken: 0 })
    this.#send()
    return this.#mayGoOn()
  }

  cork(): void {
    this.#corked ??= []
  }

  uncork(): boolean {
    const corked = this.#corked ?? []
    this.#corked = null
    for (const each of corked) this.#compare(each)
    this.#waiting.push(...corked)
    this.#send()
    return this.#mayGoOn()
  }

  end(): void {
    if (this.#isClosed || this.#ending !== 'no') return
    if (this.#corked !== null) this.uncork()
    this.#ending = 'asked'
    this.#send()
  }

  destroy(): void {
    this.#link.time.after(0, () => this.close(null))
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#corked = null
    this.forgetArriving()
    if (this.#ending !== 'sent') this.#peer?.arrive(null, this.#link.time.monotonic() + this.#link.lagMs)
    this.#ending = 'sent'
  }

  destroySoon(): void {
    this.end()
    this.#closesWhenSent = true
    if (this.#ending === 'sent') this.destroy()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.deliverSoon()
  }

  /** For the link: the last event. */
  close(error: Error | null): void {
    if (this.#isCloseTold) return
    if (!this.#isClosed) this.#closeError = error
    this.#isClosed = true
    this.#waiting = []
    this.forgetArriving()
    if (this.#handler !== null) this.#tellClose()
  }

  /** For the peer: bytes, or its end. */
  arrive(bytes: Buffer | null, dueAt: number): void {
    if (this.#link.isLosing) return
    if (this.#isClosed) {
      if (this.#link.isStalled) return
      if (bytes !== null) this.#peer?.reset()
      return
    }
    this.#arriving.push({ bytes, dueAt })
    this.#arrivingBytes += bytes?.length ?? 0
    this.deliverSoon()
  }

  reset(): void {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    this.#link.time.after(this.#link.lagMs, () => this.close(error))
  }

  get arrivingBytes(): number {
    return this.#arrivingBytes
  }

  forgetArriving(): void {
    this.#arriving = []
    this.#arrivingBytes = 0
    this.#peer?.roomIsFree()
  }

  roomIsFree(): void {
    if (this.#waiting.length > 0) this.#link.time.after(0, () => this.#send())
  }

  deliverSoon(): void {
    if (this.#isDue || this.#arriving.length === 0) return
    this.#isDue = true
    const dueAt = this.#arriving[0]?.dueAt ?? 0
    this.#link.time.after(Math.max(0, dueAt - this.#link.time.monotonic()), () => {
      this.#isDue = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const handler = this.#handler
    if (this.#isClosed || this.#isPaused || handler === null || this.#link.isStalled) return
    const chunk = this.#takeChunk()
    if (chunk === null) {
      this.#arriving.shift()
      this.#hasEnded = true
      handler.onEnd()
      this.#closeWhenDone()
      return
    }
    if (chunk.length === 0) {
      this.deliverSoon()
      return
    }
    this.#peer?.roomIsFree()
    this.#link.options.onPassed?.(this.#name === 'near' ? 'far' : 'near', Buffer.from(chunk))
    this.#large?.fill(scrub)
    this.#large = null
    if (chunk.length <= transientBytes) {
      const lent = shared.subarray(0, chunk.length)
      chunk.copy(lent)
      handler.onData(lent)
      lent.fill(scrub)
    } else {
      handler.onData(chunk)
      // While the wire is paused, a large chunk stays as it is; its buffer is used again for the next one.
      if (this.#isPaused) this.#large = chunk
      else chunk.fill(scrub)
    }
    this.deliverSoon()
  }

  /** Bytes that have arrived, as many as the link wants to deliver in one call; null is the end. */
  #takeChunk(): Buffer | null {
    if (this.#arriving[0]?.bytes === null && this.#isHere(this.#arriving[0])) return null
    let available = 0
    for (const next of this.#arriving) {
      if (next.bytes === null || available >= largestDelivery || !this.#isHere(next)) break
      available += next.bytes.length
    }
    if (available === 0) return Buffer.alloc(0)
    const wanted = this.#link.options.chunkSize?.(available) ?? available
    const parts: Buffer[] = []
    let left = Math.min(available, largestDelivery, Math.max(1, wanted))
    this.#arrivingBytes -= left
    while (left > 0) {
      const first = this.#arriving[0]
      if (first === undefined || first.bytes === null) break
      const part = first.bytes.subarray(0, left)
      parts.push(part)
      left -= part.length
      first.bytes = first.bytes.subarray(part.length)
      if (first.bytes.length === 0) this.#arriving.shift()
    }
    return Buffer.concat(parts)
  }

  #isHere({ dueAt }: Arriving): boolean {
    return dueAt <= this.#link.time.monotonic() + 1e-6
  }

  #send(): void {
    const { time, options, isLosing, lagMs } = this.#link
    const peer = this.#peer
    if (peer === null || this.#isClosed) return
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting
      const room = isLosing ? Infinity : (options.roomBytes ?? Infinity) - peer.arrivingBytes
      if (first === undefined || room <= 0) break
      const bytes = first.bytes.subarray(first.taken, first.taken + Math.min(room, first.bytes.length))
      first.taken += bytes.length
      this.#lineFreeAt =
        Math.max(time.monotonic(), this.#lineFreeAt) + bytes.length / (options.bytesPerMs ?? Infinity)
      if (bytes.length > 0) peer.arrive(bytes, this.#lineFreeAt + lagMs)
      if (first.taken < first.bytes.length) break
      this.#compare(first)
      this.#waiting.shift()
    }
    this.#peakWaitingBytes = Math.max(this.#peakWaitingBytes, this.#waitingBytes())
    if (this.#waiting.length > 0) return
    if (this.#isBlocked) {
      this.#isBlocked = false
      time.after(0, () => {
        if (!this.#isClosed) this.#handler?.onDrain()
      })
    }
    if (this.#ending !== 'asked') return
    this.#ending = 'sent'
    peer.arrive(null, Math.max(time.monotonic(), this.#lineFreeAt) + lagMs)
    if (this.#closesWhenSent) this.destroy()
    else this.#closeWhenDone()
  }

  #waitingBytes(): number {
    return this.#waiting.reduce((sum, { bytes, taken }) => sum + bytes.length - taken, 0)
  }

  #mayGoOn(): boolean {
    const areAllCopied = this.#waiting.every(({ source }) => source === null)
    if (!areAllCopied || this.#waitingBytes() >= highWaterBytes) this.#isBlocked = true
    return !this.#isBlocked
  }

  #compare({ bytes, source }: Waiting): void {
    if (source === null || source.equals(bytes)) return
    this.#link.time.fail(`${this.#name}: bytes that waited to leave were changed`)
  }

  #closeWhenDone(): void {
    if (this.#hasEnded && this.#ending === 'sent') this.#link.time.after(0, () => this.close(null))
  }

  #tellClose(): void {
    if (this.#isCloseTold) return
    this.#isCloseTold = true
    this.#link.time.after(0, () => this.#handler?.onClose(this.#closeError))
  }
}
