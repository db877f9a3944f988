import { printable } from '../../base/printable.ts'
import { parseTime } from '../../sync/index.ts'
import { printLine } from '../output.ts'
import { directoryPath, folderArgument } from '../place-on-disk.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon, usageError } from '../running-daemon.ts'
import { printFolder, quotaArgument } from './sync-folder.ts'

const inviteRoles = ['write', 'read', 'cache', 'admin'] as const
const shortestMs = 60_000
const longestMs = 30 * 86_400_000

export interface InviteOptions extends OutputOptions {
  readonly folder: string
  readonly role?: string | undefined
  readonly expires?: string | undefined
}

/** `harp invite FOLDER`: the last line is the code and nothing else. */
export async function inviteDevice({ folder, role, expires, json }: InviteOptions): Promise<void> {
  const request = { folder: folderArgument(folder), role: parseRole(role), expiresMs: parseExpiry(expires) }
  const invite = await connectToDaemon().call('invite', request)
  if (json === true) {
    printLine(JSON.stringify(invite))
    return
  }
  printLine(
    `For one device, role ${invite.role}, until ${invite.expires}. Whoever has the code first is let in.`,
  )
  printLine('There: harp join <code> [PATH]')
  printLine(invite.code)
}

export interface JoinOptions extends OutputOptions {
  readonly code: string
  readonly path?: string | undefined
  readonly quota?: string | undefined
}

/** `harp join CODE [PATH] [--quota SIZE]`: returns when the grant is in hand; syncing goes on. */
export async function joinFolder({ code, path, quota, json }: JoinOptions): Promise<void> {
  const place = path === undefined ? undefined : directoryPath(path)
  const bytes = quota === undefined ? undefined : quotaArgument(quota, '--quota')
  const folder = await connectToDaemon().call('join', { code, path: place, quota: bytes })
  const text = `Joined ${printable(folder.name)} as ${folder.role ?? 'a member'}: ${printable(folder.path)}`
  printFolder(folder, json, text)
}

function parseRole(text: string | undefined): (typeof inviteRoles)[number] | undefined {
  if (text === undefined) return undefined
  const role = inviteRoles.find((each) => each === text)
  if (role === undefined) throw usageError('there is no such role', `write one of ${inviteRoles.join(', ')}`)
  return role
}

function parseExpiry(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseTime(text)
  if (ms === undefined || ms < shortestMs || ms > longestMs) {
    throw usageError('the value of --expires is not right', 'write a time from 1m to 30d, such as 24h')
  }
  return ms
}
