import type { CryptoSuite } from '../crypto/suite.ts'
import { type EntryHash, fromHex, hashLength, noHash, type NodeId, toHex } from '../ids.ts'

/** A value of the chain is kept for every so many versions; the ones between are a few hashes away. */
const interval = 8

interface KnownChain {
  /** The versions as they were when the chain was last computed. */
  versions: EntryHash[]
  /** `marks[i]` is the value after version `(i + 1) * interval`. */
  marks: Uint8Array[]
  /** The value after all of `versions`. */
  last: Uint8Array
}

/** `versionChain_i = SHA3-256(entryHash_i || versionChain_{i-1})`; before the first, 32 zero bytes. */
export function versionChain(suite: Pick<CryptoSuite, 'hash'>, versions: readonly EntryHash[]): string {
  const input = new Uint8Array(2 * hashLength)
  return toHex(extend(suite, input, fromHex(noHash), { versions, from: 0, to: versions.length }))
}

/**
 * The chains of all nodes. A late entry changes the list of versions of a node from some place on; the values before
 * it are kept. Most nodes have a few versions, and for these nothing is kept at all.
 */
export class VersionChains {
  readonly #suite: Pick<CryptoSuite, 'hash'>
  readonly #known = new Map<NodeId, KnownChain>()
  readonly #input = new Uint8Array(2 * hashLength)

  constructor(suite: Pick<CryptoSuite, 'hash'>) {
    this.#suite = suite
  }

  /** The chain's value over `versions`, which are all of the node, in order. */
  value(node: NodeId, versions: readonly { readonly entry: { readonly hash: EntryHash } }[]): string {
    const hashes: EntryHash[] = []
    for (const version of versions) hashes.push(version.entry.hash)
    if (hashes.length < interval) {
      this.#known.delete(node)
      return versionChain(this.#suite, hashes)
    }
    const known = this.#known.get(node)
    const chain = this.#continue(known, hashes)
    this.#known.set(node, chain)
    return toHex(chain.last)
  }

  forget(node: NodeId): void {
    this.#known.delete(node)
  }

  #continue(known: KnownChain | undefined, versions: EntryHash[]): KnownChain {
    const marks = known?.marks ?? []
    let from = known === undefined ? 0 : commonLength(known.versions, versions)
    let last = known?.last
    if (last === undefined || from !== known?.versions.length) {
      marks.length = Math.floor(from / interval)
      from = marks.length * interval
      last = marks.at(-1) ?? fromHex(noHash)
    }
    while (from < versions.length) {
      const to = Math.min(versions.length, from - (from % interval) + interval)
      last = extend(this.#suite, this.#input, last, { versions, from, to })
      if (to % interval === 0) marks.push(last)
      from = to
    }
    return { versions, marks, last }
  }
}

function extend(
  suite: Pick<CryptoSuite, 'hash'>,
  input: Uint8Array,
  start: Uint8Array,
  part: { readonly versions: readonly EntryHash[]; readonly from: number; readonly to: number },
): Uint8Array {
  let value = start
  for (let index = part.from; index < part.to; index++) {
    input.set(fromHex(part.versions[index] ?? noHash))
    input.set(value, hashLength)
    value = suite.hash(input)
  }
  return value
}

function commonLength(left: readonly EntryHash[], right: readonly EntryHash[]): number {
  const length = Math.min(left.length, right.length)
  let index = 0
  while (index < length && left[index] === right[index]) index++
  return index
}
