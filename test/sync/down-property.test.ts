import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WantedContent } from '../../src/sync/plan/wanted.ts'
import { DownWorld } from './support/down-world.ts'
import type { ModelOptions } from './support/model-file-system.ts'
import { OrderedTree, type TestEntry } from './support/ordered-tree.ts'
import type { Devices } from './support/tree-devices.ts'
import { rawHistory, userHistory } from './support/tree-histories.ts'

const runs = Number(process.env['DOWN_RUNS'] ?? 80)
const choices = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })

/** Any order in which a device may hear of things, in portions. */
function portions(entries: readonly TestEntry[], order: readonly number[]): TestEntry[][] {
  const waiting = [...entries]
  const known = new Set<string>()
  const batches: TestEntry[][] = []
  for (let turn = 0; waiting.length > 0; turn++) {
    const choice = order[turn % order.length]!
    const batch: TestEntry[] = []
    for (let count = 0; count <= choice % 4 && waiting.length > 0; count++) {
      const ready = waiting.filter(({ past }) => [...past].every((hash) => known.has(hash)))
      const next = ready[(choice >> 2) % ready.length]!
      waiting.splice(waiting.indexOf(next), 1)
      known.add(next.hash)
      batch.push(next)
    }
    batches.push(batch)
  }
  return batches
}

/** For the report of a failure. */
function story(batches: readonly TestEntry[][]): string {
  const short = (text: string): string => text.slice(0, 4)
  const line = ({ operation: op, device, past }: TestEntry): string => {
    if (op === undefined || op.type === 'merge') return 'nothing'
    const to = 'parent' in op ? ` ${short(op.parent)}/${op.name}` : ''
    const bases = 'bases' in op ? ` [${op.bases.map(short).join()}]` : ''
    return `${device}: ${op.type} ${short(op.node)}${to}${bases} past ${[...past].map(short).join()}`
  }
  const lines = (batch: TestEntry[]) => batch.map((entry) => `${short(entry.hash)} ${line(entry)}`)
  return batches.map((batch) => lines(batch).join('\n')).join('\n--\n')
}

/** A device that hears of a history in portions; `order` are random numbers for what else may differ. */
interface Hearing {
  readonly world: DownWorld
  readonly batches: readonly TestEntry[][]
  readonly order: readonly number[]
}

function forAll(
  history: fc.Arbitrary<Devices>,
  act: (hearing: Hearing) => void,
  options: ModelOptions = {},
): void {
  const property = fc.property(history, choices, ({ entries }, order) => {
    const batches = portions(options.isCaseSensitive === false ? entries.map(inCapitals) : entries, order)
    try {
      // As if all directories were large, at times.
      const wholeFrom = order[7]! % 2 === 0 ? Number.POSITIVE_INFINITY : 1 / 2
      act({ world: new DownWorld(new OrderedTree(), options, wholeFrom), batches, order })
    } catch (error) {
      throw new Error(story(batches), { cause: error })
    }
  })
  fc.assert(property, { numRuns: runs })
}

/** Half of the names differ from others in case only. */
function inCapitals(entry: TestEntry): TestEntry {
  const { operation } = entry
  if (operation === undefined || !('name' in operation)) return entry
  const name = operation.name.endsWith('~2') ? operation.name.charAt(0).toUpperCase() : operation.name
  return { ...entry, operation: { ...operation, name } }
}

const isMine = (line: string): boolean => line.includes('unknown')

describe.for([
  ['any operations', rawHistory(40)],
  ['what users do', userHistory(50)],
] as const)('the disk follows the view: %s', ([, history]) => {
  it('by what was touched', () => {
    forAll(history, ({ world, batches, order }) => {
      for (const [index, batch] of batches.entries()) {
        world.tree.take(batch)
        if ((order[index % 8]! & 16) === 0) world.sync()
      }
      world.sync()
      expect(world.disk()).toEqual(world.shown())
      expect(world.stashed()).toEqual([])
      world.fs.record()
      expect(world.sync('everything').wanted).toEqual([])
      expect(world.fs.operations).toEqual([])
    })
  })

  it('on a disk without case', () => {
    forAll(
      history,
      ({ world, batches }) => {
        for (const batch of batches) {
          world.tree.take(batch)
          world.sync()
          expect(world.disk()).toEqual(world.shown())
        }
        expect(world.stashed()).toEqual([])
      },
      { isCaseSensitive: false, hasLinks: false },
    )
  })

  it('with contents that come late, and in little steps', () => {
    forAll(history, ({ world, batches, order }) => {
      const late: WantedContent[] = []
      for (const [index, batch] of batches.entries()) {
        world.tree.take(batch)
        const choice = order[index % 8]!
        late.push(...world.down.reconcile(world.tree.tree.touched.take(), choice % 5).wanted)
        while (late.length > (choice >> 4) % 4) world.deliverLate(late.shift()!)
      }
      world.sync('everything', 3)
      expect(world.disk()).toEqual(world.shown())
      expect(world.stashed()).toEqual([])
    })
  })

  it('with things of users everywhere, which stay', () => {
    forAll(history, ({ world, batches, order }) => {
      let unknown = 0
      for (const [index, batch] of batches.entries()) {
        world.tree.take(batch)
        world.sync()
        const directories = ['', ...world.disk().filter((line) => line.endsWith('/'))]
        const directory = directories[order[index % 8]! % directories.length]!
        if (index % 2 === 0) world.save(`/folder/${directory}unknown${++unknown}`, 'mine')
      }
      world.sync('everything')
      const mine = world.disk().filter(isMine)
      expect(mine.length).toBe(unknown)
      const others = world.disk().filter((line) => !isMine(line))
      expect(others).toEqual(expect.arrayContaining(world.shown()))
      const extra = others.filter((line) => !world.shown().includes(line))
      expect(extra.filter((line) => !mine.some((path) => path.startsWith(line)))).toEqual([])
    })
  })

  it('wherever it is stopped', () => {
    forAll(history, ({ world, batches, order }) => {
      const half = batches.length >> 1
      for (const batch of batches.slice(0, half)) world.tree.take(batch)
      world.sync()
      for (const batch of batches.slice(half)) world.tree.take(batch)
      let left = order[0]! % 150
      world.fs.onCall = () => {
        if (world.isPlanning && left-- === 0) throw new Error('stopped')
      }
      try {
        world.sync()
      } catch (error) {
        if ((error as Error).message !== 'stopped') throw error
      }
      world.crash()
      expect(world.rescan()).toEqual([])
      world.sync('everything')
      // What had changed under the plan is scanned first, and planned again.
      expect(world.rescan()).toEqual([])
      world.sync('everything')
      expect(world.disk()).toEqual(world.shown())
      expect(world.stashed()).toEqual([])
    })
  })
})
