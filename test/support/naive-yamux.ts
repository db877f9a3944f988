/**
 * yamux in its simplest words, written from the spec alone: what the code under test must agree with. `NaivePeer`
 * behaves like the Go side as it was observed; it knows no limits and copies everything.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Wire, WireHandler } from '../../src/net/wire.ts'

export const kind = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const
export const flag = { none: 0, syn: 1, ack: 2, fin: 4, rst: 8 } as const

export const initialWindow = 262_144
/** What Go's side adds to the initial window at once: 6 MiB in all. */
export const goDelta = 6_029_312
const goCreditStep = 3_145_728
const goFrameBytes = 16_384

export interface NaiveFrame {
  readonly version: number
  readonly type: number
  readonly flags: number
  readonly streamId: number
  /** Bytes of the body, credit, ping id or GoAway code. */
  readonly length: number
  readonly body: Buffer
}

export function header(type: number, flags: number, streamId: number, length: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt8(0, 0)
  bytes.writeUInt8(type, 1)
  bytes.writeUInt16BE(flags, 2)
  bytes.writeUInt32BE(streamId, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

/** The first frame in `bytes`, or null where it is not complete. */
export function decodeFrame(bytes: Buffer): NaiveFrame | null {
  if (bytes.length < 12) return null
  const type = bytes.readUInt8(1)
  const length = bytes.readUInt32BE(8)
  const bodyLength = type === kind.data ? length : 0
  if (bytes.length < 12 + bodyLength) return null
  return {
    version: bytes.readUInt8(0),
    type,
    flags: bytes.readUInt16BE(2),
    streamId: bytes.readUInt32BE(4),
    length,
    body: bytes.subarray(12, 12 + bodyLength),
  }
}

export class NaiveStream {
  readonly id: number
  readonly hash: Hash = createHash('sha1')
  readonly chunks: Buffer[] = []
  /** What the peer lets us send, and what we let it send. */
  sendWindow = initialWindow
  receiveWindow = initialWindow
  /** Received and not yet given back as credit. */
  owed = 0
  received = 0
  sent = 0
  acks = 0
  fins = 0
  resets = 0
  waiting: Buffer = Buffer.alloc(0)
  finWaits = false

  constructor(id: number) {
    this.id = id
  }
}

export class NaivePeer implements WireHandler {
  readonly wire: Wire
  readonly frames: NaiveFrame[] = []
  readonly streams = new Map<number, NaiveStream>()
  /** What the session did and must not do. */
  readonly broken: string[] = []
  answersPings = true
  acknowledges = true
  /** Gives credit back as Go does; otherwise only `grant` does. */
  givesCredit = true
  delta: number = goDelta
  keepsBytes = true
  isClosed = false
  hasEnded = false
  onFrame: (frame: NaiveFrame) => void = () => undefined
  #pending: Buffer = Buffer.alloc(0)

  constructor(wire: Wire) {
    this.wire = wire
    wire.setHandler(this)
  }

  stream(id: number): NaiveStream {
    const known = this.streams.get(id)
    if (known !== undefined) return known
    const stream = new NaiveStream(id)
    this.streams.set(id, stream)
    return stream
  }

  framesOf(streamId: number, type?: number): NaiveFrame[] {
    return this.frames.filter((each) => each.streamId === streamId && (type ?? each.type) === each.type)
  }

  frame(type: number, flags: number, streamId: number, length: number): void {
    this.wire.write(header(type, flags, streamId, length))
  }

  /** Header and body in separate writes, as Go does. */
  data(streamId: number, flags: number, body: Buffer): void {
    this.wire.write(header(kind.data, flags, streamId, body.length))
    if (body.length > 0) this.wire.write(body)
    const stream = this.stream(streamId)
    stream.sendWindow -= body.length
    stream.sent += body.length
  }

  open(id: number): NaiveStream {
    const stream = this.stream(id)
    stream.receiveWindow = initialWindow + this.delta
    this.frame(kind.windowUpdate, flag.syn, id, this.delta)
    return stream
  }

  accept(id: number): void {
    const stream = this.stream(id)
    stream.receiveWindow += this.delta
    this.frame(kind.windowUpdate, flag.ack, id, this.delta)
  }

  grant(id: number, credit: number): void {
    this.stream(id).receiveWindow += credit
    this.frame(kind.windowUpdate, flag.none, id, credit)
  }

  /** Sends as the window allows, now and later. */
  send(id: number, bytes: Buffer): void {
    const stream = this.stream(id)
    stream.waiting = Buffer.concat([stream.waiting, bytes])
    this.#pump(stream)
  }

  /** FIN once everything has left. */
  finish(id: number): void {
    const stream = this.stream(id)
    stream.finWaits = true
    this.#pump(stream)
  }

  digest(id: number): string {
    return this.stream(id).hash.copy().digest('hex')
  }

  bytesOf(id: number): Buffer {
    return Buffer.concat(this.stream(id).chunks)
  }

  onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    for (;;) {
      const frame = decodeFrame(this.#pending)
      if (frame === null) return
      this.#pending = this.#pending.subarray(12 + frame.body.length)
      this.#take(frame)
      this.onFrame(frame)
    }
  }

  onEnd(): void {
    this.hasEnded = true
    this.wire.end()
  }

  onDrain(): void {
    // A naive peer writes without looking.
  }

  onClose(): void {
    this.isClosed = true
  }

  #take(frame: NaiveFrame): void {
    const { version, type, flags, streamId, length, body } = frame
    this.frames.push(
      this.keepsBytes ? { ...frame, body: Buffer.from(body) } : { ...frame, body: Buffer.alloc(0) },
    )
    if (version !== 0 || type > 3 || flags > 15) this.broken.push(`a frame ${version}/${type}/${flags}`)
    if (type === kind.ping) {
      if (streamId !== 0) this.broken.push('a ping on a stream')
      if (flags === flag.syn && this.answersPings) this.frame(kind.ping, flag.ack, 0, length)
      return
    }
    if (type === kind.goAway) {
      if (streamId !== 0 || flags !== 0) this.broken.push('a GoAway with stream or flags')
      return
    }
    const stream = this.stream(streamId)
    if (stream.resets > 0) this.broken.push(`${streamId}: a frame after RST`)
    if ((flags & flag.syn) !== 0 && this.acknowledges) this.accept(streamId)
    if ((flags & flag.ack) !== 0) stream.acks += 1
    if (stream.acks > 1) this.broken.push(`${streamId}: ACK twice`)
    if (type === kind.windowUpdate) {
      stream.sendWindow += length
      this.#pump(stream)
    } else {
      this.#takeBody(stream, body)
    }
    if ((flags & flag.fin) !== 0) stream.fins += 1
    if (stream.fins > 1) this.broken.push(`${streamId}: FIN twice`)
    if ((flags & flag.rst) !== 0) stream.resets += 1
  }

  #takeBody(stream: NaiveStream, body: Buffer): void {
    if (stream.fins > 0 && body.length > 0) this.broken.push(`${stream.id}: data after FIN`)
    stream.received += body.length
    stream.receiveWindow -= body.length
    stream.hash.update(body)
    if (this.keepsBytes) stream.chunks.push(Buffer.from(body))
    if (stream.receiveWindow < 0) this.broken.push(`${stream.id}: beyond the window`)
    stream.owed += body.length
    if (!this.givesCredit || stream.owed < goCreditStep) return
    this.grant(stream.id, stream.owed)
    stream.owed = 0
  }

  #pump(stream: NaiveStream): void {
    while (stream.waiting.length > 0 && stream.sendWindow > 0) {
      const size = Math.min(stream.waiting.length, stream.sendWindow, goFrameBytes)
      const body = stream.waiting.subarray(0, size)
      stream.waiting = stream.waiting.subarray(size)
      this.data(stream.id, flag.none, body)
    }
    if (!stream.finWaits || stream.waiting.length > 0) return
    stream.finWaits = false
    this.frame(kind.windowUpdate, flag.fin, stream.id, 0)
  }
}
