import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import type { AppLookup } from '../access/decision.ts'
import type { RequireTokens } from '../config/config.ts'
import type { NewProxy } from '../frp/messages.ts'
import type { TokenGrant } from '../tokens/token-store.ts'
import type { ControlSession } from './control-session.ts'
import { LocalEngine } from './local-engine.ts'
import { ProxyClaims, type ClaimResult } from './proxy-claims.ts'
import { ProxyRegistry } from './proxy-registry.ts'

/** A client's session as far as the rules look at it. */
class Client {
  readonly proxies = new Map<string, unknown>()
  readonly identity: { grant: TokenGrant | null }
  readonly peer = '192.0.2.7'
  isClosed = false
  isAlive = true
  closedFor: string | null = null

  constructor(grant: TokenGrant | null = null) {
    this.identity = { grant }
  }

  get session(): ControlSession {
    return this as unknown as ControlSession
  }

  async probe(): Promise<boolean> {
    return this.isAlive && !this.isClosed
  }

  close(problem: string): void {
    this.isClosed = true
    this.closedFor = problem
    for (const proxy of registry.list()) if (proxy.session === this.session) registry.remove(proxy)
    this.proxies.clear()
  }
}

const clock = { monotonic: () => 0, wall: () => 0 }
const ports = new Map<string, number>()
let registry: ProxyRegistry

function claims(
  options: { requireTokens?: RequireTokens; socket?: string; bind?: boolean } = {},
): ProxyClaims {
  return new ProxyClaims({
    registry,
    findApp: async (appId): Promise<AppLookup> => {
      const port = ports.get(appId)
      if (port === undefined) return { kind: 'unknown' }
      const record = { appId, token: '', version: '1', host: '127.0.0.1', port, routes: [] }
      return { kind: 'known', app: { record, requirementFor: () => ({ kind: 'no-route' }) } }
    },
    requireTokens: options.requireTokens ?? 'none',
    localEngine: new LocalEngine(options.socket ?? null),
    bind: async () => options.bind ?? true,
    wallClock: () => 0,
    randomInt: () => 7,
    log: silentLogger,
  })
}

async function claim(rules: ProxyClaims, client: Client, fields: Partial<NewProxy>): Promise<ClaimResult> {
  const message: NewProxy = {
    kind: 'NewProxy',
    proxyName: 'app',
    proxyType: 'tcp',
    useEncryption: false,
    useCompression: false,
    bandwidthLimit: '',
    bandwidthLimitMode: '',
    group: '',
    groupKey: '',
    metas: {},
    annotations: {},
    remotePort: 23_000,
    ...fields,
  }
  const result = await rules.claim(client.session, message)
  if (result.kind === 'granted') client.proxies.set(message.proxyName, result.proxy)
  return result
}

const portOf = (result: ClaimResult): number | string =>
  result.kind === 'granted' ? result.proxy.port : result.error

beforeEach(() => {
  registry = new ProxyRegistry(clock)
  ports.clear()
})

test.each([
  [22_999, 'port not allowed'],
  [23_000, 23_000],
  [23_999, 23_999],
  [24_000, 24_000],
  [24_099, 24_099],
  [24_100, 'port not allowed'],
  [-1, 'port not allowed'],
  [70_000, 'port not allowed'],
])('port %i: %s', async (remotePort, expected) => {
  expect(portOf(await claim(claims(), new Client(), { remotePort }))).toBe(expected)
})

test.each([
  [{ proxyType: 'udp' }, 'proxy type [udp] is not supported'],
  [{ proxyType: 'stcp' }, 'proxy type [stcp] is not supported'],
  [{ useCompression: true }, 'useCompression is not supported'],
  [{ group: 'g' }, 'loadBalancer.group is not supported'],
  [{ bandwidthLimit: '1MB', bandwidthLimitMode: 'server' }, 'bandwidthLimitMode'],
  [{ proxyName: '' }, 'needs a name'],
] satisfies [Partial<NewProxy>, string][])(
  'what is not supported is refused by name: %o',
  async (fields, expected) => {
    expect(portOf(await claim(claims(), new Client(), fields))).toContain(expected)
  },
)

