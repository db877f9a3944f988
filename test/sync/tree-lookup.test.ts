import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rootNode } from '../../src/sync/ids.ts'
import { userHistory } from './support/tree-histories.ts'

// HARP_TREE_RUNS=20000 for a long run.
const numRuns = Number(process.env['HARP_TREE_RUNS'] ?? 60)

it('what stands at a path is found by its directory and name, and by each of its nodes', () => {
  const property = fc.property(userHistory(40), fc.nat(), (devices, choice) => {
    const { view } = devices.device(choice)
    const shownNodes = new Set([rootNode])
    for (const { path, shown } of view.walk()) {
      const directory = view.at(path.slice(0, -1))!
      const { kind, name, nodes } = shown
      expect(view.find(directory.nodes, name)).toMatchObject({ kind, name, nodes })
      for (const node of nodes) {
        shownNodes.add(node)
        expect(view.of(node)).toMatchObject({ kind, name, nodes })
      }
    }
    expect(view.of(rootNode)).toMatchObject({ kind: 'directory', name: '', nodes: [rootNode] })
    expect(view.find([rootNode], 'no such name')).toBeUndefined()
    for (const { id } of view.tree.nodes()) expect(view.of(id) !== undefined).toBe(shownNodes.has(id))
  })
  fc.assert(property, { numRuns })
})
