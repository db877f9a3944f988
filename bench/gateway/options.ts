/** The command line of the benchmark. */
import { parseArgs } from 'node:util'
import { readBuild, readChoice, readWholeNumber, type HarpBuild } from '../option-values.ts'
import { workloadNames } from './workloads.ts'

export const help = `Usage: npm run bench:gateway -- [options]

Measures Harp's gateway beside plain nginx and plain HAProxy: all before the same upstream, in rounds that
alternate between them, so that a busy machine hurts all alike. Compare the ratios, not the rates.

  --quick                    2 short rounds: does it work, about how much
  --rounds N                 rounds (5)
  --seconds S                length of one timed measurement (2)
  --only NAME                only this workload; may be repeated
                             (${workloadNames.slice(0, 7).join(', ')},
                             ${workloadNames.slice(7).join(', ')})
  --target NAME=URL:PID,PID  another gateway that runs already, and the processes whose CPU counts;
                             may be repeated. It must use the shared key and the Nextcloud named below.
  --build NAME=DIRECTORY     another build of Harp (a directory with bin and dist); may be repeated
  --key TEXT                 shared key of the gateways (bench-bench-bench)
  --nextcloud-port N         port of the stand-in Nextcloud (a free one; 18880 with --target)
  --json                     results as JSON on standard output, the tables on standard error
  --help                     this text

Exit codes: 0 measured (goals are reported, not enforced), 1 could not measure, 2 wrong usage.`

export interface ForeignTarget {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly pids: readonly number[]
}

export interface BenchOptions {
  readonly rounds: number
  readonly seconds: number
  readonly only: ReadonlySet<string>
  readonly targets: readonly ForeignTarget[]
  readonly builds: readonly HarpBuild[]
  readonly key: string
  readonly nextcloudPort: number
  readonly json: boolean
}

const flags = {
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  only: { type: 'string', multiple: true },
  target: { type: 'string', multiple: true },
  build: { type: 'string', multiple: true },
  key: { type: 'string', default: 'bench-bench-bench' },
  'nextcloud-port': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** What was asked for, or `help`. Throws with a text for the user. */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return 'help'
  const targets = (values.target ?? []).map(readTarget)
  const only = (values.only ?? []).map((each) => readChoice('--only', workloadNames, each))
  return {
    rounds: readWholeNumber('--rounds', values.rounds ?? (values.quick ? '2' : '5'), 1, 1_000),
    seconds: readWholeNumber('--seconds', values.seconds ?? (values.quick ? '1' : '2'), 1, 600),
    only: new Set(only.length === 0 ? workloadNames : only),
    targets,
    builds: (values.build ?? []).map(readBuild),
    key: values.key,
    nextcloudPort: readWholeNumber(
      '--nextcloud-port',
      values['nextcloud-port'] ?? (targets.length === 0 ? '0' : '18880'),
      0,
      65_535,
    ),
    json: values.json,
  }
}

function readTarget(text: string): ForeignTarget {
  const match = /^(?<name>[\w.-]+)=(?<url>http:\/\/.+):(?<pids>\d+(?:,\d+)*)$/.exec(text)?.groups
  const url = match?.['url'] === undefined ? null : URL.parse(match['url'])
  if (match === undefined || url === null) {
    throw new Error(`--target is NAME=http://HOST:PORT:PID,PID, not "${text}"`)
  }
  return {
    name: match['name'] ?? '',
    host: url.hostname,
    port: Number(url.port === '' ? 80 : url.port),
    pids: (match['pids'] ?? '').split(',').map(Number),
  }
}
