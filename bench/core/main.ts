/** `npm run bench:core`: what the sync core costs, from a thousand entries to a million. Nothing stays behind. See --help. */
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { runBench, type BenchRun } from '../bench-command.ts'
import { describeMachine, loadAverage } from '../report/machine.ts'
import { help, readOptions, type CoreBenchOptions } from './options.ts'
import { PartProcess } from './part-process.ts'
import { formatMarkdown, type SectionReport, type Table } from './report.ts'
import { Stage } from './stage.ts'

process.exitCode = await runBench({ help, readOptions, bench })

async function bench(options: CoreBenchOptions, run: BenchRun): Promise<void> {
  const place = await mkdtemp(join(options.directory, 'harp-bench-core-'))
  const parts = new PartProcess(options.profileDirectory)
  run.cleaners.push(
    () => rm(place, { recursive: true, force: true }),
    () => parts.stop(),
  )
  const stage = new Stage(options, { place, parts, run })
  const start = performance.now()
  const reports = await stage.measure()
  await print(options, {
    reports,
    place,
    seconds: (performance.now() - start) / 1000,
    loadAtStart: run.loadAtStart,
  })
}

interface Findings {
  readonly reports: readonly SectionReport[]
  readonly place: string
  readonly seconds: number
  readonly loadAtStart: string
}

async function print(
  options: CoreBenchOptions,
  { reports, place, seconds, loadAtStart }: Findings,
): Promise<void> {
  const machine = await describeMachine(new Map())
  const loadAtEnd = loadAverage()
  const disk = await diskName(place)
  const head = [
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, logs on ${disk}`,
    `load average at the start ${loadAtStart}, at the end ${loadAtEnd}; ${seconds.toFixed(0)} s in all`,
  ]
  const tables: Table[] = reports.flatMap((report) => report.tables)
  const text = [head.join('\n'), ...tables.map(formatMarkdown)].join('\n\n')
  if (!options.json) {
    console.log(text)
    return
  }
  console.error(text)
  const values = Object.assign({}, ...reports.map((report) => report.values)) as object
  console.log(JSON.stringify({ machine, disk, loadAtStart, loadAtEnd, seconds, ...values }, null, 2))
}

/** So that nobody takes the speed of memory for that of a disk. */
async function diskName(place: string): Promise<string> {
  const names = new Map([
    [0xef53, 'ext4'],
    [0x9123683e, 'btrfs'],
    [0x58465342, 'xfs'],
    [0x01021994, 'tmpfs (memory: durable writes cost nothing there)'],
    [0x794c7630, 'overlayfs'],
  ])
  const { type } = await statfs(place)
  return names.get(type) ?? `a file system of type 0x${type.toString(16)}`
}
