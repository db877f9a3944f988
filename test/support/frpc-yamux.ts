/** frpc's side of yamux as Go's behaves with frp's settings; an own small one, to check the product's against. */
import { Duplex } from 'node:stream'
import type { FrpcClock } from './frpc-options.ts'

const [typeData, typeWindow, typePing, typeGoAway] = [0, 1, 2, 3]
const [flagSyn, flagAck, flagFin, flagRst] = [1, 2, 4, 8]
const initialWindow = 256 * 1024
const maxWindow = 6 * 1024 * 1024
const copyBytes = 16 * 1024
const pingEveryMs = 30_000
const writeTimeoutMs = 10_000
const openTimeoutMs = 75_000
const closeTimeoutMs = 5 * 60_000

const lingerMs = 1_000

/** As close(2): what is written still goes out, but nobody waits for it. */
export function closeTransport(transport: Duplex): void {
  const timer = setTimeout(() => transport.destroy(), lingerMs)
  transport.once('close', () => clearTimeout(timer))
  transport.end(() => transport.destroy())
}

export class FrpcYamux {
  readonly clock: FrpcClock
  readonly #transport: Duplex
  readonly #onEnd: (reason: string) => void
  readonly #streams = new Map<number, FrpcStream>()
  readonly #pings: NodeJS.Timeout
  #pingTimer: NodeJS.Timeout | undefined
  #writeTimer: NodeJS.Timeout | undefined
  #pendingWrites = 0
  #nextStream = 1
  #nextPing = 0
  #pending: Buffer = Buffer.alloc(0)
  #refusesStreams = false
  pingsAnswered = 0
  /** Why it is over. */
  ended: string | undefined

