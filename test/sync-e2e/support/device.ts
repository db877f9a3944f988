/**
 * One device of a person: a home, and the daemon on it as a real process. Commands run as `harp …` processes; what a
 * test asks again and again goes to the daemon's socket directly (docs/spec/cli.md, section 7).
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ControlClient } from '../../../src/sync/device/control-client.ts'
import type { DeviceStatus, FolderStatus, StatusError } from '../../../src/sync/device/daemon-api.ts'
import { deadlineIn, eventually, within } from '../../support/deadline.ts'
import { freePorts } from '../../support/free-ports.ts'
import { program, startDaemon, type Daemon } from './daemon-process.ts'

/** Programs of one source start in half the time. */
const compiled = fileURLToPath(new URL('../../../node_modules/.cache/harp-e2e', import.meta.url))
const startMs = 60_000
const commandMs = 90_000
const patienceMs = 60_000

export interface Answer {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Of standard output, where that is one JSON value; undefined otherwise. */
  readonly json: unknown
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** On standard input. */
  readonly input?: string
  /** What it has printed so far, each time that there is more. */
  readonly onOutput?: (stdout: string) => void
}

export interface DeviceOptions {
  readonly name: string
  /** Where its home and its folders are. */
  readonly place: string
  /** What the program runs in: a network namespace, another user. */
  readonly wrap?: readonly string[]
  /** Address to listen at. */
  readonly listen?: string
  /** A free one unless given; the same for all runs. */
  readonly port?: number
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export class Device {
  readonly name: string
  readonly place: string
  readonly home: string
  readonly #options: DeviceOptions
  #daemon: Daemon | undefined
  #port: number | undefined

  constructor(options: DeviceOptions) {
    this.#options = options
    this.name = options.name
    this.place = join(options.place, options.name)
    this.home = join(this.place, 'home')
    mkdirSync(this.place, { recursive: true })
  }

  /** With keys and a running daemon. */
  static async start(options: DeviceOptions): Promise<Device> {
    const device = new Device(options)
    await device.init()
    await device.up()
    return device
  }

  get api(): ControlClient {
    return new ControlClient(join(this.home, 'daemon.sock'))
  }

  get isUp(): boolean {
    return this.#daemon !== undefined
  }

  get pid(): number {
    return this.#running().pid
  }

  /** What the daemon has printed. */
  get output(): string {
    return this.#daemon?.output() ?? ''
  }

  async init(): Promise<string> {
    const { code, stderr, json } = await this.cli('init', '--name', this.name, '--json')
    if (code !== 0) throw new Error(`harp init failed: ${stderr}`)
    return (json as { device: { id: string } }).device.id
  }

  /** `harp up`; resolves with its first line. */
  async up(...flags: string[]): Promise<string> {
    const { wrap = [], listen = '127.0.0.1', flags: usual = [] } = this.#options
    this.#port ??= this.#options.port ?? (await freePorts(1))[0]
    const args = ['up', '--listen', `${listen}:${this.#port}`, ...usual, ...flags]
    const daemon = startDaemon([...wrap, ...program(args)], this.#environment())
    this.#daemon = daemon
    return within(daemon.firstLine, deadlineIn(startMs, `${this.name} to be up\n${daemon.output()}`))
  }

  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#end('SIGTERM')
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  signal(name: NodeJS.Signals): void {
    this.#running().kill(name)
  }

  /** For the end of a test: whatever state it is in. */
  async dispose(): Promise<void> {
    const daemon = this.#daemon
    if (daemon === undefined) return
    daemon.kill('SIGCONT')
    daemon.kill('SIGKILL')
    await daemon.exit
    this.#daemon = undefined
  }

  /** `harp <args>` as a program of its own. */
  async cli(...args: string[]): Promise<Answer> {
    return this.run(args)
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
    const [command = '', ...rest] = [...(this.#options.wrap ?? []), ...program(args)]
    const child = spawn(command, rest, {
      env: { ...this.#environment(), ...options.environment },
      cwd: this.place,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      options.onOutput?.(stdout)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdin.on('error', () => undefined)
    if (options.input !== undefined) child.stdin.end(options.input)
    const code = new Promise<number | null>((resolve) => child.once('close', resolve))
    try {
      const ended = await within(code, deadlineIn(commandMs, `harp ${args.join(' ')}`))
      return { code: ended, stdout, stderr, json: parse(stdout) }
    } finally {
      child.kill('SIGKILL')
    }
  }

  async status(): Promise<DeviceStatus> {
    return this.api.call('status')
  }

  async folder(name: string): Promise<FolderStatus> {
    const { folders } = await this.status()
    const found = folders.find((folder) => folder.name === name)
    if (found === undefined) throw new Error(`${this.name} has no folder ${name}`)
    return found
  }

  /** Until the folder's status is as wanted; says how it was otherwise. */
  async until(
    folder: string,
    what: string,
    isReached: (status: FolderStatus) => boolean,
    timeoutMs: number = patienceMs,
  ): Promise<FolderStatus> {
    let last: FolderStatus | undefined
    try {
      return await eventually(
        what,
        async () => {
          last = await this.folder(folder)
          return isReached(last) ? last : undefined
        },
        { timeoutMs, everyMs: 50 },
      )
    } catch (error) {
      throw new Error(`${this.name}: not reached: ${what}; ${JSON.stringify(last)}`, { cause: error })
    }
  }

  async untilIdle(folder: string): Promise<FolderStatus> {
    return this.until(folder, 'idle', ({ state }) => state === 'idle')
  }

  async untilError(folder: string, code: string, path?: string): Promise<StatusError> {
    const isIt = (error: StatusError): boolean =>
      error.code === code && (path === undefined || error.path === path)
    const { errors } = await this.until(folder, `the error ${code}`, (status) => status.errors.some(isIt))
    const [found] = errors.filter(isIt)
    if (found === undefined) throw new RangeError('an error that was there is gone')
    return found
  }

  /** What was changed on the disk up to now is in the log afterwards. */
  async scanned(folder: string): Promise<void> {
    await this.api.call('audit', { folder })
  }

  #environment(): Readonly<Record<string, string>> {
    return {
      PATH: process.env['PATH'] ?? '',
      TZ: 'UTC',
      NODE_COMPILE_CACHE: compiled,
      HOME: this.place,
      HARP_HOME: this.home,
      // In the machine's own network it would speak to whoever is there.
      ...(this.#options.wrap === undefined && { HARP_DISCOVERY: 'off' }),
      ...this.#options.environment,
    }
  }

  #running(): Daemon {
    if (this.#daemon === undefined) throw new Error(`${this.name} is not up`)
    return this.#daemon
  }

  async #end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const daemon = this.#running()
    daemon.kill(signal)
    const exit = await within(daemon.exit, deadlineIn(20_000, `${this.name} to end`))
    this.#daemon = undefined
    return exit
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
