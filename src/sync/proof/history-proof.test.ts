import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flipBit } from '../../../test/sync/support/proof-world.ts'
import { bomb } from '../../../test/sync/support/item-bomb.ts'
import { orReason } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import {
  decodeHistoryProof,
  encodeHistoryProof,
  type HistoryProof,
  type NodeProof,
  type ProvedVersion,
  proofLimits,
} from './history-proof.ts'

const version: ProvedVersion = { metaBytes: new Uint8Array(8), prev: '11'.repeat(32), revealed: undefined }
const node: NodeProof = { place: 'aa'.repeat(32), path: [], versions: [version], heads: [0] }
const proof: HistoryProof = {
  statement: new Uint8Array(10),
  publicKey: new Uint8Array(32),
  signature: new Uint8Array(64),
  nodes: [node],
  growth: undefined,
}

function reasonOf(change: Partial<HistoryProof>): string | undefined {
  const result = orReason(() => encodeHistoryProof({ ...proof, ...change }))
  return typeof result === 'string' ? result : undefined
}

function reasonOfNode(change: Partial<NodeProof>): string | undefined {
  return reasonOf({ nodes: [{ ...node, ...change }] })
}

function placeOf(index: number): string {
  return index.toString(16).padStart(64, '0')
}

const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const someBytes = fc.uint8Array({ maxLength: 40 })
const someVersion = fc.record({
  metaBytes: someBytes,
  prev: hash,
  revealed: fc.option(
    fc.record({ body: someBytes, secret: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
    {
      nil: undefined,
    },
  ),
})
const someNode = fc.record({
  place: hash,
  path: fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 255 }), hash), { selector: ([bit]) => bit, maxLength: 6 })
    .map((steps) =>
      steps.map(([bit, sibling]) => ({ bit, sibling })).toSorted((left, right) => right.bit - left.bit),
    ),
  versions: fc.array(someVersion, { minLength: 1, maxLength: 3 }),
  heads: fc.constantFrom([], [0]),
})
const someProof = fc.record({
  statement: someBytes,
  publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  nodes: fc
    .uniqueArray(someNode, { selector: ({ place }) => place, minLength: 1, maxLength: 3 })
    .map((nodes) => nodes.toSorted((left, right) => (left.place < right.place ? -1 : 1))),
  growth: fc.option(fc.record({ olderSize: fc.maxSafeNat(), hashes: fc.array(hash, { maxLength: 4 }) }), {
    nil: undefined,
  }),
})

test('what is encoded is decoded again, in one encoding', () => {
  fc.assert(
    fc.property(someProof, (value) => {
      const bytes = encodeHistoryProof(value)
      expect(decodeHistoryProof(bytes)).toEqual(value)
    }),
    { numRuns: 100 },
  )
})

test('random and changed bytes are refused with a reason, or encode to themselves', () => {
  const judge = (bytes: Uint8Array): void => {
    const result = orReason(() => decodeHistoryProof(bytes))
    const again = typeof result === 'string' ? undefined : encodeHistoryProof(result)
    expect(again ?? bytes).toEqual(bytes)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), judge), { numRuns: 300 })
  const changed = fc.tuple(someProof, fc.nat(), fc.nat()).map(([value, bit, cut]) => {
    const bytes = encodeHistoryProof(value)
    const flipped = flipBit(bytes, bit % (bytes.length * 8))
    return cut % 4 === 0 ? flipped.subarray(0, cut % bytes.length) : flipped
  })
  fc.assert(fc.property(changed, judge), { numRuns: 500 })
})

