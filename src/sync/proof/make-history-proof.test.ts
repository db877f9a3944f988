import { expect, test } from 'vitest'
import { ProofWorld, trustOf } from '../../../test/sync/support/proof-world.ts'
import { errorCode } from '../../base/errors.ts'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { makeHistoryProof } from './make-history-proof.ts'
import { verifyHistory } from './verify-history.ts'

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return errorCode(error)
  }
  return 'none'
}

function worldWithFile(): { world: ProofWorld; node: string } {
  const world = new ProofWorld(suite, { seed: 'maker' })
  const node = world.newNode()
  for (const content of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']) world.put(node, content)
  return { world, node }
}

test('a proof is made only from the state that the statement covers', () => {
  const { world, node } = worldWithFile()
  const source = world.source(world.sign())
  world.put(world.newNode(), 'later')
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node] }))).toBe('SYNC_PROOF_STATE')
})

test('what has no versions has no history', () => {
  const { world } = worldWithFile()
  const source = world.source(world.sign())
  expect(codeOf(() => makeHistoryProof(source, { nodes: [world.newNode()] }))).toBe('SYNC_PROOF_NO_HISTORY')
  expect(codeOf(() => makeHistoryProof(source, { nodes: [] }))).toBe('SYNC_PROOF_NO_HISTORY')
})

test('a node that is named twice is proved once', () => {
  const { world, node } = worldWithFile()
  const source = world.source(world.sign())
  expect(makeHistoryProof(source, { nodes: [node, node] })).toEqual(
    makeHistoryProof(source, { nodes: [node] }),
  )
})

test('without the key nothing is revealed, and the rest is still proved', () => {
  const { world, node } = worldWithFile()
  const source = { ...world.source(world.sign()), secret: () => undefined }
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node], reveal: 'all' }))).toBe('SYNC_PROOF_NO_KEY')
  const bytes = makeHistoryProof(source, { nodes: [node] })
  expect(verifyHistory(suite, bytes, trustOf(world)).refused).toBeUndefined()
})

test('growth is not claimed from a statement about something else', () => {
  const { world, node } = worldWithFile()
  const { statement } = world.sign()
  const source = world.source(world.sign())
  const other = { ...statement, logRoot: '00'.repeat(32) }
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node], since: other }))).toBe('SYNC_PROOF_NOT_GROWN')
  const longer = { ...statement, size: statement.size + 1 }
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node], since: longer }))).toBe(
    'SYNC_PROOF_NOT_GROWN',
  )
})

test('a history that exceeds the limits of a proof says so', () => {
  const world = new ProofWorld(suite, { seed: 'large' })
  const node = world.newNode()
  for (let index = 0; index < 17; index++) world.put(node, `${index}`, { manifest: 256 * 1024 })
  const source = world.source(world.sign())
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node], reveal: 'all' }))).toBe(
    'SYNC_PROOF_TOO_LARGE',
  )
  expect(codeOf(() => makeHistoryProof(source, { nodes: [node] }))).toBe('none')
})

test('ten versions among ten thousand files take less than 4 KiB, with growth', () => {
  const { world, node } = worldWithFile()
  const { statement } = world.sign()
  const map = world.leaves.map()
  const leaf = { heads: ['01'.repeat(32)], count: 1, chain: '02'.repeat(32) }
  for (let index = 0; index < 10_000; index++) {
    map.set(world.leaves.place(index.toString(16).padStart(32, '0')), leaf)
  }
  const source = world.source(world.sign())
  const bytes = makeHistoryProof(source, { nodes: [node], since: statement })
  expect(bytes.length).toBeLessThan(4_096)
  expect(bytes.length).toBeGreaterThan(10 * 200)
})
