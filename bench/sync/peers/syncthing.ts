/**
 * Syncthing, two of it with one folder: no discovery, relays, upgrades or reports; scans when it is told to, over its
 * REST interface on a Unix socket. All else at its defaults.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../../test/support/free-ports.ts'
import { OwnProcess } from '../../own-process.ts'
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

const folder = 'bench'
const key = 'bench-bench-bench'
const run = promisify(execFile)

export function syncthing(command: string): SyncPeer {
  return {
    name: 'syncthing',
    description:
      'two of it, with each other only; scans when it is told to; file versioning off, as by default',
    startPair: async (place) => startPair(command, place),
    startAlone: async (place) => startAlone(command, place),
  }
}

async function startPair(command: string, place: PairPlace): Promise<SyncPair> {
  const one = await prepare(command, place, 'one')
  const two = await prepare(command, place, 'two')
  const devices = [one, two]
  const processes: OwnProcess[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map(async (own) => own.stop()))
  }
  try {
    for (const each of devices) {
      writeSettings(each, devices)
      processes.push(await startDaemon(command, place.network, each))
    }
    // Of one, about two: what two has told.
    const isComplete = async (): Promise<boolean> => {
      const asked = await ask(one, 'GET', `/rest/db/completion?folder=${folder}&device=${two.id}`)
      const { needItems, needBytes, needDeletes, remoteState } = asked as Record<string, number | string>
      const isValid = remoteState === undefined || remoteState === 'valid'
      return isValid && needItems === 0 && needBytes === 0 && needDeletes === 0
    }
    const isIdle = async (each: Prepared): Promise<boolean> => {
      const { state } = (await ask(each, 'GET', `/rest/db/status?folder=${folder}`)) as { state: string }
      return state === 'idle'
    }
    const isConnected = async (): Promise<boolean> => {
      const { connections } = (await ask(one, 'GET', '/rest/system/connections')) as {
        connections: Record<string, { connected: boolean }>
      }
      return connections[two.id]?.connected === true
    }
    await until(
      async () => (await isConnected()) && (await isComplete()) && (await isIdle(one)) && (await isIdle(two)),
      'the empty folder of syncthing',
    )
    return {
      from: one.folder,
      to: two.folder,
      pids: () => processes.map(({ pid }) => [pid]),
      hasShortProcesses: false,
      get failure() {
        return firstFailure(processes)
      },
      hold: async () => {},
      bring: async (hasArrived) => {
        await ask(one, 'POST', `/rest/db/scan?folder=${folder}`)
        await until(
          async () => hasArrived() && (await isComplete()) && (await isIdle(one)) && (await isIdle(two)),
          'syncthing',
        )
      },
      entries: async () => null,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAlone(command: string, place: PairPlace): Promise<SyncDevice> {
  const device = await prepare(command, place, 'alone')
  writeSettings(device, [device])
  let own = await startDaemon(command, place.network, device)
  const look = async (files: number): Promise<void> => {
    await ask(device, 'POST', `/rest/db/scan?folder=${folder}`)
    await until(async () => {
      const status = await ask(device, 'GET', `/rest/db/status?folder=${folder}`)
      const { state, localFiles } = status as { state: string; localFiles: number }
      return state === 'idle' && localFiles === files
    }, 'syncthing')
  }
  return {
    folder: device.folder,
    get pid() {
      return own.pid
    },
    look,
    hold: async () => {},
    restart: async (files) => {
      await own.stop()
      own = await startDaemon(command, place.network, device)
      await look(files)
    },
    stop: async () => own.stop(),
  }
}

interface Prepared {
  readonly name: string
  readonly id: string
  readonly home: string
  readonly folder: string
  readonly socket: string
  readonly port: number
}

async function prepare(command: string, { directory }: PairPlace, name: string): Promise<Prepared> {
  const home = join(directory, name)
  const files = join(directory, `${name}-files`)
  mkdirSync(home)
  mkdirSync(join(files, '.stfolder'), { recursive: true })
  const env = { PATH: process.env['PATH'], HOME: home }
  await run(command, ['generate', `--home=${home}`, '--no-default-folder'], { env })
  const { stdout } = await run(command, ['serve', '--device-id', `--home=${home}`], { env })
  const [port = 0] = await freePorts(1)
  return { name, id: stdout.trim(), home, folder: files, socket: join(home, 'gui.sock'), port }
}

function writeSettings(own: Prepared, devices: readonly Prepared[]): void {
  const members = devices.map(({ id }) => `<device id="${id}"/>`).join('')
  const known = devices.map(
    ({ id, name, port }) => `
    <device id="${id}" name="${name}"><address>tcp://127.0.0.1:${port}</address></device>`,
  )
  writeFileSync(
    join(own.home, 'config.xml'),
    `<configuration version="36">
    <folder id="${folder}" label="${folder}" path="${own.folder}" type="sendreceive" rescanIntervalS="0"
      fsWatcherEnabled="false">${members}</folder>${known.join('')}
    <gui enabled="true" tls="false"><address>${own.socket}</address><apikey>${key}</apikey></gui>
    <options>
      <listenAddress>tcp://127.0.0.1:${own.port}</listenAddress>
      <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
      <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><startBrowser>false</startBrowser>
      <reconnectionIntervalS>1</reconnectionIntervalS><urAccepted>-1</urAccepted>
      <autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled>
      <setLowPriority>false</setLowPriority><announceLANAddresses>false</announceLANAddresses>
    </options>
</configuration>
`,
  )
}

async function startDaemon(command: string, network: Network, device: Prepared): Promise<OwnProcess> {
  return OwnProcess.start({
    name: `syncthing ${device.name}`,
    ...network.enter(command, ['serve', `--home=${device.home}`, '--no-browser', '--no-upgrade']),
    environment: { HOME: device.home },
    isReady: async () => {
      try {
        await ask(device, 'GET', '/rest/system/ping')
        return true
      } catch {
        // NOTE: not yet; the deadline is the caller's.
        return false
      }
    },
  })
}

async function ask({ socket }: Prepared, method: 'GET' | 'POST', path: string): Promise<unknown> {
  return askUnix({ socket, method, path, headers: { 'X-API-Key': key, Host: 'localhost' } })
}
