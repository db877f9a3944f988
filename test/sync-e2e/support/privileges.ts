/** What takes a system administrator: other users, mounts and networks. The suite runs as root, as `.ci/run` does. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

const nobody = 65_534

/** A program that root's rights do not help. */
export const asNobody: readonly string[] = [
  'setpriv',
  `--reuid=${nobody}`,
  `--regid=${nobody}`,
  '--clear-groups',
  '--inh-caps=-all',
  '--',
]

/** Makes a directory that belongs to nobody, where nobody can get to. */
export function makeForNobody(path: string): void {
  mkdirSync(path, { recursive: true })
  chownSync(path, nobody, nobody)
  for (let above = dirname(path); above.length > 4; above = dirname(above)) {
    if (above.includes('harp-e2e-')) chmodSync(above, 0o755)
  }
}

export function giveToNobody(path: string): void {
  chownSync(path, nobody, nobody)
}

/** A program that sees a small disk of its own at a path. */
export function withDiskAt(path: string, size: string): readonly string[] {
  const script = `mount -t tmpfs -o size=${size} harp-e2e "$0" && exec "$@"`
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, path]
}

/** Changes that disk, for instance its size, or makes it read-only. */
export function remount(pid: number, path: string, options: string): void {
  run('nsenter', '--target', String(pid), '--mount', 'mount', '-o', `remount,${options}`, path)
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
