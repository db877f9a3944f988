import { expect, test } from 'vitest'
import type { ExAppRecord } from '../access/exapp-record.ts'
import type { AppActivity } from '../proxy/app-activity.ts'
import type { TunnelStatus } from '../tunnels/tunnel-status.ts'
import { describeApps } from './app-overview.ts'

const unused: AppActivity = { requests: 0, state: 'unused', lastStatus: null, lastError: null }

function record(appId: string, more: Partial<ExAppRecord> = {}): ExAppRecord {
  return {
    appId,
    token: 'never-to-be-seen',
    version: '1.2.3',
    host: '127.0.0.1',
    port: 23_001,
    routes: [],
    ...more,
  }
}

function tunnel(name: string, port: number, state: 'open' | 'lost' = 'open'): TunnelStatus {
  return {
    name,
    port,
    kind: 'app',
    state,
    peer: '192.0.2.9',
    user: '',
    clientVersion: '0.61.1',
    transport: 'tls',
    mux: true,
    wire: 1,
    certificate: null,
    identity: { kind: 'shared-key' },
    runId: 'abcd',
    openedAt: '2026-01-01T00:00:00.000Z',
    ageSeconds: 60,
    connections: { active: 0, idle: 1, total: 1 },
    bytes: { toApp: 0, fromApp: 0 },
    roundTripMs: 1,
    lastError: null,
    lastSeen: '2026-01-01T00:01:00.000Z',
  }
}

const routeOf = (app: ExAppRecord, ...tunnels: TunnelStatus[]): string => {
  const [found] = describeApps([app], tunnels, () => unused)
  return `${found?.route} ${found?.address} ${found?.tunnel?.name ?? '-'} ${found?.tunnel?.state ?? '-'}`
}

test.each([
  ['its tunnel', record('foo'), [tunnel('foo', 23_001)], 'tunnel 127.0.0.1:23001 foo open'],
  ['whoever has its port', record('foo'), [tunnel('bar', 23_001)], 'tunnel 127.0.0.1:23001 bar open'],
  ['its lost tunnel', record('foo'), [tunnel('Foo', 23_001, 'lost')], 'tunnel 127.0.0.1:23001 Foo lost'],
  ["another's lost tunnel", record('foo'), [tunnel('bar', 23_001, 'lost')], 'direct 127.0.0.1:23001 - -'],
  [
    'an open one before a lost one',
    record('foo'),
    [tunnel('foo', 23_001, 'lost'), tunnel('bar', 23_001)],
    'tunnel 127.0.0.1:23001 bar open',
  ],
  [
    'localhost',
    record('foo', { host: 'localhost' }),
    [tunnel('foo', 23_001)],
    'tunnel localhost:23001 foo open',
  ],
  ['another machine', record('foo', { host: 'appsrv' }), [tunnel('foo', 23_001)], 'direct appsrv:23001 - -'],
  ['an IPv6 address', record('foo', { host: '2001:db8::1' }), [], 'direct [2001:db8::1]:23001 - -'],
  [
    'the cluster, by a port of this machine',
    record('foo', { foundIn: 'kubernetes' }),
    [tunnel('foo', 23_001)],
    'kubernetes 127.0.0.1:23001 - -',
  ],
])('an app is reached by %s', (_what, app, tunnels, expected) => {
  expect(routeOf(app, ...tunnels)).toBe(expected)
})

test('apps come by their ids, with what became of their requests, without their tokens', () => {
  const activity: AppActivity = {
    requests: 7,
    state: 'fails',
    lastStatus: { at: '2026-01-01T00:00:00.000Z', status: 503 },
    lastError: { at: '2026-01-01T00:00:00.000Z', problem: 'no connection to the app' },
  }
  const apps = describeApps([record('foo'), record('bar')], [tunnel('foo', 23_001)], (appId) =>
    appId === 'foo' ? activity : unused,
  )

  expect(apps.map(({ id, requests }) => [id, requests])).toEqual([
    ['bar', 0],
    ['foo', 7],
  ])
  expect(apps[1]).toMatchObject({ ...activity, version: '1.2.3' })
  expect(JSON.stringify(apps)).not.toContain('never-to-be-seen')
})
