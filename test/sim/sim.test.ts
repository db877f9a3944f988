import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { fakeSuite } from '../sync/support/fake-suite.ts'
import { runSchedule } from './run.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { runSeeds } from './seeds.ts'

/** Traces that once failed, with what they showed. */
const cases = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as KeptCase[]

interface KeptCase {
  readonly name: string
  readonly schedule: Schedule
}

const seeds = Number(process.env['SIM_SEEDS'] ?? 5_000)
const perTest = 500

/** Nothing, or what a person needs to look at the first failure. */
function failures(from: number, count: number, suite: typeof fakeSuite): string {
  const { failed } = runSeeds({ from, count, suite })
  if (failed === undefined) return ''
  return `seed ${failed.seed}: ${runSchedule(failed, suite).violation?.message} (npm run sim -- --seed ${failed.seed})`
}

describe('whole clusters with the fake suite', () => {
  for (let from = 1; from <= seeds; from += perTest) {
    const count = Math.min(perTest, seeds + 1 - from)
    it(`keeps all invariants in seeds ${from} to ${from + count - 1}`, () => {
      expect(failures(from, count, fakeSuite)).toBe('')
    })
  }

  it('meets what it is there for', () => {
    const summary = runSeeds({ from: 100_000, count: 250, suite: fakeSuite })
    const { having, authoritative } = summary
    const missed = Object.entries({ ...having, authoritative }).filter(([, count]) => count === 0)
    expect(missed).toEqual([])
  })

  it('does the same for the same seed', () => {
    for (const seed of [3, 17, 40]) {
      const runs = [1, 2].map(() => JSON.stringify(runSchedule(makeSchedule(seed), fakeSuite)))
      expect(runs[0]).toBe(runs[1])
    }
  })
})

describe('whole clusters with the real suite', () => {
  it('keeps all invariants in a sample', () => {
    expect(failures(200_001, Math.ceil(seeds / 50), nodeSuite)).toBe('')
  })
})

describe('cases that once failed', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_, { schedule }) => {
    expect(runSchedule(schedule, fakeSuite).violation?.message).toBeUndefined()
  })
})
