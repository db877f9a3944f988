import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, hashLength, toHex } from '../ids.ts'
import { HashList } from './hash-list.ts'
import {
  bitOf,
  branchInput,
  branchOffsets,
  emptyMapRoot,
  type MapLeaf,
  type MapStep,
  mapLeafHash,
} from './map-path.ts'

/** A reference to a leaf is its number; to a branch, the complement of its number; to nothing, this. */
const nothing = 0x7fff_ffff
const firstCapacity = 16

/**
 * The state map: a binary crit-bit trie from places to leaf hashes, where each branch names the first bit at which the
 * places below it differ. So its shape, and with it the root, depends on what it holds and not on how it came there.
 * It lives in flat arrays (about 110 bytes per leaf), and branches are hashed when a root or a path is wanted.
 */
export class StateMap {
  readonly #suite: Pick<CryptoSuite, 'hash'>
  readonly #places = new HashList()
  readonly #leafHashes = new HashList()
  readonly #branchHashes = new HashList()
  /** Left and right of each branch. */
  #children = new Int32Array(2 * firstCapacity)
  #bits = new Uint8Array(firstCapacity)
  /** 1 for a branch whose hash is out of date; then so is every branch above. */
  #stale = new Uint8Array(firstCapacity)
  readonly #freeLeaves: number[] = []
  readonly #freeBranches: number[] = []
  readonly #input = branchInput()
  #root = nothing
  #size = 0

  constructor(suite: Pick<CryptoSuite, 'hash'>) {
    this.#suite = suite
  }

  get size(): number {
    return this.#size
  }

