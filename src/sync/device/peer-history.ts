import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'
import type { Link } from '../link/link.ts'

/** What has been of the links with one device since the daemon began. */
export interface PeerPast {
  /** Milliseconds of the Unix epoch: when the last link began, and when it ended. Undefined: there was none; it lasts. */
  readonly since: number | undefined
  readonly endedAt: number | undefined
  /** Why the last one ended. */
  readonly reason: string | undefined
  /** Of links that have ended. */
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface LinkTotals {
  readonly opened: number
  readonly dialFailures: number
  readonly bytesIn: number
  readonly bytesOut: number
}

const mostDevices = 1_024

/** When other devices were connected with this one, and how much came and went: for people and for monitoring. */
export class PeerHistory {
  readonly #clock: Clock
  readonly #past: BoundedMap<DeviceId, PeerPast>
  /** Those that are there, some of them on their way out while another takes their place. */
  readonly #links = new Set<Link>()
  #endedIn = 0
  #endedOut = 0
  #opened = 0
  #dialFailures = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#past = new BoundedMap({ maxEntries: mostDevices, now: () => clock.monotonic() })
  }

  linked(link: Link): void {
    this.#links.add(link)
    this.#opened++
    const { bytesIn = 0, bytesOut = 0 } = this.#past.get(link.peer) ?? {}
    const since = this.#clock.wall()
    this.#past.set(link.peer, { since, endedAt: undefined, reason: undefined, bytesIn, bytesOut })
  }

  unlinked(link: Link, reason: string): void {
    if (!this.#links.delete(link)) return
    this.#endedIn += link.bytesIn
    this.#endedOut += link.bytesOut
    const past = this.#past.get(link.peer)
    if (past === undefined) return
    const bytesIn = past.bytesIn + link.bytesIn
    const bytesOut = past.bytesOut + link.bytesOut
    const isReplaced = [...this.#links].some(({ peer }) => peer === link.peer)
    const end = isReplaced ? {} : { endedAt: this.#clock.wall(), reason }
    this.#past.set(link.peer, { ...past, ...end, bytesIn, bytesOut })
  }

  /** It says that this device is no member. */
  refusedBy(device: DeviceId): void {
    const past = this.#past.get(device) ?? { since: undefined, endedAt: undefined, bytesIn: 0, bytesOut: 0 }
    this.#past.set(device, { ...past, reason: 'no member' })
  }

  dialFailed(): void {
    this.#dialFailures++
  }

  of(device: DeviceId): PeerPast | undefined {
    return this.#past.get(device)
  }

  /** Of all links that there were, with those that there are. */
  get totals(): LinkTotals {
    let bytesIn = this.#endedIn
    let bytesOut = this.#endedOut
    for (const link of this.#links) {
      bytesIn += link.bytesIn
      bytesOut += link.bytesOut
    }
    return { opened: this.#opened, dialFailures: this.#dialFailures, bytesIn, bytesOut }
  }
}