test('an empty type is tcp, and a limit that the client enforces is its own affair', async () => {
  const result = await claim(claims(), new Client(), {
    proxyType: '',
    bandwidthLimit: '1MB',
    bandwidthLimitMode: 'client',
  })

  expect(result.kind).toBe('granted')
})

test('frp’s own words for a second proxy, a taken name and a taken port', async () => {
  const rules = claims()
  const holder = new Client()
  await claim(rules, holder, { proxyName: 'one', remotePort: 23_001 })

  expect(portOf(await claim(rules, holder, { proxyName: 'two', remotePort: 23_002 }))).toBe(
    'exceed the max_ports_per_client',
  )
  expect(portOf(await claim(rules, new Client(), { proxyName: 'one', remotePort: 23_002 }))).toBe(
    'proxy [one] already exists',
  )
  expect(portOf(await claim(rules, new Client(), { proxyName: 'two', remotePort: 23_001 }))).toBe(
    'port already used',
  )
  expect(
    portOf(await claim(claims({ bind: false }), new Client(), { proxyName: 'x', remotePort: 23_005 })),
  ).toBe('port unavailable')
  expect(registry.byPort(23_005)).toBeUndefined()
})

test('a holder whose connection is dead gives way, a live one does not', async () => {
  const rules = claims()
  const holder = new Client()
  await claim(rules, holder, { remotePort: 24_001, proxyName: 'engine' })
  expect(portOf(await claim(rules, new Client(), { remotePort: 24_001, proxyName: 'other' }))).toBe(
    'port already used',
  )
  expect(holder.closedFor).toBeNull()

  holder.isAlive = false
  expect(portOf(await claim(rules, new Client(), { remotePort: 24_001, proxyName: 'engine' }))).toBe(24_001)
  expect(holder.closedFor).toContain('dead')
})

test('an app has the port that Nextcloud knows, and no other', async () => {
  ports.set('app', 23_010)

  expect(portOf(await claim(claims(), new Client(), { remotePort: 23_011 }))).toContain(
    'Nextcloud has port 23010',
  )
  expect(portOf(await claim(claims(), new Client(), { remotePort: 23_010 }))).toBe(23_010)
})

test('the rightful owner displaces whoever sits on its port', async () => {
  const rules = claims()
  const squatter = new Client()
  await claim(rules, squatter, { proxyName: 'squatter', remotePort: 23_010 })
  ports.set('app', 23_010)

  expect(portOf(await claim(rules, new Client(), { remotePort: 23_010 }))).toBe(23_010)
  expect(squatter.closedFor).toContain('belongs to another app')
  expect(registry.byName('squatter')).toBeUndefined()
})

test('a live app is not displaced by its own name in other letters', async () => {
  const rules = claims()
  const app = new Client()
  ports.set('app', 23_010)
  await claim(rules, app, { proxyName: 'app', remotePort: 23_010 })

  expect(portOf(await claim(rules, new Client(), { proxyName: 'APP', remotePort: 23_010 }))).toBe(
    'port already used',
  )
  expect(app.closedFor).toBeNull()

  const owner = new Client({ id: 'a', kind: 'app', name: 'app', port: null })
  expect(portOf(await claim(rules, owner, { proxyName: 'App', remotePort: 23_010 }))).toBe(23_010)
})

test('a record that comes later closes a tunnel of its name on another port, and no other', async () => {
  const rules = claims()
  const [wrong, right] = [new Client(), new Client()]
  await claim(rules, wrong, { proxyName: 'App', remotePort: 23_001 })
  await claim(rules, right, { proxyName: 'other', remotePort: 23_002 })
  rules.recheck('app', 23_009)
  rules.recheck('other', 23_002)

  expect(wrong.closedFor).toContain('Nextcloud has port 23009')
  expect(right.closedFor).toBeNull()
})

