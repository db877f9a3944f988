import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rootNode } from '../../src/sync/ids.ts'
import { fenceSome, OrderedTree, type TestEntry } from './support/ordered-tree.ts'
import { rawHistory, userHistory } from './support/tree-histories.ts'
import { brokenInvariant } from './support/tree-invariants.ts'

// HARP_TREE_RUNS=20000 for a long run.
const numRuns = Number(process.env['HARP_TREE_RUNS'] ?? 100)

it('I2, I3, I4, I4b: hold whatever was written', () => {
  fc.assert(
    fc.property(rawHistory(50), (devices) => {
      devices.meet()
      expect(brokenInvariant(devices.all[0]!.tree)).toBeUndefined()
    }),
    { numRuns },
  )
})

it('I2, I3, I4, I4b: hold at every device at any time, and nothing that a user saved is lost', () => {
  fc.assert(
    fc.property(userHistory(60), (devices) => {
      for (const { tree } of devices.all) expect(brokenInvariant(tree)).toBeUndefined()
      devices.meet()
      const { tree, order } = devices.all[0]!.tree
      expect(brokenInvariant(devices.all[0]!.tree)).toBeUndefined()
      const versions = [...tree.nodes()].flatMap((node) => tree.contentState(node.id)?.versions ?? [])
      const saved = order.filter(
        ({ operation }) => operation?.type === 'put' || operation?.type === 'symlink',
      )
      expect(versions.map(({ entry }) => entry.hash).sort()).toEqual(saved.map(({ hash }) => hash).sort())
    }),
    { numRuns },
  )
})

it('I2, I3, I4, I4b: hold beside what revoked devices wrote; what others saved in their folders is not lost', () => {
  fc.assert(
    fc.property(userHistory(60), fc.integer({ min: 2, max: 5 }), (devices, every) => {
      const isMkdir = ({ operation }: TestEntry, index: number) =>
        operation?.type === 'mkdir' && index % every === 0
      const ordered = new OrderedTree()
      ordered.take(fenceSome(devices.entries, isMkdir))
      expect(brokenInvariant(ordered)).toBeUndefined()
      const versions = [...ordered.tree.nodes()].flatMap(
        (node) => ordered.tree.contentState(node.id)?.versions ?? [],
      )
      const saved = ordered.order.filter(
        ({ operation }) => operation?.type === 'put' || operation?.type === 'symlink',
      )
      expect(versions).toHaveLength(saved.length)
    }),
    { numRuns },
  )
})

it('I2: a rewind to nothing leaves nothing', () => {
  fc.assert(
    fc.property(rawHistory(40), (devices) => {
      const tree = new OrderedTree()
      tree.take(devices.entries)
      tree.tree.rewind(0)
      expect(tree.tree.digest()).toBe('')
      expect(tree.view.list([rootNode])).toEqual([])
      expect(tree.view.trashed()).toEqual([])
    }),
    { numRuns },
  )
})
