import { expect, test } from 'vitest'
import { BruteForce } from '../access/brute-force.ts'
import { operatorApi, type GatewayStatus } from './operator-api.ts'

const clock = { monotonic: () => 5_000, wall: () => Date.UTC(2026, 0, 1) }

function makeApi(...failing: string[]): (method: string, path: string) => { status: number; body: unknown } {
  const bruteForce = new BruteForce({
    count: 2,
    windowMs: 60_000,
    ipv6PrefixBits: 64,
    maxAddresses: 100,
    clock,
  })
  for (const address of failing) bruteForce.recordFailure(address)
  const api = operatorApi({ bruteForce, status: () => ({ version: '1' }) as GatewayStatus })
  return (method, path) => {
    const { status, body } = api({ method, path })
    return { status, body: body.startsWith('{') ? JSON.parse(body) : body }
  }
}

test('only addresses with enough failures are listed, with the end of their ban', () => {
  const call = makeApi('192.0.2.1', '192.0.2.2', '192.0.2.1')

  expect(call('GET', '/bans')).toEqual({
    status: 200,
    body: { bans: [{ address: '192.0.2.1', failures: 2, until: '2026-01-01T00:01:00.000Z' }] },
  })
})

test.each([
  ['an IPv4 address', '192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['an IPv4 address written as a network', '192.0.2.1', '192.0.2.1/32', '192.0.2.1'],
  ['an IPv6 prefix as listed', '2001:db8::1', '2001:db8::/64', '2001:db8::/64'],
  ['an IPv6 prefix in another spelling', '2001:db8::1', '2001:DB8:0:0::77/64', '2001:db8::/64'],
  ['an IPv6 address within the prefix', '2001:db8::1', '2001:db8::99', '2001:db8::99'],
])('%s can be lifted', (_what, banned, asked, told) => {
  const call = makeApi(banned, banned)

  expect(call('DELETE', `/bans/${encodeURIComponent(asked)}`)).toEqual({
    status: 200,
    body: { lifted: told },
  })

  expect(call('GET', '/bans').body).toEqual({ bans: [] })
})

test('lifting an address without failures is 404, lifting something else is 400', () => {
  const call = makeApi('192.0.2.1', '192.0.2.1')

  expect(call('DELETE', '/bans/192.0.2.9').status).toBe(404)
  for (const wrong of ['localhost', '127.1', '%', '192.0.2.1%2F33']) {
    expect(call('DELETE', `/bans/${wrong}`).status).toBe(400)
  }
  expect(call('GET', '/bans').body).toMatchObject({ bans: [{ address: '192.0.2.1' }] })
})

test('nothing but the documented calls is answered', () => {
  const call = makeApi('192.0.2.1', '192.0.2.1')

  expect(call('GET', '/status')).toEqual({ status: 200, body: { version: '1' } })
  expect(call('POST', '/status').status).toBe(405)
  expect(call('DELETE', '/bans').status).toBe(405)
  expect(call('GET', '/bans/192.0.2.1').status).toBe(405)
  expect(call('GET', '/').status).toBe(404)
  expect(call('DELETE', '/bans/192.0.2.1/32').status).toBe(404)
})
