/**
 * Bytes that arrive in pieces, read in pieces of another size. A piece given to it is only valid for now, so
 * after reading what is complete the owner calls `keep`, which copies what is left; nothing else is copied.
 */
export class ByteReader {
  #store: Buffer = nothing
  #start = 0
  #end = 0
  #isOwn = true

  get length(): number {
    return this.#end - this.#start
  }

  give(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.length === 0) {
      this.#store = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    if (this.#store.length - this.#end < chunk.length) this.#grow(chunk.length)
    chunk.copy(this.#store, this.#end)
    this.#end += chunk.length
  }

  /** The next bytes without taking them; null when there are not that many yet. */
  peek(count: number): Buffer | null {
    return this.length < count ? null : this.#store.subarray(this.#start, this.#start + count)
  }

  take(count: number): Buffer | null {
    const bytes = this.peek(count)
    if (bytes !== null) this.#start += count
    return bytes
  }

  /** Makes the unread bytes its own; without any, it holds no memory. */
  keep(): void {
    if (this.length === 0) this.#forget()
    else if (!this.#isOwn || (this.#start > 0 && this.length * 2 < this.#store.length)) this.#grow(0)
  }

  /** Everything unread, as the caller's own; the reader is empty afterwards. */
  rest(): Buffer {
    const bytes = Buffer.from(this.#store.subarray(this.#start, this.#end))
    this.#forget()
    return bytes
  }

  #forget(): void {
    this.#store = nothing
    this.#start = 0
    this.#end = 0
    this.#isOwn = true
  }

  #grow(count: number): void {
    const length = this.length
    // NOTE: not from the pool; a kept byte would hold a whole block of it. Doubled, so that bytes that come
    // one by one are not copied again and again.
    const store = Buffer.allocUnsafeSlow(count === 0 ? length : Math.max(length + count, length * 2))
    this.#store.copy(store, 0, this.#start, this.#end)
    this.#store = store
    this.#start = 0
    this.#end = length
    this.#isOwn = true
  }
}

const nothing = Buffer.alloc(0)
