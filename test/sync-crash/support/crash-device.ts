import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ControlClient } from '../../../src/sync/device/control-client.ts'
import type { FolderStatus } from '../../../src/sync/device/daemon-api.ts'
import { findSocket } from '../../../src/sync/device/socket-place.ts'
import { deadlineIn, eventually, within } from '../../support/deadline.ts'

export interface CrashDeviceOptions {
  readonly name: string
  /** Home, folder and log lie below. */
  readonly base: string
  readonly port: number
  /** The program to run: `harp` from source, or of a build. */
  readonly program: string
  readonly keep?: 'all' | 'staggered' | 'current'
}

export interface Dying {
  readonly seed: number
  /** So many changes of the disk happen in peace. */
  readonly skip: number
}

const shortMs = 60_000
const dieBetweenSteps = new URL('die-between-steps.ts', import.meta.url).href

/** A real device that is killed again and again: one home, one folder, one daemon after the other. */
export class CrashDevice {
  readonly name: string
  readonly home: string
  readonly root: string
  readonly logFile: string
  readonly #options: CrashDeviceOptions
  #daemon: ChildProcess | undefined
  #output = ''
  #isDying = false
  #hasDied = false
  /** How a daemon ended that nobody had killed. */
  #death: string | undefined

  constructor(options: CrashDeviceOptions) {
    const { name, base } = options
    this.#options = options
    this.name = name
    this.home = join(base, `${name}-home`)
    this.root = join(base, name)
    this.logFile = join(base, `${name}.log`)
    mkdirSync(this.root, { recursive: true })
  }

  /** It was told to die some time, and may still run. */
  get isDying(): boolean {
    return this.#isDying
  }

  /** It died as it was told to. */
  get hasDied(): boolean {
    return this.#hasDied
  }

  /** Set when the daemon ended by itself. */
  get death(): string | undefined {
    return this.#death
  }

  get client(): ControlClient {
    return new ControlClient(findSocket(this.home))
  }

  /** One command, as a person gives it. */
  async cli(...args: readonly string[]): Promise<unknown> {
    const child = spawn(process.execPath, [this.#options.program, ...args, '--json'], {
      env: this.#environment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString()
    })
    child.stderr.on('data', (part: Buffer) => {
      out += part.toString()
    })
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.on('close', resolve)
    const code = await within(promise, deadlineIn(shortMs, `${this.name}: harp ${args.join(' ')}`))
    if (code !== 0) throw new Error(`${this.name}: harp ${args.join(' ')} ended with ${code}: ${out}`)
    return JSON.parse(out)
  }

  /** With `dies`, it kills itself between two changes of the disk some time: a seed, and how many are left out. */
  start(options: { readonly more?: readonly string[]; readonly dies?: Dying | undefined } = {}): void {
    const { program, port } = this.#options
    const { more = [], dies } = options
    const log = openSync(this.logFile, 'a')
    const preload = dies === undefined ? [] : ['--import', dieBetweenSteps]
    const args = [...preload, program, 'up', '--listen', `127.0.0.1:${port}`, '--log-level', 'debug', ...more]
    const seed = dies === undefined ? {} : { CRASH_TEST: `${dies.seed}:${dies.skip}` }
    const daemon = spawn(process.execPath, args, {
      env: { ...this.#environment(), ...seed },
      stdio: ['pipe', 'pipe', log],
    })
    closeSync(log)
    this.#output = ''
    this.#isDying = dies !== undefined
    this.#hasDied = false
    daemon.stdout?.on('data', (part: Buffer) => {
      this.#output += part.toString()
    })
    daemon.on('exit', (code, signal) => {
      if (this.#daemon !== daemon) return
      this.#daemon = undefined
      if (this.#isDying && signal === 'SIGKILL') this.#hasDied = true
      else this.#death = `${this.name}: the daemon ended by itself (${code ?? signal}): ${this.logEnd()}`
    })
    this.#daemon = daemon
  }

  /** Waits for the line that says it serves, or until it died as it was told to. */
  async untilUp(): Promise<void> {
    await eventually(
      `${this.name} is up`,
      () => (this.#death !== undefined || this.#hasDied || this.isUp ? true : undefined),
      { timeoutMs: shortMs },
    )
    if (this.#death !== undefined) throw new Error(this.#death)
  }

  get isUp(): boolean {
    return this.#daemon !== undefined && this.#output.startsWith('harp is up')
  }

  /** At once, at whatever it is doing. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** As a person ends it. Returns the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const daemon = this.#daemon
    if (daemon === undefined) return null
    this.#daemon = undefined
    const { promise, resolve } = Promise.withResolvers<number | null>()
    daemon.on('exit', resolve)
    daemon.kill(signal)
    return within(promise, deadlineIn(shortMs, `${this.name} ends`))
  }

  async folder(): Promise<FolderStatus> {
    const { folders } = await this.client.call('status')
    const [folder] = folders
    if (folder === undefined) throw new Error(`${this.name} has no folder`)
    return folder
  }

  /** Where it died, as it was told to. */
  lastWords(): string {
    return (
      readFileSync(this.logFile, 'utf8')
        .match(/^died .*$/gm)
        ?.at(-1) ?? 'died'
    )
  }

  logEnd(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-12).join('\n')
  }

  #environment(): NodeJS.ProcessEnv {
    // oxlint-disable-next-line node/no-process-env -- what children need besides is PATH alone
    const { PATH } = process.env
    const { keep = 'all', base } = this.#options
    return {
      PATH,
      HOME: this.home,
      HARP_HOME: this.home,
      HARP_KEEP: keep,
      HARP_HASHERS: '1',
      HARP_DISCOVERY: 'off',
      NODE_COMPILE_CACHE: join(base, 'compiled'),
    }
  }
}
