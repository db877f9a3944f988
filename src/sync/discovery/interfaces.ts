import type { networkInterfaces } from 'node:os'
import {
  canonicalAddress,
  isInNetworks,
  parseNetwork,
  type HostPort,
  type Network,
} from '../../net/address.ts'
import { compareIds } from '../ids.ts'
import { discoveryLimits as limits } from './discovery-limits.ts'

export type Family = 'ipv4' | 'ipv6'

/** An interface that is up, with what of it discovery uses. */
export interface LocalInterface {
  readonly name: string
  /** Its first IPv4 address. */
  readonly ipv4: string | undefined
  /** Its link-local address, without zone. */
  readonly ipv6: string | undefined
  /** All of its networks, to tell by a sender's address on which interface it was heard. */
  readonly networks: readonly Network[]
  /** All of its addresses. */
  readonly addresses: readonly string[]
  /** Why it is not used, in a few words. */
  readonly problem: string | undefined
}

export interface InterfaceRules {
  /** Only this machine itself: for tests. */
  readonly isLoopback: boolean
  /** As the system says. */
  readonly isMulticast: (name: string) => boolean
}

/** By name. What has no address that could be used is left out. */
export function localInterfaces(
  found: ReturnType<typeof networkInterfaces>,
  rules: InterfaceRules,
): readonly LocalInterface[] {
  const local: Omit<LocalInterface, 'problem'>[] = []
  for (const [name, entries = []] of Object.entries(found).toSorted(([left], [right]) =>
    compareIds(left, right),
  )) {
    const ours = entries.filter(({ internal }) => internal === rules.isLoopback)
    const ipv4 = ours.find(({ family }) => family === 'IPv4')?.address
    const ipv6 = ours.find(({ address }) => address.startsWith('fe80:'))?.address.split('%', 1)[0]
    if (ipv4 === undefined && ipv6 === undefined) continue
    local.push({
      name,
      ipv4,
      ipv6,
      networks: ours.flatMap(({ cidr }) => (cidr === null ? [] : (parseNetwork(cidr)?.network ?? []))),
      addresses: ours.map(({ address }) => address),
    })
  }
  const able = new Set(local.filter(({ name }) => rules.isLoopback || rules.isMulticast(name)))
  // Those without IPv4 last: mostly the ends of containers, of which there may be many.
  const inOrder = [...able].sort(
    (left, right) => Number(left.ipv4 === undefined) - Number(right.ipv4 === undefined),
  )
  const used = new Set(inOrder.slice(0, limits.interfaces))
  const problemOf = (at: Omit<LocalInterface, 'problem'>): string | undefined => {
    if (!able.has(at)) return 'multicast is off on this interface'
    return used.has(at) ? undefined : `only ${limits.interfaces} interfaces are used`
  }
  return local.map((at) => ({ ...at, problem: problemOf(at) }))
}

/** Two that are alike need no new sockets. */
export function interfaceKey({ name, ipv4, ipv6, problem, addresses }: LocalInterface): string {
  return JSON.stringify([name, ipv4, ipv6, problem, addresses])
}

/** On which interface a datagram came: by its zone, else by the networks. What is from outside of all has no business here. */
export function cameFrom<Each extends { readonly interface: LocalInterface }>(
  source: string,
  candidates: Iterable<Each>,
): Each | undefined {
  const [host = '', zone] = source.split('%', 2)
  const canonical = canonicalAddress(host)
  for (const each of candidates) {
    if (zone === undefined ? isOn(canonical, each.interface) : each.interface.name === zone) return each
  }
  return undefined
}

/** The address lies in a network of this interface. */
export function isOn(address: string | undefined, { networks }: LocalInterface): boolean {
  return address !== undefined && isInNetworks(address, networks)
}

/** The port to be told on this interface: 0 where the listener cannot be reached that way. */
export function toldPort(
  listening: HostPort | undefined,
  { ipv4, ipv6, addresses }: LocalInterface,
  family: Family,
): number {
  if (listening === undefined || (family === 'ipv4' ? ipv4 : ipv6) === undefined) return 0
  const { host, port } = listening
  if (host === '::') return port
  if (host === '0.0.0.0') return family === 'ipv4' ? port : 0
  if (family === 'ipv4') return host === ipv4 ? port : 0
  const [bare = ''] = host.split('%', 1)
  return bare === ipv6 && addresses.includes(bare) ? port : 0
}
