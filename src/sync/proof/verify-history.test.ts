import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentHashOf, flipBit, ProofWorld, trustOf } from '../../../test/sync/support/proof-world.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { makeEntry } from '../format/entry-maker.ts'
import { entrySecret, openOperation, sealOperation } from '../format/sealing.ts'
import { encodeSignedStatement } from '../format/statement-codec.ts'
import type { EntryRecord } from '../format/entry.ts'
import { rootNode, toHex } from '../ids.ts'
import {
  decodeHistoryProof,
  encodeHistoryProof,
  type HistoryProof,
  type NodeProof,
  proofLimits,
} from './history-proof.ts'
import { makeHistoryProof } from './make-history-proof.ts'
import { MapLeaves } from './map-leaves.ts'
import { type HistoryTrust, type ProvedHistory, verifyHistory } from './verify-history.ts'

/** Remembers what was verified: most of the thousands of changes below leave signature and statement as they are. */
const judged = new Map<string, boolean>()
const suite: CryptoSuite = {
  ...nodeSuite,
  verify(publicKey, message, signature) {
    const key = `${toHex(publicKey)} ${toHex(message)} ${toHex(signature)}`
    const known = judged.get(key) ?? nodeSuite.verify(publicKey, message, signature)
    judged.set(key, known)
    return known
  },
}

/** A file with three versions among others, and a proof of it. */
function threeVersions(): { world: ProofWorld; node: string; versions: EntryRecord[] } {
  const world = new ProofWorld(suite, { seed: 'three' })
  const node = world.newNode()
  const other = world.newNode()
  const versions = [world.put(node, 'one')]
  world.put(other, 'noise', { device: 1 })
  versions.push(world.put(node, 'two', { device: 1 }))
  world.write({ type: 'mkdir', node: world.newNode(), parent: rootNode, name: 'd' })
  versions.push(world.put(node, 'three'))
  world.put(world.newNode(), 'more noise')
  return { world, node, versions }
}

function proved(bytes: Uint8Array, trust: HistoryTrust): ProvedHistory {
  const result = verifyHistory(suite, bytes, trust)
  if (result.refused !== undefined) throw new Error(`refused: ${result.refused}`)
  return result
}

function refusal(bytes: Uint8Array, trust: HistoryTrust): string | undefined {
  return verifyHistory(suite, bytes, trust).refused
}

/** The proof with its only node proof changed. */
function withNode(bytes: Uint8Array, change: (node: NodeProof) => Partial<NodeProof>): Uint8Array {
  const proof = decodeHistoryProof(bytes)
  return encodeHistoryProof({ ...proof, nodes: proof.nodes.map((node) => ({ ...node, ...change(node) })) })
}

function withProof(bytes: Uint8Array, change: Partial<HistoryProof>): Uint8Array {
  return encodeHistoryProof({ ...decodeHistoryProof(bytes), ...change })
}

test('a proof shows the complete list of versions, in order, and who wrote each', () => {
  const { world, node, versions } = threeVersions()
  const signed = world.sign()
  const result = proved(makeHistoryProof(world.source(signed), { nodes: [node] }), trustOf(world))
  expect(result.statement).toEqual(signed.statement)
  expect(result.final).toBe(false)
  expect(result.grewFrom).toBeUndefined()
  expect(result.matches).toBeUndefined()
  expect(result.nodes).toHaveLength(1)
  const [proof] = result.nodes
  expect(proof?.place).toBe(world.leaves.place(node))
  expect(proof?.node).toBeUndefined()
  expect(proof?.heads).toEqual([2])
  expect(proof?.versions.map(({ hash }) => hash)).toEqual(versions.map(({ hash }) => hash))
  expect(proof?.versions.map(({ deviceId }) => deviceId)).toEqual(versions.map(({ meta }) => meta.deviceId))
  expect(proof?.versions.every(({ opened }) => opened === undefined)).toBe(true)
})

test('revealed versions show name and content, the others nothing', () => {
  const { world, node, versions } = threeVersions()
  const source = world.source(world.sign())
  const bytes = makeHistoryProof(source, { nodes: [node], reveal: new Set([versions[1]!.hash]) })
  const [proof] = proved(bytes, trustOf(world)).nodes
  expect(proof?.node).toBe(node)
  expect(proof?.versions.map(({ opened }) => opened?.type)).toEqual([undefined, 'put', undefined])
  expect(proof?.versions[1]?.opened?.name).toBe('notes.txt')
  const secretOfThird = entrySecret(
    suite,
    world.epochKey,
    versions[2]!.meta,
    versions[2]!.prev,
    versions[2]!.body,
  )
  expect(Buffer.from(bytes).includes(Buffer.from(secretOfThird))).toBe(false)
})

