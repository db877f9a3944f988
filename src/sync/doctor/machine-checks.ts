import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { errorCode } from '../../base/errors.ts'
import type { CheckInfo } from '../device/daemon-api.ts'
import { failed, ok, size, some, warning } from './outcome.ts'

/** What sync needs of its machine: room on the disks, watches of directories, threads. */

export interface Room {
  /** For people: `the home`, `folder Music`. */
  readonly what: string
  readonly path: string
  /** Bytes that are on their way. */
  readonly needed: number
}

const leastFree = 1024 ** 3
const leastShare = 0.05

export function checkRoom({ what, path, needed }: Room): CheckInfo {
  const name = 'disk space'
  let free: number
  let all: number
  try {
    const { bavail, blocks, bsize } = statfsSync(path)
    free = bavail * bsize
    all = blocks * bsize
  } catch (error) {
    const code = errorCode(error)
    return failed(name, `${what}: ${path} cannot be looked at (${code})`, 'mount its disk, or bring it back')
  }
  const fix = 'free space there, or drop old content: harp up --keep staggered'
  const shown = `${what}: ${size(free)} free of ${size(all)}`
  if (free < needed) return failed(name, `${shown}, and ${size(needed)} are to come`, fix)
  if (free < Math.min(leastFree, all * leastShare)) return warning(name, shown, fix)
  return ok(name, shown)
}

export type ReadText = (path: string) => string | undefined

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

export interface Watched {
  /** Of all folders, each of which takes a watch. */
  readonly directories: number
  /** Folders that did not get all that they need. */
  readonly limited: readonly string[]
}

/** `watched` undefined: nobody watches. */
export function checkWatches(watched: Watched | undefined, read: ReadText = readText): CheckInfo {
  const name = 'watched directories'
  const most = count(read('/proc/sys/fs/inotify/max_user_watches'))
  const instances = count(read('/proc/sys/fs/inotify/max_user_instances'))
  if (most === undefined) return ok(name, 'their limit cannot be read on this system')
  const fix = (limit: string, to: number): string =>
    `sudo sysctl fs.inotify.${limit}=${to}, and keep it in /etc/sysctl.d`
  if (instances !== undefined && instances < 16) {
    const message = `a user may listen to the disk ${instances} times only`
    return warning(name, message, fix('max_user_instances', 128))
  }
  if (watched === undefined) return ok(name, `limit ${most}`)
  const { directories, limited } = watched
  const shown = `${directories === 1 ? '1 directory' : `${directories} directories`}, limit ${most}`
  if (limited.length > 0) {
    const message = `${shown}: too few for ${some(limited)}, where everything is looked at every minute instead`
    return failed(name, message, fix('max_user_watches', roundUp(Math.max(directories, most))))
  }
  // Other programs of the same user take from the same limit.
  if (directories > most * 0.8) return warning(name, shown, fix('max_user_watches', roundUp(directories)))
  return ok(name, shown)
}

export function checkThreads(threads: number, cores: number = availableParallelism()): CheckInfo {
  const name = 'hashers'
  const shown = `${threads} threads on ${cores} processors`
  if (threads <= cores) return ok(name, shown)
  return warning(name, shown, `more than processors only wait for each other: harp up --hashers ${cores}`)
}

function count(text: string | undefined): number | undefined {
  const value = Number(text?.trim())
  return text === undefined || !Number.isSafeInteger(value) ? undefined : value
}

function roundUp(directories: number): number {
  return Math.max(1_048_576, 2 ** Math.ceil(Math.log2(directories * 2)))
}
