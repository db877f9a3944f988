import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceRecord, Genesis, Grant, Rekey, Revoke, Role } from '../format/membership.ts'
import { roles } from '../format/membership.ts'
import { compareIds, type DeviceId, type EpochId } from '../ids.ts'
import { joinedView, observes, type Viewpoint } from './causal-clock.ts'
import type { Fork } from './dag.ts'
import { compareByClock, Epochs } from './epochs.ts'
import type { LogEntry } from './log-entry.ts'
import { latestOf, leastRole, VoidGrants, type RoleEvent } from './void-grants.ts'

export type MembershipBody = Genesis | Grant | Revoke | Rekey

/** Part of `Dag`: the places at which a device signed two entries. */
export interface Forks {
  forksOf(device: DeviceId): readonly Fork[]
  forks(): Iterable<Fork>
}

/**
 * Who may do what, and under which keys, seen from any point of the log. Roles are never a state that entries change:
 * each question names a past and is answered from the entries in it alone, so that all replicas answer alike.
 */
export class Membership {
  readonly #suite: CryptoSuite
  readonly #forks: Forks
  readonly #events = new Map<DeviceId, RoleEvent[]>()
  readonly #void = new VoidGrants((device) => this.#events.get(device) ?? noEvents)
  readonly #epochs = new Epochs()
  readonly #entries: LogEntry[] = []

  constructor(suite: CryptoSuite, forks: Forks) {
    this.#suite = suite
    this.#forks = forks
  }

  /** Genesis, grants, revokes and rekeys, by arrival; so each after its causes. */
  entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** The role of a device in the joint past of these entries, themselves included; undefined if it is no member. */
  roleOf(device: DeviceId, past: readonly LogEntry[]): Role | undefined {
    return this.roleAt(device, joinedView(past))
  }

  grantedOf(device: DeviceId, past: readonly LogEntry[]): Role | undefined {
    return this.grantedAt(device, joinedView(past))
  }

  /** The role that was granted, whether or not the device signed two histories since. */
  grantedAt(device: DeviceId, view: Viewpoint): Role | undefined {
    return this.#granted(device, view, this.#void.in(view))
  }

  /** As `roleOf`; for a device that signed two histories `read` at most. */
  roleAt(device: DeviceId, view: Viewpoint): Role | undefined {
    const role = this.grantedAt(device, view)
    return role !== undefined && canWrite(role) && this.#isForked(device, view) ? 'read' : role
  }

  /** All members with their roles, sorted by device id. */
  members(past: readonly LogEntry[]): { deviceId: DeviceId; role: Role }[] {
    const view = joinedView(past)
    const members: { deviceId: DeviceId; role: Role }[] = []
    for (const deviceId of this.#events.keys()) {
      const role = this.roleAt(deviceId, view)
      if (role !== undefined) members.push({ deviceId, role })
    }
    return members.sort((left, right) => compareIds(left.deviceId, right.deviceId))
  }

  /** Whom a new epoch is wrapped for: members who may read, sorted. */
  readers(past: readonly LogEntry[]): DeviceId[] {
    return this.readersAt(joinedView(past))
  }

  readersAt(view: Viewpoint): DeviceId[] {
    const readers: DeviceId[] = []
    const voided = this.#void.in(view)
    for (const deviceId of this.#events.keys()) {
      const role = this.#granted(deviceId, view, voided)
      if (role !== undefined && role !== 'cache') readers.push(deviceId)
    }
    return readers.sort(compareIds)
  }

  /** The keys of a device, as granted in this past; of several, those granted last by the clock. */
  recordOf(device: DeviceId, past: readonly LogEntry[]): DeviceRecord | undefined {
    const view = joinedView(past)
    let last: RoleEvent | undefined
    for (const event of this.#events.get(device) ?? []) {
      if (event.record === undefined || !observes(view, event.entry)) continue
      if (last === undefined || compareByClock(event.entry, last.entry) > 0) last = event
    }
    return last?.record
  }

