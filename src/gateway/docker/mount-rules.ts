/**
 * Which directories of an engine's host an ExApp may mount. Paths are compared as text: links on the host are its own
 * business, and cannot be seen from here.
 */
import { normalPath } from '../config/host-path.ts'
import type { BindMountConfig } from '../config/config.ts'

export interface BindMount {
  readonly source: string
  readonly target: string
  readonly isReadOnly: boolean
}

/** Root on the host, or everybody's secrets: refused with all below them and all that contains them. */
const alwaysRefused: readonly string[] = [
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/root',
  '/var/roothome',
  '/sysroot',
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/etc/ssh',
  '/etc/pam.d',
  '/etc/cron.d',
  '/etc/systemd',
  '/etc/docker',
  '/etc/ld.so.preload',
  '/etc/kubernetes',
  '/run/docker.sock',
  '/run/docker',
  '/run/containerd',
  '/run/podman',
  '/run/crio',
  '/run/libpod',
  '/run/containers',
  '/run/systemd',
  '/run/dbus',
  '/run/secrets',
  '/run/user',
  '/run/incus',
  '/run/k3s',
  '/run/libvirt',
  '/run/lxd',
  '/run/lxd.socket',
  '/run/snapd.socket',
  '/run/snapd-snap.socket',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/docker',
  '/var/lib/incus',
  '/var/lib/k0s',
  '/var/lib/kubelet',
  '/var/lib/libvirt',
  '/var/lib/lxd',
  '/var/lib/rancher',
  '/var/snap/docker',
  '/var/snap/lxd',
  '/var/snap/microk8s',
  '/var/spool/cron',
]
/**
 * Exceptions of the above: what single volumes hold, which some setups share this way. What is deeper has to be listed:
 * an app can put a link to anything into its own volume, and the engine would follow it.
 */
const volume = /^((?:\/var\/lib\/docker|\/var\/lib\/containers\/storage)\/volumes\/[^/]+\/_data)(?:\/|$)/
/** Sockets of engines, wherever they are. */
const engineSocket = /\/(?:docker|podman|containerd|crio|cri-dockerd|buildkitd)\.sock$/
/** Of the host's system: writable they are as good as root. */
const systemDirectories: readonly string[] = [
  '/etc',
  '/run',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
]
/** Nextcloud shows about 120 characters of it all. */
const maxShown = 40

/**
 * What is wrong with a mount, or null. `source` is normalised; `ownPaths` are the gateway's own, such as the socket of
 * its engine.
 */
export function mountProblem(
  { source, isReadOnly }: BindMount,
  config: BindMountConfig,
  ownPaths: readonly string[],
): string | null {
  const shown = source.length <= maxShown ? source : `…${source.slice(-maxShown)}`
  const refused = (why: string): string => `mount of ${shown} refused: ${why}`
  if (config.isDisabled) return refused('HP_EXAPP_BIND_MOUNTS_DISABLED is set')
  const shared = volume.exec(source)?.[1]
  const never = [
    ...ownPaths.flatMap((each) => normalPath(each) ?? []),
    ...(shared === undefined ? alwaysRefused : []),
  ]
  const touched = never.find((each) => overlaps(source, each))
  if (touched !== undefined) return refused(`${touched} gives power over the host`)
  if (engineSocket.test(source)) return refused('the socket of an engine gives power over the host')
  const denied = config.denied.find((each) => overlaps(source, each))
  if (denied !== undefined) return refused(`HP_EXAPP_BIND_MOUNTS_DENIED has ${denied}`)
  if (config.allowed.some((each) => isWithin(source, each))) return null
  if (config.allowed.length > 0) return refused('HP_EXAPP_BIND_MOUNTS_ALLOWED does not have it')
  const system = systemDirectories.find((each) => isWithin(source, each))
  if (system !== undefined && !isReadOnly) {
    return refused(`mount it read-only, or list it in HP_EXAPP_BIND_MOUNTS_ALLOWED: ${system} is the host's`)
  }
  if (shared !== undefined && source !== shared) {
    return refused('HP_EXAPP_BIND_MOUNTS_ALLOWED has to list what is inside a volume')
  }
  if (config.enforceAll && (system ?? shared) !== undefined) {
    return refused(`HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL is set, and ${system ?? shared} is the host's`)
  }
  return null
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory)
}

function overlaps(one: string, other: string): boolean {
  return isWithin(one, other) || isBelow(other, one)
}
