/** The Docker engines: may the gateway open the socket of this machine, does each answer, and what does it speak. */
import { ControlClient } from '../admin/control-client.ts'
import type { GatewayConfig } from '../config/config.ts'
import { mapVersion, type EngineVersion } from '../engine/api-version.ts'
import type { EngineStatus } from '../engine/engines.ts'
import { localEnginePort } from '../tunnels/local-engine.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import { askEngineInfo, freeBytes, type EngineInfo } from './engine-info.ts'
import { checkSocket, type SocketTrial } from './socket-check.ts'

export interface EngineChecksOptions {
  readonly config: Pick<GatewayConfig, 'dockerSocket' | 'stateDir' | 'kubernetesEnabled'>
  /** A gateway answers here, and takes this shared key. */
  readonly isUp: boolean
  /** Of the gateway; null: not known. */
  readonly pid: number | null
  /** null: the gateway could not be asked. */
  readonly tunnels: TunnelOverview | null
  readonly timeoutMs: number
}

/** What Nextcloud asks for: `docker_api_version` of AppAPI. */
const nextcloudVersion = '1.44'
/** The oldest that all calls are tried with. */
const oldestVersion = '1.24'
/** Images of ExApps, those with models above all, take several GiB. */
const minFreeBytes = 5 * 1024 ** 3

export async function checkEngines(options: EngineChecksOptions): Promise<readonly Check[]> {
  const { config, isUp, pid, tunnels, timeoutMs } = options
  const reply = isUp ? await new ControlClient(config.stateDir).engines() : null
  const engines = reply?.kind === 'ok' ? reply.value : []
  const socket = checkSocket(config.dockerSocket, pid, trialOf(engines))
  if (reply === null) return [socket, skip('engines', 'no gateway answers with this shared key')]
  if (reply.kind !== 'ok') return [socket, skip('engines', 'asked through the control socket')]
  const hasLocal = engines.some(({ via, reachable }) => via === 'socket' && reachable === true)
  const info =
    hasLocal && config.dockerSocket !== null ? await askEngineInfo(config.dockerSocket, timeoutMs) : null
  const checks = engines.flatMap((engine) => [
    judgeEngine(engine, tunnels, socket),
    ...judgeHealthChecks(engine, engine.via === 'socket' ? info : null),
  ])
  if (checks.length > 0) return [socket, ...checks, ...judgeStorage(info)]
  const none = 'none: no socket of this machine, and no tunnel of an engine has come'
  return [
    socket,
    config.kubernetesEnabled ? ok('engines', `${none}; apps go to Kubernetes`) : skip('engines', none),
  ]
}

/** NOTE: the gateway may be in another container, where its process id means another process here. */
function trialOf(engines: readonly EngineStatus[]): SocketTrial {
  const local = engines.find(({ via }) => via === 'socket')
  if (local === undefined || local.reachable === null) return null
  return !local.reachable && /EACCES|EPERM/.test(local.lastError?.problem ?? '') ? 'denied' : 'opened'
}

export function judgeEngine(engine: EngineStatus, tunnels: TunnelOverview | null, socket: Check): Check {
  const { port, version, reachable, busy, waiting } = engine
  const name = `engine ${port}`
  if (reachable === false) return unreachable(name, engine, tunnels, socket)
  if (version === null) {
    const fix =
      'a filter before the engine hides it: let GET /version or /_ping through; and make sure that it is a Docker engine'
    return warn(name, 'answers, but does not say which versions of the API it speaks', fix)
  }
  if (waiting > 0) {
    const fix = 'it is slow: look at the disk and the load of its machine, and at harp engines'
    return warn(name, `${describe(version)}; ${busy} calls are under way and ${waiting} wait for them`, fix)
  }
  if (mapVersion(oldestVersion, { ...version, minApiVersion: '0' }) !== oldestVersion) {
    return warn(name, `${describe(version)}: older than anything that is tried`, 'upgrade the engine')
  }
  return ok(name, describe(version))
}

