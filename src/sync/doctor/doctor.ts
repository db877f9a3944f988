import { networkInterfaces } from 'node:os'
import { errorMessage } from '../../base/errors.ts'
import type { SyncSettings } from '../config/settings.ts'
import type { CheckInfo } from '../device/daemon-api.ts'
import type { DeviceHome } from '../device/home.ts'
import type { DiscoveryReport } from '../discovery/sighting.ts'
import {
  checkAuthorities,
  checkClock,
  checkContent,
  checkFolders,
  checkRoles,
  type FailedFacts,
  type MemberClock,
} from './folder-checks.ts'
import type { FolderFacts } from './folder-facts.ts'
import { checkKeys } from './key-checks.ts'
import { checkRoom, checkThreads, checkWatches, type Room } from './machine-checks.ts'
import { checkLoop, checkMulticast } from './multicast-checks.ts'
import { probeMulticast } from './multicast-probe.ts'
import { warning } from './outcome.ts'
import { checkFree, checkPorts, type PortFacts } from './port-checks.ts'

export interface DoctorFacts {
  readonly home: DeviceHome
  readonly settings: Pick<SyncSettings, 'hashers'>
  readonly ports: PortFacts
  readonly discovery: DiscoveryReport
  readonly folders: readonly FolderFacts[]
  readonly broken: readonly FailedFacts[]
  readonly clocks: readonly MemberClock[]
  /** Milliseconds of the Unix epoch. */
  readonly now: number
}

type Look = () => readonly CheckInfo[] | CheckInfo | Promise<readonly CheckInfo[] | CheckInfo>

/** `harp doctor sync`, by the daemon. Never rejects: what cannot be looked at is said. */
export async function examine(facts: DoctorFacts): Promise<readonly CheckInfo[]> {
  const { home, settings, ports, discovery, folders, broken, clocks, now } = facts
  const limited = folders
    .filter(({ problems }) => problems.some(({ code }) => code === 'FOLDER_WATCH_LIMIT'))
    .map(({ name }) => name)
  const directories = folders.reduce((sum, folder) => sum + folder.directories, 0)
  return run([
    ['folders', () => checkFolders(folders, broken)],
    ['roles', () => checkRoles(folders)],
    ['content', () => checkContent(folders)],
    ['authority', () => checkAuthorities(folders, now)],
    ['clock', () => checkClock(clocks, folders)],
    ['listening', () => checkPorts(ports)],
    ['discovery', () => checkMulticast(discovery, probeMulticast)],
    ['disk space', () => [homeRoom(home), ...folders.map((folder) => folderRoom(folder))].map(checkRoom)],
    ['watched directories', () => checkWatches({ directories, limited })],
    ['hashers', () => checkThreads(settings.hashers)],
    ['keys', () => keysOf(home, now)],
  ])
}

/** `harp doctor sync` without a daemon: what can be seen of this machine and this home. */
export async function examineOffline(
  home: DeviceHome,
  settings: SyncSettings,
  now: number,
): Promise<readonly CheckInfo[]> {
  const fix = 'harp up; then ask again, and it looks at folders, clocks and connections too'
  return run([
    ['daemon', () => warning('daemon', `none runs on ${home.path}`, fix)],
    ['listening', () => checkFree(settings.listen)],
    ['multicast', () => checkLoop(ownPlaces(), probeMulticast)],
    [
      'disk space',
      () => {
        const rooms = home.folders().map(({ name, path }) => ({ name, root: path, needBytes: 0 }))
        const all = rooms.map((folder) => folderRoom(folder))
        return (home.hasDevice ? [homeRoom(home), ...all] : all).map(checkRoom)
      },
    ],
    ['watched directories', () => checkWatches(undefined)],
    ['hashers', () => checkThreads(settings.hashers)],
    ['keys', () => keysOf(home, now)],
  ])
}

async function run(looks: readonly (readonly [name: string, look: Look])[]): Promise<CheckInfo[]> {
  const found = await Promise.all(
    looks.map(async ([name, look]) => {
      try {
        return await look()
      } catch (error) {
        const fix = 'report it with the log of harp up if it stays'
        return warning(name, `could not be looked at: ${errorMessage(error)}`, fix)
      }
    }),
  )
  return found.flat()
}

/** A home that nobody made yet has nothing to read. */
function keysOf(home: DeviceHome, now: number): readonly CheckInfo[] {
  const { path, hasDevice, restored, backup } = home
  return checkKeys({ path, hasDevice, restored, backup, folders: home.folders() }, now)
}

function homeRoom({ path }: DeviceHome): Room {
  return { what: 'the home', path, needed: 0 }
}

function folderRoom({ name, root, needBytes }: Pick<FolderFacts, 'name' | 'root' | 'needBytes'>): Room {
  return { what: `folder ${name}`, path: root, needed: needBytes }
}

/** One address of each interface that leads out of this machine. */
function ownPlaces() {
  return Object.entries(networkInterfaces()).flatMap(([name, all = []]) => {
    const outer = all.filter(({ internal }) => !internal)
    const found = outer.find(({ family }) => family === 'IPv4') ?? outer[0]
    return found === undefined ? [] : [{ name, address: found.address }]
  })
}
