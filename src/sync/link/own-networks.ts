import { networkInterfaces } from 'node:os'
import {
  canonicalAddress,
  isInNetworks,
  parseHostPort,
  parseNetwork,
  type Network,
} from '../../net/address.ts'
import type { Interfaces } from './listen-addresses.ts'

/** The networks that this device is in, with all their addresses. Those of one address alone lead elsewhere: left out. */
export function ownNetworks(interfaces: Interfaces = networkInterfaces()): readonly Network[] {
  return Object.values(interfaces).flatMap((each) =>
    (each ?? []).flatMap(({ cidr, internal, family }) => {
      const network = cidr === null ? undefined : parseNetwork(cidr)?.network
      const width = family === 'IPv4' ? 32 : 128
      return network === undefined || (network.prefixBits === width && !internal) ? [] : [network]
    }),
  )
}

/** How a device is reached: over an address of a network that this one is in, or over another one. */
export const paths = ['lan', 'direct'] as const
export type Path = (typeof paths)[number]

export function pathOver(address: string, networks: readonly Network[]): Path {
  return isOwnNetwork(address, networks) ? 'lan' : 'direct'
}

/** `host:port`. False for names: nobody asks where they lead. */
export function isOwnNetwork(address: string, networks: readonly Network[] = ownNetworks()): boolean {
  const host = parseHostPort(address)?.host ?? address
  const [bare = ''] = host.split('%', 1)
  const canonical = canonicalAddress(bare)
  if (canonical === undefined) return false
  return canonical.startsWith('fe80:') || isInNetworks(canonical, networks)
}
