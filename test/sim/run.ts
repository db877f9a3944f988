import type { CryptoSuite } from '../../src/sync/crypto/suite.ts'
import { Cluster } from './cluster.ts'
import { noCounts, type Counts } from './counts.ts'
import { rest } from './rest.ts'
import type { Schedule, Step } from './schedule.ts'
import { runStep } from './steps.ts'
import { Violation } from './violation.ts'

export interface RunResult {
  readonly violation: Violation | undefined
  /** The steps up to the violation, with what users did. */
  readonly trace: readonly Step[]
  readonly counts: Counts
}

/** Runs a schedule to its end and to rest. Any throw is a violation too. */
export function runSchedule(schedule: Schedule, suite: CryptoSuite): RunResult {
  const trace: Step[] = []
  let cluster: Cluster | undefined
  try {
    cluster = new Cluster(schedule, suite)
    for (const step of schedule.steps) {
      trace.push(step)
      cluster.beginStep(step)
      cluster.advance(step.after)
      trace[trace.length - 1] = runStep(cluster, step)
    }
    rest(cluster)
    return { violation: undefined, trace, counts: cluster.counts }
  } catch (error) {
    return { violation: asViolation(error), trace, counts: cluster?.counts ?? noCounts() }
  }
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const place = /at (?:new )?([\w.#<>]+) \(.*\/((?:src|test)\/[^)]+?):\d+\)/.exec(text)
  return new Violation(`throw in ${place?.[1] ?? '?'} (${place?.[2] ?? '?'})`, text)
}
