/** One measurement: a workload, on a target, once. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadGenerator } from './load/load-generator.ts'
import type { Target } from './peers/target.ts'
import { cpuSeconds, proportionalKiB } from './process-cost.ts'
import { transferMiB, websocketPath, type Workload } from './workloads.ts'
import type { Wrk } from './wrk.ts'

export interface Sample {
  /** Requests, MiB, echoes or handshakes. */
  readonly operations: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly problems: number
}

export interface MemorySample {
  readonly sockets: number
  readonly kibBefore: number
  readonly kibAfter: number
  /** After each socket has carried one message both ways. */
  readonly kibAfterEcho: number
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
        const { slots, transfers } = workload
        const result = await tools.load.run({ kind: workload.kind, ...where, slots, transfers })
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

const settleMs = 3_000

/** Memory of idle WebSockets in a process that has done nothing else. */
export async function measureMemory(
  target: Target,
  connections: number,
  tools: Tools,
): Promise<MemorySample> {
  const where = { host: target.host, port: target.port, path: websocketPath }
  try {
    // One connection first: what the first of all costs is not a cost per socket.
    await tools.load.run({ kind: 'open', ...where, connections: 1 })
    await sleep(settleMs)
    const kibBefore = proportionalKiB(target.pids)
    const { operations } = await tools.load.run({ kind: 'open', ...where, connections: connections - 1 })
    await sleep(settleMs)
    const kibAfter = proportionalKiB(target.pids)
    const echoes = await tools.load.run({ kind: 'echo', ms: 0 })
    await sleep(settleMs)
    const kibAfterEcho = proportionalKiB(target.pids)
    if (operations !== connections || echoes.operations !== connections) {
      throw new Error(`of ${connections} WebSockets ${operations} opened and ${echoes.operations} echoed`)
    }
    return { sockets: connections - 1, kibBefore, kibAfter, kibAfterEcho }
  } finally {
    await tools.load.run({ kind: 'close' })
  }
}

async function during(
  target: Target,
  work: () => Promise<{ operations: number; seconds: number; problems: number }>,
): Promise<Sample> {
  const before = cpuSeconds(target.pids)
  const result = await work()
  const after = cpuSeconds(target.pids)
  if (target.failure !== null) throw new Error(target.failure)
  return { ...result, cpuSeconds: after - before }
}
