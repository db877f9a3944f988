import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressGroup,
  canonicalAddress,
  canonicalForwardedAddress,
  formatHostPort,
  formatNetwork,
  isInNetworks,
  parseHostPort,
  parseNetwork,
} from './address.ts'

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::1', '::1'],
  ['127.1', undefined],
  ['0x7f.0.0.1', undefined],
  ['1.2.3.4.5', undefined],
  ['256.1.1.1', undefined],
  ['localhost', undefined],
  ['', undefined],
])('the canonical form of %s is %s', (text, expected) => {
  expect(canonicalAddress(text)).toBe(expected)
})

test.each([
  ['10.0.0.7:1234', '10.0.0.7'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['unknown', undefined],
  ['_hidden', undefined],
  ['10.0.0.7:', undefined],
  ['[10.0.0.7', undefined],
])('a forwarded %s is %s', (text, expected) => {
  expect(canonicalForwardedAddress(text)).toBe(expected)
})

test.each([
  ['192.168.100.20/24', '192.168.100.0/24', true],
  ['10.0.0.0/8', '10.0.0.0/8', false],
  ['::1', '::1/128', false],
  ['2001:db8::5/32', '2001:db8::/32', true],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8', false],
])('network %s is %s, masked: %s', (text, expected, masked) => {
  const parsed = parseNetwork(text)

  expect(parsed && formatNetwork(parsed.network)).toBe(expected)
  expect(parsed?.masked).toBe(masked)
})

test.each(['bad', '10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/', '/8'])('%s is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined()
})

test('an address is in a network exactly where its first bits agree', () => {
  const address = fc.integer({ min: 0, max: 0xffff_ffff })
  const text = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')

  fc.assert(
    fc.property(address, address, fc.integer({ min: 0, max: 32 }), (base, candidate, bits) => {
      const parsed = parseNetwork(`${text(base)}/${bits}`)
      const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0
      const expected = (base & mask) >>> 0 === (candidate & mask) >>> 0
      expect(isInNetworks(text(candidate), parsed === undefined ? [] : [parsed.network])).toBe(expected)
    }),
  )
})

test('families never match each other', () => {
  const every4 = parseNetwork('0.0.0.0/0')
  expect(isInNetworks('::1', every4 === undefined ? [] : [every4.network])).toBe(false)
})

test('IPv6 addresses group by prefix, IPv4 addresses do not', () => {
  expect(addressGroup('2001:db8:1:2:3::4', 64)).toBe('2001:db8:1:2::/64')
  expect(addressGroup('2001:db8:1:2:3::4', 128)).toBe('2001:db8:1:2:3::4')
  expect(addressGroup('10.1.2.3', 64)).toBe('10.1.2.3')
})

test.each([
  ['127.0.0.1:8780', { host: '127.0.0.1', port: 8780 }, '127.0.0.1:8780'],
  ['[::1]:8780', { host: '::1', port: 8780 }, '[::1]:8780'],
  [':8780', { host: '0.0.0.0', port: 8780 }, '0.0.0.0:8780'],
  ['*:8780', { host: '0.0.0.0', port: 8780 }, '0.0.0.0:8780'],
])('%s is a listening address', (text, expected, formatted) => {
  const parsed = parseHostPort(text)

  expect(parsed).toEqual(expected)
  expect(parsed && formatHostPort(parsed)).toBe(formatted)
})

test.each(['8780', 'host', 'host:', 'host:70000', '::1:80', 'a b:80'])(
  '%s is no listening address',
  (text) => {
    expect(parseHostPort(text)).toBeUndefined()
  },
)