test('port 0: Nextcloud’s, else the one of last time, else a free one of the apps', async () => {
  const rules = claims()
  const client = new Client()
  expect(portOf(await claim(rules, client, { remotePort: 0, proxyName: 'free' }))).toBe(23_007)
  client.close('')
  await claim(rules, new Client(), { remotePort: 23_100, proxyName: 'mine' }).then((result) => {
    if (result.kind === 'granted') registry.remove(result.proxy)
  })
  expect(portOf(await claim(rules, new Client(), { remotePort: 0, proxyName: 'mine' }))).toBe(23_100)
  ports.set('known', 23_500)
  expect(portOf(await claim(rules, new Client(), { remotePort: 0, proxyName: 'known' }))).toBe(23_500)
})

test('port 0 with all tries taken is refused in frp’s words', async () => {
  const rules = claims()
  await claim(rules, new Client(), { remotePort: 23_007, proxyName: 'one' })

  expect(portOf(await claim(rules, new Client(), { remotePort: 0, proxyName: 'two' }))).toBe(
    'no available port',
  )
})

test('a token opens its own name and kind of port only', async () => {
  const app: TokenGrant = { id: 'a', kind: 'app', name: 'app', port: null }
  const engine: TokenGrant = { id: 'e', kind: 'engine', name: 'gpu', port: 24_003 }
  const rules = claims({ requireTokens: 'engines' })

  expect(portOf(await claim(rules, new Client(app), { proxyName: 'other' }))).toContain(
    'this token is for "app"',
  )
  expect(portOf(await claim(rules, new Client(app), { remotePort: 24_001 }))).toContain('port not allowed')
  expect(portOf(await claim(rules, new Client(engine), { proxyName: 'gpu', remotePort: 24_004 }))).toContain(
    'port 24003',
  )
  expect(portOf(await claim(rules, new Client(engine), { proxyName: 'gpu', remotePort: 24_003 }))).toBe(
    24_003,
  )
  expect(portOf(await claim(rules, new Client(app), {}))).toBe(23_000)
})

test('a name is its token’s: an app that took it with the shared key gives way, a live engine does not', async () => {
  const rules = claims()
  const gpu: TokenGrant = { id: 'e', kind: 'engine', name: 'gpu', port: null }
  const squatter = new Client()
  await claim(rules, squatter, { proxyName: 'gpu', remotePort: 23_001 })

  expect(portOf(await claim(rules, new Client(gpu), { proxyName: 'gpu', remotePort: 24_001 }))).toBe(24_001)
  expect(squatter.closedFor).toContain('token')

  const engine = new Client()
  await claim(rules, engine, { proxyName: 'cpu', remotePort: 24_002 })
  const cpu = new Client({ ...gpu, id: 'c', name: 'cpu' })
  expect(portOf(await claim(rules, cpu, { proxyName: 'cpu', remotePort: 24_003 }))).toContain(
    'already exists',
  )
  expect(engine.closedFor).toBeNull()
})

test('with tokens required for engines the shared key opens apps only', async () => {
  const rules = claims({ requireTokens: 'engines' })

  expect(portOf(await claim(rules, new Client(), { remotePort: 24_001 }))).toContain('needs a token')
  expect(portOf(await claim(rules, new Client(), { remotePort: 23_001 }))).toBe(23_001)
})

test('port 24000 is the mounted engine’s while its socket is there', async () => {
  const mounted = claims({ socket: import.meta.filename })

  expect(portOf(await claim(mounted, new Client(), { remotePort: 24_000 }))).toBe('port already used')
  expect(portOf(await claim(claims({ socket: '/nowhere' }), new Client(), { remotePort: 24_000 }))).toBe(
    24_000,
  )
})

test('a client that left while its claim was looked at gets nothing', async () => {
  const client = new Client()
  const pending = claim(claims(), client, {})
  client.isClosed = true

  expect((await pending).kind).toBe('refused')
  expect(registry.size).toBe(0)
})
