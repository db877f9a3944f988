import type { Clock } from '../../base/clock.ts'
import type { Replica } from '../replica/replica.ts'

/** How old a count may be, in times of what counting took. */
const restFactor = 20
const leastMs = 1_000

/** Files and bytes that the log shows: counted by walking, and not more often than that is cheap. */
export class ShownTotals {
  readonly #replica: Replica
  readonly #clock: Clock
  #counted = { files: 0, bytes: 0 }
  #size = -1
  #nextAt = 0

  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica
    this.#clock = clock
  }

  count(): { readonly files: number; readonly bytes: number } {
    const start = this.#clock.monotonic()
    const { log, view } = this.#replica
    if (log.size === this.#size || start < this.#nextAt) return this.#counted
    let files = 0
    let bytes = 0
    for (const { shown } of view.walk()) {
      if (shown.kind === 'directory') continue
      files++
      const { operation } = shown.current
      if (operation.type === 'put') bytes += operation.content.size
    }
    this.#counted = { files, bytes }
    this.#size = log.size
    const end = this.#clock.monotonic()
    this.#nextAt = end + Math.max(leastMs, (end - start) * restFactor)
    return this.#counted
  }
}
