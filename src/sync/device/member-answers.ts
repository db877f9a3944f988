import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import { deviceText } from '../format/device-text.ts'
import { roles } from '../format/membership.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Folder } from '../folder/folder.ts'
import { fencedByDevice } from '../folder/member-problems.ts'
import type { DeviceId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { listMembers, type ListedMember } from '../log/member-list.ts'
import type { MemberPresence, Presence } from '../presence/presence.ts'
import type { MemberInfo, RevokeInfo } from './daemon-api.ts'
import { deviceErrors } from './device-errors.ts'
import { findDevice, type KnownDevice } from './name-lookup.ts'

export interface MemberAnswerParts {
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly ownId: DeviceId
  readonly nameOf: (device: DeviceId) => string | undefined
  /** When there was a link with it last, milliseconds of the Unix epoch. */
  readonly lastLinked: (device: DeviceId) => number | undefined
  /** Undefined as long as nothing was heard. */
  readonly presenceOf: (folder: Folder) => Presence | undefined
  /** Returns how many there were. */
  readonly withdrawInvitations: (folder: Folder) => number
  /** Links that are for nothing any more end. */
  readonly foldersChanged: () => void
  readonly sleep: (ms: number) => Promise<void>
}

/** For the revocation itself to leave before the link ends, so that the revoked device hears of it too. */
const partingMs = 250
const tellingMs = 5_000
const askAgainMs = 500
const lookMs = 50

/** Who is in a folder, and taking somebody out of it. */
export class MemberAnswers {
  readonly #parts: MemberAnswerParts

  constructor(parts: MemberAnswerParts) {
    this.#parts = parts
  }

  list(folder: Folder): readonly MemberInfo[] {
    const fenced = fencedByDevice(folder.replica)
    const members = listMembers(this.#parts.suite, folder.replica.log)
    return members
      .map((member) => this.#info(folder, member, fenced.get(member.deviceId)?.length ?? 0))
      .sort(compareMembers)
  }

  async revoke(folder: Folder, text: string): Promise<RevokeInfo> {
    const { suite, clock, ownId, withdrawInvitations, foldersChanged, sleep } = this.#parts
    const { replica } = folder
    const members = listMembers(suite, replica.log)
    const { id: device } = findDevice(suite, this.#named(members), text)
    if (device === ownId) throw revokesItself(folder)
    if (folder.role !== 'admin') throw notAdmin(folder)
    let revocation = this.#revocationOf(folder, device)
    let withdrawn = 0
    if (revocation === undefined) {
      // First: whoever joins with one of them in between would have been let in by this device.
      withdrawn = withdrawInvitations(folder)
      replica.revoke(device, clock.wall())
      folder.announce()
      await sleep(partingMs)
      foldersChanged()
      revocation = this.#revocationOf(folder, device)
    }
    const told = revocation === undefined ? 0 : await this.#told(folder, revocation)
    const others = folder.peers.members().length
    const name = this.#nameOf(device)
    return {
      folder: folder.id,
      device: deviceText(suite, device),
      name,
      told,
      untold: others - told,
      withdrawn,
    }
  }

  /** Its own, if it stands: of who has a role in spite of it another one is needed. */
  #revocationOf({ replica }: Folder, device: DeviceId): LogEntry | undefined {
    const { membership } = replica.log
    if (membership.roleOf(device, replica.log.heads()) !== undefined) return undefined
    return membership.revokesOf(device).at(-1)
  }

  /** Waits for connected members to say that they have it. */
  async #told({ peers }: Folder, revocation: LogEntry): Promise<number> {
    const { clock, sleep } = this.#parts
    const until = clock.monotonic() + tellingMs
    let askAt = 0
    for (;;) {
      const answers = peers.members().map((member) => peers.hasEntry(member, revocation))
      const now = clock.monotonic()
      if (now >= until || !answers.includes(false)) return answers.filter((has) => has === true).length
      if (now >= askAt) {
        askAt = now + askAgainMs
        peers.compareAgain()
      }
      await sleep(lookMs)
    }
  }

  #named(members: readonly ListedMember[]): readonly KnownDevice[] {
    return members.map(({ deviceId }) => ({ id: deviceId, name: this.#nameOf(deviceId) }))
  }

  #info(folder: Folder, member: ListedMember, fencedEntries: number): MemberInfo {
    const { suite, ownId, presenceOf } = this.#parts
    const { deviceId, state, role, granted, revoked } = member
    const isSelf = deviceId === ownId
    const isConnected = !isSelf && folder.peers.linkOf(deviceId) !== undefined
    const presence = presenceOf(folder)?.members.get(deviceId)
    return {
      id: deviceText(suite, deviceId),
      name: this.#nameOf(deviceId),
      role,
      state,
      self: isSelf,
      connected: isConnected,
      grantedBy: granted.kind === 'genesis' ? null : deviceText(suite, granted.deviceId),
      since: timeOf(granted),
      revokedBy: revoked === undefined ? null : deviceText(suite, revoked.deviceId),
      revokedAt: revoked === undefined ? null : timeOf(revoked),
      fencedEntries,
      keep: isSelf ? folder.keeps : (presence?.keep ?? null),
      lastSeen: this.#lastSeen(deviceId, isSelf || isConnected, presence),
    }
  }

  #lastSeen(device: DeviceId, isHere: boolean, presence: MemberPresence | undefined): string | null {
    const { clock, lastLinked } = this.#parts
    if (isHere) return new Date(clock.wall()).toISOString()
    const times = [lastLinked(device), presence?.heardAt].filter((time) => time !== undefined)
    return times.length === 0 ? null : new Date(Math.max(...times)).toISOString()
  }

  #nameOf(device: DeviceId): string {
    const { nameOf, suite } = this.#parts
    const name = nameOf(device) ?? ''
    return name === '' ? deviceText(suite, device).slice(0, 7) : name
  }
}

/** Admins first, then by role and name; who is out comes last. */
function compareMembers(left: MemberInfo, right: MemberInfo): number {
  const isOut = Number(left.state === 'revoked') - Number(right.state === 'revoked')
  const byRole = roles.indexOf(right.role) - roles.indexOf(left.role)
  return isOut || byRole || left.name.localeCompare(right.name) || left.id.localeCompare(right.id)
}

function timeOf({ hlc }: LogEntry): string {
  return new Date(hlc.ms).toISOString()
}

function revokesItself(folder: Folder): HarpError {
  return new HarpError('SYNC_REVOKE_SELF', `this device cannot revoke itself in ${folder.name}`, {
    fix: deviceErrors.SYNC_REVOKE_SELF.fix,
  })
}

function notAdmin(folder: Folder): HarpError {
  return new HarpError('SYNC_NOT_ALLOWED', `only an admin of ${folder.name} may revoke a device`, {
    fix: 'run it on an admin: `harp members` shows who is one',
  })
}