  constructor(transport: Duplex, clock: FrpcClock, onEnd: (reason: string) => void) {
    this.#transport = transport
    this.clock = clock
    this.#onEnd = onEnd
    this.#pings = clock.every(pingEveryMs, () => this.#ping())
    transport.on('data', (chunk: Buffer) => this.#onBytes(chunk))
    transport.once('end', () => this.end('EOF'))
    transport.once('close', () => this.end('connection closed'))
  }

  get streamCount(): number {
    return this.#streams.size
  }

  open(): FrpcStream {
    if (this.ended !== undefined) throw new Error(`session ended: ${this.ended}`)
    if (this.#refusesStreams) throw new Error('the server sent GoAway')
    const stream = new FrpcStream(this, this.#nextStream)
    this.#nextStream += 2
    this.#streams.set(stream.id, stream)
    this.send(typeWindow, flagSyn, stream.id, maxWindow - initialWindow)
    return stream
  }

  /** As Go on a normal exit: the connection is closed, nothing is said. */
  end(reason: string): void {
    if (this.ended !== undefined) return
    this.ended = reason
    this.stopTimers()
    closeTransport(this.#transport)
    for (const stream of this.#streams.values()) stream.abandon()
    this.#streams.clear()
    this.#onEnd(reason)
  }

  send(type: number, flags: number, streamId: number, length: number): void {
    const header = Buffer.alloc(12)
    header.writeUInt8(type, 1)
    header.writeUInt16BE(flags, 2)
    header.writeUInt32BE(streamId, 4)
    header.writeUInt32BE(length, 8)
    this.write(header)
  }

  /** False: wait for `onFlush` before writing more. */
  write(bytes: Buffer, onFlush?: () => void): boolean {
    if (this.ended !== undefined) return true
    this.#pendingWrites += 1
    this.#writeTimer ??= this.clock.after(writeTimeoutMs, () => this.end('connection write timeout'))
    const isTaken = this.#transport.write(bytes, () => {
      this.#pendingWrites -= 1
      if (this.#pendingWrites > 0) this.#writeTimer?.refresh()
      else {
        clearTimeout(this.#writeTimer)
        this.#writeTimer = undefined
      }
      if (!isTaken) onFlush?.()
    })
    return isTaken
  }

  stopTimers(): void {
    clearInterval(this.#pings)
    clearTimeout(this.#pingTimer)
    clearTimeout(this.#writeTimer)
  }

  forget(stream: FrpcStream): void {
    this.#streams.delete(stream.id)
  }

  protocolError(reason: string): void {
    this.send(typeGoAway, 0, 0, 1)
    this.end(reason)
  }

  #ping(): void {
    this.send(typePing, flagSyn, 0, this.#nextPing)
    this.#nextPing += 1
    this.#pingTimer ??= this.clock.after(writeTimeoutMs, () => this.end('keepalive timeout'))
  }

  #onBytes(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (this.#pending.length >= 12 && this.ended === undefined) {
      const [version, type = 0] = this.#pending
      const length = this.#pending.readUInt32BE(8)
      if (version !== 0 || type > 3) {
        this.end('invalid yamux header')
        return
      }
      const end = 12 + (type === typeData ? length : 0)
      if (this.#pending.length < end) return
      const header = this.#pending.subarray(0, 12)
      const payload = this.#pending.subarray(12, end)
      this.#pending = this.#pending.subarray(end)
      this.#onFrame(type, header.readUInt16BE(2), header.readUInt32BE(4), payload, length)
    }
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer, length: number): void {
    if (type === typePing) {
      if ((flags & flagSyn) !== 0) this.send(typePing, flagAck, 0, length)
      else {
        this.pingsAnswered += 1
        clearTimeout(this.#pingTimer)
        this.#pingTimer = undefined
      }
    } else if (type === typeGoAway) {
      this.#refusesStreams = true
      if (length !== 0) this.end(`the server sent GoAway ${length}`)
    } else if ((flags & flagSyn) !== 0) this.protocolError('the server opened a stream')
    else this.#streams.get(streamId)?.onFrame(type, flags, payload, length)
  }
}

export class FrpcStream extends Duplex {
  readonly id: number
  readonly #session: FrpcYamux
  readonly #received: Buffer[] = []
  readonly #openTimer: NodeJS.Timeout
  #closeTimer: NodeJS.Timeout | undefined
  #wants = false
  #sendWindow = initialWindow
  #receiveWindow = maxWindow
  #sentFin = false
  #gotFin = false
  #blocked: (() => void) | undefined
  isAcknowledged = false
  wasReset = false

  constructor(session: FrpcYamux, id: number) {
    super({ readableHighWaterMark: copyBytes, writableHighWaterMark: copyBytes })
    this.#session = session
    this.id = id
    this.#openTimer = session.clock.after(openTimeoutMs, () => session.end('stream open timeout'))
    this.on('error', () => undefined)
  }

  /** Resets the stream instead of ending it. */
  reset(): void {
    this.#sentFin = true
    this.#session.send(typeWindow, flagRst, this.id, 0)
    this.#gone()
    this.destroy()
  }

  /** The session is over: nothing is sent any more. */
  abandon(): void {
    this.#sentFin = true
    this.#gone()
    this.destroy()
  }

  onFrame(type: number, flags: number, payload: Buffer, length: number): void {
    if ((flags & flagAck) !== 0) {
      this.isAcknowledged = true
      clearTimeout(this.#openTimer)
    }
    if (type === typeWindow) {
      this.#sendWindow += length
      this.#blocked?.()
    } else if (!this.#receive(payload)) return
    if ((flags & flagFin) !== 0) {
      if (this.#gotFin) {
        this.#session.protocolError(`second FIN on stream ${this.id}`)
        return
      }
      this.#gotFin = true
      this.#deliver()
      if (this.#sentFin) this.#gone()
    }
    if ((flags & flagRst) !== 0) {
      this.wasReset = true
      this.#sentFin = true
      this.#gone()
      this.destroy(new Error('stream reset'))
    }
  }

  override _read(): void {
    this.#wants = true
    this.#deliver()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const next = (at: number): void => {
      this.#blocked = undefined
      if (this.#sentFin) return done(new Error('stream closed'))
      if (at === chunk.length) return done()
      const count = Math.min(this.#sendWindow, chunk.length - at, copyBytes)
      if (count === 0) {
        this.#blocked = () => next(at)
        return
      }
      this.#sendWindow -= count
      this.#session.send(typeData, 0, this.id, count)
      const after = at + count
      if (this.#session.write(chunk.subarray(at, after), () => next(after))) next(after)
    }
    next(0)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendFin()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#sendFin()
    this.#blocked?.()
    done(error)
  }

  #sendFin(): void {
    if (this.#sentFin) return
    this.#sentFin = true
    this.#session.send(typeWindow, flagFin, this.id, 0)
    if (this.#gotFin) this.#gone()
    else this.#closeTimer = this.#session.clock.after(closeTimeoutMs, () => this.reset())
  }

  #gone(): void {
    clearTimeout(this.#openTimer)
    clearTimeout(this.#closeTimer)
    this.#session.forget(this)
  }

  #receive(payload: Buffer): boolean {
    if (payload.length > this.#receiveWindow) {
      this.#session.protocolError(`receive window exceeded on stream ${this.id}`)
      return false
    }
    this.#receiveWindow -= payload.length
    if (payload.length > 0) this.#received.push(payload)
    this.#deliver()
    return true
  }

  #deliver(): void {
    while (this.#wants) {
      const chunk = this.#received.shift()
      if (chunk === undefined) {
        if (!this.#gotFin) return
        this.#wants = false
        this.push(null)
        return
      }
      this.#wants = this.push(chunk)
      this.#credit()
    }
  }

  #credit(): void {
    const held = this.#received.reduce((sum, chunk) => sum + chunk.length, 0)
    const delta = maxWindow - held - this.#receiveWindow
    if (delta < maxWindow / 2 || this.#gotFin || this.#sentFin) return
    this.#receiveWindow += delta
    this.#session.send(typeWindow, 0, this.id, delta)
  }
}
