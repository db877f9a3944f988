import { ownMemory } from '../../base/own-memory.ts'
import type { FrameLimits } from './link-limits.ts'
import { reasonBytes } from './link-limits.ts'

/**
 * A frame is two lengths (32 bits each, big-endian), a head and a payload. A head length that no head can have marks the
 * end of the stream; the payload is then the reason, in UTF-8.
 */
export const prefixBytes = 8
const endMark = 0xffff_ffff

export type FrameFault = 'head-too-large' | 'payload-too-large' | 'reason-too-large'
export type FrameStep = 'frame' | 'end' | 'more' | FrameFault

/** Larger ones grow as they come: announcing a frame costs a peer nothing. */
const firstAllocation = 1024 * 1024 + 65_536
const nothing = new Uint8Array(0)

/**
 * Finds frames in bytes that are cut anywhere. `push` a chunk, then ask `next` until it says `more`; `head` and
 * `payload` are copies in memory of their own. The chunk must stay as it is until then. After `end` and after a fault
 * nothing more is read.
 */
export class FrameReader {
  head = new Uint8Array(0)
  payload = new Uint8Array(0)
  #limits: FrameLimits
  #chunk: Uint8Array = nothing
  #at = 0
  readonly #prefix = new Uint8Array(prefixBytes)
  readonly #prefixView = new DataView(this.#prefix.buffer)
  #prefixLength = 0
  #stage: 'prefix' | 'head' | 'payload' | 'over' = 'prefix'
  #isEnd = false
  #headLength = 0
  #payloadLength = 0
  /** What is being filled, and how far. */
  #target = new Uint8Array(0)
  #filled = 0

  constructor(limits: FrameLimits) {
    this.#limits = limits
  }

  /** From the next frame on. */
  setLimits(limits: FrameLimits): void {
    this.#limits = limits
  }

  /** The last chunk must have been read to its end. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /** A frame has begun and is not whole. */
  get isWithinFrame(): boolean {
    return this.#prefixLength > 0
  }

  next(): FrameStep {
    if (this.#stage === 'prefix') {
      if (!this.#readPrefix()) return this.#more()
      const fault = this.#begin()
      if (fault !== undefined) {
        this.#stage = 'over'
        return fault
      }
    }
    if (this.#stage === 'head') {
      if (!this.#fill(this.#headLength)) return this.#more()
      this.head = this.#target
      this.#enter('payload', this.#payloadLength)
    }
    if (this.#stage !== 'payload' || !this.#fill(this.#payloadLength)) return this.#more()
    this.payload = this.#target
    this.#target = new Uint8Array(0)
    this.#prefixLength = 0
    this.#stage = this.#isEnd ? 'over' : 'prefix'
    return this.#isEnd ? 'end' : 'frame'
  }

  #more(): 'more' {
    this.#chunk = nothing
    this.#at = 0
    return 'more'
  }

  #readPrefix(): boolean {
    const chunk = this.#chunk
    while (this.#prefixLength < prefixBytes && this.#at < chunk.length) {
      this.#prefix[this.#prefixLength++] = chunk[this.#at++] ?? 0
    }
    return this.#prefixLength === prefixBytes
  }

  #begin(): FrameFault | undefined {
    const headLength = this.#prefixView.getUint32(0)
    const payloadLength = this.#prefixView.getUint32(4)
    this.#isEnd = headLength === endMark
    if (this.#isEnd) {
      if (payloadLength > reasonBytes) return 'reason-too-large'
    } else {
      if (headLength > this.#limits.headBytes) return 'head-too-large'
      if (payloadLength > this.#limits.payloadBytes) return 'payload-too-large'
    }
    this.#headLength = this.#isEnd ? 0 : headLength
    this.#payloadLength = payloadLength
    this.#enter('head', this.#headLength)
    return undefined
  }

  #enter(stage: 'head' | 'payload', length: number): void {
    this.#stage = stage
    this.#filled = 0
    this.#target = ownMemory(Math.min(length, firstAllocation))
  }

  /** True once the target has this many bytes. */
  #fill(length: number): boolean {
    const count = Math.min(length - this.#filled, this.#chunk.length - this.#at)
    if (count > 0) {
      if (this.#filled + count > this.#target.length) this.#grow(length, this.#filled + count)
      this.#target.set(this.#chunk.subarray(this.#at, this.#at + count), this.#filled)
      this.#filled += count
      this.#at += count
    }
    return this.#filled === length
  }

  #grow(length: number, needed: number): void {
    const larger = ownMemory(Math.min(length, Math.max(needed, 2 * this.#target.length)))
    larger.set(this.#target.subarray(0, this.#filled))
    this.#target = larger
  }
}

/** Writes the two lengths of a frame. */
export function writePrefix(target: Buffer, headLength: number, payloadLength: number): void {
  target.writeUInt32BE(headLength, 0)
  target.writeUInt32BE(payloadLength, 4)
}

/** A small frame without a payload. */
export function encodeFrame(head: Uint8Array): Buffer {
  const frame = Buffer.alloc(prefixBytes + head.length)
  writePrefix(frame, head.length, 0)
  frame.set(head, prefixBytes)
  return frame
}

/** The frame that ends a stream. */
export function encodeEnd(reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(prefixBytes + text.length)
  writePrefix(frame, endMark, text.length)
  text.copy(frame, prefixBytes)
  return frame
}
