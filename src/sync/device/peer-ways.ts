import type { Clock } from '../../base/clock.ts'
import type { Sighting } from '../discovery/sighting.ts'
import type { DialOutcome } from '../link/link-hub.ts'
import type { AddressOrigin } from './home-records.ts'

export interface KnownWay {
  readonly address: string
  /** How it became known. */
  readonly via: AddressOrigin | Sighting['via']
}

export interface PeerWay extends KnownWay {
  /** What the last attempt came to, since the device was linked over it; undefined: not tried, or all well. */
  readonly problem: DialOutcome | undefined
}

interface Seen extends KnownWay {
  readonly at: number
}

interface Failure {
  readonly outcome: DialOutcome
  readonly at: number
  /** In a row. */
  readonly count: number
}

const mostSeen = 6
/** Of those, so many go before what is known: what somebody repeats on the network must not keep from the rest. */
const mostFirst = 3
const mostFailures = 24
/** Whoever is somebody else, or did not answer twice, is tried last for so long, whatever is heard of it. */
const refutedMs = 300_000

/** Of one other device, in this run: where it was seen, and what came of dialling. The order in which to dial it. */
export class PeerWays {
  readonly #clock: Clock
  #seen: readonly Seen[] = []
  readonly #failures = new Map<string, Failure>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns whether this address is one that was not known before, by sight. */
  sighted({ address, via }: Sighting): boolean {
    const isNew = !this.#seen.some((each) => each.address === address)
    const others = this.#seen.filter((each) => each.address !== address)
    const fresh = { address, via, at: this.#clock.monotonic() }
    const kept = others.length < mostSeen ? others : others.toSorted(this.#worstLast).slice(0, mostSeen - 1)
    this.#seen = [fresh, ...kept]
    return isNew
  }

  failed(address: string, outcome: DialOutcome): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1
    this.#failures.delete(address)
    this.#failures.set(address, { outcome, at: this.#clock.monotonic(), count })
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= mostFailures) break
      this.#failures.delete(oldest)
    }
  }

  reached(address: string): void {
    this.#failures.delete(address)
  }

  /** All addresses, the best first: those seen last, those known, more that were seen; and then the refuted ones. */
  inOrder(others: readonly KnownWay[]): readonly PeerWay[] {
    const ways = new Map<string, PeerWay>()
    for (const { address, via } of [...this.#seen, ...others]) {
      if (!ways.has(address)) {
        ways.set(address, { address, via, problem: this.#failures.get(address)?.outcome })
      }
    }
    const all = [...ways.values()]
    const sound = all.filter(({ address }) => !this.#isRefuted(address))
    const isSeen = ({ address }: PeerWay): boolean => this.#seen.some((each) => each.address === address)
    const first = sound.filter(isSeen).slice(0, mostFirst)
    const known = sound.filter((way) => !isSeen(way))
    return [...new Set([...first, ...known, ...sound, ...all])]
  }

  #isRefuted(address: string): boolean {
    const failure = this.#failures.get(address)
    if (failure === undefined) return false
    const { outcome, at, count } = failure
    const isSomebodyElse = outcome.state === 'wrong-device' || outcome.state === 'not-ours'
    if ((isSomebodyElse || count > 1) && this.#clock.monotonic() - at < refutedMs) return true
    const seen = this.#seen.find((each) => each.address === address)
    return seen === undefined || seen.at < at
  }

  readonly #worstLast = (left: Seen, right: Seen): number =>
    Number(this.#isRefuted(left.address)) - Number(this.#isRefuted(right.address)) || right.at - left.at
}
