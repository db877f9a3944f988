import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { mutated, Workshop } from './workshop.ts'

/** As many as there are cores for. */
const workshops: Workshop[] = []

beforeAll(() => {
  workshops.push(new Workshop(), new Workshop())
})

afterAll(() => {
  for (const workshop of workshops) workshop.close()
})

test('every place is there once, and every bug has its name', () => {
  for (const mutant of mutants) {
    const source = readFileSync(new URL(`../../../src/sync/${mutant.file}`, import.meta.url), 'utf8')
    expect(mutated(source, mutant)).not.toBe(source)
  }
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
})

test('without a bug all of these suites pass', async () => {
  const suites = [...new Set(mutants.map(({ suite }) => suite))]
  const half = Math.ceil(suites.length / 2)
  const verdicts = await Promise.all(
    workshops.map((workshop, index) =>
      workshop.run(suites.slice(index * half, (index + 1) * half), undefined, false),
    ),
  )
  for (const { failed, passed, output } of verdicts) {
    expect({ failed, output }).toEqual({ failed: [], output: expect.any(String) })
    expect(passed).toBeGreaterThan(50)
  }
})

describe('is noticed: the core', () => {
  const lanes = workshopLanes()
  test.concurrent.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s', async (_, mutant) => {
    const verdict = await lanes.next((workshop) => workshop.withMutant(mutant))
    expect(verdict, `no test of ${mutant.suite} fails`).not.toMatchObject({ failed: [] })
  })
})

/** Gives each job a workshop of its own while it runs; the others wait. */
function workshopLanes() {
  const waiting: ((workshop: Workshop) => void)[] = []
  let free: Workshop[] | undefined
  return {
    async next<T>(job: (workshop: Workshop) => Promise<T>): Promise<T> {
      free ??= [...workshops]
      const workshop = free.pop() ?? (await new Promise<Workshop>((resolve) => waiting.push(resolve)))
      try {
        return await job(workshop)
      } finally {
        const next = waiting.shift()
        if (next === undefined) free.push(workshop)
        else next(workshop)
      }
    },
  }
}
