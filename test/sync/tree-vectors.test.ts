import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { OrderedTree, viewItems } from './support/ordered-tree.ts'
import { entriesOf, referenceOf, vectorFile, type TreeVector } from './support/tree-vectors.ts'

const vectors = JSON.parse(readFileSync(vectorFile, 'utf8')) as TreeVector[]

it('there are vectors', () => {
  expect(vectors.length).toBeGreaterThan(40)
})

for (const vector of vectors) {
  it(`frozen: ${vector.name}`, () => {
    const entries = entriesOf(vector)
    const tree = new OrderedTree()
    for (const entry of entries.toReversed()) tree.take([entry])
    expect(tree.tree.digest()).toBe(vector.fold.map((line) => `${line}\n`).join(''))
    expect(viewItems(tree.view)).toEqual(vector.view)
    const reference = referenceOf(entries)
    expect(reference.digest()).toBe(tree.tree.digest())
    expect(reference.view()).toEqual(vector.view)
  })
}
