import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Role } from '../format/membership.ts'
import { compareIds, type DeviceId } from '../ids.ts'
import { compareByClock } from './epochs.ts'
import type { Log } from './log.ts'
import type { LogEntry } from './log-entry.ts'

/** A device that the log names, and what it is now. */
export interface ListedMember {
  readonly deviceId: DeviceId
  readonly state: 'member' | 'revoked' | 'forked'
  /** That it has; of who has none any more, the one that was granted last. */
  readonly role: Role
  /** Genesis, or the last grant. */
  readonly granted: LogEntry
  /** That put it out: its own revocation, or that of the admin whose grants counted no more with it. */
  readonly revoked: LogEntry | undefined
}

interface Said {
  readonly entry: LogEntry
  readonly role: Role
}

/** All devices that this log names, sorted by id. */
export function listMembers(suite: CryptoSuite, log: Log): readonly ListedMember[] {
  const grants = new Map<DeviceId, Said>()
  const revokes = new Map<DeviceId, LogEntry>()
  const grant = (signingKey: Uint8Array, said: Said): void => {
    const device = deviceIdOf(suite, signingKey)
    const known = grants.get(device)
    if (known === undefined || compareByClock(known.entry, said.entry) < 0) grants.set(device, said)
  }
  for (const entry of log.memberships()) {
    const body = log.body(entry)
    if ('creator' in body) {
      grant(body.creator.signingKey, { entry, role: 'admin' })
      // If it is the creator, that one is known already.
      if (body.authority !== undefined) grant(body.authority.signingKey, { entry, role: 'write' })
    } else if ('device' in body) grant(body.device.signingKey, { entry, role: body.role })
    else if (entry.kind === 'revoke' && 'deviceId' in body) {
      const known = revokes.get(body.deviceId)
      if (known === undefined || compareByClock(known, entry) < 0) revokes.set(body.deviceId, entry)
    }
  }
  const heads = log.heads()
  const forked = new Set(log.membership.forkedDevices(heads))
  const sorted = [...grants].sort(([left], [right]) => compareIds(left, right))
  return sorted.map(([deviceId, { entry, role: last }]) => {
    const role = log.membership.roleOf(deviceId, heads)
    const state = role === undefined ? 'revoked' : forked.has(deviceId) ? 'forked' : 'member'
    const revoked = state === 'revoked' ? (revokes.get(deviceId) ?? revokes.get(entry.deviceId)) : undefined
    return { deviceId, state, role: role ?? last, granted: entry, revoked }
  })
}
