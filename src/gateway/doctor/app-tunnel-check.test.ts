import { expect, test } from 'vitest'
import type { TunnelOverview, TunnelStatus } from '../tunnels/tunnel-status.ts'
import { explainMissingTunnel, judgeOpenTunnel, mayHaveTunnel } from './app-tunnel-check.ts'

const app = { appId: 'foo', host: '127.0.0.1', port: 23_001 }
const tunnel: TunnelStatus = {
  name: 'foo',
  port: 23_001,
  kind: 'app',
  state: 'open',
  peer: '192.0.2.7',
  user: '',
  clientVersion: '0.61.1',
  transport: 'tls',
  mux: true,
  wire: 1,
  certificate: null,
  identity: { kind: 'shared-key' },
  runId: '1f2e',
  openedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 90,
  connections: { active: 0, idle: 1, total: 5 },
  bytes: { toApp: 1, fromApp: 2 },
  roundTripMs: 3.2,
  lastError: null,
  lastSeen: '2026-01-01T00:01:30.000Z',
}

function overview(...tunnels: TunnelStatus[]): TunnelOverview {
  return { listening: '0.0.0.0:8782', tls: true, requireTokens: 'none', tunnels, refused: [] }
}

test('only ports that AppAPI gives to tunnels, on this machine, can be behind one', () => {
  expect(mayHaveTunnel(app)).toBe(true)
  expect(mayHaveTunnel({ ...app, host: 'localhost', port: 23_999 })).toBe(true)
  expect(mayHaveTunnel({ ...app, port: 24_000 })).toBe(false)
  expect(mayHaveTunnel({ ...app, host: 'nc_app_foo' })).toBe(false)
})

test.each([
  ['of its name', {}],
  ['of its name in capitals', { name: 'FOO' }],
  ['of its name with frp’s user before it', { name: 'me.foo', user: 'me' }],
])('a tunnel %s maps the port', (_what, change) => {
  expect(judgeOpenTunnel(app, overview({ ...tunnel, ...change }))).toMatchObject({
    status: 'ok',
    detail: '23001 is the tunnel of foo from 192.0.2.7 (tls), open for 90 s, round trip 3 ms',
  })
})

test('a tunnel of another name on the port is told, and how to keep it away', () => {
  expect(judgeOpenTunnel(app, overview({ ...tunnel, name: 'bar' }))).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('"bar" from 192.0.2.7'),
    fix: expect.stringContaining('harp token add --app foo'),
  })
})

test('a lost tunnel, or one on another port, maps nothing', () => {
  expect(judgeOpenTunnel(app, overview({ ...tunnel, state: 'lost' }))).toBeNull()
  expect(judgeOpenTunnel(app, overview({ ...tunnel, port: 23_002 }))).toBeNull()
})

const lost: TunnelStatus = {
  ...tunnel,
  state: 'lost',
  lastError: { at: tunnel.lastSeen, problem: 'the link is cut' },
}
const refused = {
  at: '2026-01-01T00:02:00.000Z',
  peer: '192.0.2.8',
  name: 'foo',
  problem: 'port not allowed',
}

test.each<[string, TunnelOverview | null, string]>([
  ['nobody could be asked', null, 'nothing listens there'],
  ['the gateway takes none', { ...overview(), listening: null }, 'does not accept tunnels'],
  ['none has come', overview(), 'none has come since the gateway started'],
  ['it was lost', overview(lost), 'from 192.0.2.7 was lost at 2026-01-01T00:01:30.000Z: the link is cut'],
  ['it was refused', { ...overview(), refused: [refused] }, 'from 192.0.2.8 was refused'],
  ['it was refused after it was lost', { ...overview(lost), refused: [refused] }, 'port not allowed'],
  [
    'it was lost after it was refused',
    { ...overview(lost), refused: [{ ...refused, at: '2026-01-01T00:01:00.000Z' }] },
    'the link is cut',
  ],
  [
    'another one was refused',
    {
      ...overview(),
      refused: [
        { ...refused, name: null },
        { ...refused, name: 'bar' },
      ],
    },
    'none has come',
  ],
])('a missing tunnel is explained where %s', (_what, given, says) => {
  const check = explainMissingTunnel(app, given)

  expect(check).toMatchObject({ name: 'port', status: 'fail', detail: expect.stringContaining(says) })
  expect(check.fix).not.toBe('')
})
