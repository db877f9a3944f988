/** The frozen vectors of part "proofs": made from a fixed seed, so that the same code writes the same files. */
import { join } from 'node:path'
import { nodeSuite as suite } from '../../../src/sync/crypto/node-suite.ts'
import { chainStart } from '../../../src/sync/format/entry-codec.ts'
import type { EntryRecord } from '../../../src/sync/format/entry.ts'
import type { PutFile } from '../../../src/sync/format/operation.ts'
import { entrySecret, openOperation, sealOperation } from '../../../src/sync/format/sealing.ts'
import { encodeSignedStatement } from '../../../src/sync/format/statement-codec.ts'
import type { SignedStatement } from '../../../src/sync/format/statement.ts'
import { fromHex, rootNode, toHex } from '../../../src/sync/ids.ts'
import { mapKeyOf } from '../../../src/sync/crypto/epoch-keys.ts'
import {
  decodeHistoryProof,
  encodeHistoryProof,
  type HistoryProof,
  type NodeProof,
} from '../../../src/sync/proof/history-proof.ts'
import { makeHistoryProof } from '../../../src/sync/proof/make-history-proof.ts'
import { MapLeaves } from '../../../src/sync/proof/map-leaves.ts'
import { mapPlace } from '../../../src/sync/proof/map-path.ts'
import { MerkleLog } from '../../../src/sync/proof/merkle-log.ts'
import { StateMap } from '../../../src/sync/proof/state-map.ts'
import {
  type HistoryTrust,
  type VerifiedHistory,
  verifyHistory,
  type VersionPlace,
} from '../../../src/sync/proof/verify-history.ts'
import { versionChain } from '../../../src/sync/proof/version-chain.ts'
import { contentHashOf, flipBit, ProofWorld, seededRandom } from './proof-world.ts'

/** Bytes are hex, as everywhere in the vectors. */
export interface VectorTrust {
  readonly folderId: string
  readonly devices: readonly string[]
  readonly authority?: string
  readonly older?: string
  readonly contentHash?: string
}

export interface ProofVector {
  readonly name: string
  readonly trust: VectorTrust
  readonly proof: string
}

export interface AcceptedVector extends ProofVector {
  /** What a verifier can tell without opening bodies. */
  readonly told: Told
  readonly matches?: readonly VersionPlace[]
}

export interface RefusedVector extends ProofVector {
  readonly reason: string
  /** Only who opens the revealed bodies (AES-256-GCM) can tell. */
  readonly opening?: true
}

export type Told = ToldHistory | { readonly refused: string }

interface ToldHistory {
  readonly final: boolean
  readonly index: number
  readonly size: number
  readonly nodes: readonly object[]
  readonly grewFrom?: number
}

/** A verdict in the form in which the second verifier prints it. */
export function told(result: VerifiedHistory): Told {
  if (result.refused !== undefined) return { refused: result.refused }
  const { statement, final, grewFrom } = result
  const nodes = result.nodes.map(({ place, heads, versions }) => {
    const list = versions.map(({ hash, deviceId, seq, bodyLength }) => ({ hash, deviceId, seq, bodyLength }))
    return { place, heads, versions: list }
  })
  const more = grewFrom === undefined ? {} : { grewFrom }
  return { final, index: statement.index, size: statement.size, nodes, ...more }
}

export function trustOfVector({ older, ...trust }: VectorTrust): HistoryTrust {
  return older === undefined ? trust : { ...trust, older: fromHex(older) }
}

export const vectorFolder = join(import.meta.dirname, '../../vectors/sync')
export const vectorNames = ['merkle-log', 'state-map', 'chains', 'history-proofs'] as const
export type VectorName = (typeof vectorNames)[number]

export function vectorPath(name: VectorName): string {
  return join(vectorFolder, `${name}.json`)
}

