import { expect, it } from 'vitest'
import { noCounts } from './counts.ts'
import { minimise } from './minimise.ts'
import type { RunResult } from './run.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { Violation } from './violation.ts'

/** Fails if some put is followed by a publish anywhere later, and otherwise with another invariant if long. */
function run(schedule: Schedule): RunResult {
  const put = schedule.steps.findIndex((step) => step.do === 'act' && step.device === 1)
  const isBad = put >= 0 && schedule.steps.slice(put).some((step) => step.do === 'wait')
  const other = schedule.steps.length > 10 ? new Violation('I9', 'of another kind') : undefined
  return {
    violation: isBad ? new Violation('I1', 'as wanted') : other,
    trace: schedule.steps,
    counts: noCounts(),
  }
}

it('keeps only the steps that the violation needs, in their order, and the same invariant', () => {
  const seed = [...Array(200).keys()].find((at) => run(makeSchedule(at, 3)).violation?.invariant === 'I1')
  const { schedule, result, runs } = minimise(makeSchedule(seed ?? 0, 3), 'I1', run)
  expect(schedule.steps.map((step) => step.do)).toEqual(['act', 'wait'])
  expect(result.violation?.invariant).toBe('I1')
  expect(schedule.network.loss + schedule.network.duplicates + schedule.network.reordered).toBe(0)
  expect(runs).toBeLessThan(400)
})

it('comes to an end when nothing can be left out', () => {
  const { schedule, runs } = minimise(makeSchedule(1, 2), 'I1', (candidate) => ({
    violation:
      candidate.steps.length === makeSchedule(1, 2).steps.length ? new Violation('I1', '') : undefined,
    trace: candidate.steps,
    counts: noCounts(),
  }))
  expect(schedule.steps.length).toBe(makeSchedule(1, 2).steps.length)
  expect(runs).toBeLessThan(500)
})
