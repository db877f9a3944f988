import { expect, test } from 'vitest'
import { isOwnNetwork, ownNetworks } from './own-networks.ts'

const one = { netmask: '', mac: '', internal: false } as const
const interfaces = {
  eth0: [
    { ...one, address: '192.0.2.4', family: 'IPv4' as const, cidr: '192.0.2.4/24' },
    { ...one, address: '2001:db8::4', family: 'IPv6' as const, cidr: '2001:db8::4/64', scopeid: 0 },
  ],
  tunnel: [{ ...one, address: '198.51.100.7', family: 'IPv4' as const, cidr: '198.51.100.7/32' }],
  lo: [{ ...one, internal: true, address: '127.0.0.1', family: 'IPv4' as const, cidr: '127.0.0.1/8' }],
  odd: [{ ...one, address: 'x', family: 'IPv4' as const, cidr: null }],
}

test.each([
  ['192.0.2.99:22783', true],
  ['[::ffff:192.0.2.99]:22783', true],
  ['192.0.3.1:22783', false],
  ['[2001:db8::9]:1', true],
  ['[2001:db8:1::9]:1', false],
  ['[fe80::1%eth0]:1', true],
  ['127.0.0.1:1', true],
  ['198.51.100.7:1', false],
  ['nas.example:1', false],
  ['', false],
])('%s is of an own network: %s', (address, isOwn) => {
  expect(isOwnNetwork(address, ownNetworks(interfaces))).toBe(isOwn)
})