/** Each file and its text. */
export function proofVectorFiles(): Map<string, string> {
  const contents: Record<VectorName, object> = {
    'merkle-log': merkleLogVectors(),
    'state-map': stateMapVectors(),
    chains: chainVectors(),
    'history-proofs': historyProofVectors(),
  }
  return new Map(
    vectorNames.map((name) => [vectorPath(name), `${JSON.stringify(contents[name], null, 1)}\n`]),
  )
}

export function merkleLogVectors(): object {
  const random = seededRandom(suite, 'merkle-log vectors')
  const entries = Array.from({ length: 70 }, () => toHex(random(32)))
  const log = new MerkleLog(suite)
  for (const entry of entries) log.append(entry)
  const sizes = Array.from({ length: 71 }, (_, size) => ({ size, root: log.root(size) }))
  const pairs = [0, 1, 2, 3, 4, 6, 7, 8, 9, 31, 32, 33, 64, 69, 70].flatMap((older) =>
    [8, 33, 64, 70].filter((newer) => newer >= older).map((newer) => ({ older, newer })),
  )
  const consistency = pairs.map(({ older, newer }) => ({
    older,
    newer,
    hashes: log.consistency(older, newer),
  }))
  const of = (older: number): string[] => log.consistency(older, 70)
  const inconsistent = [
    { name: 'a hash left out', older: 33, newer: 70, hashes: of(33).slice(1) },
    { name: 'a hash too many', older: 33, newer: 70, hashes: [...of(33), entries[0]] },
    { name: 'another older size', older: 32, newer: 70, hashes: of(33) },
    { name: 'hashes exchanged', older: 33, newer: 70, hashes: of(33).toReversed() },
    { name: 'hashes between equal sizes', older: 70, newer: 70, hashes: [entries[0]] },
    { name: 'nothing shown', older: 32, newer: 70, hashes: [] },
  ]
  return { entries, roots: sizes, consistency, inconsistent }
}

export function stateMapVectors(): object {
  const random = seededRandom(suite, 'state-map vectors')
  const folderId = toHex(random(32))
  const epochKey = random(32)
  const mapKey = mapKeyOf(suite, folderId, epochKey)
  const map = new StateMap(suite)
  const steps: object[] = [{ root: map.root() }]
  const nodes = Array.from({ length: 24 }, () => toHex(random(16)))
  const leaves = nodes.map((node, index) => {
    const heads = Array.from({ length: index % 4 }, () => toHex(random(32))).toSorted()
    return {
      node,
      place: mapPlace(suite, mapKey, node),
      heads,
      count: 1 + index * index * 7,
      chain: toHex(random(32)),
    }
  })
  for (const { node, place, ...leaf } of leaves) {
    map.set(place, leaf)
    steps.push({ set: { node, place, ...leaf }, root: map.root() })
  }
  const paths = leaves.map(({ place }) => ({
    place,
    path: map.path(place)?.map(({ bit, sibling }) => [bit, sibling]),
  }))
  const root = map.root()
  for (const { node, place } of leaves.slice(0, 20)) {
    map.delete(place)
    steps.push({ delete: { node, place }, root: map.root() })
  }
  return {
    folderId,
    firstEpochKey: toHex(epochKey),
    mapKey: toHex(mapKey),
    steps,
    pathsAfterSets: { root, paths },
  }
}

export function chainVectors(): object {
  const world = new ProofWorld(suite, { seed: 'chain vectors', devices: 2 })
  const node = world.newNode()
  for (let index = 0; index < 6; index++) {
    world.put(node, `version ${index}`, { device: index % 3 === 2 ? 1 : 0 })
  }
  world.write({ type: 'mkdir', node: world.newNode(), parent: rootNode, name: 'directory' })
  const chains = world.devices.map(({ deviceId }) => {
    const entries = world.entries.filter(({ meta }) => meta.deviceId === deviceId)
    const { incarnation } = entries[0]!.meta
    return {
      folderId: world.folderId,
      deviceId,
      incarnation,
      start: chainStart(suite, world.folderId, deviceId, incarnation),
      entries: entries.map(({ metaBytes, hash }) => ({ meta: toHex(metaBytes), hash })),
    }
  })
  const hashes = world.entries.map(({ hash }) => hash)
  const versionChains = hashes.map((_, index) => versionChain(suite, hashes.slice(0, index + 1)))
  return { chains, versionChain: { entries: hashes, values: versionChains } }
}

