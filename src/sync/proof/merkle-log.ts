import type { CryptoSuite } from '../crypto/suite.ts'
import { type EntryHash, fromHex, hashLength, toHex } from '../ids.ts'
import { HashList } from './hash-list.ts'
import { hashPair, leafInput, pairInput } from './merkle-hash.ts'

/**
 * The Merkle tree of RFC 9162 (2.1) with SHA3-256 over the entry hashes in order. Of each level the hashes of the full
 * subtrees are kept, 64 bytes per entry in all; what is not full is put together when asked for. Nothing is hashed
 * before a root or a proof is wanted, so that entries which are taken back at once cost nothing.
 */
export class MerkleLog {
  readonly #suite: Pick<CryptoSuite, 'hash'>
  /** Level 0 holds leaf hashes up to `#hashedLeaves`, and behind it entry hashes that wait to become leaf hashes. */
  readonly #leaves = new HashList()
  #hashedLeaves = 0
  /** `#levels[k]` holds the full subtrees of 2^(k+1) leaves. */
  readonly #levels: HashList[] = []
  readonly #leafInput = leafInput()
  readonly #pairInput = pairInput()
  #lastRoot: { size: number; root: string } | undefined

  constructor(suite: Pick<CryptoSuite, 'hash'>) {
    this.#suite = suite
  }

  get size(): number {
    return this.#leaves.length
  }

  append(hash: EntryHash): void {
    this.#leaves.push(fromHex(hash))
  }

  /** Takes back all but the first `size` entries: late ones are about to come before them. */
  truncate(size: number): void {
    this.#checkSize(size)
    this.#leaves.truncate(size)
    this.#hashedLeaves = Math.min(this.#hashedLeaves, size)
    for (const [index, level] of this.#levels.entries()) level.truncate(Math.floor(size / 2 ** (index + 1)))
    if (this.#lastRoot !== undefined && this.#lastRoot.size > size) this.#lastRoot = undefined
  }

  /** The root over the first `size` entries, over all of them by default. */
  root(size: number = this.size): string {
    this.#checkSize(size)
    if (this.#lastRoot?.size === size) return this.#lastRoot.root
    const root = toHex(size === 0 ? this.#suite.hash() : this.#subtree(0, size))
    this.#lastRoot = { size, root }
    return root
  }

  /** Shows that the tree over `older` entries is a prefix of the one over `newer`: RFC 9162, 2.1.4.1. */
  consistency(older: number, newer: number = this.size): string[] {
    this.#checkSize(newer)
    if (!Number.isSafeInteger(older) || older < 0 || older > newer) throw new RangeError('no such older size')
    if (older === 0 || older === newer) return []
    const hashes: string[] = []
    let start = 0
    let end = newer
    let whole = true
    while (older < end) {
      const middle = start + largestPowerBelow(end - start)
      if (older <= middle) {
        hashes.push(toHex(this.#subtree(middle, end)))
        end = middle
      } else {
        hashes.push(toHex(this.#subtree(start, middle)))
        start = middle
        whole = false
      }
    }
    // NOTE: a prefix that is one full subtree from the start is the older root, which the verifier has.
    if (!whole) hashes.push(toHex(this.#subtree(start, end)))
    return hashes.reverse()
  }

  /** The tree over the entries from `start` to before `end`; `start` is a multiple of a power of two ≥ the length. */
  #subtree(start: number, end: number): Uint8Array {
    this.#hashUpTo(end)
    let result: Uint8Array | undefined
    let position = end
    for (let level = 0, width = 1; position > start; level++, width *= 2) {
      if (Math.floor((end - start) / width) % 2 === 0) continue
      const index = position / width - 1
      const left = this.#level(level).at(index)
      result = result === undefined ? left : hashPair(this.#suite, this.#pairInput, left, result)
      position -= width
    }
    return result ?? this.#suite.hash()
  }

  #hashUpTo(size: number): void {
    const leaves = this.#leaves
    for (; this.#hashedLeaves < size; this.#hashedLeaves++) {
      leaves.copy(this.#hashedLeaves, this.#leafInput, 1)
      leaves.write(this.#hashedLeaves, this.#suite.hash(this.#leafInput))
    }
    let below = leaves
    for (let level = 1, full = Math.floor(size / 2); full > 0; level++, full = Math.floor(full / 2)) {
      const own = this.#level(level)
      for (let index = own.length; index < full; index++) {
        below.copy(index * 2, this.#pairInput, 1)
        below.copy(index * 2 + 1, this.#pairInput, 1 + hashLength)
        own.push(this.#suite.hash(this.#pairInput))
      }
      below = own
    }
  }

  #level(level: number): HashList {
    if (level === 0) return this.#leaves
    let found = this.#levels[level - 1]
    if (found === undefined) {
      found = new HashList()
      this.#levels[level - 1] = found
    }
    return found
  }

  #checkSize(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.size) throw new RangeError('no such size')
  }
}

/** The largest power of two that is smaller than `size`, which is at least 2. */
function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}
