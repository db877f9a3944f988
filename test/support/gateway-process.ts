/**
 * The real gateway as a child process, started from source with an environment of its own: free ports on
 * loopback, state and certificates in a temporary directory, nothing inherited from the test's environment.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deadlineIn, elapse, eventually, remainingMs, within } from './deadline.ts'
import { freePorts } from './free-ports.ts'

export type Environment = Readonly<Record<string, string>>

export interface ProgramExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const entry = fileURLToPath(new URL('harp-main.ts', import.meta.url))
const maxOutputBytes = 8 * 1024 * 1024
const startTimeoutMs = 20_000
const stopTimeoutMs = 15_000

/** `harp <args>` with its output collected; whoever starts it stops it. */
export class HarpProcess {
  readonly pid: number
  readonly #child: ChildProcessWithoutNullStreams
  readonly #output = { stdout: '', stderr: '' }
  readonly #exit: Promise<ProgramExit>
  #exited: ProgramExit | undefined

  constructor(args: readonly string[], environment: Environment) {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.pid = this.#child.pid ?? -1
    this.#collect('stdout')
    this.#collect('stderr')
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(this.#ended(null, null, String(error))))
      this.#child.once('close', (code, signal) => resolve(this.#ended(code, signal, '')))
    })
  }

  get exited(): ProgramExit | undefined {
    return this.#exited
  }

  get stdout(): string {
    return this.#output.stdout
  }

  get stderr(): string {
    return this.#output.stderr
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Rejects with `WaitTimeout` when the program does not end in time. */
  async waitForExit(timeoutMs: number = stopTimeoutMs): Promise<ProgramExit> {
    return within(this.#exit, deadlineIn(timeoutMs, 'the program to exit'))
  }

  /** SIGTERM, and after the deadline SIGKILL; the exit tells which it took. */
  async stop(timeoutMs: number = stopTimeoutMs): Promise<ProgramExit> {
    if (this.#exited === undefined) this.signal('SIGTERM')
    try {
      return await this.waitForExit(timeoutMs)
    } catch {
      // NOTE: the exit's signal (SIGKILL) is the finding; the caller decides whether it is a failure.
      this.signal('SIGKILL')
      return this.#exit
    }
  }

  #collect(name: 'stdout' | 'stderr'): void {
    this.#child[name].setEncoding('utf8').on('data', (text: string) => {
      if (this.#output[name].length < maxOutputBytes) this.#output[name] += text
    })
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, note: string): ProgramExit {
    this.#exited ??= { code, signal, stdout: this.#output.stdout, stderr: this.#output.stderr + note }
    return this.#exited
  }
}

export interface GatewayOptions {
  /** Over the ordinary environment; an empty text stands for "set and empty". */
  readonly environment?: Environment
  /** Names to leave out of the ordinary environment. */
  readonly without?: readonly string[]
  readonly args?: readonly string[]
}

export interface GatewayPlace {
  readonly directory: string
  readonly stateDir: string
  readonly certsDir: string
  readonly ports: {
    readonly http: number
    readonly https: number
    readonly frp: number
    readonly admin: number
  }
  readonly environment: Environment
}

/** A place for one gateway: directories, ports and the environment that names them. */
export async function prepareGatewayPlace(
  nextcloudUrl: string,
  options: GatewayOptions = {},
): Promise<GatewayPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'harp-test-'))
  const stateDir = join(directory, 'state')
  const certsDir = join(directory, 'certs')
  await Promise.all([mkdir(stateDir, { mode: 0o700 }), mkdir(certsDir)])
  const [http = 0, https = 0, frp = 0, admin = 0] = await freePorts(4)
  const ordinary: Record<string, string> = {
    HOME: directory,
    HP_SHARED_KEY: 'sekret',
    NC_INSTANCE_URL: nextcloudUrl,
    HP_EXAPPS_ADDRESS: `127.0.0.1:${http}`,
    HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${https}`,
    HP_FRP_ADDRESS: `127.0.0.1:${frp}`,
    // Making keys takes a second of CPU; tests of tunnels over TLS ask for it.
    HP_FRP_DISABLE_TLS: 'true',
    HARP_ADMIN_ADDRESS: `127.0.0.1:${admin}`,
    HARP_STATE_DIR: stateDir,
    HARP_CERTS_DIR: certsDir,
    ...options.environment,
  }
  for (const name of options.without ?? []) delete ordinary[name]
  return { directory, stateDir, certsDir, ports: { http, https, frp, admin }, environment: ordinary }
}

/** Runs `harp gateway` that is expected to end by itself (a refused start, `--check`). */
export async function runGateway(nextcloudUrl: string, options: GatewayOptions = {}): Promise<ProgramExit> {
  const place = await prepareGatewayPlace(nextcloudUrl, options)
  const program = new HarpProcess(['gateway', ...(options.args ?? [])], place.environment)
  try {
    return await program.waitForExit(startTimeoutMs)
  } finally {
    await program.stop(1_000)
    await rm(place.directory, { recursive: true, force: true })
  }
}

export class GatewayProcess {
  readonly place: GatewayPlace
  readonly program: HarpProcess

  private constructor(place: GatewayPlace, program: HarpProcess) {
    this.place = place
    this.program = program
  }

  /** Resolves when the plain HTTP port answers; throws with the gateway's output when it does not. */
  static async start(nextcloudUrl: string, options: GatewayOptions = {}): Promise<GatewayProcess> {
    return GatewayProcess.startIn(await prepareGatewayPlace(nextcloudUrl, options), options.args)
  }

  static async startIn(place: GatewayPlace, args: readonly string[] = []): Promise<GatewayProcess> {
    const program = new HarpProcess(['gateway', ...args], place.environment)
    const gateway = new GatewayProcess(place, program)
    const { host, port } = gateway
    const deadline = deadlineIn(startTimeoutMs, 'the gateway to listen')
    while (!(await accepts(host, port))) {
      if (program.exited !== undefined || remainingMs(deadline) === 0) {
        const { code, stdout, stderr } = await gateway.stop()
        throw new Error(`the gateway did not start (exit code ${code})\n${stdout}\n${stderr}`)
      }
      await elapse(25)
    }
    return gateway
  }

  get port(): number {
    return this.place.ports.http
  }

  get host(): string {
    const address = this.place.environment['HP_EXAPPS_ADDRESS'] ?? ''
    return address.startsWith('[::1]') ? '::1' : '127.0.0.1'
  }

  get url(): string {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`
  }

  /** Everything it has printed so far. */
  get output(): string {
    return this.program.stdout + this.program.stderr
  }

  async waitForOutput(pattern: RegExp, timeoutMs: number = 5_000): Promise<void> {
    await eventually(`output ${pattern.source}`, () => (pattern.test(this.output) ? true : undefined), {
      timeoutMs,
    })
  }

  /** Peak resident memory so far, in bytes (Linux). */
  async peakMemoryBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.program.pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? '0') * 1024
  }

  async stop(timeoutMs?: number): Promise<ProgramExit> {
    const exit = await this.program.stop(timeoutMs)
    await rm(this.place.directory, { recursive: true, force: true })
    return exit
  }
}

async function accepts(host: string, port: number): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const socket = connect({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