interface Story {
  readonly world: ProofWorld
  readonly node: string
  readonly twin: string
  readonly link: string
  readonly older: SignedStatement
  readonly signed: SignedStatement
  readonly trust: VectorTrust
}

function tell(): Story {
  const world = new ProofWorld(suite, { seed: 'history-proof vectors', devices: 3 })
  const [node, twin, link] = [world.newNode(), world.newNode(), world.newNode()]
  const first = world.put(node, 'first')
  for (let index = 0; index < 20; index++) world.put(world.newNode(), `other ${index}`, { device: index })
  const second = world.put(node, 'second', { device: 1 })
  const older = world.sign()
  world.put(node, 'beside the second', { device: 2, bases: [first.hash] })
  const other = world.put(twin, 'of the same name', { device: 1 })
  world.put(node, 'all of it', { bases: [other.hash, second.hash].toSorted() })
  const symlink = { node: link, parent: rootNode, name: 'link', bases: [] }
  world.write({ type: 'symlink', target: '../elsewhere', ...symlink })
  const trust = { folderId: world.folderId, devices: [world.device().deviceId] }
  return { world, node, twin, link, older, signed: world.sign(), trust }
}

export function historyProofVectors(): { accepted: AcceptedVector[]; refused: RefusedVector[] } {
  const story = tell()
  const accepted = acceptedVectors(story).map((vector) => {
    const result = verifyHistory(suite, fromHex(vector.proof), trustOfVector(vector.trust))
    const matches = result.refused === undefined ? result.matches : undefined
    return { ...vector, told: told(result), ...(matches === undefined ? {} : { matches }) }
  })
  return { accepted, refused: [...refusedVectors(story), ...refusedOpenings(story)] }
}

function acceptedVectors({ world, node, twin, link, older, signed, trust }: Story): ProofVector[] {
  const source = world.source(signed)
  const olderBytes = toHex(encodeSignedStatement(older))
  const contentHash = contentHashOf(suite, 'second')
  const authority = trust.devices[0]!
  const make = (nodes: string[], more: object = {}): string =>
    toHex(makeHistoryProof(source, { nodes, ...more }))
  const reveal = new Set([world.contentState(node)!.versions[1]!.entry.hash])
  return [
    { name: 'four versions, two heads', trust, proof: make([node]) },
    { name: 'one revealed, at hand', trust: { ...trust, contentHash }, proof: make([node], { reveal }) },
    {
      name: 'all revealed, final',
      trust: { ...trust, devices: [], authority },
      proof: make([node], { reveal: 'all' }),
    },
    { name: 'two nodes of one name', trust, proof: make([node, twin]) },
    { name: 'a symlink, revealed', trust, proof: make([link], { reveal: 'all' }) },
    {
      name: 'grown',
      trust: { ...trust, older: olderBytes },
      proof: make([node], { since: older.statement }),
    },
  ]
}

