import { printable } from '../../base/printable.ts'
import type { MemberInfo } from '../../sync/index.ts'
import { printLine, printTable } from '../output.ts'
import { folderArgument } from '../place-on-disk.ts'
import { yesOrNo } from '../questions.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon, usageError } from '../running-daemon.ts'

export interface MembersOptions extends OutputOptions {
  readonly folder: string
}

/** `harp members FOLDER` */
export async function showMembers({ folder, json }: MembersOptions): Promise<void> {
  const members = await connectToDaemon().call('members', { folder: folderArgument(folder) })
  if (json === true) {
    printLine(JSON.stringify(members))
    return
  }
  const heading = ['NAME', 'ROLE', 'KEEPS', 'LAST SEEN', 'SINCE', 'ID']
  printTable([heading, ...members.map((member) => row(member))])
  for (const line of remarks(members)) printLine(line)
}

export interface RevokeOptions extends OutputOptions {
  readonly folder: string
  readonly device: string
  readonly yes?: boolean | undefined
}

type Daemon = ReturnType<typeof connectToDaemon>

/** Asks in the terminal; undefined where nobody can be asked. */
export type Ask = ((question: string) => Promise<boolean>) | undefined

/** `harp revoke FOLDER DEVICE` */
export async function revokeDevice(
  { folder: text, device, yes, json }: RevokeOptions,
  ask: Ask = yesOrNo(),
): Promise<void> {
  const daemon = connectToDaemon()
  const folder = folderArgument(text)
  if (yes !== true) {
    if (json === true || ask === undefined) {
      throw usageError('nobody can be asked whether this is meant', 'give --yes')
    }
    const isMeant = await ask(await question(daemon, folder, device))
    if (!isMeant) throw usageError('nothing was revoked', 'answer y, or give --yes')
  }
  const revoked = await daemon.call('revoke', { folder, device })
  if (json === true) {
    printLine(JSON.stringify(revoked))
    return
  }
  const { name, told, untold, withdrawn } = revoked
  printLine(`${printable(name)} is revoked, and the folder has a new key that it does not get.`)
  if (told + untold > 0) printLine(tellingLine(told, untold))
  if (withdrawn > 0) {
    printLine(
      `${count(withdrawn, 'open invitation')} of this device withdrawn: make new ones for those meant.`,
    )
  }
  printLine('What it had it still has: see docs/sync.md, "Who is in it".')
}

async function question(daemon: Daemon, folder: string, text: string): Promise<string> {
  const [{ authority }, members] = await Promise.all([
    daemon.call('trust', { folder }),
    daemon.call('members', { folder }),
  ])
  const found = memberOf(members, text)
  const more = found?.id === authority ? ' It is the authority: nothing becomes final any more.' : ''
  return `${found === undefined ? printable(text) : called(found)} will read nothing that is written from now on.${more} Revoke it?`
}

const shortestPrefix = 4

/** As the daemon will find it; undefined where that is not to be seen from here, and the daemon has the say. */
function memberOf(members: readonly MemberInfo[], text: string): MemberInfo | undefined {
  const plain = (id: string): string => id.replaceAll(/[\s-]/g, '').toLowerCase()
  const begins = (id: string, prefix: string): boolean =>
    plain(prefix).length >= shortestPrefix && plain(id).startsWith(plain(prefix))
  const named = members.filter(({ name }) => name === text)
  const found = named.length > 0 ? named : members.filter(({ id }) => begins(id, text))
  return found.length === 1 ? found[0] : undefined
}

function called({ name, id, role, state }: MemberInfo): string {
  return `${printable(name)} (${id.slice(0, 7)}, ${state === 'revoked' ? 'revoked already' : role})`
}

function tellingLine(told: number, untold: number): string {
  if (untold === 0) return `${count(told, 'other member')} heard of it.`
  return `${told} of ${count(told + untold, 'other member')} heard of it; the rest will when they are next met, and share with it until then.`
}

function row(member: MemberInfo): string[] {
  const { name, id, role, state, self, connected, keep, lastSeen, since } = member
  const seen = self ? 'this device' : connected ? 'connected' : lastSeen === null ? '-' : minute(lastSeen)
  const shown = state === 'member' ? role : state === 'forked' ? `${role} (forked)` : `revoked (${role})`
  return [printable(name), shown, keep ?? '-', seen, minute(since), id]
}

function remarks(members: readonly MemberInfo[]): readonly string[] {
  const names = new Map(members.map(({ id, name }) => [id, printable(name)]))
  const nameOf = (id: string): string => names.get(id) ?? id.slice(0, 7)
  const lines: string[] = []
  for (const { name, state, revokedBy, revokedAt, fencedEntries } of members) {
    if (state === 'revoked' && revokedBy !== null && revokedAt !== null) {
      lines.push(`${printable(name)} was revoked by ${nameOf(revokedBy)}, ${minute(revokedAt)}.`)
    }
    if (state === 'forked') {
      lines.push(`${printable(name)} has two histories, and only reads until an admin lets it in again.`)
    }
    if (fencedEntries > 0) {
      lines.push(
        `${printable(name)}: ${count(fencedEntries, 'change')} made after it was revoked, shown to nobody.`,
      )
    }
  }
  const hasAdmin = members.some(({ role, state }) => role === 'admin' && state === 'member')
  if (!hasAdmin) lines.push('No admin is left: nobody can be let in or taken out any more.')
  return lines
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** In this place's time, without seconds. */
function minute(time: string): string {
  const at = new Date(time)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}
