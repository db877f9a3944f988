import { hashLength } from '../ids.ts'

/** Hashes of a full page. Small enough that a page that is partly used wastes little. */
const pageHashes = 1_024
const firstPageHashes = 8

/**
 * A growing list of 32-byte hashes in byte pages: an object or a text for each would cost several times the hash
 * itself, and a list of entries has millions. The first page starts small, because most folders are.
 */
export class HashList {
  readonly #pages: Uint8Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(hash: Uint8Array): void {
    this.write(this.#length, hash)
  }

  /** Puts a hash at `index`, which is a place in the list or the one after its end. */
  write(index: number, hash: Uint8Array): void {
    if (index > this.#length) throw new RangeError('a hash list has no gaps')
    const page = this.#pageFor(index)
    page.set(hash, (index % pageHashes) * hashLength)
    if (index === this.#length) this.#length++
  }

  /** Copies a hash to a place in a buffer; in the hot paths this stands instead of a view for each. */
  copy(index: number, target: Uint8Array, offset: number): void {
    const page = this.#page(index)
    const from = (index % pageHashes) * hashLength
    for (let byte = 0; byte < hashLength; byte++) target[offset + byte] = page[from + byte] ?? 0
  }

  /** A copy of a hash. */
  at(index: number): Uint8Array {
    const from = (index % pageHashes) * hashLength
    return this.#page(index).slice(from, from + hashLength)
  }

  /** One byte of a hash. */
  byte(index: number, offset: number): number {
    return this.#page(index)[(index % pageHashes) * hashLength + offset] ?? 0
  }

  equals(index: number, hash: Uint8Array): boolean {
    const page = this.#page(index)
    const from = (index % pageHashes) * hashLength
    for (let byte = 0; byte < hashLength; byte++) if (page[from + byte] !== hash[byte]) return false
    return true
  }

  truncate(length: number): void {
    if (length >= this.#length) return
    this.#length = length
    // NOTE: one page stays as a reserve, so that a list that shrinks and grows at a page's edge does not allocate.
    this.#pages.length = Math.min(this.#pages.length, Math.ceil(length / pageHashes) + 1)
  }

  #page(index: number): Uint8Array {
    const page = this.#pages[Math.floor(index / pageHashes)]
    if (page === undefined || index >= this.#length || index < 0) throw new RangeError('no such hash')
    return page
  }

  #pageFor(index: number): Uint8Array {
    const number = Math.floor(index / pageHashes)
    const page = this.#pages[number]
    const needed = ((index % pageHashes) + 1) * hashLength
    if (page !== undefined && page.length >= needed) return page
    const hashes = number > 0 ? pageHashes : firstPageHashes
    const larger = new Uint8Array(page === undefined ? hashes * hashLength : page.length * 2)
    if (page !== undefined) larger.set(page)
    this.#pages[number] = larger
    return larger
  }
}
