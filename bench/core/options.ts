/** The command line of the core's benchmark. */
import { parseArgs } from 'node:util'
import { tmpdir } from 'node:os'
import { readChoice, readWholeNumber } from '../option-values.ts'

export const sectionNames = ['floors', 'sizes', 'writes', 'merge', 'reconnect'] as const
export type SectionName = (typeof sectionNames)[number]

export const help = `Usage: npm run bench:core -- [options]

Measures the sync core: folding, durable writes, merging, reconnecting, opening, memory, and history proofs from logs of
a thousand to a million entries. Every part runs in a process of its own. Reports, and enforces nothing.

  --entries N         the largest log (1000000); the others are a tenth of it each, down to 1000
  --quick             --entries 20000: does it work, about how much
  --only NAME         only this part; may be repeated (${sectionNames.join(', ')})
  --directory PATH    where the logs are written and removed again; on the disk that is to be measured
                      (the system's directory for temporary files)
  --cpu-prof PATH     V8 CPU profiles of the parts; costs, so do not compare such a run
  --json              results as JSON on standard output, the tables on standard error
  --help              this text

Exit codes: 0 measured, 1 could not measure, 2 wrong usage.`

export interface CoreBenchOptions {
  readonly entries: number
  readonly only: ReadonlySet<SectionName>
  readonly directory: string
  readonly profileDirectory: string | null
  readonly json: boolean
}

const flags = {
  entries: { type: 'string' },
  quick: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  directory: { type: 'string' },
  'cpu-prof': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** What was asked for, or `help`. Throws with a text for the user. */
export function readOptions(args: readonly string[]): CoreBenchOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return 'help'
  const only = (values.only ?? []).map((each) => readChoice('--only', sectionNames, each))
  const entries = values.entries ?? (values.quick ? '20000' : '1000000')
  return {
    entries: readWholeNumber('--entries', entries, 1_000, 10_000_000),
    only: new Set(only.length === 0 ? sectionNames : only),
    directory: values.directory ?? tmpdir(),
    profileDirectory: values['cpu-prof'] ?? null,
    json: values.json,
  }
}

/** The logs that are opened, smallest first. */
export function sizesUpTo(entries: number): number[] {
  const sizes: number[] = []
  for (let size = entries; size >= 1_000; size = Math.floor(size / 10)) sizes.unshift(size)
  return sizes
}

/** The log for merging, reconnecting and writing: a hundred thousand entries, or the largest there is. */
export function middleSize(entries: number): number {
  return sizesUpTo(entries).findLast((size) => size <= 100_000) ?? entries
}
