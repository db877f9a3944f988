/** What the gateway is to reach, and whether it did in this run. Reported, not enforced. */
import type { BenchResults } from '../bench-run.ts'
import { pairedRatio } from '../statistics.ts'
import type { WorkloadName } from '../workloads.ts'
import { costs, type Cost } from './costs.ts'

export interface Goal {
  readonly text: string
  readonly value: number
  readonly limit: string
  readonly isReached: boolean
}

const harp = 'harp'

/** Goals whose workloads were measured. */
export function judge(results: BenchResults): Goal[] {
  const goals: Goal[] = []
  const add = (
    text: string,
    value: number | undefined,
    bound: 'at most' | 'at least',
    limit: number,
  ): void => {
    if (value === undefined) return
    const isReached = bound === 'at most' ? value <= limit : value >= limit
    goals.push({ text, value, limit: `${bound} ${limit}`, isReached })
  }
  const cost = (name: WorkloadName, target: string): readonly Cost[] => {
    for (const [workload, samples] of results.samples) {
      if (workload.name === name) return costs(samples.get(target) ?? [])
    }
    return []
  }
  const ratio = (values: readonly Cost[], partners: readonly Cost[]): number | undefined =>
    pairedRatio(values, partners)?.median
  const publicCost = cost('http-64', harp)
  add(
    "CPU per request at 64 connections, of nginx's",
    ratio(publicCost, cost('http-64', 'nginx')),
    'at most',
    2.4,
  )
  add(
    "with a cached session, of the public route's",
    ratio(cost('cookie-64', harp), publicCost),
    'at most',
    1.15,
  )
  add(
    "on a brute-force route, of the public route's",
    ratio(cost('brute-force-64', harp), publicCost),
    'at most',
    1.15,
  )
  const perCpuSecond = (name: WorkloadName): number | undefined =>
    ratio(cost(name, 'haproxy'), cost(name, harp))
  add("WebSocket echoes per CPU-second, of HAProxy's", perCpuSecond('websocket-echo'), 'at least', 0.4)
  add("download per CPU-second, of HAProxy's (one)", perCpuSecond('download-1'), 'at least', 1)
  add("download per CPU-second, of HAProxy's (four at once)", perCpuSecond('download-4'), 'at least', 1)
  const memory = results.memory.get(harp)
  add(
    'KiB per idle WebSocket, fresh process',
    memory === undefined ? undefined : (memory.kibAfter - memory.kibBefore) / memory.sockets,
    'at most',
    16,
  )
  return goals
}
