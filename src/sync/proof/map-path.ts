import { encodeCbor } from '../format/cbor.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { type EntryHash, fromHex, hashLength, type NodeId, toHex } from '../ids.ts'

/** What the state map says of one content node. */
export interface MapLeaf {
  /** Sorted. */
  readonly heads: readonly EntryHash[]
  /** How many versions there are. */
  readonly count: number
  /** The last value of the version chain, which commits to every version and their order. */
  readonly chain: string
}

/** One step from a leaf towards the root: the bit at which the branch divides, and what is on its other side. */
export interface MapStep {
  readonly bit: number
  readonly sibling: string
}

/** Where a node stands in the map: keyed, so that whoever sees a proof cannot look for nodes by their id. */
export function mapPlace(suite: Pick<CryptoSuite, 'hash'>, mapKey: Uint8Array, node: NodeId): string {
  return toHex(suite.hash(labels.mapPlace, mapKey, fromHex(node)))
}

export function mapLeafHash(suite: Pick<CryptoSuite, 'hash'>, place: Uint8Array, leaf: MapLeaf): Uint8Array {
  const content = encodeCbor([leaf.heads.map(fromHex), leaf.count, fromHex(leaf.chain)])
  return suite.hash(labels.mapLeaf, place, content)
}

export function emptyMapRoot(suite: Pick<CryptoSuite, 'hash'>): string {
  return toHex(suite.hash(labels.mapEmpty))
}

const bitAt = labels.mapBranch.length

/** Room for the hash of a branch: label, bit, left and right. */
export function branchInput(): Uint8Array {
  const input = new Uint8Array(bitAt + 1 + 2 * hashLength)
  input.set(labels.mapBranch)
  return input
}

export const branchOffsets = { bit: bitAt, left: bitAt + 1, right: bitAt + 1 + hashLength } as const

/** 0 (left) or 1 (right): the bit of a place, counted from the highest of its first byte. */
export function bitOf(place: Uint8Array, bit: number): number {
  return ((place[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
}

/**
 * The root that a leaf at `place` leads to; undefined if these are not the steps of any trie: on the way up, each
 * branch divides at an earlier bit than the one below.
 */
export function mapRootOf(
  suite: Pick<CryptoSuite, 'hash'>,
  place: string,
  leaf: MapLeaf,
  steps: readonly MapStep[],
): string | undefined {
  const placeBytes = fromHex(place)
  const input = branchInput()
  let hash = mapLeafHash(suite, placeBytes, leaf)
  let below = 256
  for (const { bit, sibling } of steps) {
    if (bit < 0 || bit >= below) return undefined
    below = bit
    const isLeft = bitOf(placeBytes, bit) === 0
    input[branchOffsets.bit] = bit
    input.set(hash, isLeft ? branchOffsets.left : branchOffsets.right)
    input.set(fromHex(sibling), isLeft ? branchOffsets.right : branchOffsets.left)
    hash = suite.hash(input)
  }
  return toHex(hash)
}
