import { decodeHistoryProof, encodeHistoryProof, type HistoryProof } from '../../sync/index.ts'

/** What somebody could try who passes a proof on: each is a whole, well-formed proof that says something else. */

export function withOneBitChanged(bytes: Uint8Array, byte: number, bit = 0): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[byte] = (changed[byte] ?? 0) ^ (1 << bit)
  return changed
}

/** As if a version had never been. */
export function withoutVersion(bytes: Uint8Array, left: number): Uint8Array {
  return changeVersions(bytes, (versions) => versions.filter((_, index) => index !== left))
}

/** As if two versions had come in another order. */
export function withVersionsSwapped(bytes: Uint8Array, first: number): Uint8Array {
  return changeVersions(bytes, (versions) => {
    const swapped = [...versions]
    swapped.splice(first, 2, ...versions.slice(first, first + 2).reverse())
    return swapped
  })
}

type Versions = HistoryProof['nodes'][number]['versions']

function changeVersions(bytes: Uint8Array, change: (versions: Versions) => Versions): Uint8Array {
  const proof = decodeHistoryProof(bytes)
  const nodes = proof.nodes.map((node) => {
    const versions = change(node.versions)
    return { ...node, versions, heads: [versions.length - 1] }
  })
  return encodeHistoryProof({ ...proof, nodes })
}
