import type { DeviceRecord, Role } from '../format/membership.ts'
import { roles } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import { observes, type Viewpoint } from './causal-clock.ts'
import type { LogEntry } from './log-entry.ts'

/** What an entry says of one device: a role, or none (revoked). */
export interface RoleEvent {
  readonly entry: LogEntry
  readonly device: DeviceId
  readonly role: Role | undefined
  readonly record: DeviceRecord | undefined
}

const none: ReadonlySet<LogEntry> = new Set()

/**
 * Grants that count no more: their author was revoked by somebody who had not seen them, and they had not seen that; or
 * their author was an admin only by such a grant. Otherwise who was revoked could still make admins, by claiming to have
 * done so before. There are hardly ever any, so only those that may be void in some past are looked at.
 */
export class VoidGrants {
  readonly #eventsOf: (device: DeviceId) => readonly RoleEvent[]
  /** By arrival, so each after those that its author's role may come from. */
  readonly #grants: RoleEvent[] = []
  /** Grants that are void in some past; undefined if that has to be found out anew. */
  #doubtful: readonly RoleEvent[] | undefined = []
  readonly #doubtfulDevices = new Set<DeviceId>()

  /** `eventsOf`: what was said of a device, by arrival. */
  constructor(eventsOf: (device: DeviceId) => readonly RoleEvent[]) {
    this.#eventsOf = eventsOf
  }

  add(event: RoleEvent): void {
    const { entry, device, role } = event
    if (role === undefined) {
      const isUnseen = ({ entry: grant }: RoleEvent): boolean =>
        grant.deviceId === device && !observes(entry, grant)
      if (this.#grants.some(isUnseen)) this.#doubtful = undefined
    } else if (entry.kind === 'grant') {
      this.#grants.push(event)
      if (this.#isDoubtful(entry)) this.#doubtful = undefined
    }
  }

  /** Takes back the entry that was added last. */
  undo(entry: LogEntry): void {
    if (this.#grants.at(-1)?.entry === entry) this.#grants.pop()
    this.#doubtful = undefined
  }

  /** The grants that are void in this past. */
  in(view: Viewpoint): ReadonlySet<LogEntry> {
    this.#doubtful ??= this.#findDoubtful()
    if (this.#doubtful.length === 0) return none
    const found = new Set<LogEntry>()
    for (const { entry } of this.#doubtful) {
      if (!observes(view, entry)) continue
      if (this.#isRevokedApart(entry, view) || this.#roleBefore(entry, found) !== 'admin') found.add(entry)
    }
    return found
  }

  #findDoubtful(): RoleEvent[] {
    this.#doubtfulDevices.clear()
    const doubtful: RoleEvent[] = []
    for (const event of this.#grants) {
      if (!this.#isDoubtful(event.entry)) continue
      doubtful.push(event)
      this.#doubtfulDevices.add(event.device)
    }
    return doubtful
  }

  #isDoubtful(grant: LogEntry): boolean {
    return this.#doubtfulDevices.has(grant.deviceId) || this.#isRevokedApart(grant, undefined)
  }

  /** Whether the author was revoked, in this past or anywhere, and neither had seen the other. */
  #isRevokedApart(grant: LogEntry, view: Viewpoint | undefined): boolean {
    for (const { entry, role } of this.#eventsOf(grant.deviceId)) {
      if (role !== undefined || (view !== undefined && !observes(view, entry))) continue
      if (!observes(grant, entry) && !observes(entry, grant)) return true
    }
    return false
  }

  /** The role of the author just before, if the grants that are known to be void are left out. */
  #roleBefore(grant: LogEntry, voided: ReadonlySet<LogEntry>): Role | undefined {
    const events = this.#eventsOf(grant.deviceId)
    return leastRole(
      latestOf(events.filter(({ entry }) => entry !== grant && observes(grant, entry) && !voided.has(entry))),
    )
  }
}

/**
 * Those that nobody who spoke after them takes back. Events are given by arrival, which is after their causes: so one is
 * superseded exactly if one that was found before, going backwards, observes it.
 */
export function latestOf(events: readonly RoleEvent[]): readonly RoleEvent[] {
  const latest: RoleEvent[] = []
  for (let index = events.length - 1; index >= 0; index--) {
    const event = events[index]
    if (event === undefined) continue
    if (!latest.some(({ entry }) => observes(entry, event.entry))) latest.push(event)
  }
  return latest
}

export function leastRole(events: readonly RoleEvent[]): Role | undefined {
  let least: number = roles.length
  for (const { role } of events) {
    if (role === undefined) return undefined
    least = Math.min(least, roles.indexOf(role))
  }
  return roles[least]
}