test('a file at hand is found among the revealed versions', () => {
  const { world, node } = threeVersions()
  world.put(node, 'two')
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node], reveal: 'all' })
  const matchesOf = (content: string): unknown =>
    proved(bytes, { ...trustOf(world), contentHash: contentHashOf(suite, content) }).matches
  expect(matchesOf('three')).toEqual([{ node: 0, version: 2 }])
  expect(matchesOf('two')).toEqual([
    { node: 0, version: 1 },
    { node: 0, version: 3 },
  ])
  expect(matchesOf('never written')).toEqual([])
})

test('only the authority makes an order final, and only if the verifier says who that is', () => {
  const { world, node } = threeVersions()
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node] })
  const { deviceId } = world.device()
  expect(proved(bytes, { folderId: world.folderId, devices: [], authority: deviceId }).final).toBe(true)
  const other = { ...trustOf(world), authority: world.device(1).deviceId }
  expect(proved(bytes, other).final).toBe(false)
})

test('a shown file made of several nodes has a proof of each, and concurrent heads are told', () => {
  const { world, node, versions } = threeVersions()
  const twin = world.newNode()
  const first = world.put(twin, 'twin', { device: 1 })
  world.put(node, 'beside', { device: 1, bases: [versions[1]!.hash] })
  // A merge of both nodes leaves one of them without a head.
  world.put(node, 'merged', { bases: [...world.heads(node), first.hash].toSorted() })
  const result = proved(makeHistoryProof(world.source(world.sign()), { nodes: [node, twin] }), trustOf(world))
  const own = result.nodes.find(({ place }) => place === world.leaves.place(node))
  expect(result.nodes).toHaveLength(2)
  expect(own?.versions).toHaveLength(5)
  expect(own?.heads).toEqual([4])
})

test('I11 every single bit of a small proof matters, revealed and with growth', () => {
  const world = new ProofWorld(suite, { seed: 'small' })
  const node = world.newNode()
  const first = world.put(node, 'one', { manifest: 1 })
  world.put(world.newNode(), 'noise', { device: 1 })
  world.put(node, 'two', { device: 1 })
  const older = world.sign()
  world.put(world.newNode(), 'later')
  const request = { nodes: [node], reveal: new Set([first.hash]), since: older.statement }
  const bytes = makeHistoryProof(world.source(world.sign()), request)
  const trust = { ...trustOf(world), older }
  const { growth, nodes } = decodeHistoryProof(bytes)
  expect([growth?.hashes.length, nodes[0]?.path.length, nodes[0]?.versions.length]).toEqual([3, 2, 2])
  expect(proved(bytes, trust).grewFrom).toBe(older.statement.size)
  const accepted: number[] = []
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    if (refusal(flipBit(bytes, bit), trust) === undefined) accepted.push(bit)
  }
  expect(accepted).toEqual([])
}, 60_000)

test('I11 a sample of bits, cuts and additions of a big proof', () => {
  const world = new ProofWorld(suite, { seed: 'big', devices: 3 })
  const node = world.newNode()
  for (let index = 0; index < 100; index++) {
    world.put(index % 2 === 0 ? node : world.newNode(), `${index}`, { device: index })
  }
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node], reveal: 'all' })
  const trust = trustOf(world)
  expect(proved(bytes, trust).nodes[0]?.versions).toHaveLength(50)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), (bit) => {
      expect(refusal(flipBit(bytes, bit), trust)).toBeDefined()
      expect(refusal(bytes.subarray(0, bit >> 3), trust)).toBe('malformed')
    }),
    { numRuns: 100 },
  )
  expect(refusal(Uint8Array.of(...bytes, 0), trust)).toBe('malformed')
})

test('any bytes are judged without an exception', () => {
  const trust = { folderId: '00'.repeat(32), devices: [] }
  const judge = (bytes: Uint8Array): void => {
    expect(refusal(bytes, { ...trust, older: bytes })).toBe('malformed')
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), judge), { numRuns: 200 })
  expect(refusal(new Uint8Array(proofLimits.bytes + 1), trust)).toBe('too-large')
  expect(refusal(new Uint8Array(proofLimits.bytes), trust)).toBe('malformed')
})

