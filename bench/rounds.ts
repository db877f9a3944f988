/** The order of things: warm up, then rounds in which every workload meets every target. */
import type { Sample } from './measure.ts'
import type { Target } from './target.ts'
import type { Workload } from './workload.ts'

export interface RoundsOptions {
  readonly selected: readonly Workload[]
  readonly rounds: number
  readonly seconds: number
  readonly measure: (target: Target, workload: Workload, seconds: number) => Promise<Sample>
  /** Throws where the bench itself is broken. */
  readonly check: () => void
  readonly say: (line: string) => void
}

/** One workload's samples by target; null: that round failed there. */
export type WorkloadSamples = ReadonlyMap<string, readonly (Sample | null)[]>

export type RoundSamples = ReadonlyMap<Workload, WorkloadSamples>

/** Rounds that alternate: each round starts with another target, so that none always comes first. */
export async function runRounds(targets: readonly Target[], options: RoundsOptions): Promise<RoundSamples> {
  const { selected, rounds, seconds, measure, check, say } = options
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
      const sample = await measure(target, workload, duration)
      return sample.operations > 0 ? sample : null
    } catch (error) {
      say(`${target.name}: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }
}
