import { HarpError } from '../../base/errors.ts'
import { canWrite } from '../log/membership.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Change } from '../replica/author.ts'
import type { Replica } from '../replica/replica.ts'
import type { UpParts } from './up-parts.ts'
import { isAsked, type Ahead, type WriteAhead } from './write-ahead.ts'

/** Entries that a write may make besides: keys for a new epoch, the joining of many heads. */
const mostBesides = 64

/** Writes what a scan found, and says which entry each operation became. */
export class LogWriter {
  readonly #replica: Replica
  readonly #parts: UpParts
  readonly #ahead: WriteAhead

  constructor(parts: UpParts, ahead: WriteAhead) {
    this.#replica = parts.replica
    this.#parts = parts
    this.#ahead = ahead
  }

  /** Whether this device may write now. */
  get isAllowed(): boolean {
    const { role } = this.#replica
    return role !== undefined && canWrite(role)
  }

  /**
   * Durable when it returns. Undefined if this device may not write. Others are told when the caller says so. `ahead`:
   * what it makes of the items, which are committed before as they are.
   */
  write(changes: readonly Change[], ahead: readonly Ahead[] = []): readonly LogEntry[] | undefined {
    if (changes.length === 0) return []
    if (!this.isAllowed) return undefined
    this.#ahead.note(ahead)
    this.#replica.write(changes, this.#parts.clock.wall())
    return this.#written(changes)
  }

  /** The items say what was written: makes them lasting. */
  recorded(): void {
    this.#ahead.commit()
  }

  announce(): void {
    this.#parts.announce()
  }

  #written(changes: readonly Change[]): readonly LogEntry[] {
    const { log, deviceId } = this.#replica
    const found: LogEntry[] = []
    for (const head of log.heads()) {
      if (head.deviceId !== deviceId) continue
      const from = Math.max(0, head.seq + 1 - changes.length - mostBesides)
      for (const entry of log.chainEntries(head.branch, from)) {
        // Besides them only a new epoch and the joining of heads may have been written, before the last of them.
        if (isAsked(entry)) found.push(entry)
      }
      if (found.length >= changes.length) return found.slice(-changes.length)
      found.length = 0
    }
    throw new HarpError('SYNC_FAULT', 'own operations are not in the log')
  }
}
