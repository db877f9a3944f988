/** An endless body that is cheap to make and to check: no two blocks are alike, so nothing can be lost, doubled or moved. */
import { randomBytes } from 'node:crypto'

const blockBytes = 262_144
const template = randomBytes(blockBytes)

export class BulkBytes {
  readonly #block = Buffer.from(template)
  readonly #sizeBytes: number
  #at = 0

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
  }

  get position(): number {
    return this.#at
  }

  get isDone(): boolean {
    return this.#at === this.#sizeBytes
  }

  /** The next bytes, at most up to the end of a block; valid until the next call. */
  next(): Buffer {
    const within = this.#at % blockBytes
    if (within === 0) this.#block.writeBigUInt64BE(BigInt(this.#at), 0)
    const count = Math.min(blockBytes - within, this.#sizeBytes - this.#at)
    this.#at += count
    return this.#block.subarray(within, within + count)
  }

  /** Whether these are the next bytes. */
  matches(chunk: Buffer): boolean {
    if (chunk.length > this.#sizeBytes - this.#at) return false
    for (let taken = 0; taken < chunk.length;) {
      const within = this.#at % blockBytes
      if (within === 0) this.#block.writeBigUInt64BE(BigInt(this.#at), 0)
      const count = Math.min(blockBytes - within, chunk.length - taken)
      if (this.#block.compare(chunk, taken, taken + count, within, within + count) !== 0) return false
      taken += count
      this.#at += count
    }
    return true
  }
}
