/** From samples to the numbers of a row: how much per second, and CPU for one. */
import type { Sample } from '../measure.ts'
import type { RoundSamples } from '../rounds.ts'
import type { Unit } from '../workload.ts'

export type Cost = number | null

/** CPU seconds for one operation, round by round. */
export function costs(samples: readonly (Sample | null)[]): Cost[] {
  return samples.map((sample) => (sample === null ? null : sample.cpuSeconds / sample.operations))
}

/** By the names of workload and target; empty where that was not measured. */
export function costsOf(samples: RoundSamples, workloadName: string, target: string): Cost[] {
  for (const [workload, byTarget] of samples) {
    if (workload.name === workloadName) return costs(byTarget.get(target) ?? [])
  }
  return []
}

/** Round by round for each of the target's processes; empty where there is only one. */
export function costsByProcess(samples: readonly (Sample | null)[]): Cost[][] {
  const count = samples.reduce((most, each) => Math.max(most, each?.cpuSecondsEach.length ?? 0), 0)
  if (count < 2) return []
  return Array.from({ length: count }, (_, index) =>
    samples.map((each) => (each === null ? null : (each.cpuSecondsEach[index] ?? 0) / each.operations)),
  )
}

export function rates(samples: readonly (Sample | null)[]): number[] {
  return samples.flatMap((sample) => (sample === null ? [] : [sample.operations / sample.seconds]))
}

export interface CostUnit {
  readonly rate: string
  readonly cost: string
  /** Of the cost unit in one CPU second for one operation. */
  readonly scale: number
}

export const costUnits: Readonly<Record<Unit, CostUnit>> = {
  request: { rate: 'requests/s', cost: 'CPU µs/request', scale: 1e6 },
  MiB: { rate: 'MiB/s', cost: 'CPU ms/100 MiB', scale: 1e5 },
  echo: { rate: 'echoes/s', cost: 'CPU µs/echo', scale: 1e6 },
  handshake: { rate: 'handshakes/s', cost: 'CPU µs/handshake', scale: 1e6 },
}
