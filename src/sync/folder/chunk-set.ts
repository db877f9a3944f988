import { prefixOf } from '../chunks/chunk-schema.ts'

const firstRoom = 1_024

/**
 * Chunk ids, by their first 48 bits: eight bytes each, where a set of texts takes a hundred. Two of one prefix are taken
 * for one, so only for questions in which yes is the careful answer.
 */
export class ChunkSet {
  #prefixes = new Float64Array(firstRoom)
  #count = 0
  #isSorted = true

  add(id: Uint8Array): void {
    if (this.#count === this.#prefixes.length) this.#grow()
    this.#prefixes[this.#count++] = prefixOf(id)
    this.#isSorted = false
  }

  has(id: Uint8Array): boolean {
    if (!this.#isSorted) this.#sort()
    const sought = prefixOf(id)
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#prefixes[middle] ?? 0) < sought) low = middle + 1
      else high = middle
    }
    return low < this.#count && this.#prefixes[low] === sought
  }

  #grow(): void {
    // What is there twice goes first.
    this.#sort()
    if (this.#count * 2 <= this.#prefixes.length) return
    const larger = new Float64Array(this.#prefixes.length * 2)
    larger.set(this.#prefixes)
    this.#prefixes = larger
  }

  #sort(): void {
    const sorted = this.#prefixes.subarray(0, this.#count).sort()
    let kept = 0
    for (const prefix of sorted) if (kept === 0 || sorted[kept - 1] !== prefix) sorted[kept++] = prefix
    this.#count = kept
    this.#isSorted = true
  }
}
