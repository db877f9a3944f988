/** What the gateway is to reach, and whether it did in this run. */
import { costsOf, type Cost } from '../report/costs.ts'
import { Goals, type Goal } from '../report/goal.ts'
import type { RoundSamples } from '../rounds.ts'
import { pairedRatio } from '../statistics.ts'
import type { MemorySample } from './idle-memory.ts'
import type { WorkloadName } from './workloads.ts'

const harp = 'harp'

export function judge(samples: RoundSamples, memory: ReadonlyMap<string, MemorySample>): readonly Goal[] {
  const goals = new Goals()
  const cost = (name: WorkloadName, target: string): readonly Cost[] => costsOf(samples, name, target)
  const ratio = (values: readonly Cost[], partners: readonly Cost[]): number | undefined =>
    pairedRatio(values, partners)?.median
  const publicCost = cost('http-64', harp)
  goals.add(
    "CPU per request at 64 connections, of nginx's",
    ratio(publicCost, cost('http-64', 'nginx')),
    'at most',
    2.4,
  )
  goals.add(
    "with a cached session, of the public route's",
    ratio(cost('cookie-64', harp), publicCost),
    'at most',
    1.15,
  )
  goals.add(
    "on a brute-force route, of the public route's",
    ratio(cost('brute-force-64', harp), publicCost),
    'at most',
    1.15,
  )
  const perCpuSecond = (name: WorkloadName): number | undefined =>
    ratio(cost(name, 'haproxy'), cost(name, harp))
  goals.add("WebSocket echoes per CPU-second, of HAProxy's", perCpuSecond('websocket-echo'), 'at least', 0.4)
  goals.add("download per CPU-second, of HAProxy's (one)", perCpuSecond('download-1'), 'at least', 1)
  goals.add("download per CPU-second, of HAProxy's (four at once)", perCpuSecond('download-4'), 'at least', 1)
  const sample = memory.get(harp)
  goals.add(
    'KiB per idle WebSocket, fresh process',
    sample === undefined ? undefined : (sample.kibAfter - sample.kibBefore) / sample.sockets,
    'at most',
    16,
  )
  return goals.all
}
