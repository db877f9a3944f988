import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, rootNode, toHex } from '../ids.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import type { Operation } from '../format/operation.ts'
import { Tree } from '../tree/tree.ts'
import { type ContentSource, MapLeaves } from './map-leaves.ts'
import { mapPlace } from './map-path.ts'
import { StateMap } from './state-map.ts'
import { versionChain, VersionChains } from './version-chain.ts'

let hashes = 0
const suite = {
  hash: (...parts: readonly Uint8Array[]) => {
    hashes++
    return nodeSuite.hash(...parts)
  },
}
const mapKey = new Uint8Array(32).fill(7)
const node = 'ab'.repeat(16)

function hashOf(number: number): string {
  return toHex(suite.hash(Uint8Array.of(number & 255, number >> 8)))
}

function versionsOf(list: readonly string[]): { entry: { hash: string } }[] {
  return list.map((hash) => ({ entry: { hash } }))
}

function naiveChain(list: readonly string[]): string {
  let value: Uint8Array = new Uint8Array(32)
  for (const hash of list) value = suite.hash(fromHex(hash), value)
  return toHex(value)
}

test('the chain over any list is the recursive one, whatever list was there before', () => {
  const edit = fc.record({
    back: fc.oneof(fc.constant(0), fc.nat({ max: 30 })),
    cut: fc.constantFrom(0, 0, 1, 3, 1_000),
    add: fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 12 }),
  })
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      const chains = new VersionChains(suite)
      const list: string[] = []
      for (const { back, cut, add } of edits) {
        list.splice(Math.max(0, list.length - back), cut, ...add.map(hashOf))
        expect(chains.value(node, versionsOf(list))).toBe(naiveChain(list))
        expect(versionChain(suite, list)).toBe(naiveChain(list))
      }
    }),
    { numRuns: 150 },
  )
})

test('one more version costs one more hash, a late one costs what comes after it', () => {
  const texts = Array.from({ length: 1_000 }, (_, index) => hashOf(index))
  const chains = new VersionChains(suite)
  chains.value(node, versionsOf(texts))
  const costOf = (list: readonly string[]): number => {
    const before = hashes
    chains.value(node, versionsOf(list))
    return hashes - before
  }
  const late = hashOf(5_000)
  expect(costOf([...texts, late])).toBe(1)
  expect(costOf(texts.toSpliced(990, 0, late))).toBeLessThanOrEqual(11 + 8)
})

class FakeTree implements ContentSource {
  readonly nodes = new Map<string, { heads: string[]; versions: { entry: { hash: string } }[] }>()
  readonly changed = new Set<string>()
  set(id: string, list: readonly string[]): void {
    this.nodes.set(id, { heads: list.slice(-1), versions: versionsOf(list) })
    this.changed.add(id)
  }
  takeChangedContent(): string[] {
    const taken = [...this.changed]
    this.changed.clear()
    return taken
  }
  contentState(id: string): { heads: string[]; versions: { entry: { hash: string } }[] } | undefined {
    return this.nodes.get(id)
  }
}

test('the map follows the tree: new versions, rewinds, and nodes that lose all of them', () => {
  const tree = new FakeTree()
  const leaves = new MapLeaves(suite, mapKey, tree)
  const other = 'cd'.repeat(16)
  const list = [1, 2, 3].map(hashOf)
  tree.set(node, list)
  tree.set(other, [hashOf(9)])
  leaves.root()
  tree.set(node, [list[0]!, hashOf(8), list[1]!])
  tree.set(other, [])
  const expected = new StateMap(suite)
  const chain = naiveChain([list[0]!, hashOf(8), list[1]!])
  expected.set(mapPlace(suite, mapKey, node), { heads: [list[1]!], count: 3, chain })
  expect(leaves.root()).toBe(expected.root())
  expect(leaves.map().size).toBe(1)
  expect(leaves.leaf(node)).toEqual({ heads: [list[1]!], count: 3, chain })
  expect(leaves.leaf(other)).toBeUndefined()
  tree.nodes.delete(node)
  tree.changed.add(node)
  expect(leaves.map().size).toBe(0)
})

interface Step {
  readonly hash: string
  readonly operation: Operation
}

/** Puts and other operations on a few nodes; bases are any puts that came before. */
const steps = fc
  .array(
    fc.record({ node: fc.integer({ min: 0, max: 3 }), kind: fc.integer({ min: 0, max: 5 }), base: fc.nat() }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((list) =>
    list.map(({ node: number, kind, base }, index): Step => {
      const id = `${number}`.repeat(32).replaceAll('0', 'a')
      const bases = index === 0 ? [] : [hashOf(base % index)]
      const at = { node: id, parent: rootNode, name: 'n' }
      const operation: Operation =
        kind === 0
          ? { type: 'trash', node: id }
          : kind === 1
            ? { type: 'mkdir', ...at }
            : { type: 'symlink', ...at, target: `${index}`, bases }
      return { hash: hashOf(index), operation }
    }),
  )

test('over a real tree, with any rewinds between, the map is that of a tree that saw the last order only', () => {
  const rewinds = fc.array(fc.record({ to: fc.nat(), look: fc.boolean() }), { maxLength: 6 })
  fc.assert(
    fc.property(steps, rewinds, (list, cuts) => {
      const tree = new Tree<Step>(() => true)
      const leaves = new MapLeaves(suite, mapKey, tree)
      for (const { to, look } of cuts) {
        for (const step of list.slice(tree.length)) tree.apply(step, step.operation)
        if (look) leaves.root()
        tree.rewind(to % list.length)
        // What comes after the rewind is another order each time.
        list.push(...list.splice(tree.length, 1))
      }
      for (const step of list.slice(tree.length)) tree.apply(step, step.operation)
      const fresh = new Tree<Step>(() => true)
      for (const step of list) fresh.apply(step, step.operation)
      expect(leaves.root()).toBe(new MapLeaves(suite, mapKey, fresh).root())
    }),
    { numRuns: 150 },
  )
})
