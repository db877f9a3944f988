import { expect, test } from 'vitest'
import { reachableAddresses, type Interfaces } from './listen-addresses.ts'

function interfaces(...addresses: readonly string[]): Interfaces {
  return {
    eth0: addresses.map((address) => ({
      address,
      netmask: '',
      mac: '',
      cidr: null,
      internal: address === '127.0.0.1' || address === '::1',
      ...(address.includes(':') ? { family: 'IPv6' as const, scopeid: 0 } : { family: 'IPv4' as const }),
    })),
  }
}

const all = interfaces('127.0.0.1', '::1', 'fe80::1', '2001:db8::5', '192.168.1.4')

test('one that is bound to an address can be reached there', () => {
  expect(reachableAddresses({ host: '127.0.0.1', port: 7 }, all)).toEqual(['127.0.0.1:7'])
})

test('one that is bound to any can be reached at those that others can use', () => {
  expect(reachableAddresses({ host: '::', port: 7 }, all)).toEqual(['192.168.1.4:7', '[2001:db8::5]:7'])
  expect(reachableAddresses({ host: '0.0.0.0', port: 7 }, all)).toEqual(['192.168.1.4:7'])
})

test('without a network there is loopback', () => {
  expect(reachableAddresses({ host: '0.0.0.0', port: 7 }, interfaces('127.0.0.1', '::1'))).toEqual([
    '127.0.0.1:7',
  ])
})

test('an invitation holds eight at most', () => {
  const many = interfaces(...Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`))
  expect(reachableAddresses({ host: '0.0.0.0', port: 7 }, many)).toHaveLength(8)
})
