import { expect, test } from 'vitest'
import { parseNetwork } from '../../net/address.ts'
import { judgeClientAddress, withProxy } from './client-address-check.ts'
import { claimedAddress, type Echo } from './echo.ts'

const nothing: Echo = {
  gateway: 'Harp',
  version: '0',
  instance: 'i',
  target: '/',
  peer: '172.18.0.5',
  isPeerTrusted: false,
  client: '172.18.0.5',
  isBanned: false,
  isUnchanged: false,
  forwarded: {},
}
const networks = ['172.18.0.5', '10.0.0.0/8'].flatMap((each) => parseNetwork(each)?.network ?? [])

const xff = (value: string): Partial<Echo> => ({ forwarded: { 'x-forwarded-for': value } })
const trusted = { isPeerTrusted: true }

test.each<[string, Partial<Echo>, string]>([
  ['without a proxy', { ...xff(claimedAddress), isUnchanged: true }, 'no reverse proxy'],
  [
    'a trusted proxy that replaces',
    { ...xff('198.51.100.7'), ...trusted, client: '198.51.100.7' },
    '198.51.100.7, from X-Forwarded-For',
  ],
  [
    'a trusted proxy that appends',
    { ...xff(`${claimedAddress}, 198.51.100.7`), ...trusted, client: '198.51.100.7' },
    '198.51.100.7, from X-Forwarded-For',
  ],
  [
    'a trusted proxy that says X-Real-IP alone',
    { forwarded: { 'x-real-ip': '198.51.100.7' }, ...trusted, client: '198.51.100.7' },
    'from X-Real-IP',
  ],
  [
    'a machine that is itself trusted',
    { ...xff(`${claimedAddress}, 10.0.0.1`), ...trusted, client: claimedAddress },
    'itself a trusted proxy',
  ],
  ['everything on one machine', { ...xff('172.18.0.5'), ...trusted }, '172.18.0.5, from X-Forwarded-For'],
])('%s is fine', (_what, seen, detail) => {
  const check = judgeClientAddress({ ...nothing, ...seen }, networks)

  expect(check.status).toBe('ok')
  expect(check.detail).toContain(detail)
})

test.each<[string, Partial<Echo>, RegExp, RegExp]>([
  [
    'says nothing',
    {},
    /does not say who the client is/,
    /proxy_set_header X-Forwarded-For.*HP_TRUSTED_PROXY_IPS=/,
  ],
  [
    'passes claims on, though trusted',
    { ...xff(claimedAddress), ...trusted, client: claimedAddress },
    /passes on what clients claim/,
    /proxy_set_header/,
  ],
  ['passes claims on', xff(claimedAddress), /passes on what clients claim/, /proxy_set_header/],
  [
    'writes what is no address',
    { ...xff('unknown'), ...trusted },
    /does not end with an address/,
    /proxy_set_header/,
  ],
])('a proxy that %s fails', (_what, seen, detail, fix) => {
  const check = judgeClientAddress({ ...nothing, ...seen }, networks)

  expect(check.status).toBe('fail')
  expect(check.detail).toMatch(detail)
  expect(check.fix).toMatch(fix)
})

test('a proxy that is not trusted fails with the value to set', () => {
  const seen = { ...nothing, ...xff('198.51.100.7') }

  expect(judgeClientAddress(seen, networks.slice(1))).toMatchObject({
    status: 'fail',
    fix: 'set HP_TRUSTED_PROXY_IPS=10.0.0.0/8,172.18.0.5 and restart the gateway',
  })
})

test('a proxy that this environment trusts and the gateway does not needs a restart', () => {
  const seen = { ...nothing, ...xff('198.51.100.7') }

  expect(judgeClientAddress(seen, networks)).toMatchObject({
    status: 'fail',
    fix: expect.stringContaining('restart the gateway: it was started with another'),
  })
})

test('the value to set keeps what is there and writes single addresses without a length', () => {
  const given = ['192.0.2.1', '10.0.0.0/8', '2001:db8::1', '2001:db8::/32'].flatMap(
    (each) => parseNetwork(each)?.network ?? [],
  )

  expect(withProxy(given, '::1')).toBe('192.0.2.1,10.0.0.0/8,2001:db8::1,2001:db8::/32,::1')
})
