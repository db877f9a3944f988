/** The report: a table for each case, memory, goals; as text, or as JSON with the text beside it. */
import { describeMachine, loadAverage } from '../report/machine.ts'
import { formatGoals, formatTable } from '../report/tables.ts'
import { pairedRatio, spread } from '../statistics.ts'
import type { Case } from './cases.ts'
import { cpuOf, judge } from './goals.ts'
import { formatMemory, type KnownFilesMemory } from './memory.ts'
import type { SyncBenchOptions } from './options.ts'
import type { SyncPeer } from './pair.ts'
import type { Sample, SyncSamples } from './rounds.ts'

export interface Findings {
  readonly samples: SyncSamples
  readonly memory: readonly KnownFilesMemory[]
  readonly peers: readonly SyncPeer[]
  readonly versions: Readonly<Record<string, string>>
  readonly loadAtStart: string
}

const reference = 'syncthing'

export async function printReport(options: SyncBenchOptions, findings: Findings): Promise<void> {
  const { samples, memory, peers, versions, loadAtStart } = findings
  const machine = { ...(await describeMachine(new Map())), programs: versions }
  const loadAtEnd = loadAverage()
  const programs = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`)
  const goals = judge(samples, memory)
  const head = [
    `${options.rounds} rounds, alternating; median (min-max). Compare CPU and ratios, not rates.`,
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}${programs.join('')}`,
    `load average at the start ${loadAtStart}, at the end ${loadAtEnd}; folders in ${options.directory}`,
    ...peers.map(({ name, description }) => `${name}: ${description}`),
  ]
  const cases = [...samples].map(([each, byPeer]) => formatCase(each, byPeer))
  const text = [head.join('\n'), ...cases, ...formatMemory(memory), ...formatGoals(goals)].join('\n\n')
  if (!options.json) {
    console.log(text)
    return
  }
  console.error(text)
  const found = [...samples].map(([{ name, amount }, byPeer]) => ({
    name,
    amount,
    programs: Object.fromEntries(byPeer),
  }))
  console.log(JSON.stringify({ machine, loadAtStart, loadAtEnd, cases: found, memory, goals }, null, 2))
}

function formatCase(each: Case, byPeer: ReadonlyMap<string, readonly (Sample | null)[]>): string {
  const { title, name, amount } = each
  const against = byPeer.get(reference)
  const rows = [
    [
      '',
      'seconds',
      ...(amount === null ? [] : [`${amount.unit}/s`]),
      'CPU s',
      'by side',
      'wire MB',
      'peak MiB',
      ...(against === undefined ? [] : [`time of ${reference}'s`, 'CPU of its']),
      'entries',
      'problems',
    ],
  ]
  for (const [peer, samples] of byPeer) {
    const numbers = (of: (sample: Sample) => number | null): (number | null)[] =>
      samples.map((sample) => (sample === null ? null : of(sample)))
    const show = (of: (sample: Sample) => number | null, digits: number): string =>
      formatSpread(numbers(of), digits)
    const median = (of: (sample: Sample) => number | null, digits: number): string =>
      spread(known(numbers(of)))?.median.toFixed(digits) ?? '-'
    const ratio = (of: (sample: Sample) => number): string => {
      if (peer === reference) return '1'
      const theirs = (against ?? []).map((sample) => (sample === null ? null : of(sample)))
      return pairedRatio(numbers(of), theirs)?.median.toFixed(2) ?? '-'
    }
    const problems = samples.filter((sample) => sample === null || sample.problem !== null).length
    const sides = [0, 1]
    rows.push([
      peer,
      show((sample) => sample.seconds, 1),
      ...(amount === null ? [] : [median((sample) => amount.count / sample.seconds, 0)]),
      show(cpuOf, 2),
      sides.map((side) => median((sample) => sample.cpuSeconds[side] ?? 0, 2)).join(' + '),
      median((sample) => (sample.wireBytes === null ? null : sample.wireBytes / 1e6), 2),
      sides.map((side) => median((sample) => (sample.peakKiB[side] ?? 0) / 1_024, 0)).join(' + '),
      ...(against === undefined ? [] : [ratio((sample) => sample.seconds), ratio(cpuOf)]),
      median((sample) => sample.entries, 0),
      problems === 0 ? '-' : String(problems),
    ])
  }
  return `${title}  [${name}]\n${formatTable(rows)}`
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((each) => each !== null)
}

function formatSpread(values: readonly (number | null)[], digits: number): string {
  const found = spread(known(values))
  if (found === null) return 'not measured'
  const text = (each: number): string => each.toFixed(digits)
  if (found.min === found.max) return text(found.median)
  return `${text(found.median)} (${text(found.min)}-${text(found.max)})`
}