test('I11 an omitted, added, repeated, exchanged or reordered version is refused', () => {
  const { world, node } = threeVersions()
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node] })
  const trust = trustOf(world)
  for (const left of [0, 1, 2]) {
    const omitted = withNode(bytes, ({ versions }) => ({ versions: versions.toSpliced(left, 1), heads: [1] }))
    expect(refusal(omitted, trust)).toBe('not-in-map')
    const repeated = withNode(bytes, ({ versions }) => ({ versions: [...versions, versions[left]!] }))
    expect(refusal(repeated, trust)).toBe('not-in-map')
  }
  const reordered = withNode(bytes, ({ versions }) => ({
    versions: [versions[1]!, versions[0]!, versions[2]!],
  }))
  expect(refusal(reordered, trust)).toBe('not-in-map')
  const stranger = world.put(world.newNode(), 'of another file')
  const strange = { metaBytes: stranger.metaBytes, prev: stranger.prev, revealed: undefined }
  const exchanged = withNode(bytes, ({ versions }) => ({ versions: versions.with(1, strange) }))
  expect(refusal(exchanged, trust)).toBe('not-in-map')
  const later = world.put(node, 'later')
  const { metaBytes, prev } = later
  const added = withNode(bytes, ({ versions }) => ({
    versions: [...versions, { metaBytes, prev, revealed: undefined }],
  }))
  expect(refusal(added, trust)).toBe('not-in-map')
})

test('I11 wrong heads, and the path of another node, are refused', () => {
  const { world, node } = threeVersions()
  const other = world.newNode()
  world.put(other, 'other')
  const source = world.source(world.sign())
  const bytes = makeHistoryProof(source, { nodes: [node] })
  const trust = trustOf(world)
  for (const heads of [[], [0], [1], [0, 2], [1, 2], [0, 1, 2]]) {
    expect(
      refusal(
        withNode(bytes, () => ({ heads })),
        trust,
      ),
    ).toBe('not-in-map')
  }
  const { place, path } = decodeHistoryProof(makeHistoryProof(source, { nodes: [other] })).nodes[0]!
  expect(
    refusal(
      withNode(bytes, () => ({ place, path })),
      trust,
    ),
  ).toBe('not-in-map')
  expect(
    refusal(
      withNode(bytes, () => ({ place })),
      trust,
    ),
  ).toBe('not-in-map')
  expect(
    refusal(
      withNode(bytes, () => ({ path: [] })),
      trust,
    ),
  ).toBe('not-in-map')
})

test('I11 an older list of versions is refused under a newer statement, and the other way round', () => {
  const { world, node } = threeVersions()
  const before = makeHistoryProof(world.source(world.sign()), { nodes: [node] })
  world.put(node, 'four')
  const after = makeHistoryProof(world.source(world.sign()), { nodes: [node] })
  const { statement, signature } = decodeHistoryProof(after)
  expect(refusal(withProof(before, { statement, signature }), trustOf(world))).toBe('not-in-map')
  expect(refusal(withProof(after, decodeStatementOf(before)), trustOf(world))).toBe('not-in-map')
})

function decodeStatementOf(bytes: Uint8Array): Pick<HistoryProof, 'statement' | 'signature'> {
  const { statement, signature } = decodeHistoryProof(bytes)
  return { statement, signature }
}

test('I11 trust is never taken from the proof: other folders, strangers and their keys', () => {
  const { world, node } = threeVersions()
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node] })
  const stranger = world.device(1)
  const trust = trustOf(world)
  expect(refusal(bytes, { folderId: 'aa'.repeat(32), devices: trust.devices })).toBe('other-folder')
  expect(refusal(bytes, { folderId: world.folderId, devices: [] })).toBe('untrusted-issuer')
  const strangers = makeHistoryProof(world.source(world.sign(stranger)), { nodes: [node] })
  expect(refusal(strangers, trust)).toBe('untrusted-issuer')
  expect(refusal(withProof(bytes, { publicKey: stranger.record.signingKey }), trust)).toBe('signature')
  const { signature } = decodeHistoryProof(strangers)
  expect(refusal(withProof(bytes, { signature }), trust)).toBe('signature')
})

test('I11 versions of another folder are refused even if a trusted device signed for them', () => {
  const { world, node } = threeVersions()
  const foreign = 'ab'.repeat(32)
  const source = world.source(world.sign(world.device(), { folderId: foreign }))
  const bytes = makeHistoryProof(source, { nodes: [node] })
  expect(refusal(bytes, { folderId: foreign, devices: [world.device().deviceId] })).toBe('other-folder')
})

