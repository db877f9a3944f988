import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ReferenceTree } from './reference-tree.ts'
import {
  compareEntries,
  contentHeads,
  fenceSome,
  observes,
  OrderedTree,
  viewItems,
  type TestEntry,
} from './support/ordered-tree.ts'
import { rawHistory, userHistory } from './support/tree-histories.ts'

// HARP_TREE_RUNS=20000 for a long run.
const numRuns = Number(process.env['HARP_TREE_RUNS'] ?? 200)

const histories = { 'any operations': rawHistory(60), 'what users do': userHistory(60) }
const seeds = fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 40, size: 'max' })

for (const [name, history] of Object.entries(histories)) {
  it(`I1: ${name}, in any order and any batches, with and without looking in between, are one state`, () => {
    fc.assert(
      fc.property(history, seeds, (devices, numbers) => {
        const every = 2 + (numbers[2]! % 12)
        const entries = fenceSome(devices.entries, (_, index) => index % every === 1)
        const expected = reference(entries)
        const cold = new OrderedTree()
        const warm = new OrderedTree()
        let seen: TestEntry[] = []
        for (const batch of batches(entries, numbers)) {
          seen = [...seen, ...batch]
          cold.take(batch)
          warm.take(batch)
          expect(viewItems(warm.view)).toEqual(reference(seen).view())
        }
        for (const { tree, view } of [cold, warm]) {
          expect(tree.digest()).toBe(expected.digest())
          expect(viewItems(view)).toEqual(expected.view())
        }
        devices.meet()
        const unfenced = reference(devices.entries).digest()
        for (const { tree } of devices.all) expect(tree.tree.digest()).toBe(unfenced)
      }),
      { numRuns },
    )
  })
}

for (const [name, history] of Object.entries(histories)) {
  it(`I1: ${name}, of which some are closed or fenced for a while, are the state of what they are by then`, () => {
    fc.assert(
      fc.property(history, seeds, (devices, numbers) => {
        const tree = new OrderedTree()
        const changing = batches(devices.entries, numbers)
        for (const [round, batch] of [...changing, []].entries()) {
          tree.take(batch)
          const isLast = round === changing.length
          tree.change((entry) => {
            const of = devices.entries.findIndex(({ hash }) => hash === entry.hash)
            const turn = isLast ? 0 : numbers[(of + round) % numbers.length]! % 5
            return turned(devices.entries[of]!, entry, turn)
          })
          const expected = reference(tree.order)
          expect(contentHeads(tree.tree)).toEqual(expected.contentHeads())
          expect(tree.tree.digest()).toBe(expected.digest())
          expect(viewItems(tree.view)).toEqual(expected.view())
        }
      }),
      { numRuns },
    )
  })
}

/** The entry as it is, or closed, or fenced, or as it was just now. */
function turned(entry: TestEntry, before: TestEntry, turn: number): TestEntry {
  if (turn === 1) return before.operation === undefined ? before : { ...entry, operation: undefined }
  if (turn === 2) return before.isFenced === true ? before : { ...entry, isFenced: true }
  return turn === 3 ? before : entry
}

function reference(entries: readonly TestEntry[]): ReferenceTree<TestEntry> {
  const operations = entries.map((entry) => ({
    entry,
    operation: entry.operation,
    isFenced: entry.isFenced === true,
  }))
  return new ReferenceTree(operations, compareEntries, observes)
}

/** The entries cut as the numbers say, and shuffled; in order at times, when nothing is ever computed anew by a rewind. */
function batches(entries: readonly TestEntry[], numbers: readonly number[]): TestEntry[][] {
  const shuffled = entries.toSorted(compareEntries)
  for (let index = numbers[0]! % 3 === 0 ? 0 : shuffled.length - 1; index > 0; index--) {
    const other = (numbers[index % numbers.length]! * (index + 7)) % (index + 1)
    const moved = shuffled[index]!
    shuffled[index] = shuffled[other]!
    shuffled[other] = moved
  }
  const cut: TestEntry[][] = []
  for (let from = 0, index = 0; from < shuffled.length; index++) {
    const length = 1 + (numbers[index % numbers.length]! % (1 + (numbers[1]! % 12)))
    cut.push(shuffled.slice(from, from + length))
    from += length
  }
  return cut
}
