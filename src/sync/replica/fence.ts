import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import { canWrite } from '../log/membership.ts'
import type { Timeline } from './timeline.ts'

/** How far an offline device's clock may be off before what it wrote while being revoked counts as written after. */
export const revocationGraceMs = 300_000

interface AppliedRevoke {
  readonly entry: LogEntry
  readonly position: number
}

/**
 * Invariant I16. What a device wrote without having seen a revocation that takes its role, its own or that of the admin
 * who granted it, stays in the log; and does nothing in the tree if it counts as later: by its clock, or because the
 * authority had published the revocation before it. Judged in linear order, from what stands before; so all replicas
 * judge alike.
 */
export class Fence {
  readonly #timeline: Timeline
  readonly #log: Pick<Log, 'observes' | 'membership'>
  readonly #revokes: AppliedRevoke[] = []

  constructor(timeline: Timeline, log: Pick<Log, 'observes' | 'membership'>) {
    this.#timeline = timeline
    this.#log = log
  }

  apply(entry: LogEntry, position: number): void {
    this.#revokes.push({ entry, position })
  }

  rewind(position: number): void {
    while ((this.#revokes.at(-1)?.position ?? -1) >= position) this.#revokes.pop()
  }

  hasRevoke(from: number, to: number): boolean {
    return this.#revokes.some(({ position }) => position >= from && position < to)
  }

  excludes(entry: LogEntry, position: number): boolean {
    for (const revoke of this.#revokes) {
      if (this.#log.observes(entry, revoke.entry) || !this.#isLate(entry, position, revoke)) continue
      // A fork that the revoke's author knew of is another matter.
      const role = this.#log.membership.grantedOf(entry.deviceId, [entry, revoke.entry])
      if (role === undefined || !canWrite(role)) return true
    }
    return false
  }

  #isLate(entry: LogEntry, position: number, revoke: AppliedRevoke): boolean {
    return (
      entry.hlc.ms > revoke.entry.hlc.ms + revocationGraceMs ||
      this.#timeline.statementAt(revoke.position) < this.#timeline.statementAt(position)
    )
  }
}
