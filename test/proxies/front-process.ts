/**
 * A real reverse proxy from its Debian package, started in the foreground with a configuration of its own in a
 * private directory and on a loopback port; never the system's service. Whoever starts it stops it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { deadlineIn, elapse, remainingMs, within } from '../support/deadline.ts'

export interface FrontCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd: string
  /** Where it will listen. */
  readonly port: number
}

const startTimeoutMs = 15_000
const stopTimeoutMs = 5_000
const maxOutputLength = 256 * 1024

export class FrontProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #closed: Promise<void>
  #output = ''

  private constructor(command: FrontCommand) {
    this.port = command.port
    this.#child = spawn(command.program, [...command.args], {
      cwd: command.cwd,
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...command.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#output += String(error)
        resolve()
      })
      this.#child.once('close', () => resolve())
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (this.#output.length < maxOutputLength) this.#output += text
      })
    }
  }

  /** Resolves when the port answers; throws with the program's output when it does not. */
  static async start(command: FrontCommand): Promise<FrontProcess> {
    const front = new FrontProcess(command)
    const deadline = deadlineIn(startTimeoutMs, `${command.program} to listen`)
    while (!(await accepts(command.port))) {
      if (front.hasExited || remainingMs(deadline) === 0) {
        await front.stop()
        throw new Error(`${command.program} did not start\n${front.output}`)
      }
      await elapse(20)
    }
    return front
  }

  get output(): string {
    return this.#output
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (!this.hasExited) this.#child.kill('SIGTERM')
    try {
      await within(this.#closed, deadlineIn(stopTimeoutMs, 'the proxy to exit'))
    } catch {
      // NOTE: it had its chance; a test run must not leave it behind.
      this.#child.kill('SIGKILL')
      await this.#closed
    }
  }
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
