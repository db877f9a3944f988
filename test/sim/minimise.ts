import type { RunResult } from './run.ts'
import type { NetworkPlan, Schedule, Step } from './schedule.ts'

const plainNetwork: NetworkPlan = {
  latency: [10, 10],
  loss: 0,
  duplicates: 0,
  reordered: 0,
  strays: 0,
  streams: true,
}

export interface Minimised {
  readonly schedule: Schedule
  readonly result: RunResult
  readonly runs: number
}

/**
 * The shortest trace found that violates the same invariant: halves, quarters, … single steps are left out for as long
 * as it still fails (delta debugging), then the network is made plain, clocks right and pauses short.
 */
export function minimise(
  failing: Schedule,
  invariant: string,
  run: (schedule: Schedule) => RunResult,
  maxRuns = 1_500,
): Minimised {
  let best = failing
  let result = run(failing)
  let runs = 1
  const attempt = (schedule: Schedule): boolean => {
    if (runs >= maxRuns) return false
    runs++
    const next = run(schedule)
    if (next.violation?.invariant !== invariant) return false
    best = { ...schedule, steps: next.trace }
    result = next
    return true
  }
  const dropSteps = (): void => {
    for (let size = best.steps.length >> 1; size >= 1; size = size === 1 ? 0 : (size + 1) >> 1) {
      for (let from = 0; from < best.steps.length;) {
        const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)]
        if (!attempt({ ...best, steps })) from += size
      }
    }
  }
  if (result.violation !== undefined) attempt({ ...best, steps: result.trace })
  dropSteps()
  attempt({ ...best, network: plainNetwork })
  attempt({ ...best, offsets: best.offsets.map(() => 0) })
  attempt({ ...best, links: mesh(best.devices) })
  attempt({ ...best, steps: best.steps.map((step) => ({ ...step, after: 0 })) })
  for (let at = 0; at < best.steps.length; at++) {
    if (best.steps[at]?.after !== 0) attempt({ ...best, steps: withoutPause(best.steps, at) })
  }
  attempt({ ...best, roles: best.roles.map((role, index) => (index === 0 ? role : 'write')) })
  for (let index = best.devices - 1; index > 0; index--) {
    if (best.roles[index] !== null && index !== best.authority) {
      attempt({ ...best, roles: best.roles.map((role, at) => (at === index ? null : role)) })
    }
  }
  dropSteps()
  return { schedule: best, result, runs }
}

function withoutPause(steps: readonly Step[], at: number): Step[] {
  return steps.map((step, index) => (index === at ? { ...step, after: 0 } : step))
}

function mesh(devices: number): (readonly [number, number])[] {
  const links: (readonly [number, number])[] = []
  for (let to = 1; to < devices; to++) for (let from = 0; from < to; from++) links.push([from, to])
  return links
}
