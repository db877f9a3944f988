/** What the gateway needs of its machine: a state directory, and enough file descriptors. */
import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs'
import { errorCode } from '../../base/errors.ts'
import { gatewayErrors } from '../errors.ts'
import { ok, skip, warn, type Check } from './check.ts'

const othersMayWrite = 0o022
const minFreeBytes = 1_048_576

/** Warnings only: the gateway serves without a state directory, but `harp bans` does not work. */
export function checkStateDir(path: string): Check {
  const name = 'state directory'
  try {
    const stats = statSync(path)
    if (!stats.isDirectory()) {
      return warn(name, `${path} is not a directory`, gatewayErrors.STATE_DIR_UNUSABLE.fix)
    }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    if ((stats.mode & othersMayWrite) !== 0) {
      return warn(name, `others may write to ${path} and replace the control socket`, `chmod 700 ${path}`)
    }
    const { bavail, bsize } = statfsSync(path)
    if (bavail * bsize < minFreeBytes) return warn(name, `the disk of ${path} is full`, 'free some space')
    return ok(name, path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT') return skip(name, `${path} is made when the gateway starts`)
    return warn(name, `${path} cannot be used (${code})`, gatewayErrors.STATE_DIR_UNUSABLE.fix)
  }
}

/** A proxied connection takes two descriptors; the rest is for everything else. */
const descriptorsPerConnection = 2
const descriptorsBesides = 256

/** `pid` of the gateway; null: this process, which has the same limit if it is started the same way. */
export function checkFileLimit(pid: number | null, connections: number): Check {
  const name = 'file descriptors'
  const limit = readLimit(pid)
  if (limit === null) return skip(name, 'their limit cannot be read here')
  const needed = connections * descriptorsPerConnection + descriptorsBesides
  if (limit >= needed) return ok(name, `limit ${limit}`)
  return warn(
    name,
    `the limit of ${limit} is too low for HARP_MAX_CONNECTIONS=${connections}`,
    `raise it to ${needed} (docker run --ulimit nofile=${needed}, systemd LimitNOFILE=${needed}), or lower HARP_MAX_CONNECTIONS`,
  )
}

function readLimit(pid: number | null): number | null {
  try {
    const limits = readFileSync(`/proc/${pid ?? 'self'}/limits`, 'utf8')
    const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
    if (soft === undefined) return null
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    // NOTE: no /proc, or a gateway of another user or container.
    return null
  }
}
