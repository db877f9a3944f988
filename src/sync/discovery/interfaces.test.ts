import type { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { cameFrom, localInterfaces, toldPort, type LocalInterface } from './interfaces.ts'

type Found = ReturnType<typeof networkInterfaces>

function entry(cidr: string, internal = false) {
  const [address = ''] = cidr.split('/')
  const mac = '00:00:00:00:00:00'
  return cidr.includes(':')
    ? { address, cidr, internal, mac, netmask: 'ffff::', family: 'IPv6' as const, scopeid: 2 }
    : { address, cidr, internal, mac, netmask: '255.255.255.0', family: 'IPv4' as const }
}

const found: Found = {
  lo: [entry('127.0.0.1/8', true), entry('::1/128', true)],
  wlan0: [entry('192.0.2.7/24'), entry('fe80::7/64'), entry('2001:db8::7/64')],
  eth0: [entry('198.51.100.7/25')],
  tun0: [entry('10.8.0.2/32')],
  six0: [entry('fe80::9/64')],
  odd0: [entry('2001:db8:1::7/64')],
}
const rules = { isLoopback: false, isMulticast: (name: string) => name !== 'tun0' }

test('those that are up and of this network are used; the others say why not', () => {
  const local = localInterfaces(found, rules)

  expect(local.map(({ name, ipv4, ipv6, problem }) => [name, ipv4, ipv6, problem])).toEqual([
    ['eth0', '198.51.100.7', undefined, undefined],
    ['six0', undefined, 'fe80::9', undefined],
    ['tun0', '10.8.0.2', undefined, 'multicast is off on this interface'],
    ['wlan0', '192.0.2.7', 'fe80::7', undefined],
  ])
  expect(localInterfaces(found, { ...rules, isLoopback: true }).map(({ name }) => name)).toEqual(['lo'])
})

test('at most 16 are used', () => {
  const many: Found = Object.fromEntries(
    Array.from({ length: 17 }, (_, index) => [`e${10 + index}`, [entry(`10.${index}.0.1/24`)]]),
  )
  const problems = localInterfaces(many, rules).map(({ problem }) => problem)

  expect(problems.filter((each) => each === undefined).length).toBe(16)
  expect(problems.at(-1)).toBe('only 16 interfaces are used')
})

test('the ends of containers, which have no IPv4, do not crowd out the network of the house', () => {
  const ends = Array.from({ length: 20 }, (_, index) => [`veth${10 + index}`, [entry('fe80::1/64')]])
  const all: Found = { ...Object.fromEntries(ends), wlan0: [entry('192.0.2.7/24')] }
  const local = localInterfaces(all, rules)

  expect(local.find(({ name }) => name === 'wlan0')?.problem).toBe(undefined)
  expect(local.filter(({ problem }) => problem === undefined).length).toBe(16)
})

test('where a datagram was heard shows its zone, or its network', () => {
  const candidates = localInterfaces(found, rules).map((each) => ({ interface: each }))
  const nameOf = (source: string): string | undefined => cameFrom(source, candidates)?.interface.name

  expect(nameOf('192.0.2.99')).toBe('wlan0')
  expect(nameOf('198.51.100.99')).toBe('eth0')
  expect(nameOf('fe80::1%six0')).toBe('six0')
  expect(nameOf('fe80::1%eth9')).toBe(undefined)
  expect(nameOf('203.0.113.1')).toBe(undefined)
  expect(nameOf('127.0.0.1')).toBe(undefined)
})

test.each([
  ['::', 7, 7],
  ['0.0.0.0', 7, 0],
  ['192.0.2.7', 7, 0],
  ['fe80::7%wlan0', 0, 7],
  ['127.0.0.1', 0, 0],
  ['198.51.100.7', 0, 0],
])('a listener at %s is told as port %i by IPv4 and %i by IPv6', (host, ipv4, ipv6) => {
  const wlan0 = localInterfaces(found, rules).find(({ name }) => name === 'wlan0') as LocalInterface

  expect(toldPort({ host, port: 7 }, wlan0, 'ipv4')).toBe(ipv4)
  expect(toldPort({ host, port: 7 }, wlan0, 'ipv6')).toBe(ipv6)
  expect(toldPort(undefined, wlan0, 'ipv4')).toBe(0)
})
