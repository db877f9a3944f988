import { BoundedMap } from '../../base/bounded-map.ts'
import { addressGroup } from '../../net/address.ts'
import { linkLimits } from './link-limits.ts'

interface Failures {
  count: number
  readonly since: number
}

/**
 * How much those may do who are no members, or have not shown yet that they are: connections at one time, all together
 * and of one address, and failed joins of one address.
 */
export class StrangerGate {
  readonly #now: () => number
  readonly #handshakes = new Map<string, number>()
  readonly #failures: BoundedMap<string, Failures>
  #handshakeCount = 0
  #strangers = 0

  constructor(now: () => number) {
    this.#now = now
    this.#failures = new BoundedMap({ maxEntries: linkLimits.failureAddresses, now })
  }

  /** A connection came in. What it returns is called when its key is known, or it is gone; undefined: too many. */
  enter(host: string): (() => void) | undefined {
    const group = addressGroup(host, 64)
    const ofGroup = this.#handshakes.get(group) ?? 0
    if (this.#handshakeCount >= linkLimits.handshakes || ofGroup >= linkLimits.handshakesOfAddress) {
      return undefined
    }
    this.#handshakeCount++
    this.#handshakes.set(group, ofGroup + 1)
    return once(() => {
      this.#handshakeCount--
      const left = (this.#handshakes.get(group) ?? 1) - 1
      if (left === 0) this.#handshakes.delete(group)
      else this.#handshakes.set(group, left)
    })
  }

  /** It turned out to be a stranger, or wants to join. As `enter`. */
  enterStranger(): (() => void) | undefined {
    if (this.#strangers >= linkLimits.strangers) return undefined
    this.#strangers++
    return once(() => {
      this.#strangers--
    })
  }

  /** A join with a wrong proof, of an unknown invitation, or that was none. */
  failed(host: string): void {
    const group = addressGroup(host, 64)
    const known = this.#recent(group)
    if (known === undefined) this.#failures.set(group, { count: 1, since: this.#now() })
    else known.count++
  }

  /** Too many failures of late: nothing is looked at. */
  isBarred(host: string): boolean {
    return (this.#recent(addressGroup(host, 64))?.count ?? 0) >= linkLimits.failures
  }

  #recent(group: string): Failures | undefined {
    const known = this.#failures.get(group)
    return known === undefined || this.#now() - known.since > linkLimits.failuresAgeMs ? undefined : known
  }
}

function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    action()
  }
}
