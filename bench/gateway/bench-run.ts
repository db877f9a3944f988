/** The order of things: warm up, then rounds in which every workload meets every target, then memory. */
import { measure, measureMemory, type MemorySample, type Sample, type Tools } from './measure.ts'
import type { Peer, Target } from './peers/target.ts'
import { workloads, type Workload } from './workloads.ts'

export interface BenchRunOptions {
  readonly selected: readonly Workload[]
  readonly rounds: number
  readonly seconds: number
  readonly idleSockets: number
  readonly tools: Tools
  /** Throws where the bench itself is broken. */
  readonly check: () => void
  readonly say: (line: string) => void
}

/** One workload's samples by target; null: that round failed there. */
export type WorkloadSamples = ReadonlyMap<string, readonly (Sample | null)[]>

export interface BenchResults {
  readonly samples: ReadonlyMap<Workload, WorkloadSamples>
  readonly memory: ReadonlyMap<string, MemorySample>
}

/** Rounds that alternate: each round starts with another target, so that none always comes first. */
export async function runRounds(
  targets: readonly Target[],
  options: BenchRunOptions,
): Promise<BenchResults['samples']> {
  const { selected, rounds, seconds, tools, check, say } = options
  const samples = new Map(
    selected.map((workload) => [
      workload,
      new Map(targets.map((target) => [target.name, [] as (Sample | null)[]])),
    ]),
  )
  if (selected.length > 0) {
    say('warming up')
    for (const target of targets) {
      for (const workload of selected) await attempt(target, workload, 1)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const workload of selected) {
      say(`round ${round + 1} of ${rounds}: ${workload.title}`)
      for (let turn = 0; turn < targets.length; turn++) {
        const target = targets[(turn + round) % targets.length]
        if (target === undefined) continue
        const sample = await attempt(target, workload, seconds)
        samples.get(workload)?.get(target.name)?.push(sample)
      }
    }
  }
  return samples

  async function attempt(target: Target, workload: Workload, duration: number): Promise<Sample | null> {
    check()
    try {
      const sample = await measure(target, workload, duration, tools)
      return sample.operations > 0 ? sample : null
    } catch (error) {
      say(`${target.name}: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }
}

/** Each in a fresh process of its own, one after the other. */
export async function runMemory(
  peers: readonly Peer[],
  options: BenchRunOptions,
): Promise<BenchResults['memory']> {
  const memory = new Map<string, MemorySample>()
  for (const peer of peers) {
    options.check()
    options.say(`memory of ${options.idleSockets} idle WebSockets: ${peer.name}`)
    const target = await peer.start()
    try {
      options.check()
      memory.set(peer.name, await measureMemory(target, options.idleSockets, options.tools))
    } catch (error) {
      options.say(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await target.stop()
    }
  }
  return memory
}

export function selectWorkloads(names: ReadonlySet<string>): Workload[] {
  return workloads.filter((workload) => names.has(workload.name))
}
