import { lookup } from 'node:dns/promises'
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { detachedText } from '../../base/detached-text.ts'
import { errorCode } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import { canonicalAddress } from '../../net/address.ts'
import type { HostLookup } from '../access/exapp-record.ts'

export interface ResolverOptions {
  readonly clock: Clock
  readonly log: Logger
  /** All addresses of a name; the default is the system's resolver. */
  readonly lookupAll?: (host: string) => Promise<readonly string[]>
}

interface Entry {
  readonly address: string
  readonly freshUntil: number
}

const lookupTimeoutMs = 10_000
const freshMs = 30_000
const maxNames = 10_000

/**
 * Host names to one address: the first IPv4, else the first IPv6. Answers are kept for 30 s and served
 * while they are looked up again; `forget` after a failed connection makes the next lookup a real one (W22).
 */
export class Resolver {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lookupAll: (host: string) => Promise<readonly string[]>
  readonly #known: BoundedMap<string, Entry>
  readonly #flights = new SingleFlight<string, HostLookup>()

  constructor(options: ResolverOptions) {
    this.#clock = options.clock
    this.#log = options.log
    this.#lookupAll = options.lookupAll ?? systemLookup
    this.#known = new BoundedMap({ maxEntries: maxNames, now: () => options.clock.monotonic() })
  }

  /** Answers at once where it can; the promise never rejects. */
  resolve(name: string): HostLookup | Promise<HostLookup> {
    const known = this.#known.get(name)
    if (known === undefined) {
      const host = detachedText(name)
      const literal = canonicalAddress(host)
      if (literal === undefined) return this.#flights.run(host, () => this.#lookup(host))
      this.#known.set(host, { address: literal, freshUntil: Number.POSITIVE_INFINITY })
      return { kind: 'resolved', address: literal }
    }
    if (this.#clock.monotonic() > known.freshUntil) void this.#flights.run(name, () => this.#lookup(name))
    return { kind: 'resolved', address: known.address }
  }

  forget(host: string): void {
    this.#known.delete(host)
  }

  async #lookup(host: string): Promise<HostLookup> {
    const { promise: expired, resolve: expire } = Promise.withResolvers<'timeout'>()
    const timer = setTimeout(() => expire('timeout'), lookupTimeoutMs)
    try {
      const addresses = await Promise.race([this.#lookupAll(host), expired])
      if (addresses === 'timeout') {
        this.#log.warn({ host, afterMs: lookupTimeoutMs }, 'host name lookup timed out')
        return this.#stale(host)
      }
      const address = addresses.find((each) => !each.includes(':')) ?? addresses[0]
      if (address === undefined) return this.#stale(host)
      this.#known.set(host, { address, freshUntil: this.#clock.monotonic() + freshMs })
      return { kind: 'resolved', address }
    } catch (error) {
      this.#log.warn({ host, code: errorCode(error) }, 'host name does not resolve')
      return this.#stale(host)
    } finally {
      clearTimeout(timer)
    }
  }

  #stale(host: string): HostLookup {
    const known = this.#known.get(host)
    return known === undefined ? { kind: 'unresolved' } : { kind: 'resolved', address: known.address }
  }
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map((each) => each.address)
}