  /** Every device that the log ever named, sorted. */
  devices(): DeviceId[] {
    return [...this.#events.keys()].sort(compareIds)
  }

  /** Epochs founded in this past, the oldest first. */
  epochs(past: readonly LogEntry[]): EpochId[] {
    return this.#epochs.known(joinedView(past))
  }

  /** Epochs that a new entry after this past may use, the newest last. None: a rekey has to come first. */
  usableEpochs(past: readonly LogEntry[]): EpochId[] {
    return this.#epochs.usable(joinedView(past))
  }

  isUsable(epoch: EpochId, view: Viewpoint): boolean {
    return this.#epochs.isUsable(epoch, view)
  }

  isKnown(epoch: EpochId, view: Viewpoint): boolean {
    return this.#epochs.isKnown(epoch, view)
  }

  /** Revocations of this device anywhere in the log, by arrival. */
  revokesOf(device: DeviceId): LogEntry[] {
    const revokes: LogEntry[] = []
    for (const { entry } of this.#events.get(device) ?? []) if (entry.kind === 'revoke') revokes.push(entry)
    return revokes
  }

  /** Entries that gave this device a role, genesis included, anywhere in the log, by arrival. */
  grantsOf(device: DeviceId): LogEntry[] {
    const grants: LogEntry[] = []
    for (const { entry, role } of this.#events.get(device) ?? []) if (role !== undefined) grants.push(entry)
    return grants
  }

  /** Devices that signed two histories and were not granted a role since by someone who had seen both; sorted. */
  forkedDevices(past: readonly LogEntry[]): DeviceId[] {
    const view = joinedView(past)
    const devices = new Set<DeviceId>()
    for (const { deviceId } of this.#forks.forks()) if (this.#isForked(deviceId, view)) devices.add(deviceId)
    return [...devices].sort(compareIds)
  }

  /** Used by the log alone, as entries come in. */
  add(entry: LogEntry, body: MembershipBody): void {
    this.#entries.push(entry)
    if ('creator' in body) this.#addGenesis(entry, body)
    else if ('device' in body) this.#addEvent(entry, body.role, body.device)
    else if ('previous' in body) this.#epochs.found(body.epoch, entry)
    else {
      this.#event({ entry, device: body.deviceId, role: undefined, record: undefined })
      this.#epochs.revoke(entry)
    }
  }

  /** Takes back the entry that was added last. */
  undo(entry: LogEntry): void {
    if (this.#entries.at(-1) !== entry) return
    this.#entries.pop()
    this.#epochs.undo(entry)
    this.#void.undo(entry)
    for (const [device, events] of this.#events) {
      if (events.at(-1)?.entry !== entry) continue
      events.pop()
      if (events.length === 0) this.#events.delete(device)
    }
  }

  #addGenesis(entry: LogEntry, { creator, authority, epoch }: Genesis): void {
    this.#addEvent(entry, 'admin', creator)
    const created = deviceIdOf(this.#suite, creator.signingKey)
    if (authority !== undefined && deviceIdOf(this.#suite, authority.signingKey) !== created) {
      this.#addEvent(entry, 'write', authority)
    }
    this.#epochs.found(epoch, entry)
  }

  /** The record is copied: it may be a view of a whole received batch. */
  #addEvent(entry: LogEntry, role: Role, device: DeviceRecord): void {
    const record = {
      signingKey: device.signingKey.slice(),
      agreementKey: device.agreementKey.slice(),
      agreementSignature: device.agreementSignature.slice(),
    }
    this.#event({ entry, device: deviceIdOf(this.#suite, device.signingKey), role, record })
  }

  #event(event: RoleEvent): void {
    const events = this.#events.get(event.device)
    if (events === undefined) this.#events.set(event.device, [event])
    else events.push(event)
    this.#void.add(event)
  }

  /** What a void grant takes away is gone all the same, as are the devices that its author revoked. */
  #granted(device: DeviceId, view: Viewpoint, voided: ReadonlySet<LogEntry>): Role | undefined {
    const events = (this.#events.get(device) ?? noEvents).filter(({ entry }) => observes(view, entry))
    const role = leastRole(latestOf(events))
    if (role === undefined || !events.some(({ entry }) => voided.has(entry))) return role
    const without = leastRole(latestOf(events.filter(({ entry }) => !voided.has(entry))))
    return without === undefined || roles.indexOf(without) < roles.indexOf(role) ? without : role
  }

  #isForked(device: DeviceId, view: Viewpoint): boolean {
    for (const fork of this.#forks.forksOf(device)) {
      const seen = fork.siblings.filter((sibling) => observes(view, sibling))
      if (seen.length > 1 && !this.#isPairedAgain(device, seen, view)) return true
    }
    return false
  }

  /** A grant that is itself one of the siblings does not count: so a device would pair itself. */
  #isPairedAgain(device: DeviceId, siblings: readonly LogEntry[], view: Viewpoint): boolean {
    const voided = this.#void.in(view)
    for (const { entry, role } of this.#events.get(device) ?? noEvents) {
      if (role === undefined || !observes(view, entry) || voided.has(entry)) continue
      if (siblings.every((sibling) => sibling !== entry && observes(entry, sibling))) return true
    }
    return false
  }
}

const noEvents: readonly RoleEvent[] = []

export function canWrite(role: Role): boolean {
  return role === 'write' || role === 'admin'
}
