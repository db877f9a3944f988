import { chunkIdLength } from '../content/content.ts'
import type { ChunkRows } from '../content/content.ts'

const blockLength = 65_536

/**
 * Small results of one job lie in common memory: an array with memory of its own costs more to send to another thread
 * than what is in it.
 */
export class ResultMemory {
  #block = new ArrayBuffer(0)
  #used = 0

  bytes(length: number): Uint8Array {
    if (length > blockLength / 4) return new Uint8Array(length)
    const at = this.#take(length)
    return new Uint8Array(this.#block, at, length)
  }

  numbers(count: number): Uint32Array {
    if (count > blockLength / 16) return new Uint32Array(count)
    const at = this.#take(count * 4)
    return new Uint32Array(this.#block, at, count)
  }

  #take(length: number): number {
    if (this.#used + length > this.#block.byteLength) {
      this.#block = new ArrayBuffer(blockLength)
      this.#used = 0
    }
    const at = this.#used
    // The next one may hold numbers of four bytes.
    this.#used += (length + 3) & ~3
    return at
  }
}

/** Collects the rows of one file after the other. */
export class RowsWriter {
  readonly #memory: ResultMemory
  #ids = new Uint8Array(64 * chunkIdLength)
  #keys = new Uint8Array(64 * chunkIdLength)
  #lengths = new Uint32Array(64)
  #count = 0

  constructor(memory: ResultMemory) {
    this.#memory = memory
  }

  get count(): number {
    return this.#count
  }

  add(id: Uint8Array, key: Uint8Array, length: number): void {
    if (this.#count === this.#lengths.length) this.#grow()
    this.#ids.set(id, this.#count * chunkIdLength)
    this.#keys.set(key, this.#count * chunkIdLength)
    this.#lengths[this.#count++] = length
  }

  /** Those since the last time. */
  take(): ChunkRows {
    const count = this.#count
    const ids = this.#memory.bytes(count * chunkIdLength)
    const keys = this.#memory.bytes(count * chunkIdLength)
    const lengths = this.#memory.numbers(count)
    ids.set(this.#ids.subarray(0, ids.length))
    keys.set(this.#keys.subarray(0, keys.length))
    lengths.set(this.#lengths.subarray(0, count))
    this.#count = 0
    return { ids, keys, lengths }
  }

  clear(): void {
    this.#count = 0
  }

  #grow(): void {
    const ids = new Uint8Array(this.#ids.length * 2)
    const keys = new Uint8Array(ids.length)
    const lengths = new Uint32Array(this.#lengths.length * 2)
    ids.set(this.#ids)
    keys.set(this.#keys)
    lengths.set(this.#lengths)
    this.#ids = ids
    this.#keys = keys
    this.#lengths = lengths
  }
}
