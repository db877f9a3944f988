/** The command line of the office benchmark. */
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { readChoice, readWholeNumber } from '../option-values.ts'

export const partNames = ['sources', 'cache', 'scrub', 'idle'] as const
export type PartName = (typeof partNames)[number]

export const help = `Usage: npm run bench:office -- [options]

Devices in an office, each in a network namespace of its own on one LAN: a file from 1, 2 and 4 devices at once, what a
cache without keys answers instead of a slow line, what it costs to read everything again in search of damage, and what
devices that have nothing to do cost. Needs root. Figures are reported; there are no goals.

  --quick           small: does it work, about how much
  --size MIB        the file that comes from several devices (256)
  --limit RATE      --max-upload of each of these, in the second half of that table (8M)
  --cached FILES    files of 1 MB, a quarter of which the cache has room for (400)
  --reads N         how often one of them is read (1200)
  --scrubbed MIB    content that is read again, about a MiB a second (120)
  --files N         files of the idle devices (100000)
  --idle SECONDS    how long they are watched (60)
  --only NAME       only this part; may be repeated (${partNames.join(', ')})
  --directory PATH  where homes and folders are made and removed again (/dev/shm if there is one)
  --json            results as JSON on standard output, the tables on standard error
  --help            this text

Exit codes: 0 measured, 1 could not measure, 2 wrong usage.`

export interface OfficeBenchOptions {
  readonly sizeMiB: number
  readonly limit: string
  readonly cachedFiles: number
  readonly reads: number
  readonly scrubbedMiB: number
  readonly files: number
  readonly idleSeconds: number
  readonly only: ReadonlySet<PartName>
  readonly directory: string
  readonly json: boolean
}

const flags = {
  quick: { type: 'boolean', default: false },
  size: { type: 'string' },
  limit: { type: 'string', default: '8M' },
  cached: { type: 'string' },
  reads: { type: 'string' },
  scrubbed: { type: 'string' },
  files: { type: 'string' },
  idle: { type: 'string' },
  only: { type: 'string', multiple: true },
  directory: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** What was asked for, or `help`. Throws with a text for the user. */
export function readOptions(args: readonly string[]): OfficeBenchOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return 'help'
  const pick = (name: keyof typeof flags, given: string | undefined, full: number, quick: number): number =>
    readWholeNumber(`--${name}`, given ?? String(values.quick ? quick : full), 1, 1_000_000)
  const only = (values.only ?? []).map((each) => readChoice('--only', partNames, each))
  return {
    sizeMiB: pick('size', values.size, 256, 32),
    limit: values.limit,
    cachedFiles: pick('cached', values.cached, 400, 80),
    reads: pick('reads', values.reads, 1_200, 120),
    scrubbedMiB: pick('scrubbed', values.scrubbed, 120, 24),
    files: pick('files', values.files, 100_000, 5_000),
    idleSeconds: pick('idle', values.idle, 60, 15),
    only: new Set(only.length === 0 ? partNames : only),
    directory: values.directory ?? memoryDirectory(),
    json: values.json,
  }
}

/** So that the disk, and what else is being written to it, has no part in the result. */
function memoryDirectory(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > 8 * 1_073_741_824) return '/dev/shm'
  } catch {
    // NOTE: a system without one.
  }
  return tmpdir()
}
