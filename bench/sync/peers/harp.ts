/** `harp up` twice, as people run it; asked over the socket that commands use. */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../../own-process.ts'
import type { Network } from '../network.ts'
import {
  firstFailure,
  until,
  type PairPlace,
  type SyncDevice,
  type SyncPair,
  type SyncPeer,
} from '../pair.ts'
import { askUnix } from './unix-http.ts'

export interface HarpSyncOptions {
  readonly name: string
  readonly packageDirectory: string
  readonly keep: string
  readonly profileDirectory: string | null
}

const folder = 'bench'
const run = promisify(execFile)

export function harpSync(options: HarpSyncOptions): SyncPeer {
  return {
    name: options.name,
    description: `harp up, HARP_KEEP=${options.keep}, all else at its defaults; paused while the folder is changed`,
    startPair: async (place) => startPair(options, place),
    startAlone: async (place) => startAlone(options, place),
  }
}

async function startPair(options: HarpSyncOptions, place: PairPlace): Promise<SyncPair> {
  const devices: HarpDevice[] = []
  try {
    for (const name of ['one', 'two']) devices.push(await HarpDevice.start(options, place, name))
    const [one, two] = devices
    if (one === undefined || two === undefined) throw new Error('no devices')
    await one.ask('addFolder', { path: one.folder, name: folder })
    const { code } = (await one.ask('invite', { folder })) as { code: string }
    await two.ask('join', { code, path: two.folder })
    const areDone = async (): Promise<boolean> => (await one.isDone(true)) && (await two.isDone(true))
    await until(areDone, 'the empty folder')
    return {
      from: one.folder,
      to: two.folder,
      pids: () => devices.map(({ own }) => [own.pid]),
      hasShortProcesses: false,
      get failure() {
        return firstFailure(devices.map(({ own }) => own))
      },
      hold: async () => one.hold(),
      bring: async (hasArrived) => {
        await one.ask('resume', { folder })
        await until(async () => hasArrived() && (await areDone()), options.name)
      },
      entries: async () => one.entries(),
      stop: async () => stopAll(devices),
    }
  } catch (error) {
    await stopAll(devices)
    throw error
  }
}

async function startAlone(options: HarpSyncOptions, place: PairPlace): Promise<SyncDevice> {
  const device = await HarpDevice.start(options, place, 'alone')
  const knows = async (files: number): Promise<void> =>
    until(async () => (await device.isDone(false)) && (await device.files()) === files, options.name)
  try {
    await device.ask('addFolder', { path: device.folder, name: folder })
    await device.hold()
    return {
      folder: device.folder,
      get pid() {
        return device.own.pid
      },
      look: async (files) => {
        await device.ask('resume', { folder })
        await knows(files)
      },
      hold: async () => device.hold(),
      restart: async (files) => {
        await device.restart()
        await knows(files)
      },
      stop: async () => device.own.stop(),
    }
  } catch (error) {
    await device.own.stop()
    throw error
  }
}

async function stopAll(devices: readonly HarpDevice[]): Promise<void> {
  await Promise.all(devices.map(async ({ own }) => own.stop()))
}

interface FolderStatus {
  readonly state: string
  readonly files: number
  readonly needFiles: number
  readonly errors: readonly { readonly code: string; readonly message: string }[]
  readonly peers: readonly { readonly connected: boolean }[]
}

class HarpDevice {
  readonly folder: string
  readonly #options: HarpSyncOptions
  readonly #network: Network
  readonly #home: string
  readonly #name: string
  own: OwnProcess

  private constructor(options: HarpSyncOptions, { network }: PairPlace, names: HarpNames, own: OwnProcess) {
    this.#options = options
    this.#network = network
    this.#home = names.home
    this.#name = names.name
    this.folder = names.folder
    this.own = own
  }

  static async start(options: HarpSyncOptions, place: PairPlace, name: string): Promise<HarpDevice> {
    const names = { name, home: join(place.directory, name), folder: join(place.directory, `${name}-files`) }
    mkdirSync(names.folder)
    const env = { PATH: process.env['PATH'], HARP_HOME: names.home }
    await run(process.execPath, [script(options), 'init', '--name', name], { env })
    return new HarpDevice(options, place, names, await startDaemon(options, place.network, names))
  }

  async restart(): Promise<void> {
    await this.own.stop()
    const names = { name: this.#name, home: this.#home, folder: this.folder }
    this.own = await startDaemon(this.#options, this.#network, names)
  }

  async ask(method: string, body: object): Promise<unknown> {
    return askUnix({ socket: join(this.#home, 'daemon.sock'), method: 'POST', path: `/v1/${method}`, body })
  }

  async hold(): Promise<void> {
    await this.ask('pause', { folder })
  }

  async isDone(isLinked: boolean): Promise<boolean> {
    const { state, needFiles, errors, peers } = await this.#status()
    if (state === 'blocked') throw new Error(`${this.#name} is blocked: ${errors[0]?.message ?? ''}`)
    return state === 'idle' && needFiles === 0 && (!isLinked || peers.some(({ connected }) => connected))
  }

  async files(): Promise<number> {
    return (await this.#status()).files
  }

  async entries(): Promise<number> {
    const [audit] = (await this.ask('audit', { folder })) as { entries: number }[]
    return audit?.entries ?? 0
  }

  async #status(): Promise<FolderStatus> {
    const { folders } = (await this.ask('status', {})) as { folders: FolderStatus[] }
    const [status] = folders
    if (status === undefined) throw new Error(`${this.#name} has no folder`)
    return status
  }
}

interface HarpNames {
  readonly name: string
  readonly home: string
  readonly folder: string
}

async function startDaemon(
  options: HarpSyncOptions,
  network: Network,
  { name, home }: HarpNames,
): Promise<OwnProcess> {
  const [port = 0] = await freePorts(1)
  const profile = options.profileDirectory
  const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, ...profileName(name)]
  return OwnProcess.start({
    name: `${options.name} ${name}`,
    ...network.enter(process.execPath, [...flags, script(options), 'up', '--listen', `127.0.0.1:${port}`]),
    environment: {
      HARP_HOME: home,
      HARP_KEEP: options.keep,
      HARP_LOG_LEVEL: 'warning',
      HARP_DISCOVERY: 'off',
    },
    isReady: async () => accepts(join(home, 'daemon.sock')),
  })
}

function profileName(name: string): string[] {
  return [`--cpu-prof-name=${name}-${Math.floor(performance.now())}.cpuprofile`]
}

function script({ packageDirectory }: HarpSyncOptions): string {
  return join(packageDirectory, 'bin/harp.js')
}
