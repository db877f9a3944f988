/** The whole report: what it was measured on, the tables, the goals; as text or as JSON with the text beside it. */
import type { RoundSamples } from '../rounds.ts'
import type { Target } from '../target.ts'
import { costs, rates } from './costs.ts'
import type { Goal } from './goal.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { formatGoals, formatWorkloads } from './tables.ts'

export interface Report {
  readonly rounds: number
  readonly seconds: number
  readonly json: boolean
  /** Name → path of the programs that took part. */
  readonly programs: ReadonlyMap<string, string>
  readonly loadAtStart: string
  readonly targets: readonly Target[]
  /** Names of targets that the others are compared with. */
  readonly references: readonly string[]
  readonly samples: RoundSamples
  readonly goals: readonly Goal[]
  /** What else this benchmark has to say: tables, and values for JSON. */
  readonly sections: readonly string[]
  readonly values: Readonly<Record<string, unknown>>
}

export async function printReport(report: Report): Promise<void> {
  const { rounds, seconds, loadAtStart, targets, samples, references, goals } = report
  const machine = await describeMachine(report.programs)
  const loadAtEnd = loadAverage()
  const programs = Object.entries(machine.programs).map(([name, version]) => `, ${name} ${version}`)
  const head = [
    `${rounds} rounds of ${seconds} s, alternating; median (min-max). Compare CPU and ratios, not rates.`,
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}${programs.join('')}`,
    `load average at the start ${loadAtStart}, at the end ${loadAtEnd}`,
    ...targets.map((target) => `${target.name}: ${target.description}`),
  ]
  const sections = [...formatWorkloads(samples, references), ...report.sections, ...formatGoals(goals)]
  const text = [head.join('\n'), ...sections].join('\n\n')
  if (report.json) {
    console.error(text)
    const workloads = toJson(samples)
    console.log(
      JSON.stringify({ machine, loadAtStart, loadAtEnd, workloads, ...report.values, goals }, null, 2),
    )
  } else {
    console.log(text)
  }
}

function toJson(samples: RoundSamples): object[] {
  return [...samples].map(([workload, byTarget]) => ({
    name: workload.name,
    unit: workload.unit,
    targets: Object.fromEntries(
      [...byTarget].map(([name, each]) => [
        name,
        { rates: rates(each), cpuSecondsPerOperation: costs(each), samples: each },
      ]),
    ),
  }))
}
