/** One measurement: a workload, on a target, once. */
import type { LoadGenerator } from './load/load-generator.ts'
import { cpuSeconds } from './process-cost.ts'
import type { Target } from './target.ts'
import type { Workload } from './workload.ts'
import type { Wrk } from './wrk.ts'

export interface Sample {
  /** Requests, MiB, echoes or handshakes. */
  readonly operations: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** The same by process, in the target's order. */
  readonly cpuSecondsEach: readonly number[]
  readonly problems: number
}

export interface Tools {
  readonly wrk: Wrk
  readonly load: LoadGenerator
}

export async function measure(
  target: Target,
  workload: Workload,
  seconds: number,
  tools: Tools,
): Promise<Sample> {
  const { host, port } = target
  const where = { host, port, path: workload.path }
  await target.prepare?.()
  switch (workload.kind) {
    case 'http':
      return during(target, async () => {
        const { connections, fields } = workload
        const url = `http://${host}:${port}${workload.path}`
        const { requests, ...rest } = await tools.wrk.run({ url, connections, fields, seconds })
        return { operations: requests, ...rest }
      })
    case 'download':
    case 'upload':
      return during(target, async () => {
        const { slots, transfers, transferMiB } = workload
        const bytes = transferMiB * 1_048_576
        const result = await tools.load.run({ kind: workload.kind, ...where, slots, transfers, bytes })
        return { ...result, operations: result.operations * transferMiB }
      })
    case 'establish':
      return during(target, () =>
        tools.load.run({ kind: 'establish', ...where, inFlight: workload.connections, ms: seconds * 1_000 }),
      )
    case 'echo': {
      const opened = await tools.load.run({ kind: 'open', ...where, connections: workload.connections })
      try {
        const sample = await during(target, () => tools.load.run({ kind: 'echo', ms: seconds * 1_000 }))
        return { ...sample, problems: sample.problems + opened.problems }
      } finally {
        await tools.load.run({ kind: 'close' })
      }
    }
  }
}

async function during(
  target: Target,
  work: () => Promise<{ operations: number; seconds: number; problems: number }>,
): Promise<Sample> {
  const cost = (): number[] => target.pids.map((pid) => cpuSeconds([pid]))
  const before = cost()
  const result = await work()
  const cpuSecondsEach = cost().map((after, index) => after - (before[index] ?? 0))
  if (target.failure !== null) throw new Error(target.failure)
  const total = cpuSecondsEach.reduce((sum, each) => sum + each, 0)
  return { ...result, cpuSeconds: total, cpuSecondsEach }
}