test('I11 a revealed body is the one its author wrote', () => {
  const { world, node } = threeVersions()
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node], reveal: 'all' })
  const trust = trustOf(world)
  const swapped = withNode(bytes, ({ versions }) => ({
    versions: versions.with(0, { ...versions[0]!, revealed: versions[1]!.revealed }),
  }))
  expect(refusal(swapped, trust)).toBe('not-the-body')
  const { body } = decodeHistoryProof(bytes).nodes[0]!.versions[0]!.revealed!
  const otherSecret = withNode(bytes, ({ versions }) => ({
    versions: versions.with(0, { ...versions[0]!, revealed: { body, secret: new Uint8Array(32) } }),
  }))
  expect(refusal(otherSecret, trust)).toBe('not-the-body')
})

test('I11 a member cannot show another text for a version, though it can derive the secret of the body', () => {
  const { world, node, versions } = threeVersions()
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node], reveal: 'all' })
  const { meta, prev } = versions[0]!
  const { opened } = proved(bytes, trustOf(world)).nodes[0]!.versions[0]!
  const { body } = sealOperation(suite, world.epochKey, meta, prev, { ...opened!, name: 'other.txt' })
  const secret = entrySecret(suite, world.epochKey, meta, prev, body)
  expect(openOperation(suite, secret, meta, body)).toMatchObject({ name: 'other.txt' })
  expect(body.length).toBe(meta.bodyLength)
  const forged = withNode(bytes, ({ versions: list }) => ({
    versions: list.with(0, { ...list[0]!, revealed: { body, secret } }),
  }))
  expect(refusal(forged, trustOf(world))).toBe('not-the-body')
})

/** A proof under a statement whose issuer put these entries into its map as versions of one node. */
function lie(world: ProofWorld, entries: readonly EntryRecord[], reveal: 'all' | 'none'): Uint8Array {
  const node = world.newNode()
  const state = { heads: [], versions: entries.map((entry) => ({ entry })) }
  const told = { takeChangedContent: () => [node], contentState: () => state }
  const leaves = new MapLeaves(suite, new Uint8Array(32), told)
  const signed = world.sign(world.device(), { mapRoot: leaves.root() })
  const source = { ...world.source(signed), leaves, contentState: () => state }
  return makeHistoryProof(source, { nodes: [node], reveal })
}

test('I11 what a trusted issuer put into its map is refused if it is no version, or of another node', () => {
  const world = new ProofWorld(suite, { seed: 'liar' })
  const node = world.newNode()
  const first = world.put(node, 'first')
  const second = world.put(world.newNode(), 'of another node')
  const directory = world.write({ type: 'mkdir', node, parent: rootNode, name: 'd' })
  const { folderId, deviceId, incarnation, seq, hlc } = directory.meta
  const coordinates = {
    folderId,
    deviceId,
    incarnation,
    seq: seq + 1,
    hlc,
    parents: [],
    prev: directory.hash,
  }
  const revoke = makeEntry(suite, { ...coordinates, kind: 'revoke', body: new Uint8Array(4) })
  const trust = trustOf(world)
  expect(refusal(lie(world, [first], 'all'), trust)).toBeUndefined()
  expect(refusal(lie(world, [first, second], 'all'), trust)).toBe('other-node')
  expect(refusal(lie(world, [first, directory], 'all'), trust)).toBe('not-a-version')
  expect(refusal(lie(world, [first, revoke], 'none'), trust)).toBe('not-a-version')
  // Nobody can tell what is in a body that is not shown.
  expect(refusal(lie(world, [first, directory], 'none'), trust)).toBeUndefined()
})

test('growth is judged against what the verifier has, as object or as bytes', () => {
  const { world, node } = threeVersions()
  const older = world.sign()
  for (let index = 0; index < 20; index++) world.put(world.newNode(), `${index}`)
  const signed = world.sign()
  const bytes = makeHistoryProof(world.source(signed), { nodes: [node], since: older.statement })
  const trust = trustOf(world)
  expect(proved(bytes, { ...trust, older }).grewFrom).toBe(older.statement.size)
  expect(proved(bytes, { ...trust, older: encodeSignedStatement(older) }).grewFrom).toBe(older.statement.size)
  expect(refusal(bytes, trust)).toBe('older-unknown')
  const plain = makeHistoryProof(world.source(signed), { nodes: [node] })
  expect(refusal(plain, { ...trust, older })).toBe('not-grown')
  // The text beside the signed bytes counts for nothing.
  const retold = { ...older, statement: { ...older.statement, size: 3 } }
  expect(proved(bytes, { ...trust, older: retold }).grewFrom).toBe(older.statement.size)
})