test('each limit holds at the limit and is refused one above', () => {
  const steps = Array.from({ length: 257 }, (_, index) => ({ bit: 255 - index, sibling: placeOf(index) }))
  expect(reasonOfNode({ path: steps.slice(0, 256) })).toBeUndefined()
  expect(reasonOfNode({ path: steps })).toBe('limit')

  const nodes = Array.from({ length: proofLimits.nodes + 1 }, (_, index) => ({
    ...node,
    place: placeOf(index),
  }))
  expect(reasonOf({ nodes: nodes.slice(1) })).toBeUndefined()
  expect(reasonOf({ nodes })).toBe('limit')

  const versions = Array.from({ length: proofLimits.versions }, () => version)
  expect(reasonOfNode({ versions })).toBeUndefined()
  expect(reasonOfNode({ versions: [...versions, version] })).toBe('limit')
  expect(reasonOf({ nodes: [node, { ...node, place: 'bb'.repeat(32), versions }] })).toBe('limit')

  const hashes = Array.from({ length: proofLimits.growthHashes + 1 }, (_, index) => placeOf(index))
  expect(reasonOf({ growth: { olderSize: 1, hashes: hashes.slice(1) } })).toBeUndefined()
  expect(reasonOf({ growth: { olderSize: 1, hashes } })).toBe('limit')

  expect(reasonOf({ statement: new Uint8Array(proofLimits.statementBytes) })).toBeUndefined()
  expect(reasonOf({ statement: new Uint8Array(proofLimits.statementBytes + 1) })).toBe('limit')

  const metaOf = (length: number): ProvedVersion => ({ ...version, metaBytes: new Uint8Array(length) })
  expect(reasonOfNode({ versions: [metaOf(limits.metaBytes)] })).toBeUndefined()
  expect(reasonOfNode({ versions: [metaOf(limits.metaBytes + 1)] })).toBe('limit')

  const bodyOf = (length: number): ProvedVersion => ({
    ...version,
    revealed: { body: new Uint8Array(length), secret: new Uint8Array(32) },
  })
  expect(reasonOfNode({ versions: [bodyOf(limits.bodyBytes)] })).toBeUndefined()
  expect(reasonOfNode({ versions: [bodyOf(limits.bodyBytes + 1)] })).toBe('limit')
})

test('a proof of exactly the most bytes passes, one byte more does not', () => {
  const withBody = (length: number): HistoryProof => {
    const big = { body: new Uint8Array(limits.bodyBytes), secret: new Uint8Array(32) }
    const last = { body: new Uint8Array(length), secret: new Uint8Array(32) }
    const versions = [big, big, big, last].map((revealed) => ({ ...version, revealed }))
    return { ...proof, nodes: [{ ...node, versions }] }
  }
  const rest = proofLimits.bytes - encodeHistoryProof(withBody(1_000_000)).length + 1_000_000
  const bytes = encodeHistoryProof(withBody(rest))
  expect(bytes.length).toBe(proofLimits.bytes)
  expect(decodeHistoryProof(bytes).nodes).toHaveLength(1)
  expect(orReason(() => encodeHistoryProof(withBody(rest + 1)))).toBe('limit')
  expect(
    orReason(() => decodeHistoryProof(Uint8Array.of(...bytes.subarray(0, 9), ...new Uint8Array(4)))),
  ).toBe('malformed')
  expect(orReason(() => decodeHistoryProof(new Uint8Array(proofLimits.bytes + 1)))).toBe('limit')
})

test('what has no place in a proof', () => {
  expect(reasonOf({ nodes: [] })).toBe('range')
  expect(reasonOf({ nodes: [node, node] })).toBe('order')
  expect(reasonOf({ publicKey: new Uint8Array(31) })).toBe('length')
  expect(reasonOf({ signature: new Uint8Array(65) })).toBe('length')
  expect(reasonOfNode({ place: 'aa' })).toBe('length')
  expect(reasonOfNode({ versions: [] })).toBe('range')
  expect(reasonOfNode({ heads: [1] })).toBe('range')
  expect(reasonOfNode({ heads: [0, 0] })).toBe('range')
  const step = { bit: 7, sibling: placeOf(1) }
  expect(reasonOfNode({ path: [step, step] })).toBe('range')
  expect(reasonOfNode({ path: [{ ...step, bit: 256 }] })).toBe('range')
  const revealed = { body: new Uint8Array(1), secret: new Uint8Array(31) }
  expect(reasonOfNode({ versions: [{ ...version, revealed }] })).toBe('length')
})

test('a proof of nothing but empty items is refused before one of them is built', () => {
  expect(orReason(() => decodeHistoryProof(bomb))).toBe('limit')
})

test('the most items that the limits allow are not too many', () => {
  const path = Array.from({ length: proofLimits.pathSteps }, (_, index) => ({
    bit: proofLimits.pathSteps - 1 - index,
    sibling: '22'.repeat(32),
  }))
  const revealed = { body: new Uint8Array(0), secret: new Uint8Array(proofLimits.secretBytes) }
  const nodes = Array.from({ length: 200 }, (_, index) => ({
    place: placeOf(index),
    path,
    versions: Array<ProvedVersion>(50).fill({ ...version, revealed }),
    heads: Array.from({ length: 50 }, (_value, head) => head),
  }))
  const growth = { olderSize: 1, hashes: Array<string>(proofLimits.growthHashes).fill('33'.repeat(32)) }
  const most: HistoryProof = { ...proof, nodes, growth }
  expect(decodeHistoryProof(encodeHistoryProof(most)).nodes).toHaveLength(nodes.length)
})
