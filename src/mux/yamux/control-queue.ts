import { headerBytes, writeHeader } from './frame.ts'

const keptBytes = 16 * headerBytes
const nothing = Buffer.alloc(0)

/** Encoded control frames in the order they were made, until the next batch. Keeps a small buffer only. */
export class ControlQueue {
  length = 0
  #bytes = nothing

  push(word: number, streamId: number, value: number): void {
    if (this.length === this.#bytes.length) this.#grow()
    writeHeader(this.#bytes, this.length, word, streamId, value)
    this.length += headerBytes
  }

  /** Everything, once: a few frames valid until the next `push`, many (a buffer of their own) for good. */
  takeAll(): Buffer {
    const all = this.#bytes.subarray(0, this.length)
    this.clear()
    return all
  }

  clear(): void {
    this.length = 0
    if (this.#bytes.length > keptBytes) this.#bytes = nothing
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(keptBytes, 2 * this.#bytes.length))
    this.#bytes.copy(larger)
    this.#bytes = larger
  }
}