function refusedVectors({ world, node, twin, older, signed, trust }: Story): RefusedVector[] {
  const source = world.source(signed)
  const honest = makeHistoryProof(source, { nodes: [node] })
  const both = makeHistoryProof(source, { nodes: [node, twin] })
  const revealed = makeHistoryProof(source, { nodes: [node], reveal: 'all' })
  const grown = makeHistoryProof(source, { nodes: [node], since: older.statement })
  const proof = decodeHistoryProof(honest)
  const list: RefusedVector[] = []
  const add = (name: string, reason: string, bytes: Uint8Array, own: VectorTrust = trust): void => {
    list.push({ name, reason, trust: own, proof: toHex(bytes) })
  }
  const withNode = (bytes: Uint8Array, change: (own: NodeProof) => Partial<NodeProof>): Uint8Array => {
    const whole = decodeHistoryProof(bytes)
    return encodeHistoryProof({ ...whole, nodes: whole.nodes.map((own) => ({ ...own, ...change(own) })) })
  }
  const withProof = (change: Partial<HistoryProof>): Uint8Array => encodeHistoryProof({ ...proof, ...change })

  add('nothing', 'malformed', new Uint8Array(0))
  add('a byte more', 'malformed', Uint8Array.of(...honest, 0))
  add('a byte less', 'malformed', honest.subarray(0, -1))
  add('a longer head than needed', 'malformed', Uint8Array.of(0xb8, 5, ...honest.subarray(1)))
  add('nodes not sorted', 'malformed', swapNodes(both))
  add('an unknown issuer', 'untrusted-issuer', honest, { ...trust, devices: [world.device(1).deviceId] })
  add('nobody trusted', 'untrusted-issuer', honest, { ...trust, devices: [] })
  add('another folder', 'other-folder', honest, { ...trust, folderId: 'ab'.repeat(32) })
  add("another device's key", 'signature', withProof({ publicKey: world.device(1).record.signingKey }))
  add('a bit of the signature', 'signature', withProof({ signature: flipBit(proof.signature, 77) }))
  add('a bit of the log root', 'signature', withProof({ statement: flipBit(proof.statement, 8 * 100) }))
  const of = (change: (own: NodeProof) => Partial<NodeProof>): Uint8Array => withNode(honest, change)
  add(
    'the first version left out',
    'not-in-map',
    of(({ versions }) => ({ versions: versions.slice(1), heads: [1, 2] })),
  )
  add(
    'the last version left out',
    'not-in-map',
    of(({ versions }) => ({ versions: versions.slice(0, -1), heads: [2] })),
  )
  add(
    'a version twice',
    'not-in-map',
    of(({ versions }) => ({ versions: [...versions, versions[0]!] })),
  )
  add(
    'versions exchanged',
    'not-in-map',
    of(({ versions: [a, b, ...rest] }) => ({ versions: [b!, a!, ...rest] })),
  )
  add(
    'a head not told',
    'not-in-map',
    of(({ heads }) => ({ heads: heads.slice(1) })),
  )
  add(
    'a head too many',
    'not-in-map',
    of(() => ({ heads: [0, 2, 3] })),
  )
  add(
    'the place of another node',
    'not-in-map',
    of(() => ({ place: world.leaves.place(twin) })),
  )
  add(
    'a step left out',
    'not-in-map',
    of(({ path }) => ({ path: path.slice(1) })),
  )
  add(
    'a bit of a sibling',
    'not-in-map',
    of(({ path }) => ({ path: path.with(0, otherSibling(path[0]!)) })),
  )
  add(
    'a bit of prev',
    'not-in-map',
    of(({ versions }) => ({ versions: versions.with(0, { ...versions[0]!, prev: 'cd'.repeat(32) }) })),
  )
  add(
    'a meta that is none',
    'malformed',
    of(({ versions }) => ({ versions: versions.with(1, { ...versions[1]!, metaBytes: new Uint8Array(9) }) })),
  )
  const swapped = withNode(revealed, ({ versions }) => ({
    versions: versions.with(0, { ...versions[0]!, revealed: versions[1]!.revealed }),
  }))
  add('the body of another version', 'not-the-body', swapped)
  const { body } = decodeHistoryProof(revealed).nodes[0]!.versions[0]!.revealed!
  const secret = withNode(revealed, ({ versions }) => ({
    versions: versions.with(0, { ...versions[0]!, revealed: { body, secret: new Uint8Array(32) } }),
  }))
  add('a secret that is not committed to', 'not-the-body', secret)
  const { meta, prev } = world.contentState(node)!.versions[0]!.entry
  const own = decodeHistoryProof(revealed).nodes[0]!.versions[0]!.revealed!
  const opened = openOperation(suite, own.secret, meta, own.body) as PutFile
  const other = sealOperation(suite, world.epochKey, meta, prev, { ...opened, name: 'other.txt' }).body
  const forged = { body: other, secret: entrySecret(suite, world.epochKey, meta, prev, other) }
  const forgery = withNode(revealed, ({ versions }) => ({
    versions: versions.with(0, { ...versions[0]!, revealed: forged }),
  }))
  add('another text at the same place, with the secret that opens it', 'not-the-body', forgery)
  const olderText = toHex(encodeSignedStatement(older))
  const { size } = older.statement
  const rewritten = world.sign(world.device(), { index: 1, size, logRoot: 'cd'.repeat(32) })
  const later = world.sign(world.device(), { index: 5 })
  const ask = { nodes: [node], since: older.statement }
  const grownLater = makeHistoryProof(world.source(later), ask)
  const earlier = makeHistoryProof(source, { ...ask, since: later.statement })
  const beside = world.sign(world.device(), { ...older.statement, hlc: { ms: 1, counter: 0 } })
  const strangers = world.sign(world.device(1), {
    size: older.statement.size,
    logRoot: older.statement.logRoot,
  })
  const textOf = (statement: SignedStatement): string => toHex(encodeSignedStatement(statement))
  add('growth not shown', 'not-grown', honest, { ...trust, older: olderText })
  add('growth from what nobody has', 'older-unknown', grown)
  add('a rewritten log', 'not-grown', grownLater, { ...trust, older: textOf(rewritten) })
  add('an earlier statement of one log', 'not-grown', earlier, { ...trust, older: textOf(later) })
  add('goes on from another statement', 'not-grown', grown, { ...trust, older: textOf(beside) })
  add("a stranger's older statement", 'older-refused', grown, { ...trust, older: textOf(strangers) })
  add('an older statement that is none', 'older-refused', grown, { ...trust, older: '00' })
  return list
}

