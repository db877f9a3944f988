import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'

const patienceMs = 500

/**
 * The server's addresses, for `net.connect`. Once they were found, a resolver that is slow or gone (mostly because
 * the link is) does not hold up an attempt: the last known ones are used while the one look-up under way goes on.
 */
export class ServerAddress {
  readonly #lookupAll: (host: string) => Promise<LookupAddress[]>
  #known: LookupAddress[] = []
  #flight: Promise<LookupAddress[]> | null = null

  constructor(lookupAll: (host: string) => Promise<LookupAddress[]> = systemLookup) {
    this.#lookupAll = lookupAll
  }

  /** NOTE: answers with all addresses, as `autoSelectFamily` asks for. */
  readonly lookup: LookupFunction = (host, _options, callback) => void this.#answer(host, callback)

  async #answer(host: string, callback: Parameters<LookupFunction>[2]): Promise<void> {
    try {
      callback(null, await this.#addresses(host))
    } catch (error) {
      callback(error as NodeJS.ErrnoException, [])
    }
  }

  async #addresses(host: string): Promise<LookupAddress[]> {
    this.#flight ??= this.#ask(host)
    if (this.#known.length === 0) return this.#flight
    const { promise: lateAnswer, resolve } = Promise.withResolvers<LookupAddress[]>()
    const timer = setTimeout(() => resolve(this.#known), patienceMs)
    try {
      return await Promise.race([this.#flight.catch(() => this.#known), lateAnswer])
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask(host: string): Promise<LookupAddress[]> {
    try {
      this.#known = await this.#lookupAll(host)
      return this.#known
    } finally {
      this.#flight = null
    }
  }
}

function systemLookup(host: string): Promise<LookupAddress[]> {
  return lookup(host, { all: true })
}
