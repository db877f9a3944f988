import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { addressGroup, canonicalAddress } from '../../net/address.ts'

export interface BruteForceOptions {
  /** Failures within the window that ban; zero or less bans everybody, as with the original. */
  readonly count: number
  readonly windowMs: number
  /** IPv6 clients are counted per prefix of this many bits. */
  readonly ipv6PrefixBits: number
  readonly maxAddresses: number
  readonly clock: Clock
}

export interface Ban {
  /** An address, or an IPv6 prefix. */
  readonly address: string
  readonly failures: number
  /** Wall-clock milliseconds at which the ban lifts if nothing else happens. */
  readonly until: number
}

/**
 * Failures per client address in a sliding window on a monotonic clock. Requests while banned are not
 * recorded, so a ban lifts when the oldest counted failure leaves the window. Bounded: the address that
 * failed longest ago is forgotten first.
 */
export class BruteForce {
  readonly #options: BruteForceOptions
  readonly #failures: BoundedMap<string, number[]>

  constructor(options: BruteForceOptions) {
    this.#options = options
    this.#failures = new BoundedMap({
      maxEntries: options.maxAddresses,
      maxAgeMs: options.windowMs,
      now: () => options.clock.monotonic(),
    })
  }

  get size(): number {
    return this.#failures.size
  }

  isBanned(address: string): boolean {
    if (this.#options.count <= 0) return true
    if (this.#failures.size === 0) return false
    const times = this.#failures.get(this.#group(address))
    return times !== undefined && this.#recent(times).length >= this.#options.count
  }

  recordFailure(address: string): void {
    const group = this.#group(address)
    const times = this.#recent(this.#failures.get(group) ?? [])
    times.push(this.#options.clock.monotonic())
    if (times.length > Math.max(1, this.#options.count)) times.shift()
    this.#failures.set(group, times)
  }

  /** Seconds until the address is served again; 0 if it is not banned. */
  secondsLeft(address: string): number {
    const oldest = this.#recent(this.#failures.get(this.#group(address)) ?? [])[0]
    if (oldest === undefined || !this.isBanned(address)) return 0
    return Math.max(1, Math.ceil((oldest + this.#options.windowMs - this.#options.clock.monotonic()) / 1000))
  }

  list(): Ban[] {
    const { clock, count, windowMs } = this.#options
    const bans: Ban[] = []
    for (const [address, times] of this.#failures.entries()) {
      const recent = this.#recent(times)
      const oldest = recent[0]
      if (oldest === undefined || recent.length < count) continue
      bans.push({
        address,
        failures: recent.length,
        until: clock.wall() + oldest + windowMs - clock.monotonic(),
      })
    }
    return bans
  }

  /** Forgets the failures of an address or listed prefix; false where there were none. */
  lift(address: string): boolean {
    return (
      this.#failures.delete(address) ||
      this.#failures.delete(this.#group(canonicalAddress(address) ?? address))
    )
  }

  evictExpired(): void {
    this.#failures.evictExpired()
  }

  #group(address: string): string {
    return addressGroup(address, this.#options.ipv6PrefixBits)
  }

  #recent(times: number[]): number[] {
    const oldest = this.#options.clock.monotonic() - this.#options.windowMs
    const first = times[0]
    return first === undefined || first > oldest ? times : times.filter((each) => each > oldest)
  }
}
