/** A benchmark as a command: its options read, interruptions obeyed, and what it started stopped in any case. */
import { loadAverage } from './report/machine.ts'

export type Cleaner = () => Promise<void> | void

export interface BenchCommand<Options> {
  readonly help: string
  /** Throws with a text for the user. */
  readonly readOptions: (args: readonly string[]) => Options | 'help'
  /** What it starts it also adds to the cleaners, which run last in, first out. */
  readonly bench: (options: Options, run: BenchRun) => Promise<void>
}

export interface BenchRun {
  readonly cleaners: Cleaner[]
  readonly signal: AbortSignal
  readonly loadAtStart: string
  readonly say: (line: string) => void
}

/** The exit code: 0 measured, 1 could not measure, 2 wrong usage. */
export async function runBench<Options>(command: BenchCommand<Options>): Promise<number> {
  let options: Options | 'help'
  try {
    options = command.readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${command.help}`)
    return 2
  }
  if (options === 'help') {
    console.log(command.help)
    return 0
  }
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort(new Error(`ended by ${signal}`)))
  }
  const cleaners: Cleaner[] = []
  const running = command.bench(options, {
    cleaners,
    signal: interruption.signal,
    loadAtStart: loadAverage(),
    say: (line) => console.error(line),
  })
  try {
    await Promise.race([running, aborted(interruption.signal)])
    return 0
  } catch (error) {
    console.error(`ERROR: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await clean(cleaners)
    await running.catch(() => {})
    // What was about to start when the interruption came.
    await clean(cleaners)
  }
}

async function clean(cleaners: Cleaner[]): Promise<void> {
  for (let next = cleaners.pop(); next !== undefined; next = cleaners.pop()) await next()
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  return promise
}
