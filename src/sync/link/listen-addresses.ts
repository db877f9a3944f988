import { networkInterfaces } from 'node:os'
import { formatHostPort, isThisMachine, type HostPort } from '../../net/address.ts'
import { linkLimits } from './link-limits.ts'

export type Interfaces = ReturnType<typeof networkInterfaces>

/**
 * Where others may reach a listener, for invitations and greetings: the address that it is bound to, or all of this
 * machine's where it is bound to any. Loopback only if there is nothing else.
 */
export function reachableAddresses(bound: HostPort, interfaces: Interfaces = networkInterfaces()): string[] {
  if (bound.host !== '0.0.0.0' && bound.host !== '::') return [formatHostPort(bound)]
  const found = Object.values(interfaces)
    .flatMap((each) => each ?? [])
    // NOTE: link-local ones mean nothing without the name of an interface of the other machine.
    .filter(
      ({ address, family }) => !address.startsWith('fe80:') && (bound.host === '::' || family === 'IPv4'),
    )
  const outer = found.filter(({ internal, address }) => !internal && !isThisMachine(address))
  const sorted = (outer.length > 0 ? outer : found).toSorted((left, right) =>
    left.family === right.family ? 0 : left.family === 'IPv4' ? -1 : 1,
  )
  const texts = sorted.map(({ address }) => formatHostPort({ host: address, port: bound.port }))
  return [...new Set(texts)].slice(0, linkLimits.addresses)
}
