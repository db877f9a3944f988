import { frameType, headerBytes } from './frame.ts'

const nothing: Buffer = Buffer.alloc(0)

/**
 * Finds frames in a byte stream that is cut anywhere. `push` a chunk, then ask `next` until it says `more`:
 * `header` means that the fields below are those of a new frame, `payload` that `payload` is a piece of it,
 * a slice of the chunk. Nothing is judged here: version and type are passed on as they are.
 */
export class FrameDecoder {
  version = 0
  type = 0
  flags = 0
  streamId = 0
  /** Of the payload, or what else the type puts there. */
  length = 0
  payload = nothing
  /** Bytes of this frame's payload that have not come yet. */
  payloadLeft = 0
  #chunk = nothing
  #at = 0
  #skips = false
  /** The start of a header that was cut, and how much of it is there. */
  #start: Buffer | null = null
  #startBytes = 0

  push(chunk: Buffer): void {
    this.#chunk = chunk
    this.#at = 0
  }

  get isDone(): boolean {
    return this.#at === this.#chunk.length
  }

  next(): 'header' | 'payload' | 'more' {
    while (this.#at < this.#chunk.length) {
      if (this.payloadLeft === 0) {
        if (this.#readHeader()) return 'header'
      } else if (this.#readPayload()) return 'payload'
    }
    this.#chunk = nothing
    this.#at = 0
    this.payload = nothing
    return 'more'
  }

  /** The rest of this frame's payload is not wanted. */
  skipPayload(): void {
    this.#skips = true
  }

  #readPayload(): boolean {
    const from = this.#at
    const to = Math.min(this.#chunk.length, from + this.payloadLeft)
    this.#at = to
    this.payloadLeft -= to - from
    if (this.#skips) return false
    this.payload = to - from === this.#chunk.length ? this.#chunk : this.#chunk.subarray(from, to)
    return true
  }

  #readHeader(): boolean {
    const chunk = this.#chunk
    if (this.#startBytes === 0 && chunk.length - this.#at >= headerBytes) {
      this.#parse(chunk, this.#at)
      this.#at += headerBytes
      return true
    }
    // NOTE: not from the pool, of which it would hold 8 KiB for as long as the session lives.
    this.#start ??= Buffer.allocUnsafeSlow(headerBytes)
    const taken = chunk.copy(this.#start, this.#startBytes, this.#at)
    this.#startBytes += taken
    this.#at += taken
    if (this.#startBytes < headerBytes) return false
    this.#startBytes = 0
    this.#parse(this.#start, 0)
    return true
  }

  #parse(bytes: Buffer, at: number): void {
    const word = bytes.readUInt32BE(at)
    this.version = word >>> 24
    this.type = (word >>> 16) & 0xff
    this.flags = word & 0xffff
    this.streamId = bytes.readUInt32BE(at + 4)
    this.length = bytes.readUInt32BE(at + 8)
    this.payloadLeft = this.type === frameType.data ? this.length : 0
    this.#skips = false
  }
}
