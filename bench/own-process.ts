/**
 * A program that the benchmark started: its output kept for the case that it fails, and gone when the
 * benchmark is done with it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface OwnProcessOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** A script of the benchmark, which ends when the benchmark is gone. */
  readonly isScript?: boolean
  /** Asked again and again until it is true: the program is up. */
  readonly isReady: (pid: number) => Promise<boolean>
}

const startTimeoutMs = 20_000
const stopTimeoutMs = 12_000
const answerTimeoutMs = 30_000
const maxOutputLength = 65_536

export class OwnProcess {
  readonly pid: number
  readonly #name: string
  readonly #child: ChildProcess
  readonly #closed: Promise<void>
  #output = ''
  #isClosed = false

  private constructor(options: OwnProcessOptions) {
    this.#name = options.name
    this.#child = spawn(options.command, [...options.args], {
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.isScript === true ? ['ipc' as const] : [])],
    })
    this.pid = this.#child.pid ?? -1
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#closed = promise.then(() => {
      this.#isClosed = true
    })
    this.#child.once('error', (error) => {
      this.#output += String(error)
      resolve(undefined)
    })
    this.#child.once('close', () => resolve(undefined))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (this.#output.length < maxOutputLength) this.#output += text
      })
    }
  }

  /** Rejects with the program's own words when it does not listen in time. */
  static async start(options: OwnProcessOptions): Promise<OwnProcess> {
    const own = new OwnProcess(options)
    const endsAt = performance.now() + startTimeoutMs
    while (!(await options.isReady(own.pid))) {
      if (own.#isClosed || performance.now() > endsAt) {
        await own.stop()
        throw new Error(`${options.name} did not start:\n${own.#output.trim()}`)
      }
      await sleep(25)
    }
    return own
  }

  /** What a script of the benchmark answers to a message; rejects when it has ended or is silent. */
  async ask(message: unknown): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => reject(new Error(`${this.#name} does not answer`)), answerTimeoutMs)
    const onEnd = (): void => reject(new Error(`${this.#name} has ended`))
    this.#child.once('message', resolve).once('disconnect', onEnd)
    this.#child.send(message as object)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#child.off('message', resolve).off('disconnect', onEnd)
    }
  }

  /** The last words of a program that should still be running, else null. */
  get failure(): string | null {
    return this.#isClosed ? `${this.#name} has ended: ${this.#output.trim().slice(-2_000)}` : null
  }

  /** SIGTERM, and SIGKILL when that does not help. Idempotent. */
  async stop(): Promise<void> {
    if (this.#isClosed) return
    this.#child.kill('SIGTERM')
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    await this.#closed
    clearTimeout(killer)
  }
}

/** Whether a port of loopback, or a Unix socket, takes connections. */
export async function accepts(place: number | string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket =
    typeof place === 'string' ? connect({ path: place }) : connect({ host: '127.0.0.1', port: place })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  const isOpen = await promise
  socket.destroy()
  return isOpen
}
