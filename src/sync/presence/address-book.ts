import { canonicalAddress, isThisMachine, parseHostPort } from '../../net/address.ts'
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
    const known: KnownAddresses[] = []
    for (const [device, { addresses, at }] of [...this.#met.entries()].reverse()) {
      if (known.length === limits.devices) break
      if (device === link.peer || !isMember(device)) continue
      const meant = addresses.filter((address) => isMeant(address, link))
      if (meant.length === 0) continue
      known.push({ device, addresses: meant, ageSeconds: Math.floor((now - at) / 1000) })
    }
    return known
  }
}

/**
 * What the other end of a link said, without what it should not have said: it would make this device dial itself, or
 * somebody else in a network that only the other end knows.
 */
export function heardFrom(link: Link, known: readonly KnownAddresses[]): readonly KnownAddresses[] {
  return known.flatMap((each) => {
    const addresses = each.addresses.filter((address) => isMeant(address, link))
    return addresses.length === 0 ? [] : [{ ...each, addresses }]
  })
}

/** At both ends of this link it is the same device. */
function isMeant(address: string, link: Link): boolean {
  const host = hostOf(address)
  if (host === undefined || isLinkLocal(host) || isOddNumber(host)) return false
  return !isLoopback(host) || isLoopback(hostOf(link.address) ?? '')
}

/** Good on one network only, and with a zone on one machine. */
function isLinkLocal(host: string): boolean {
  return host.includes('%') || /^(fe[89ab]|169\.254\.)/.test(canonicalAddress(host) ?? host)
}

/** Resolvers take `127.1`, `2130706433` and `0x7f.1` for addresses. */
function isOddNumber(host: string): boolean {
  return canonicalAddress(host) === undefined && !host.includes(':') && /(^|\.)(\d+|0x[\da-f]*)$/.test(host)
}

function isLoopback(host: string): boolean {
  return isThisMachine(host) || /(^|\.)localhost$/.test(host)
}

/** A name without its last dot. */
function hostOf(address: string): string | undefined {
  return parseHostPort(address)?.host.toLowerCase().replace(/\.$/, '')
}