test('I11 an older statement that is no beginning of the log, is not signed, or is of others', () => {
  const { world, node } = threeVersions()
  const honest = world.sign()
  const rewritten = world.sign(world.device(), { logRoot: 'cd'.repeat(32) })
  const longer = world.sign(world.device(), { size: 1_000 })
  const strangers = world.sign(world.device(1))
  world.put(node, 'four')
  const bytes = makeHistoryProof(world.source(world.sign()), { nodes: [node], since: honest.statement })
  const trust = trustOf(world)
  expect(refusal(bytes, { ...trust, older: rewritten })).toBe('not-grown')
  expect(refusal(bytes, { ...trust, older: longer })).toBe('not-grown')
  expect(refusal(bytes, { ...trust, older: strangers })).toBe('older-refused')
  expect(refusal(bytes, { ...trust, older: { ...honest, signature: longer.signature } })).toBe(
    'older-refused',
  )
  expect(refusal(bytes, { ...trust, older: new Uint8Array(3) })).toBe('older-refused')
})

test('I11 an earlier statement of the same log is not shown as what came after a later one', () => {
  const { world, node } = threeVersions()
  const before = world.sign()
  const proof = (signed: typeof before) =>
    makeHistoryProof(world.source(signed), { nodes: [node], since: before.statement })
  const [after, later] = [world.sign(), world.sign()]
  const [first, second] = [proof(before), proof(after)]
  const trust = trustOf(world)
  expect(proved(first, { ...trust, older: before }).grewFrom).toBe(before.statement.size)
  expect(proved(second, { ...trust, older: before }).grewFrom).toBe(before.statement.size)
  expect(proved(proof(later), { ...trust, older: before }).grewFrom).toBe(before.statement.size)
  expect(refusal(first, { ...trust, older: after })).toBe('not-grown')
  expect(refusal(first, { ...trust, older: later })).toBe('not-grown')
  // One beside it, and one that goes on from that.
  const beside = world.sign(world.device(), { ...after.statement, hlc: { ms: 1, counter: 0 } })
  const beyond = world.sign(world.device(), { index: 2 })
  expect(refusal(second, { ...trust, older: beside })).toBe('not-grown')
  expect(refusal(proof(beyond), { ...trust, older: after })).toBe('not-grown')
  // Another issuer counts for itself.
  const other = world.device(1)
  const devices = [...trust.devices, other.deviceId]
  expect(proved(first, { ...trust, devices, older: world.sign(other) }).grewFrom).toBe(before.statement.size)
})

test('completeness: honest proofs of random logs verify', () => {
  const action = fc.record({
    file: fc.integer({ min: 0, max: 4 }),
    device: fc.integer({ min: 0, max: 2 }),
    concurrent: fc.boolean(),
    sign: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(action, { minLength: 1, maxLength: 25 }), (actions) => {
      const world = new ProofWorld(suite, { seed: 'random', devices: 3 })
      const files = Array.from({ length: 5 }, () => world.newNode())
      let older = world.sign()
      for (const [index, { file, device, concurrent, sign }] of actions.entries()) {
        const bases = concurrent ? world.heads(files[file]!).slice(1) : world.heads(files[file]!)
        world.put(files[file]!, `${index}`, { device, bases })
        if (sign) older = world.sign()
      }
      const source = world.source(world.sign())
      for (const node of files) {
        const state = world.contentState(node)
        if (state === undefined) continue
        const bytes = makeHistoryProof(source, { nodes: [node], reveal: 'all', since: older.statement })
        const result = proved(bytes, { ...trustOf(world), older })
        const [verified] = result.nodes
        expect(verified?.versions.map(({ hash }) => hash)).toEqual(
          state.versions.map(({ entry }) => entry.hash),
        )
        expect(verified?.heads.map((index) => verified.versions[index]?.hash).toSorted()).toEqual(state.heads)
        expect(verified?.node).toBe(node)
        expect(result.grewFrom).toBe(older.statement.size)
      }
    }),
    { numRuns: 8 },
  )
})
