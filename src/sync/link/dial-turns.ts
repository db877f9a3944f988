import type { DeviceId } from '../ids.ts'
import { linkLimits } from './link-limits.ts'

interface Waiting {
  readonly lastLinked: number
  readonly isUrgent: boolean
}

/**
 * Who is dialled next, as only so many are at a time: of a folder with hundreds of members most may be away, and each
 * takes seconds to find that out. Who has just been seen goes first, and has places of its own. All others take turns:
 * who was linked last, then who has waited longest, so that nobody waits for ever.
 */
export class DialTurns {
  /** In the order in which they came. */
  readonly #waiting = new Map<DeviceId, Waiting>()
  #busy = 0
  #isForRecent = true

  /** `lastLinked`: greater for who was linked later. Who waits already keeps its place. */
  ask(id: DeviceId, lastLinked: number, isUrgent: boolean): void {
    const known = this.#waiting.get(id)
    this.#waiting.set(id, { lastLinked, isUrgent: isUrgent || known?.isUrgent === true })
  }

  forget(id: DeviceId): void {
    this.#waiting.delete(id)
  }

  clear(): void {
    this.#waiting.clear()
  }

  /** Whose turn it is, until `done`; undefined if nobody waits, or for a place. */
  next(): DeviceId | undefined {
    const { dials, dialsOfSeen } = linkLimits
    let id = this.#busy < dials + dialsOfSeen ? this.#seen() : undefined
    if (id === undefined && this.#busy < dials) {
      id = this.#isForRecent ? this.#recent() : this.#first()
      this.#isForRecent = !this.#isForRecent
    }
    if (id === undefined) return undefined
    this.#waiting.delete(id)
    this.#busy++
    return id
  }

  done(): void {
    this.#busy--
  }

  #seen(): DeviceId | undefined {
    for (const [id, { isUrgent }] of this.#waiting) if (isUrgent) return id
    return undefined
  }

  #first(): DeviceId | undefined {
    for (const id of this.#waiting.keys()) return id
    return undefined
  }

  #recent(): DeviceId | undefined {
    let found: DeviceId | undefined
    let last = Number.NEGATIVE_INFINITY
    for (const [id, { lastLinked }] of this.#waiting) {
      if (lastLinked <= last) continue
      found = id
      last = lastLinked
    }
    return found
  }
}
