import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WantedContent } from '../../src/sync/plan/wanted.ts'
import { DownWorld } from './support/down-world.ts'
import { OrderedTree, type TestEntry } from './support/ordered-tree.ts'
import { rawHistory, userHistory } from './support/tree-histories.ts'

/** Any order in which devices may hear of things, in portions. */
function portions(entries: readonly TestEntry[], choices: readonly number[]): TestEntry[][] {
  const waiting = [...entries]
  const known = new Set<string>()
  const batches: TestEntry[][] = []
  for (let turn = 0; waiting.length > 0; turn++) {
    const choice = choices[turn % choices.length]!
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

const runs = Number(process.env['RUNS'] ?? 150)
/** For the report of a failure. */
function story(batches: readonly TestEntry[][]): string {
  const short = (text: string): string => text.slice(0, 4)
  const line = ({ operation: op, device, past }: TestEntry): string => {
    if (op === undefined || op.type === 'merge') return 'nothing'
    const to = 'parent' in op ? ` ${short(op.parent)}/${op.name}` : ''
    const bases = 'bases' in op ? ` [${op.bases.map(short).join()}]` : ''
    return `${device}: ${op.type} ${short(op.node)}${to}${bases} past ${[...past].map(short).join()}`
  }
  return batches
    .map((batch) => batch.map((entry) => `${short(entry.hash)} ${line(entry)}`).join('\n'))
    .join('\n--\n')
}

const choices = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })

describe('the disk follows the view', () => {
  for (const [name, history] of [
    ['any operations', rawHistory(40)],
    ['what users do', userHistory(50)],
  ] as const) {
    it(`by what was touched: ${name}`, () => {
      fc.assert(
        fc.property(history, choices, (devices, order) => {
          const tree = new OrderedTree()
          const world = new DownWorld(tree)
          const batches = portions(devices.entries, order)
          for (const [index, batch] of batches.entries()) {
            tree.take(batch)
            if ((order[index % 8]! & 16) === 0) world.sync()
          }
          world.sync()
          expect(world.disk(), story(batches)).toEqual(world.shown())
          expect(world.stashed(), story(batches)).toEqual([])
          world.fs.record()
          expect(world.sync('everything').wanted).toEqual([])
          expect(world.fs.operations).toEqual([])
        }),
        { numRuns: runs },
      )
    })

    it(`with contents that come late, and little steps: ${name}`, () => {
      fc.assert(
        fc.property(history, choices, (devices, order) => {
          const tree = new OrderedTree()
          const world = new DownWorld(tree)
          const late: WantedContent[] = []
          const batches = portions(devices.entries, order)
          for (const [index, batch] of batches.entries()) {
            tree.take(batch)
            const choice = order[index % 8]!
            late.push(...world.down.reconcile(tree.tree.touched.take(), choice % 5).wanted)
            while (late.length > (choice >> 4) % 4) world.deliverLate(late.shift()!)
          }
          world.sync('everything', 3)
          expect(world.disk(), story(batches)).toEqual(world.shown())
          expect(world.stashed(), story(batches)).toEqual([])
        }),
        { numRuns: runs },
      )
    })

    it(`with things of users everywhere, which stay: ${name}`, () => {
      fc.assert(
        fc.property(history, choices, (devices, order) => {
          const tree = new OrderedTree()
          const world = new DownWorld(tree)
          const batches = portions(devices.entries, order)
          let unknown = 0
          for (const [index, batch] of batches.entries()) {
            tree.take(batch)
            world.sync()
            const directories = ['', ...world.disk().filter((line) => line.endsWith('/'))]
            const directory = directories[order[index % 8]! % directories.length]!
            if (index % 2 === 0) world.save(`/folder/${directory}unknown${++unknown}`, 'mine')
          }
          world.sync('everything')
          const disk = world.disk()
          const mine = disk.filter((line) => line.includes('unknown'))
          expect(mine.length, story(batches)).toBe(unknown)
          const others = disk.filter((line) => !line.includes('unknown'))
          const extra = others.filter((line) => !world.shown().includes(line))
          for (const line of extra) expect(mine.some((path) => path.startsWith(line))).toBe(true)
          expect(others).toEqual(expect.arrayContaining(world.shown()))
        }),
        { numRuns: runs },
      )
    })

    it(`wherever it is stopped: ${name}`, () => {
      fc.assert(
        fc.property(history, choices, fc.nat(150), (devices, order, calls) => {
          const tree = new OrderedTree()
          const world = new DownWorld(tree)
          const batches = portions(devices.entries, order)
          const half = batches.length >> 1
          for (const batch of batches.slice(0, half)) tree.take(batch)
          world.sync()
          for (const batch of batches.slice(half)) tree.take(batch)
          let left = calls
          world.fs.onCall = () => {
            if (world.isPlanning && left-- === 0) throw new Error('stopped')
          }
          try {
            world.sync()
          } catch (error) {
            expect((error as Error).message).toBe('stopped')
          }
          world.crash()
          expect(world.rescan(), story(batches)).toEqual([])
          world.sync('everything')
          expect(world.disk(), story(batches)).toEqual(world.shown())
          expect(world.stashed()).toEqual([])
        }),
        { numRuns: runs },
      )
    })
  }
})
