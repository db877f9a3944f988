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

/** `host:port`. False for names: nobody asks where they lead. */
export function isOwnNetwork(address: string, networks: readonly Network[] = ownNetworks()): boolean {
  const host = parseHostPort(address)?.host ?? address
  const [bare = ''] = host.split('%', 1)
  const canonical = canonicalAddress(bare)
  if (canonical === undefined) return false
  return canonical.startsWith('fe80:') || isInNetworks(canonical, networks)
}
