import { expect, test } from 'vitest'
import type { AppStatus } from '../../gateway/index.ts'
import { appRow } from './apps.ts'

const at = '2026-01-01T00:00:00.000Z'
const app: AppStatus = {
  id: 'foo',
  version: '1.2.3',
  address: 'appsrv:23001',
  route: 'direct',
  tunnel: null,
  state: 'unused',
  requests: 0,
  lastStatus: null,
  lastError: null,
}
const tunnel = {
  name: 'foo',
  state: 'open',
  peer: '192.0.2.9',
  openedAt: at,
  ageSeconds: 3_700,
  lastSeen: '2026-01-01T01:01:40.000Z',
  lastError: null,
} as const

test('an app that nobody has asked for yet', () => {
  expect(appRow(app)).toEqual(['foo', '1.2.3', 'appsrv:23001', 'direct', '-', 'unused', '0', '-', '-'])
})

test('an app behind a tunnel, open or lost', () => {
  const busy: AppStatus = {
    ...app,
    route: 'tunnel',
    tunnel,
    state: 'fails',
    requests: 12,
    lastStatus: { at, status: 503 },
    lastError: { at, problem: 'no connection to the app' },
  }

  expect(appRow(busy).slice(3)).toEqual([
    'tunnel',
    'open 1h 1m',
    'fails',
    '12',
    `503 ${at}`,
    `${at} no connection to the app`,
  ])
  expect(appRow({ ...busy, tunnel: { ...tunnel, state: 'lost' } })[4]).toBe('lost 2026-01-01T01:01:40.000Z')
})
