import { printable } from '../../base/printable.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { deviceText } from '../format/device-text.ts'
import type { DeviceId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import { folderErrors } from './folder-errors.ts'
import type { Exclusion } from './own-membership.ts'

/** How devices are called where people read of them. */
export interface DeviceWords {
  readonly suite: CryptoSuite
  readonly nameOf: (device: DeviceId) => string | undefined
}

/** After this nobody who would miss it has not missed it yet; `harp members` counts on. */
const fencedShownMs = 14 * 86_400_000
const nameCharacters = 64

export function shownName({ suite, nameOf }: DeviceWords, device: DeviceId): string {
  const name = printable(nameOf(device) ?? '', nameCharacters)
  const id = deviceText(suite, device).slice(0, 7)
  return name === '' ? `device ${id}` : `${name} (${id})`
}

/** This device is out. Who said so is told; nobody has to be believed for it, the log has it. */
export function revoked(words: DeviceWords, { revocation }: Exclusion): FolderProblem {
  const code = 'FOLDER_REVOKED'
  const { fix } = folderErrors[code]
  if (revocation === undefined) {
    return { code, path: '', message: 'this device is no member of the folder any more', fix }
  }
  const by = shownName(words, revocation.deviceId)
  const at = new Date(revocation.hlc.ms).toISOString()
  return { code, path: '', message: `this device was revoked by ${by} at ${at}`, fix }
}

/**
 * What revoked devices wrote without having heard of it, and too late to count. Told as long as somebody may look for
 * it; not of a device that has been let in again, whose disk is united with the folder.
 */
export function fencedWrites(words: DeviceWords, replica: Replica, now: number): readonly FolderProblem[] {
  const { log } = replica
  const problems: FolderProblem[] = []
  for (const [device, entries] of fencedByDevice(replica)) {
    const last = entries.reduce((latest, { hlc }) => Math.max(latest, hlc.ms), 0)
    if (now - last > fencedShownMs || log.membership.roleOf(device, log.heads()) !== undefined) continue
    const changes = entries.length === 1 ? '1 change' : `${entries.length} changes`
    problems.push({
      code: 'FOLDER_FENCED_WRITES',
      path: '',
      message: `${shownName(words, device)} made ${changes} after it was revoked, not knowing of it; they are shown to nobody`,
      fix: folderErrors.FOLDER_FENCED_WRITES.fix,
    })
  }
  return problems
}

/** Who has no keys does not know. */
export function fencedByDevice(replica: Replica): ReadonlyMap<DeviceId, readonly LogEntry[]> {
  const byDevice = new Map<DeviceId, LogEntry[]>()
  if (replica.firstEpochKey === undefined) return byDevice
  // The tree need not be up to date for that.
  if (!replica.log.memberships().some(({ kind }) => kind === 'revoke')) return byDevice
  for (const entry of replica.fencedOut) {
    const known = byDevice.get(entry.deviceId)
    if (known === undefined) byDevice.set(entry.deviceId, [entry])
    else known.push(entry)
  }
  return byDevice
}
