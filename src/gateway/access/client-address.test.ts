import { expect, test } from 'vitest'
import { parseNetwork, type Network } from '../../net/address.ts'
import {
  clientAddress as ofPeer,
  describePeer,
  type ClientAddress,
  type ForwardedFor,
} from './client-address.ts'

function networks(...texts: string[]): Network[] {
  return texts.map((text) => {
    const parsed = parseNetwork(text)
    if (parsed === undefined) throw new Error(text)
    return parsed.network
  })
}

function clientAddress(peer: string, headers: ForwardedFor, proxies: readonly Network[]): ClientAddress {
  return ofPeer(describePeer(peer, proxies), headers, proxies)
}

const trusted = networks('127.0.0.0/8', '::1', '10.0.0.0/24')

const cases: [string, string | undefined, string | undefined, string, string][] = [
  ['9.9.9.9', undefined, undefined, '9.9.9.9', 'an untrusted peer is itself'],
  ['9.9.9.9', '1.1.1.1', '2.2.2.2', '9.9.9.9', 'row 75: headers of an untrusted peer are ignored'],
  ['127.0.0.1', '1.1.1.1', undefined, '1.1.1.1', 'a trusted proxy names the client'],
  ['127.0.0.1', '10.0.0.1, 9.9.9.9', undefined, '9.9.9.9', 'row 74: the rightmost untrusted address wins'],
  [
    '127.0.0.1',
    'spoofed, 9.9.9.9, 10.0.0.5',
    undefined,
    '9.9.9.9',
    'trusted proxies in the chain are skipped',
  ],
  ['127.0.0.1', '1.1.1.1,2.2.2.2', undefined, '2.2.2.2', 'row 76: several lines are one chain'],
  ['127.0.0.1', 'junk', '3.3.3.3', '3.3.3.3', 'row 77: X-Real-IP stands in for an unusable chain'],
  ['127.0.0.1', '9.9.9.9, unknown', '3.3.3.3', '3.3.3.3', 'an unusable element ends the walk'],
  ['127.0.0.1', '10.0.0.7:1234', undefined, '10.0.0.7', 'row 78: a port is accepted'],
  ['127.0.0.1', '[2001:db8::1]:443', undefined, '2001:db8::1', 'brackets and port are accepted'],
  ['127.0.0.1', '2001:DB8:0:0::1', undefined, '2001:db8::1', 'the form is canonical'],
  ['127.0.0.1', '10.0.0.1, 127.0.0.2', undefined, '10.0.0.1', 'all trusted: the leftmost'],
  ['127.0.0.1', '', undefined, '127.0.0.1', 'an empty chain leaves the peer'],
  ['::ffff:127.0.0.1', '1.1.1.1', undefined, '1.1.1.1', 'IPv4-mapped peers are IPv4'],
  ['::1', '1.1.1.1', undefined, '1.1.1.1', 'IPv6 proxies are trusted'],
  ['127.0.0.1', 'junk', 'junk', '127.0.0.1', 'nothing usable leaves the peer'],
]

test.each(cases)(
  'peer %s, X-Forwarded-For %s, X-Real-IP %s: %s (%s)',
  (peer, xForwardedFor, xRealIp, expected) => {
    expect(clientAddress(peer, { xForwardedFor, xRealIp }, trusted).address).toBe(expected)
  },
)

test('only a proxy speaking for itself is exempt from bans', () => {
  expect(
    clientAddress('127.0.0.1', { xForwardedFor: undefined, xRealIp: undefined }, trusted).isTrustedProxy,
  ).toBe(true)
  expect(
    clientAddress('127.0.0.1', { xForwardedFor: '10.0.0.9', xRealIp: undefined }, trusted).isTrustedProxy,
  ).toBe(false)
  expect(
    clientAddress('9.9.9.9', { xForwardedFor: undefined, xRealIp: undefined }, trusted).isTrustedProxy,
  ).toBe(false)
})
