import { checkDeviceRecord, deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Genesis, Grant, Rekey, Role } from '../format/membership.ts'
import { compareIds, type DeviceId } from '../ids.ts'
import { observes } from './causal-clock.ts'
import { compareHlc } from './hlc.ts'
import type { LogEntry } from './log-entry.ts'
import { canWrite, type Membership, type MembershipBody } from './membership.ts'
import type { Refusal, RefusalReason } from './refusal.ts'

/** An entry that is about to be added: it has its place and clock, and is in no index yet. */
export interface Candidate {
  readonly entry: LogEntry
  readonly prev: LogEntry | undefined
  readonly parents: readonly LogEntry[]
  /** Of the kinds that are not sealed. */
  readonly body: MembershipBody | undefined
}

/**
 * Judges the entries of one batch in order, each by its own causal past and nothing else; what is valid here is valid
 * everywhere. The past of entries after the first grows by the batch alone, so most of them cost a few comparisons.
 */
export class BatchJudge {
  readonly #suite: CryptoSuite
  readonly #membership: Membership
  #judged = 0
  #role: Role | undefined
  #usableEpoch: string | undefined

  constructor(suite: CryptoSuite, membership: Membership) {
    this.#suite = suite
    this.#membership = membership
  }

  judge(candidate: Candidate): Refusal | undefined {
    const { entry } = candidate
    const fault =
      entry.kind === 'genesis'
        ? this.#judgeGenesis(candidate.body as Genesis)
        : (this.#judgePlace(candidate) ?? this.#judgeRole(candidate) ?? this.#judgeBody(candidate))
    this.#judged++
    if (entry.kind !== 'operation') this.#forget()
    return fault && { reason: fault[0], deviceId: entry.deviceId, detail: fault[1] }
  }

  #judgePlace({ entry, prev, parents }: Candidate): Fault | undefined {
    if (prev !== undefined && compareHlc(entry.hlc, prev.hlc) <= 0) {
      return ['clock-order', 'not above predecessor']
    }
    if (parents.length > 0 && this.#judged > 0) return ['shape', 'parents inside a batch']
    for (const parent of parents) {
      if (compareHlc(entry.hlc, parent.hlc) <= 0) return ['clock-order', 'not above a parent']
      if (prev !== undefined && observes(prev, parent)) return ['parents', 'in the past of the predecessor']
      for (const other of parents) {
        if (other !== parent && observes(other, parent)) return ['parents', 'in the past of another parent']
      }
    }
    return undefined
  }

  #judgeRole({ entry, body }: Candidate): Fault | undefined {
    // The second entry has the first in its past, which may have made a fork of the author's own chain known.
    if (this.#judged < 2) this.#forget()
    const role = this.#isOwnGrant(entry, body)
      ? this.#membership.grantedAt(entry.deviceId, entry)
      : (this.#role ??= this.#membership.roleAt(entry.deviceId, entry))
    const needsAdmin = entry.kind === 'grant' || entry.kind === 'revoke'
    if (role !== undefined && (needsAdmin ? role === 'admin' : canWrite(role))) return undefined
    return ['role', `${entry.kind} by ${role ?? 'no member'}`]
  }

  /** An admin whose chain was forked may pair itself again: it may be the only one there is. */
  #isOwnGrant(entry: LogEntry, body: Candidate['body']): boolean {
    return (
      entry.kind === 'grant' && deviceIdOf(this.#suite, (body as Grant).device.signingKey) === entry.deviceId
    )
  }

  #judgeBody({ entry, body }: Candidate): Fault | undefined {
    if (entry.kind === 'operation') return this.#judgeEpoch(entry)
    if (entry.kind === 'grant') return this.#judgeRecord((body as Grant).device)
    if (entry.kind === 'rekey') return this.#judgeRekey(entry, body as Rekey)
    return undefined
  }

  #judgeEpoch(entry: LogEntry): Fault | undefined {
    if (entry.epoch === this.#usableEpoch) return undefined
    if (!this.#membership.isUsable(entry.epoch, entry)) return ['epoch', 'not usable in its past']
    this.#usableEpoch = entry.epoch
    return undefined
  }

  #judgeRekey(entry: LogEntry, { epoch, wraps }: Rekey): Fault | undefined {
    if (this.#membership.isKnown(epoch, entry)) return ['epoch', 'introduced before']
    const readers = this.#membership.readersAt(entry)
    return sameDevices(readers, wraps) ? undefined : ['recipients', `for ${wraps.length} devices`]
  }

  #judgeRecord(record: Grant['device']): Fault | undefined {
    return checkDeviceRecord(this.#suite, record) ? undefined : ['device-record', 'not signed by its own key']
  }

  /** The codecs have seen to it that it is by its creator and the first of its chain, and the log to it that it is the only one. */
  #judgeGenesis({ creator, authority, wraps }: Genesis): Fault | undefined {
    const members = [creator, ...(authority === undefined ? [] : [authority])]
    const ids = new Set(members.map(({ signingKey }) => deviceIdOf(this.#suite, signingKey)))
    if (!sameDevices([...ids].sort(compareIds), wraps)) return ['recipients', `for ${wraps.length} devices`]
    return this.#judgeRecord(creator) ?? (authority && this.#judgeRecord(authority))
  }

  #forget(): void {
    this.#role = undefined
    this.#usableEpoch = undefined
  }
}

type Fault = readonly [reason: RefusalReason, detail: string]

function sameDevices(devices: readonly DeviceId[], wraps: readonly { deviceId: DeviceId }[]): boolean {
  return (
    devices.length === wraps.length && devices.every((device, index) => wraps[index]?.deviceId === device)
  )
}
