/** The command line of the sync benchmark. */
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { readBuild, readChoice, readWholeNumber, type HarpBuild } from '../option-values.ts'
import { caseNames, type CaseName } from './cases.ts'

export const peerNames = ['syncthing', 'rsync'] as const
export type PeerName = (typeof peerNames)[number]

export const help = `Usage: npm run bench:sync -- [options]

Two devices on one machine, linked by loopback, with Harp, Syncthing and rsync (a daemon, and a client that pushes) in
turn: how long a change takes from the look at the folder until the other one has it, the CPU of all processes of both,
bytes on the wire, memory. Every round begins with devices that know nothing. Compare ratios of one run, not rates.

  --quick                    1 round with 256 MiB, 2000 files, and 10000 and 20000 for memory: does it work, about how much
  --rounds N                 rounds (3)
  --size MIB                 the large file (2048)
  --files N                  the small files of 4 KiB (20000)
  --memory-files N           files for memory; then twice as many (100000)
  --only NAME                only this case, and what has to come before it; may be repeated
                             (${caseNames.join(', ')})
  --without NAME             not this program (${peerNames.join(', ')}); may be repeated
  --build NAME=DIRECTORY     another build of Harp (a directory with bin and dist); may be repeated. One that is named
                             harp takes the place of this one
  --keep POLICY              HARP_KEEP of Harp's devices (all)
  --directory PATH           where the folders are made and removed again (/dev/shm if it has room, so that the disk, and
                             what else is being written to it, has no part in the result)
  --cpu-prof DIRECTORY       V8 CPU profiles of Harp's main threads; costs, so do not compare such a run
  --json                     results as JSON on standard output, the tables on standard error
  --help                     this text

Bytes on the wire are those of a network namespace of its own, which needs root; they are left out otherwise.
Exit codes: 0 measured (goals are reported, not enforced), 1 could not measure, 2 wrong usage.`

const policies = ['all', 'staggered', 'current'] as const

export interface SyncBenchOptions {
  readonly rounds: number
  readonly sizeMiB: number
  readonly files: number
  readonly memoryFiles: number
  readonly only: ReadonlySet<CaseName>
  readonly without: ReadonlySet<PeerName>
  readonly builds: readonly HarpBuild[]
  readonly keep: (typeof policies)[number]
  readonly directory: string
  readonly profileDirectory: string | null
  readonly json: boolean
}

const flags = {
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  size: { type: 'string' },
  files: { type: 'string' },
  'memory-files': { type: 'string' },
  only: { type: 'string', multiple: true },
  without: { type: 'string', multiple: true },
  build: { type: 'string', multiple: true },
  keep: { type: 'string', default: 'all' },
  directory: { type: 'string' },
  'cpu-prof': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** What was asked for, or `help`. Throws with a text for the user. */
export function readOptions(args: readonly string[]): SyncBenchOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return 'help'
  const pick = (name: string, given: string | undefined, full: string, quick: string, most: number): number =>
    readWholeNumber(name, given ?? (values.quick ? quick : full), 1, most)
  const sizeMiB = pick('--size', values.size, '2048', '256', 65_536)
  const only = (values.only ?? []).map((each) => readChoice('--only', caseNames, each))
  return {
    rounds: pick('--rounds', values.rounds, '3', '1', 100),
    sizeMiB,
    files: pick('--files', values.files, '20000', '2000', 1_000_000),
    memoryFiles: pick('--memory-files', values['memory-files'], '100000', '10000', 1_000_000),
    only: new Set(only.length === 0 ? caseNames : only),
    without: new Set((values.without ?? []).map((each) => readChoice('--without', peerNames, each))),
    builds: (values.build ?? []).map(readBuild),
    keep: readChoice('--keep', policies, values.keep),
    directory: values.directory ?? roomyDirectory(sizeMiB),
    profileDirectory: values['cpu-prof'] ?? null,
    json: values.json,
  }
}

const memoryDirectory = '/dev/shm'

/** The large file, its copy, what the copy was before, twice, and the rest. */
function roomyDirectory(sizeMiB: number): string {
  try {
    const { bavail, bsize } = statfsSync(memoryDirectory)
    if (bavail * bsize > (sizeMiB * 5 + 2_048) * 1_048_576) return memoryDirectory
  } catch {
    // NOTE: a system without one.
  }
  return tmpdir()
}
