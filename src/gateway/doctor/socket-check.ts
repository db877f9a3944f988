/** The Docker socket of this machine: is it there, is it one, and may the gateway open it. */
import { readFileSync, statSync, type Stats } from 'node:fs'
import { errorCode } from '../../base/errors.ts'
import { settings } from '../config/settings.ts'
import { fail, ok, skip, type Check } from './check.ts'

/** Who the gateway is, as the kernel sees it. */
export interface ProcessRights {
  readonly uid: number
  readonly gids: readonly number[]
  /** root without it (`--cap-drop ALL`) is held back by file permissions as everyone else. */
  readonly ignoresPermissions: boolean
}

export type SocketStats = Pick<Stats, 'uid' | 'gid' | 'mode'>

const name = 'socket'
const othersMayWrite = 0o002
const groupMayWrite = 0o020
const ownerMayWrite = 0o200
/** Of ids that have no meaning in this user namespace. */
const overflowId = 65_534
const dacOverride = 1n << 1n

/** Whether the gateway could open it when it tried; null: it is not known to have tried. */
export type SocketTrial = 'opened' | 'denied' | null

/** `pid` of the gateway; null: this process is judged in its place. */
export function checkSocket(path: string | null, pid: number | null, trial: SocketTrial): Check {
  if (path === null) return skip(name, 'HARP_DOCKER_SOCKET=off')
  try {
    const stats = statSync(path)
    if (!stats.isSocket()) return notASocket(path, stats)
    if (trial === 'opened') return ok(name, `${path} may be opened`)
    return judgeRights(path, stats, readRights(pid))
  } catch (error) {
    return unseen(path, errorCode(error))
  }
}

/** To connect to a socket one has to be allowed to write to it. */
export function judgeRights(path: string, stats: SocketStats, rights: ProcessRights | null): Check {
  const { uid, gid } = stats
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  const owner = `owned by ${uid}:${gid}, mode ${mode}`
  if (rights === null) return skip(name, `${path} is ${owner}; who the gateway is cannot be read here`)
  if (mayOpen(stats, rights)) return ok(name, `${path} may be opened`)
  const gids = [...new Set(rights.gids)].join(', ')
  const detail = `${path} is ${owner}, and the gateway runs as ${rights.uid} with groups ${gids}: it may not open it`
  return fail(name, detail, rightsFix(path, stats))
}

function mayOpen({ uid, gid, mode }: SocketStats, rights: ProcessRights): boolean {
  if (rights.ignoresPermissions) return true
  // As the kernel does: only the first class that fits counts.
  if (rights.uid === uid) return (mode & ownerMayWrite) !== 0
  if (rights.gids.includes(gid)) return (mode & groupMayWrite) !== 0
  return (mode & othersMayWrite) !== 0
}

function rightsFix(path: string, { uid, gid, mode }: SocketStats): string {
  if (gid !== overflowId && (mode & groupMayWrite) !== 0) {
    return `give the gateway this group: docker run --group-add ${gid}, in compose.yaml group_add: ["${gid}"], in systemd SupplementaryGroups=${gid}`
  }
  if (uid !== overflowId) {
    return `run the gateway as the owner of the socket: docker run --user ${uid}; or let its group in: chmod g+rw ${path} on the host, then --group-add ${gid}`
  }
  return 'its owner does not exist in this container: for a rootless engine mount the socket of its user ($XDG_RUNTIME_DIR/docker.sock) and run the container with that engine, as root within'
}

function notASocket(path: string, stats: Stats): Check {
  if (!stats.isDirectory()) return fail(name, `${path} is no socket`, 'set HARP_DOCKER_SOCKET to the socket')
  return fail(
    name,
    `${path} is a directory: Docker makes one where a container is to mount a socket that is not there`,
    'remove the container and the directory on the host, start the engine, then start the container again',
  )
}

function unseen(path: string, code: string): Check {
  const mount = `start Docker; in a container add -v /var/run/docker.sock:${path}`
  if (code !== 'ENOENT' && code !== 'ENOTDIR') {
    return fail(
      name,
      `${path} cannot be looked at (${code})`,
      'let the gateway into the directories above it',
    )
  }
  if (path === settings.HARP_DOCKER_SOCKET.default) {
    return skip(name, `${path} is not there. If apps are to be deployed on this machine: ${mount}`)
  }
  return fail(name, `${path} of HARP_DOCKER_SOCKET is not there`, mount)
}

function readRights(pid: number | null): ProcessRights | null {
  try {
    return parseRights(readFileSync(`/proc/${pid ?? 'self'}/status`, 'utf8'))
  } catch {
    // NOTE: no /proc, or a gateway in another container.
    return null
  }
}

/** `/proc/PID/status`; null: it has no such fields. */
export function parseRights(status: string): ProcessRights | null {
  const field = (label: string): string[] | null =>
    new RegExp(`^${label}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim().split(/\s+/) ?? null
  const [uids, gids, groups, capabilities] = ['Uid', 'Gid', 'Groups', 'CapEff'].map((label) => field(label))
  // The second of each is the effective one.
  const uid = uids?.[1]
  const gid = gids?.[1]
  if (uid === undefined || gid === undefined) return null
  const more = groups?.filter((each) => each !== '') ?? []
  const effective = /^[0-9a-f]{1,16}$/.exec(capabilities?.[0] ?? '')?.[0] ?? '0'
  return {
    uid: Number(uid),
    gids: [Number(gid), ...more.map(Number)],
    ignoresPermissions: (BigInt(`0x${effective}`) & dacOverride) !== 0n,
  }
}
