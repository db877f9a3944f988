/** What gateway and tunnel together are to reach. */
import { costsOf, costUnits } from '../report/costs.ts'
import { Goals, type Goal } from '../report/goal.ts'
import type { RoundSamples } from '../rounds.ts'
import { spread } from '../statistics.ts'
import type { Unit } from '../workload.ts'
import type { WorkloadName } from './workloads.ts'

export function judge(samples: RoundSamples): readonly Goal[] {
  const goals = new Goals()
  const median = (name: WorkloadName, unit: Unit): number | undefined => {
    const values = costsOf(samples, name, 'harp').filter((each) => each !== null)
    return spread(values.map((each) => each * costUnits[unit].scale))?.median
  }
  goals.add('CPU µs per request at 64 connections', median('http-64', 'request'), 'at most', 110)
  goals.add('CPU µs per WebSocket echo', median('websocket-echo', 'echo'), 'at most', 60)
  goals.add('CPU ms per 100 MiB down', median('download-1', 'MiB'), 'at most', 400)
  goals.add('CPU ms per 100 MiB up', median('upload-1', 'MiB'), 'at most', 400)
  goals.add('CPU ms per 100 MiB, four downloads at once', median('download-4', 'MiB'), 'at most', 400)
  return goals.all
}
