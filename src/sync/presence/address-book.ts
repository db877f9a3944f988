import { parseHostPort } from '../../net/address.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'
import type { Link } from '../link/link.ts'
import { presenceLimits as limits, presenceTimes as times } from './presence-limits.ts'
import type { KnownAddresses } from './presence-message.ts'

interface Met {
  readonly addresses: readonly string[]
  at: number
}

/** Where members listen that this device is linked with, or was within the last day: what others are told. */
export class AddressBook {
  readonly #clock: Clock
  readonly #met: BoundedMap<DeviceId, Met>

  constructor(clock: Clock) {
    this.#clock = clock
    const now = (): number => clock.monotonic()
    this.#met = new BoundedMap({ maxEntries: 4 * limits.devices, maxAgeMs: times.addressAgeMs, now })
  }

  met({ peer, peerListens, address, isDialled }: Link): void {
    const reached = isDialled ? [address] : []
    const addresses = [...new Set([...reached, ...peerListens])].slice(0, limits.addresses)
    this.#met.set(peer, { addresses, at: this.#clock.monotonic() })
  }

  /**
   * For whoever is at the other end of this link: nothing of the device itself, no addresses that mean another device or
   * another network there, those met last first.
   */
  toldTo(link: Link, isMember: (device: DeviceId) => boolean): KnownAddresses[] {
    const now = this.#clock.monotonic()
    const isOwnMachine = isLoopback(link.address)
    const known: KnownAddresses[] = []
    for (const [device, { addresses, at }] of [...this.#met.entries()].reverse()) {
      if (known.length === limits.devices) break
      if (device === link.peer || !isMember(device)) continue
      const meant = addresses.filter((address) => isMeant(address) && (isOwnMachine || !isLoopback(address)))
      if (meant.length === 0) continue
      known.push({ device, addresses: meant, ageSeconds: Math.floor((now - at) / 1000) })
    }
    return known
  }
}

/** Link-local addresses are good on one network only, and their zone on one machine. */
function isMeant(address: string): boolean {
  const host = parseHostPort(address)?.host.toLowerCase()
  return host !== undefined && !host.includes('%') && !/^fe[89ab]/.test(host)
}

function isLoopback(address: string): boolean {
  const host = parseHostPort(address)?.host ?? ''
  return host === '::1' || host === 'localhost' || host.startsWith('127.') || host.startsWith('::ffff:127.')
}