/** What only shows when the bodies are opened: an issuer that put something else into its map. */
function refusedOpenings({ world, node, link, trust }: Story): RefusedVector[] {
  const [first, second] = world.contentState(node)!.versions.map(({ entry }) => entry)
  const foreign = world.contentState(link)!.versions[0]!.entry
  const directory = world.write({ type: 'mkdir', node, parent: rootNode, name: 'd' })
  const lie = (entries: EntryRecord[]): string => {
    const state = { heads: [entries.at(-1)!.hash], versions: entries.map((entry) => ({ entry })) }
    const told = { takeChangedContent: () => [node], contentState: () => state }
    const leaves = new MapLeaves(suite, new Uint8Array(32), told)
    const signed = world.sign(world.device(), { mapRoot: leaves.root() })
    const source = { ...world.source(signed), leaves, contentState: () => state }
    return toHex(makeHistoryProof(source, { nodes: [node], reveal: 'all' }))
  }
  return [
    {
      name: 'versions of two nodes',
      reason: 'other-node',
      opening: true,
      trust,
      proof: lie([first!, second!, foreign]),
    },
    {
      name: 'a directory as version',
      reason: 'not-a-version',
      opening: true,
      trust,
      proof: lie([first!, directory]),
    },
  ]
}

function otherSibling({ bit, sibling }: { bit: number; sibling: string }): { bit: number; sibling: string } {
  return { bit, sibling: `${sibling.slice(0, -1)}${sibling.endsWith('0') ? '1' : '0'}` }
}

/** Exchanges the encoded node proofs of a proof of two, which the encoder itself would refuse to write. */
function swapNodes(bytes: Uint8Array): Uint8Array {
  const proof = decodeHistoryProof(bytes)
  const [left, right] = proof.nodes.map((node) => encodeHistoryProof({ ...proof, nodes: [node] }))
  const head = left!.length + right!.length - bytes.length
  return Uint8Array.of(...bytes.subarray(0, head), ...right!.subarray(head), ...left!.subarray(head))
}