  set(place: string, leaf: MapLeaf): void {
    const bytes = fromHex(place)
    const hash = mapLeafHash(this.#suite, bytes, leaf)
    if (this.#root === nothing) {
      this.#root = this.#addLeaf(bytes, hash)
      return
    }
    const nearest = this.#nearest(bytes)
    const bit = this.#firstDifference(nearest, bytes)
    if (bit === undefined) {
      if (this.#leafHashes.equals(nearest, hash)) return
      this.#leafHashes.write(nearest, hash)
      this.#markStale(bytes, 256)
      return
    }
    this.#insertBranch(bit, bytes, this.#addLeaf(bytes, hash))
  }

  delete(place: string): boolean {
    const bytes = fromHex(place)
    const leaf = this.#find(bytes)
    if (leaf === undefined) return false
    this.#freeLeaves.push(leaf)
    this.#size--
    let slot: number | undefined
    let parentSlot: number | undefined
    let reference = this.#root
    while (reference < 0) {
      const branch = ~reference
      this.#stale[branch] = 1
      parentSlot = slot
      slot = 2 * branch + bitOf(bytes, this.#bits[branch] ?? 0)
      reference = this.#child(slot)
    }
    // NOTE: the branch above goes too, and its other side takes its place.
    const sibling = slot === undefined ? nothing : this.#child(slot ^ 1)
    if (slot !== undefined) this.#freeBranches.push(slot >> 1)
    if (parentSlot === undefined) this.#root = sibling
    else this.#children[parentSlot] = sibling
    return true
  }

  root(): string {
    return this.#root === nothing ? emptyMapRoot(this.#suite) : toHex(this.#hashOf(this.#root))
  }

  /** The steps from the leaf at `place` up to the root, for a proof; undefined if there is no such leaf. */
  path(place: string): MapStep[] | undefined {
    const bytes = fromHex(place)
    if (this.#find(bytes) === undefined) return undefined
    this.root()
    const steps: MapStep[] = []
    let reference = this.#root
    while (reference < 0) {
      const branch = ~reference
      const bit = this.#bits[branch] ?? 0
      const slot = 2 * branch + bitOf(bytes, bit)
      steps.push({ bit, sibling: toHex(this.#hashOf(this.#child(slot ^ 1))) })
      reference = this.#child(slot)
    }
    return steps.reverse()
  }

  /** The leaf that shares the most leading bits with `place`; only for a map that is not empty. */
  #nearest(place: Uint8Array): number {
    let reference = this.#root
    while (reference < 0) {
      const branch = ~reference
      reference = this.#child(2 * branch + bitOf(place, this.#bits[branch] ?? 0))
    }
    return reference
  }

  #find(place: Uint8Array): number | undefined {
    if (this.#root === nothing) return undefined
    const leaf = this.#nearest(place)
    return this.#places.equals(leaf, place) ? leaf : undefined
  }

  #firstDifference(leaf: number, place: Uint8Array): number | undefined {
    for (let offset = 0; offset < hashLength; offset++) {
      const difference = (place[offset] ?? 0) ^ this.#places.byte(leaf, offset)
      if (difference !== 0) return offset * 8 + Math.clz32(difference) - 24
    }
    return undefined
  }

  /** Marks the branches on the way to `place` that divide before `bit`, and returns the slot it ended at. */
  #markStale(place: Uint8Array, bit: number): number | undefined {
    let slot: number | undefined
    let reference = this.#root
    while (reference < 0) {
      const branch = ~reference
      const ownBit = this.#bits[branch] ?? 0
      if (ownBit > bit) break
      this.#stale[branch] = 1
      slot = 2 * branch + bitOf(place, ownBit)
      reference = this.#child(slot)
    }
    return slot
  }

  #insertBranch(bit: number, place: Uint8Array, leaf: number): void {
    const above = this.#markStale(place, bit)
    const other = above === undefined ? this.#root : this.#child(above)
    const branch = this.#addBranch(bit)
    const side = bitOf(place, bit)
    this.#children[2 * branch + side] = leaf
    this.#children[2 * branch + (side ^ 1)] = other
    if (above === undefined) this.#root = ~branch
    else this.#children[above] = ~branch
  }

  #addLeaf(place: Uint8Array, hash: Uint8Array): number {
    const leaf = this.#freeLeaves.pop() ?? this.#places.length
    this.#places.write(leaf, place)
    this.#leafHashes.write(leaf, hash)
    this.#size++
    return leaf
  }

  #addBranch(bit: number): number {
    const branch = this.#freeBranches.pop() ?? this.#branchHashes.length
    if (branch === this.#branchHashes.length) this.#branchHashes.push(emptyHash)
    if (branch >= this.#bits.length) this.#grow()
    this.#bits[branch] = bit
    this.#stale[branch] = 1
    return branch
  }

  #grow(): void {
    const capacity = this.#bits.length * 2
    const children = new Int32Array(2 * capacity)
    children.set(this.#children)
    this.#children = children
    const bits = new Uint8Array(capacity)
    bits.set(this.#bits)
    this.#bits = bits
    const stale = new Uint8Array(capacity)
    stale.set(this.#stale)
    this.#stale = stale
  }

  #hashOf(reference: number): Uint8Array {
    if (reference >= 0) return this.#leafHashes.at(reference)
    this.#refresh(~reference)
    return this.#branchHashes.at(~reference)
  }

  /** Brings a branch and what is stale below it up to date; at most 256 deep, for a place has 256 bits. */
  #refresh(branch: number): void {
    if (this.#stale[branch] === 0) return
    const left = this.#child(2 * branch)
    const right = this.#child(2 * branch + 1)
    if (left < 0) this.#refresh(~left)
    if (right < 0) this.#refresh(~right)
    const input = this.#input
    input[branchOffsets.bit] = this.#bits[branch] ?? 0
    this.#copyHash(left, branchOffsets.left)
    this.#copyHash(right, branchOffsets.right)
    this.#branchHashes.write(branch, this.#suite.hash(input))
    this.#stale[branch] = 0
  }

  #copyHash(reference: number, offset: number): void {
    if (reference >= 0) this.#leafHashes.copy(reference, this.#input, offset)
    else this.#branchHashes.copy(~reference, this.#input, offset)
  }

  #child(slot: number): number {
    return this.#children[slot] ?? nothing
  }
}

const emptyHash = new Uint8Array(hashLength)
