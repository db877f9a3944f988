import { type CborValue, encodeCbor, requireSame } from '../format/cbor.ts'
import { asBytes, asId, asList, asTuple, asUint, Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { idBytes, requireAtMost, requireLength, requireSorted, requireUint } from '../format/rules.ts'
import { type EntryHash, hashLength } from '../ids.ts'
import type { MapStep } from './map-path.ts'

/** Limits of a proof; the maker keeps to them and the verifier refuses what exceeds them. */
export const proofLimits = {
  bytes: 4 * 1024 * 1024,
  /** Versions in all node proofs together. */
  versions: 10_000,
  /** Nodes that one shown file may consist of. */
  nodes: 1_024,
  /** Steps of a map path: a place has 256 bits. */
  pathSteps: 256,
  /** Hashes that show growth: two for each level of a tree of 2^53 leaves. */
  growthHashes: 108,
  statementBytes: 512 * 1024,
  secretBytes: 32,
} as const

/** Of one file: the complete list of its versions, as a signed statement commits to it. */
export interface HistoryProof {
  /** The encoded statement, its issuer's public key, and the signature over it. */
  readonly statement: Uint8Array
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  /** Sorted by place. Several, if files of one name were made on several devices. */
  readonly nodes: readonly NodeProof[]
  /** Shows that the issuer's log has an older one as its beginning. */
  readonly growth: GrowthProof | undefined
}

export interface NodeProof {
  readonly place: string
  /** From the leaf to the root. */
  readonly path: readonly MapStep[]
  /** In order. */
  readonly versions: readonly ProvedVersion[]
  /** Which of the versions are heads: ascending indices. */
  readonly heads: readonly number[]
}

export interface ProvedVersion {
  readonly metaBytes: Uint8Array
  readonly prev: EntryHash
  readonly revealed: RevealedBody | undefined
}

/** The sealed body and the secret that opens it, and nothing else. */
export interface RevealedBody {
  readonly body: Uint8Array
  readonly secret: Uint8Array
}

export interface GrowthProof {
  readonly olderSize: number
  readonly hashes: readonly string[]
}

/** Throws FormatError. */
export function encodeHistoryProof(proof: HistoryProof): Uint8Array {
  requireAtMost(proof.statement.length, proofLimits.statementBytes)
  requireAtMost(proof.nodes.length, proofLimits.nodes)
  if (proof.nodes.length === 0) throw new FormatError('range', 'no nodes')
  requireSorted(proof.nodes.map((node) => node.place))
  let versions = 0
  for (const node of proof.nodes) versions += node.versions.length
  requireAtMost(versions, proofLimits.versions)
  const fields = new Map<number, CborValue>([
    [1, 1],
    [2, proof.statement],
    [3, requireLength(proof.publicKey, 32)],
    [4, requireLength(proof.signature, 64)],
    [5, proof.nodes.map(encodeNode)],
  ])
  if (proof.growth !== undefined) fields.set(6, encodeGrowth(proof.growth))
  const bytes = encodeCbor(fields)
  requireAtMost(bytes.length, proofLimits.bytes)
  return bytes
}

function encodeNode(node: NodeProof): CborValue {
  requireAtMost(node.path.length, proofLimits.pathSteps)
  let below = 256
  for (const { bit } of node.path) {
    requireUint(bit, 0, below - 1)
    below = bit
  }
  if (node.versions.length === 0) throw new FormatError('range', 'no versions')
  let last = -1
  for (const head of node.heads) last = requireUint(head, last + 1, node.versions.length - 1)
  return new Map<number, CborValue>([
    [1, idBytes(node.place, hashLength)],
    [2, node.path.map(({ bit, sibling }) => [bit, idBytes(sibling, hashLength)])],
    [3, node.versions.map(encodeVersion)],
    [4, node.heads],
  ])
}

function encodeVersion({ metaBytes, prev, revealed }: ProvedVersion): CborValue {
  requireAtMost(metaBytes.length, limits.metaBytes)
  const coordinates = [metaBytes, idBytes(prev, hashLength)]
  if (revealed === undefined) return coordinates
  requireAtMost(revealed.body.length, limits.bodyBytes)
  return [...coordinates, revealed.body, requireLength(revealed.secret, proofLimits.secretBytes)]
}

function encodeGrowth(growth: GrowthProof): CborValue {
  requireAtMost(growth.hashes.length, proofLimits.growthHashes)
  return [requireUint(growth.olderSize), growth.hashes.map((hash) => idBytes(hash, hashLength))]
}

/** What the limits leave open, the steps of the paths, takes bytes: three items in 36 or more. */
function mostItems(length: number): number {
  return 256 + 9 * proofLimits.nodes + 6 * proofLimits.versions + 3 * Math.ceil(length / 36)
}

/** Throws FormatError. Judges the form only; what the proof shows is for `verifyHistory`. */
export function decodeHistoryProof(bytes: Uint8Array): HistoryProof {
  requireAtMost(bytes.length, proofLimits.bytes)
  const fields = Fields.of(bytes, mostItems(bytes.length))
  fields.version(1)
  const proof = {
    statement: fields.bytes(2),
    publicKey: fields.bytes(3, 32),
    signature: fields.bytes(4, 64),
    nodes: fields.list(5, proofLimits.nodes).map(decodeNode),
    growth: fields.has(6) ? decodeGrowth(fields.list(6, 2)) : undefined,
  }
  fields.end()
  requireSame(bytes, encodeHistoryProof(proof))
  return proof
}

function decodeNode(item: unknown): NodeProof {
  const fields = new Fields(item)
  const node = {
    place: fields.id(1, hashLength),
    path: fields.list(2, proofLimits.pathSteps).map(decodeStep),
    versions: fields.list(3, proofLimits.versions).map(decodeVersion),
    heads: fields.list(4, proofLimits.versions).map(asUint),
  }
  fields.end()
  return node
}

function decodeStep(item: unknown): MapStep {
  const [bit, sibling] = asTuple(item, 2)
  return { bit: asUint(bit), sibling: asId(sibling, hashLength) }
}

function decodeVersion(item: unknown): ProvedVersion {
  const parts = asList(item, 4)
  const [meta, prev, body, secret] = parts.length === 2 ? parts : asTuple(item, 4)
  const revealed =
    parts.length === 2 ? undefined : { body: asBytes(body), secret: asBytes(secret, proofLimits.secretBytes) }
  return { metaBytes: asBytes(meta), prev: asId(prev, hashLength), revealed }
}

function decodeGrowth(item: unknown): GrowthProof {
  const [olderSize, hashes] = asTuple(item, 2)
  const list = asList(hashes, proofLimits.growthHashes)
  return { olderSize: asUint(olderSize), hashes: list.map((hash) => asId(hash, hashLength)) }
}
