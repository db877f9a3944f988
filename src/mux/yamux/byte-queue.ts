interface Segment {
  readonly bytes: Buffer
  start: number
  /** What follows it is room for more; there is none in a buffer that was kept. */
  end: number
  next: Segment | null
}

const minBlockBytes = 512
const maxBlockBytes = 65_536

/**
 * Bytes in order, first in, first out. What is copied goes into blocks that grow with the queue, so that
 * many tiny pieces cost little more than their bytes. Blocks are never used twice: what was taken stays as
 * it is.
 */
export class ByteQueue {
  length = 0
  #head: Segment | null = null
  #tail: Segment | null = null

  copy(source: Buffer): void {
    const room = this.#copyIntoTail(source)
    if (room < source.length) {
      const left = source.length - room
      const size = this.length === 0 ? left : Math.max(left, this.#blockBytes())
      const bytes = Buffer.allocUnsafe(size)
      source.copy(bytes, 0, room)
      this.#append({ bytes, start: 0, end: left, next: null })
    }
    this.length += source.length
  }

  /** Keeps a reference: the bytes must not change until they were taken. */
  keep(bytes: Buffer): void {
    this.#append({ bytes, start: 0, end: bytes.length, next: null })
    this.length += bytes.length
  }

  /** The next bytes, at least one and at most `maxBytes`; the queue must not be empty. */
  take(maxBytes: number): Buffer {
    const head = this.#head
    if (head === null) throw new RangeError('the queue is empty')
    const { bytes, start } = head
    const count = Math.min(maxBytes, head.end - start)
    head.start += count
    this.length -= count
    if (head.start === head.end) {
      this.#head = head.next
      if (this.#head === null) this.#tail = null
    }
    return count === bytes.length ? bytes : bytes.subarray(start, start + count)
  }

  #blockBytes(): number {
    return Math.min(maxBlockBytes, Math.max(minBlockBytes, this.length))
  }

  /** How many bytes found room. */
  #copyIntoTail(source: Buffer): number {
    const tail = this.#tail
    if (tail === null) return 0
    const copied = source.copy(tail.bytes, tail.end)
    tail.end += copied
    return copied
  }

  #append(segment: Segment): void {
    if (this.#tail === null) this.#head = segment
    else this.#tail.next = segment
    this.#tail = segment
  }
}