function describe(version: EngineVersion): string {
  const mapped = mapVersion(nextcloudVersion, version)
  const range = `${version.engine}, API ${version.minApiVersion} to ${version.apiVersion}`
  return mapped === nextcloudVersion ? range : `${range}; AppAPI’s ${nextcloudVersion} becomes ${mapped}`
}

function unreachable(
  name: string,
  { port, via, lastError }: EngineStatus,
  tunnels: TunnelOverview | null,
  socket: Check,
): Check {
  const problem = lastError?.problem ?? 'it does not answer'
  const isSilent = /no answer to|within \d+ ms/.test(problem)
  if (via === 'socket') {
    if (socket.status === 'fail') return fail(name, problem, 'as for the socket above')
    return fail(
      name,
      problem,
      isSilent ? hangs : (socketFixes.find(([code]) => problem.includes(code))?.[1] ?? start),
    )
  }
  const tunnel = tunnels?.tunnels.find((each) => each.port === port && each.state === 'open')
  if (tunnel !== undefined) {
    const fix = `look at the machine ${tunnel.peer}: does the engine run, and does its frpc or harp tunnel lead to the engine’s socket or port and may open it`
    return fail(name, `the tunnel of "${tunnel.name}" is open, but: ${problem}`, fix)
  }
  const lost = tunnels?.tunnels.find((each) => each.port === port)
  const where = lost === undefined ? 'its machine' : lost.peer
  const last =
    lost === undefined
      ? ''
      : `; it was there until ${lost.lastSeen}: ${lost.lastError?.problem ?? 'no reason known'}`
  const retire = port === localEnginePort ? ' For an engine of this machine see the socket above.' : ''
  return fail(
    name,
    `no tunnel has this port now${last}`,
    `start frpc or harp tunnel on ${where} and look into its log; harp tunnels shows who was refused.${retire}`,
  )
}

const start = 'start the engine of this machine: systemctl start docker (or podman.socket)'
const hangs = 'the engine hangs: look into journalctl -u docker, then restart it'
const socketFixes = [
  [
    'EACCES',
    'the permissions of the socket would allow it: SELinux or AppArmor does not. Look into the audit log; for SELinux docker run --security-opt label=disable',
  ],
  [
    'ECONNREFUSED',
    `${start}. If it runs, it made a new socket after the gateway’s container had started: restart that container`,
  ],
] as const

/** Of Podman, which runs health checks by timers of systemd. */
export function judgeHealthChecks(
  { port, version }: EngineStatus,
  info: EngineInfo | null,
): readonly Check[] {
  if (version === null || !version.engine.startsWith('Podman')) return []
  const name = `engine ${port} health checks`
  if (info?.cgroupDriver === 'systemd') return [ok(name, 'Podman runs them by systemd')]
  const consequence = 'the health of apps stays "starting", and installing waits 20 s for nothing'
  if (info === null) {
    return [
      skip(name, `Podman needs systemd for them, which cannot be seen from here; without it ${consequence}`),
    ]
  }
  const fix = 'run Podman on a machine with systemd (systemctl enable --now podman.socket)'
  return [warn(name, `Podman seems to run without systemd: ${consequence}`, fix)]
}

/** Where the disk of the engine can be seen. */
export function judgeStorage(info: EngineInfo | null, free = freeBytes): readonly Check[] {
  const directory = info?.rootDirectory ?? ''
  const bytes = directory === '' ? null : free(directory)
  if (bytes === null) return []
  const name = 'engine storage'
  const text = `${(bytes / 1024 ** 3).toFixed(1)} GiB free in ${directory}`
  if (bytes >= minFreeBytes) return [ok(name, text)]
  return [
    warn(
      name,
      `${text}: pulls of large images will fail`,
      'docker image prune, docker system df; or more disk',
    ),
  ]
}
