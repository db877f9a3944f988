import { roles, type Role } from '../../src/sync/format/membership.ts'
import type { DeviceId, EntryHash } from '../../src/sync/ids.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import type { NaiveOrder } from './naive-order.ts'

export interface RoleEvent {
  readonly entry: LogEntry
  readonly device: DeviceId
  /** Undefined for a revocation. */
  readonly role: Role | undefined
}

/** Roles by their definition: of what was said of a device in a past, what nothing after it takes back. */
export class NaiveRoles {
  readonly events: readonly RoleEvent[]
  /** Per device: entries of it that stand behind one and the same entry. */
  readonly forks: ReadonlyMap<DeviceId, readonly (readonly LogEntry[])[]>
  readonly #order: NaiveOrder

  constructor(order: NaiveOrder, events: readonly RoleEvent[]) {
    this.#order = order
    this.events = events
    const siblings = new Map<EntryHash, LogEntry[]>()
    for (const { entry } of order.placed) {
      const found = siblings.get(entry.prev)
      if (found === undefined) siblings.set(entry.prev, [entry])
      else found.push(entry)
    }
    const forked = [...siblings.values()].filter((entries) => entries.length > 1)
    this.forks = Map.groupBy(forked, ([first]) => (first as LogEntry).deviceId)
  }

  /** Before an entry: in its past without itself. */
  roleBefore(entry: LogEntry): Role | undefined {
    const isPast = (other: LogEntry) => other !== entry && this.#order.observes(entry, other)
    // An admin may pair itself again: it may be the only one there is.
    const isOwnGrant = this.events.some((event) => event.entry === entry && event.device === entry.deviceId)
    return isOwnGrant ? this.grantedIn(entry.deviceId, isPast) : this.#roleIn(entry.deviceId, isPast)
  }

  /** After all there is. */
  roleAtEnd(device: DeviceId): Role | undefined {
    return this.#roleIn(device, () => true)
  }

  #roleIn(device: DeviceId, isPast: (entry: LogEntry) => boolean): Role | undefined {
    const role = this.grantedIn(device, isPast)
    const voided = this.#voidIn(isPast)
    const grants = this.events.filter((event) => {
      return event.device === device && event.role !== undefined && isPast(event.entry)
    })
    const isForked = (this.forks.get(device) ?? []).some((siblings) => {
      const seen = siblings.filter(isPast)
      const isHealed = grants.some(({ entry }) => {
        const isAfterAll = seen.every((one) => one !== entry && this.#order.observes(entry, one))
        return isAfterAll && !voided.has(entry)
      })
      return seen.length > 1 && !isHealed
    })
    return isForked && (role === 'write' || role === 'admin') ? 'read' : role
  }

  /** Whether or not it signed two histories. */
  grantedIn(device: DeviceId, isPast: (entry: LogEntry) => boolean): Role | undefined {
    const said = this.events.filter((event) => event.device === device && isPast(event.entry))
    const voided = this.#voidIn(isPast)
    const role = this.#leastOfLast(said)
    const without = this.#leastOfLast(said.filter(({ entry }) => !voided.has(entry)))
    if (role === undefined || without === undefined) return undefined
    return roles[Math.min(roles.indexOf(role), roles.indexOf(without))]
  }

  /**
   * Grants that count no more in this past: their author was revoked and neither had seen the other, or the author was
   * admin only by such grants.
   */
  #voidIn(isPast: (entry: LogEntry) => boolean): ReadonlySet<LogEntry> {
    const voided = new Set<LogEntry>()
    if (this.events.every(({ role }) => role !== undefined)) return voided
    for (const { entry } of this.events) {
      if (entry.kind !== 'grant' || !isPast(entry)) continue
      const ofAuthor = this.events.filter((event) => event.device === entry.deviceId)
      const isApart = ofAuthor.some(
        (event) =>
          event.role === undefined &&
          isPast(event.entry) &&
          !this.#order.observes(entry, event.entry) &&
          !this.#order.observes(event.entry, entry),
      )
      const before = ofAuthor.filter((event) => {
        return event.entry !== entry && this.#order.observes(entry, event.entry) && !voided.has(event.entry)
      })
      if (isApart || this.#leastOfLast(before) !== 'admin') voided.add(entry)
    }
    return voided
  }

  /** The least role of the events that none of the others has seen; undefined if one of them is a revocation. */
  #leastOfLast(said: readonly RoleEvent[]): Role | undefined {
    const last = said.filter(
      ({ entry }) => !said.some((other) => other.entry !== entry && this.#order.observes(other.entry, entry)),
    )
    if (last.length === 0 || last.some(({ role }) => role === undefined)) return undefined
    return roles[Math.min(...last.map(({ role }) => roles.indexOf(role as Role)))]
  }
}
