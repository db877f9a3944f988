/** `harp up` as a process: its first line, its end, and what it printed. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const entry = process.env['HARP_E2E_ENTRY'] ?? fileURLToPath(new URL('main.ts', import.meta.url))

export interface Daemon {
  readonly pid: number
  readonly firstLine: Promise<string>
  readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  kill(signal: NodeJS.Signals): void
  output(): string
}

export function program(args: readonly string[]): string[] {
  return [process.execPath, '--disable-warning=ExperimentalWarning', entry, ...args]
}

export function startDaemon(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Daemon {
  const [file = '', ...args] = command
  const child = spawn(file, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  const first = Promise.withResolvers<string>()
  child.stdin.on('error', () => undefined)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    const end = stdout.indexOf('\n')
    if (end >= 0) first.resolve(stdout.slice(0, end))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-1_000_000)))
  const exit = new Promise<Awaited<Daemon['exit']>>((resolve) => {
    child.once('error', (error) => {
      first.reject(error)
      resolve({ code: null, signal: null })
    })
    child.once('close', (code, signal) => {
      first.reject(new Error(`harp up ended with ${code ?? signal}: ${stderr}`))
      resolve({ code, signal })
    })
  })
  // Nobody may be waiting for the first line any more.
  first.promise.catch(() => undefined)
  return {
    pid: child.pid ?? -1,
    firstLine: first.promise,
    exit,
    kill: (signal) => void child.kill(signal),
    output: () => stdout + stderr,
  }
}
