/**
 * A server program of the system's (dockerd, docker-registry) under a test's control. It gets SIGTERM when the test's
 * own process dies, so that nothing is left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { deadlineIn, eventually, within } from '../support/deadline.ts'

const maxOutputLength = 1024 * 1024
const startTimeoutMs = 30_000
const stopTimeoutMs = 30_000

export class ServerProgram {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>
  #output = ''
  #hasExited = false

  private constructor(name: string, args: readonly string[]) {
    this.#name = name
    // NOTE: nothing is inherited: an HTTP_PROXY of the machine would send pulls elsewhere.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', name, ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (this.#output.length < maxOutputLength) this.#output += text
      })
    }
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#ended(resolve, null, String(error)))
      this.#child.once('close', (code) => this.#ended(resolve, code, ''))
    })
  }

  /** Resolves when `isReady` says so; throws with the program's output when it ends or takes too long. */
  static async start(
    name: string,
    args: readonly string[],
    isReady: () => Promise<boolean>,
  ): Promise<ServerProgram> {
    const program = new ServerProgram(name, args)
    try {
      await eventually(
        `${name} to answer`,
        async () => {
          if (program.#hasExited) throw new Error(`${name} ended`)
          return (await isReady().catch(() => false)) ? true : undefined
        },
        { timeoutMs: startTimeoutMs, everyMs: 100 },
      )
    } catch (error) {
      await program.stop('SIGKILL')
      throw new Error(`${name} did not start\n${program.#output}`, { cause: error })
    }
    return program
  }

  /** Resolves when it has ended; throws with its output where SIGKILL was needed and not asked for. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!this.#hasExited) this.#child.kill(signal)
    try {
      await within(this.#exit, deadlineIn(stopTimeoutMs, `${this.#name} to end`))
    } catch (error) {
      this.#child.kill('SIGKILL')
      throw new Error(`${this.#name} did not end\n${this.#output}`, { cause: error })
    }
  }

  #ended(resolve: (code: number | null) => void, code: number | null, note: string): void {
    this.#hasExited = true
    this.#output += note
    resolve(code)
  }
}
