import { describe, expect, it } from 'vitest'
import { ReferenceTree } from './reference-tree.ts'
import { compareEntries, observes, OrderedTree, viewItems, type TestEntry } from './support/ordered-tree.ts'
import { brokenInvariant } from './support/tree-invariants.ts'
import {
  causalities,
  choices,
  deliveries,
  foundationEntries,
  scenario,
  type Choice,
} from './support/tree-scenarios.ts'

const named = Object.entries(choices)
const count = named.length ** 3 * causalities.length

describe(`all ${count} worlds of four nodes and three operations, each in ${deliveries.length} ways of arriving`, () => {
  for (const [name, choice] of named) {
    it(`I1–I4, first in order: ${name}`, () => {
      expect(firstWrong(name, choice)).toBeUndefined()
    })
  }
})

function firstWrong(name: string, choice: Choice): string | undefined {
  for (const second of named) {
    for (const third of named) {
      for (const causality of causalities) {
        const wrong = whatIsWrong([choice, second[1], third[1]], causality)
        if (wrong === undefined) continue
        return `${name}, ${second[0]}, ${third[0]}; seen: ${causality.join()}: ${wrong}`
      }
    }
  }
  return undefined
}

function whatIsWrong(three: readonly Choice[], causality: readonly boolean[]): string | undefined {
  const entries = scenario(three, causality)
  const operations = [...foundationEntries, ...entries].map((entry) => ({
    entry,
    operation: entry.operation,
  }))
  const reference = new ReferenceTree(operations, compareEntries, observes)
  const digest = reference.digest()
  const view = JSON.stringify(reference.view())
  for (const [index, delivery] of deliveries.entries()) {
    const tree = deliver(entries, delivery)
    const arrived = JSON.stringify(delivery)
    const fold = tree.tree.digest()
    if (fold !== digest) return `arriving ${arrived}\n${fold}instead of\n${digest}`
    const items = JSON.stringify(viewItems(tree.view))
    if (items !== view) return `arriving ${arrived}\n${items}\ninstead of\n${view}`
    const broken = index === 0 ? brokenInvariant(tree) : undefined
    if (broken !== undefined) return broken
  }
  return undefined
}

/** Looks after each batch, so that what was computed then must give way to what comes. */
function deliver(entries: readonly TestEntry[], delivery: readonly (readonly number[])[]): OrderedTree {
  const tree = new OrderedTree()
  tree.take(foundationEntries)
  for (const batch of delivery) {
    tree.take(batch.map((index) => entries[index]!))
    for (const _ of tree.view.walk()) continue
  }
  return tree
}
