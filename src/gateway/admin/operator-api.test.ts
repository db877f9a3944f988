import { expect, test } from 'vitest'
import { BruteForce } from '../access/brute-force.ts'
import { gatewayError } from '../errors.ts'
import { Secret } from '../../base/secret.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import type { EngineStatus } from '../engine/engines.ts'
import type { AppStatus } from './app-overview.ts'
import { operatorApi, type GatewayStatus } from './operator-api.ts'
import type { TokenRegister } from './token-routes.ts'

const clock = { monotonic: () => 5_000, wall: () => Date.UTC(2026, 0, 1) }

type Call = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: unknown }>

const noTokens: TokenRegister = {
  list: () => [],
  add: () => Promise.reject(new Error('not here')),
  revoke: () => Promise.resolve(null),
}
const overview: TunnelOverview = {
  listening: '0.0.0.0:8782',
  tls: true,
  requireTokens: 'none',
  tunnels: [],
  refused: [],
}

const engine: EngineStatus = {
  port: 24_000,
  via: 'socket',
  reachable: true,
  version: { apiVersion: '1.51', minApiVersion: '1.24', engine: 'Docker 28.3.3' },
  lastError: null,
  busy: 1,
  waiting: 0,
}
const app: AppStatus = {
  id: 'foo',
  version: '1.2.3',
  address: '127.0.0.1:23001',
  route: 'direct',
  tunnel: null,
  state: 'unused',
  requests: 0,
  lastStatus: null,
  lastError: null,
}

function makeApi(...failing: string[]): Call {
  return apiWith(noTokens, ...failing)
}

function apiWith(tokens: TokenRegister, ...failing: string[]): Call {
  const bruteForce = new BruteForce({
    count: 2,
    windowMs: 60_000,
    ipv6PrefixBits: 64,
    maxAddresses: 100,
    clock,
  })
  for (const address of failing) bruteForce.recordFailure(address)
  const api = operatorApi({
    bruteForce,
    tokens,
    status: () => ({ version: '1' }) as GatewayStatus,
    tunnels: () => overview,
    engines: async () => [engine],
    apps: () => [app],
  })
  return async (method, path, sent) => {
    const { status, body } = await api({ method, path, body: sent === undefined ? '' : JSON.stringify(sent) })
    return { status, body: body.startsWith('{') ? JSON.parse(body) : body }
  }
}

