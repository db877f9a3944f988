/** The command line of the tunnel benchmark. */
import { parseArgs } from 'node:util'
import { readBuild, readChoice, readWholeNumber, type HarpBuild } from '../option-values.ts'
import { isExecutable } from '../programs.ts'
import { workloadNames } from './workloads.ts'

export const help = `Usage: npm run bench:tunnel -- [options]

Measures the way of a request through Harp's gateway and tunnel (both processes count) to an app on a Unix socket,
beside a plain node:tls pipe of two processes with the same legs, and beside frps and frpc where they are given.
Rounds alternate between them, so that a busy machine hurts all alike. Compare the ratios, not the rates.

  --quick                    2 short rounds with 100 MiB: does it work, about how much
  --rounds N                 rounds (5)
  --seconds S                length of one timed measurement (2)
  --size MIB                 what one bulk measurement moves, a multiple of 4 (1024)
  --only NAME                only this workload; may be repeated
                             (${workloadNames.join(', ')})
  --frps PATH --frpc PATH    real frp, with nginx in front of it where that is installed
  --build NAME=DIRECTORY     another build of Harp (a directory with bin and dist); may be repeated
  --cpu-prof DIRECTORY       V8 CPU profiles of Harp's processes; costs, so do not compare such a run
  --json                     results as JSON on standard output, the tables on standard error
  --help                     this text

Exit codes: 0 measured (goals are reported, not enforced), 1 could not measure, 2 wrong usage.`

export interface FrpPrograms {
  readonly frps: string
  readonly frpc: string
}

export interface TunnelBenchOptions {
  readonly rounds: number
  readonly seconds: number
  readonly sizeMiB: number
  readonly only: ReadonlySet<string>
  readonly frp: FrpPrograms | null
  readonly builds: readonly HarpBuild[]
  readonly profileDirectory: string | null
  readonly json: boolean
}

const flags = {
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  size: { type: 'string' },
  only: { type: 'string', multiple: true },
  frps: { type: 'string' },
  frpc: { type: 'string' },
  build: { type: 'string', multiple: true },
  'cpu-prof': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** What was asked for, or `help`. Throws with a text for the user. */
export function readOptions(args: readonly string[]): TunnelBenchOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return 'help'
  const only = (values.only ?? []).map((each) => readChoice('--only', workloadNames, each))
  return {
    rounds: readWholeNumber('--rounds', values.rounds ?? (values.quick ? '2' : '5'), 1, 1_000),
    seconds: readWholeNumber('--seconds', values.seconds ?? (values.quick ? '1' : '2'), 1, 600),
    sizeMiB: readSize(values.size ?? (values.quick ? '100' : '1024')),
    only: new Set(only.length === 0 ? workloadNames : only),
    frp: readFrp(values.frps, values.frpc),
    builds: (values.build ?? []).map(readBuild),
    profileDirectory: values['cpu-prof'] ?? null,
    json: values.json,
  }
}

function readSize(text: string): number {
  const size = readWholeNumber('--size', text, 4, 65_536)
  if (size % 4 !== 0) throw new Error(`--size is a multiple of 4, not "${text}"`)
  return size
}

function readFrp(frps: string | undefined, frpc: string | undefined): FrpPrograms | null {
  if (frps === undefined && frpc === undefined) return null
  if (frps === undefined) throw new Error('--frpc needs --frps: the two are measured together')
  if (frpc === undefined) throw new Error('--frps needs --frpc: the two are measured together')
  for (const [option, path] of Object.entries({ '--frps': frps, '--frpc': frpc })) {
    if (!isExecutable(path)) throw new Error(`${option} is not a program that can be run: "${path}"`)
  }
  return { frps, frpc }
}
