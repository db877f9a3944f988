/** What it was measured on, and what else the machine had to do. */
import { execFile } from 'node:child_process'
import { cpus, loadavg, release } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly node: string
  readonly programs: Readonly<Record<string, string>>
}

/** `programs`: name → path. */
export async function describeMachine(programs: ReadonlyMap<string, string>): Promise<Machine> {
  const cores = cpus()
  const versions: Record<string, string> = {}
  for (const [name, path] of programs) versions[name] = await programVersion(path)
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    kernel: release(),
    node: process.versions.node,
    programs: versions,
  }
}

export function loadAverage(): string {
  return loadavg()
    .map((each) => each.toFixed(2))
    .join(' ')
}

async function programVersion(path: string): Promise<string> {
  // NOTE: wrk prints its version with its usage and exits 1; nginx prints to standard error.
  const { stdout, stderr } = await run(path, ['-v']).catch((error: unknown) => ({
    stdout: outputOf(error, 'stdout'),
    stderr: outputOf(error, 'stderr'),
  }))
  return /\d+\.\d+[\w.+~-]*/.exec(stdout + stderr)?.[0] ?? 'unknown'
}

function outputOf(error: unknown, name: 'stdout' | 'stderr'): string {
  return typeof error === 'object' && error !== null && name in error
    ? String((error as Record<string, unknown>)[name])
    : ''
}