test('only addresses with enough failures are listed, with the end of their ban', async () => {
  const call = makeApi('192.0.2.1', '192.0.2.2', '192.0.2.1')

  expect(await call('GET', '/bans')).toEqual({
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
])('%s can be lifted', async (_what, banned, asked, told) => {
  const call = makeApi(banned, banned)

  expect(await call('DELETE', `/bans/${encodeURIComponent(asked)}`)).toEqual({
    status: 200,
    body: { lifted: told },
  })

  expect((await call('GET', '/bans')).body).toEqual({ bans: [] })
})

test('lifting an address without failures is 404, lifting something else is 400', async () => {
  const call = makeApi('192.0.2.1', '192.0.2.1')

  expect((await call('DELETE', '/bans/192.0.2.9')).status).toBe(404)
  for (const wrong of ['localhost', '127.1', '%', '192.0.2.1%2F33']) {
    expect((await call('DELETE', `/bans/${wrong}`)).status).toBe(400)
  }
  expect((await call('GET', '/bans')).body).toMatchObject({ bans: [{ address: '192.0.2.1' }] })
})

test('nothing but the documented calls is answered', async () => {
  const call = makeApi('192.0.2.1', '192.0.2.1')

  expect(await call('GET', '/status')).toEqual({ status: 200, body: { version: '1' } })
  expect((await call('POST', '/status')).status).toBe(405)
  expect((await call('DELETE', '/bans')).status).toBe(405)
  expect((await call('GET', '/bans/192.0.2.1')).status).toBe(405)
  expect((await call('GET', '/')).status).toBe(404)
  expect((await call('GET', '/constructor')).status).toBe(404)
  expect((await call('GET', '/status/now')).status).toBe(404)
  expect((await call('DELETE', '/bans/192.0.2.1/32')).status).toBe(404)
})

test('tunnels are told as the tunnel server gives them', async () => {
  const call = makeApi()

  expect(await call('GET', '/tunnels')).toEqual({ status: 200, body: overview })
  expect((await call('POST', '/tunnels', {})).status).toBe(405)
})

test('engines and apps are told as they are', async () => {
  const call = makeApi()

  expect(await call('GET', '/engines')).toEqual({ status: 200, body: { engines: [engine] } })
  expect(await call('GET', '/apps')).toEqual({ status: 200, body: { apps: [app] } })
  expect((await call('POST', '/engines')).status).toBe(405)
  expect((await call('DELETE', '/apps')).status).toBe(405)
  expect((await call('GET', '/apps/foo')).status).toBe(404)
})

const entry = {
  id: '0123abcd',
  kind: 'app',
  name: 'foo',
  port: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  lastUsedAt: null,
  lastPeer: null,
} as const

test('a token is made for what was asked, listed without its text, and revoked', async () => {
  const asked: unknown[] = []
  const call = apiWith({
    list: () => [entry],
    add: async (request) => {
      asked.push(request)
      return { entry, text: new Secret('harp_app_x') }
    },
    revoke: async (id) => (id === entry.id ? entry : null),
  })

  expect(await call('POST', '/tokens', { kind: 'app', name: 'Foo' })).toEqual({
    status: 200,
    body: { ...entry, token: 'harp_app_x' },
  })
  expect(asked).toEqual([{ kind: 'app', name: 'foo', port: null }])
  expect(await call('GET', '/tokens')).toEqual({ status: 200, body: { tokens: [entry] } })
  expect(await call('DELETE', '/tokens/0123abcd')).toEqual({ status: 200, body: { revoked: entry } })
  expect((await call('DELETE', '/tokens/ffffffff')).status).toBe(404)
})

test.each([
  ['nothing', undefined],
  ['no name', { kind: 'app' }],
  ['another kind', { kind: 'user', name: 'foo' }],
  ['an app id with a blank', { kind: 'app', name: 'a b' }],
  ['an app id that is too long', { kind: 'app', name: 'a'.repeat(65) }],
  ['an app with a port', { kind: 'app', name: 'foo', port: 24_000 }],
  ['an engine without a name', { kind: 'engine', name: '' }],
  ['an engine with a path for a name', { kind: 'engine', name: '../x' }],
  ['a port below the engines’', { kind: 'engine', name: 'gpu', port: 23_999 }],
  ['a port above the engines’', { kind: 'engine', name: 'gpu', port: 24_100 }],
  ['half a port', { kind: 'engine', name: 'gpu', port: 24_000.5 }],
  ['something else beside it', { kind: 'engine', name: 'gpu', token: 'mine' }],
])('a token for %s is refused with a reason', async (_what, request) => {
  const { status, body } = await makeApi()('POST', '/tokens', request)

  expect(status).toBe(400)
  expect(body).toEqual({ error: expect.stringContaining('token') })
})

test('what keeps tokens from being made is told with its fix and its code', async () => {
  const call = apiWith({ ...noTokens, add: () => Promise.reject(gatewayError('TOKENS_FULL', 'there are 2')) })

  expect(await call('POST', '/tokens', { kind: 'app', name: 'foo' })).toEqual({
    status: 500,
    body: { error: expect.stringMatching(/^there are 2\. Fix: Revoke .* \[TOKENS_FULL\]$/) },
  })
})

test('tokens take no other methods', async () => {
  const call = makeApi()

  expect((await call('PUT', '/tokens')).status).toBe(405)
  expect((await call('GET', '/tokens/0123abcd')).status).toBe(405)
  expect((await call('DELETE', '/tokens')).status).toBe(405)
})
