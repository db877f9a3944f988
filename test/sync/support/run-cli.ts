import { vi } from 'vitest'
import { main } from '../../../src/cli/main.ts'

export interface CliRun {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** `harp` in this process, with what it prints and its exit status. One at a time. */
export async function runCli(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CliRun> {
  const out: string[] = []
  const err: string[] = []
  const keep = (lines: string[], end: string) => (content: unknown) => {
    lines.push(
      `${typeof content === 'string' ? content : Buffer.from(content as Uint8Array).toString('latin1')}${end}`,
    )
    return true
  }
  const spies = [
    vi.spyOn(console, 'log').mockImplementation(keep(out, '\n')),
    vi.spyOn(console, 'error').mockImplementation(keep(err, '\n')),
    vi.spyOn(process.stdout, 'write').mockImplementation(keep(out, '')),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep(err, '')),
  ]
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  process.exitCode = undefined
  try {
    await main(['node', 'harp', ...args])
    return { status: process.exitCode ?? 0, out: out.join(''), err: err.join('') }
  } finally {
    process.exitCode = undefined
    vi.unstubAllEnvs()
    for (const spy of spies) spy.mockRestore()
  }
}
