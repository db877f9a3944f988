/** A device of the office: `harp up` as people run it, on a machine of its own; asked over the socket that commands use. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DaemonApi, FolderStatus } from '../../src/sync/device/daemon-api.ts'
import { thisPackage } from '../harp-gateway.ts'
import { accepts, OwnProcess } from '../own-process.ts'
import { until } from '../sync/pair.ts'
import { askUnix } from '../sync/peers/unix-http.ts'

export interface Machine {
  readonly name: string
  /** For its home and its folder. */
  readonly directory: string
  /** What programs on it are started by. */
  readonly wrap: readonly string[]
  readonly port: number
}

export type Settings = Readonly<Record<string, string>>

const folder = 'office'
const ticksPerSecond = 100
const script = join(thisPackage, 'bin/harp.js')
const run = promisify(execFile)

export class OfficeDevice {
  readonly name: string
  readonly folder: string
  readonly #machine: Machine
  readonly #home: string
  #own: OwnProcess | undefined

  private constructor(machine: Machine) {
    this.#machine = machine
    this.name = machine.name
    this.#home = join(machine.directory, machine.name)
    this.folder = `${this.#home}-files`
  }

  /** With keys, and not up. */
  static async make(machine: Machine): Promise<OfficeDevice> {
    const device = new OfficeDevice(machine)
    mkdirSync(device.folder)
    const env = { PATH: process.env['PATH'], HARP_HOME: device.#home }
    await run(process.execPath, [script, 'init', '--name', machine.name], { env })
    return device
  }

  get own(): OwnProcess {
    if (this.#own === undefined) throw new Error(`${this.name} is not up`)
    return this.#own
  }

  async start(settings: Settings = {}): Promise<void> {
    const { wrap, port } = this.#machine
    const [command, ...args] = [...wrap, process.execPath, script]
    this.#own = await OwnProcess.start({
      name: this.name,
      command,
      args: [...args, 'up', '--listen', `[::]:${port}`],
      environment: { HARP_HOME: this.#home, HARP_LOG_LEVEL: 'warning', ...settings },
      isReady: async () => accepts(join(this.#home, 'daemon.sock')),
    })
  }

  async stop(): Promise<void> {
    await this.#own?.stop()
    this.#own = undefined
  }

  async founds(): Promise<void> {
    await this.ask('addFolder', { path: this.folder, name: folder })
  }

  async joins(inviter: OfficeDevice, more: { role?: 'write' | 'cache'; quota?: number } = {}): Promise<void> {
    const { role = 'write', quota } = more
    const { code } = await inviter.ask('invite', { folder, role })
    await this.ask('join', { code, path: this.folder, quota })
  }

  async hold(): Promise<void> {
    await this.ask('pause', { folder })
  }

  async goOn(): Promise<void> {
    await this.ask('resume', { folder })
  }

  async status(): Promise<FolderStatus> {
    const { folders } = await this.ask('status', {})
    const [status] = folders
    if (status === undefined) throw new Error(`${this.name} has no folder`)
    return status
  }

  async isDone(files: number): Promise<boolean> {
    if (this.own.failure !== null) throw new Error(this.own.failure)
    const status = await this.status()
    if (status.state === 'blocked') throw new Error(`${this.name}: ${status.errors[0]?.message ?? 'blocked'}`)
    return status.state === 'idle' && status.needFiles === 0 && status.files === files
  }

  async isLinkedWith(others: readonly OfficeDevice[]): Promise<boolean> {
    const { peers } = await this.status()
    return others.every(({ name }) => peers.some((peer) => peer.name === name && peer.connected))
  }

  /** CPU so far of all its threads, also of those that have ended. */
  cpuSeconds(): number {
    const text = readFileSync(`/proc/${this.own.pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  }

  /** On its LAN so far, all headers included. */
  lanBytes(): { readonly received: number; readonly sent: number } {
    const text = readFileSync(`/proc/${this.own.pid}/net/dev`, 'utf8')
    const fields = (/^\s*eth0:\s*(.+)$/m.exec(text)?.[1] ?? '').split(/\s+/).map(Number)
    return { received: fields[0] ?? 0, sent: fields[8] ?? 0 }
  }

  async ask<Method extends keyof DaemonApi>(
    method: Method,
    body: Parameters<DaemonApi[Method]>[0] | object,
  ): Promise<Awaited<ReturnType<DaemonApi[Method]>>> {
    const socket = join(this.#home, 'daemon.sock')
    const answer = await askUnix({ socket, method: 'POST', path: `/v1/${method}`, body })
    return answer as Awaited<ReturnType<DaemonApi[Method]>>
  }
}

export async function allDone(devices: readonly OfficeDevice[], files: number, what: string): Promise<void> {
  await until(async () => {
    for (const device of devices) if (!(await device.isDone(files))) return false
    return true
  }, what)
}
