import { expect, test } from 'vitest'
import { judgeReadiness, type ReadinessFacts } from './readiness.ts'

const now = Date.UTC(2026, 5, 1)
const day = 86_400_000
const well: ReadinessFacts = {
  heartbeat: { kind: 'alive' },
  isDraining: false,
  certificate: { kind: 'absent' },
  nextcloud: { kind: 'reachable', version: '31' },
  lagMs: 3,
  now,
}

test('a gateway that serves is ready, and every check has its name', () => {
  const { ready, checks } = judgeReadiness(well)

  expect(ready).toBe(true)
  expect(checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'listener ok',
    'draining ok',
    'certificate ok',
    'nextcloud ok',
    'event-loop ok',
  ])
})

test.each<[string, Partial<ReadinessFacts>, string]>([
  ['its listener does not answer', { heartbeat: { kind: 'failed', problem: 'is mute' } }, 'listener'],
  ['it shuts down', { isDraining: true }, 'draining'],
  ['Nextcloud is away', { nextcloud: { kind: 'unusable', problem: 'gone' } }, 'nextcloud'],
  ['its event loop stalls', { lagMs: 1_001 }, 'event-loop'],
])('not ready when %s', (_why, fact, name) => {
  const { ready, checks } = judgeReadiness({ ...well, ...fact })

  expect(ready).toBe(false)
  expect(checks.filter(({ status }) => status === 'fail').map((each) => each.name)).toEqual([name])
})

test.each<[string, ReadinessFacts['certificate']]>([
  ['cannot be used', { kind: 'unusable' }],
  ['has expired', { kind: 'loaded', validTo: new Date(now - day), isListening: true }],
  ['expires soon', { kind: 'loaded', validTo: new Date(now + 3 * day), isListening: true }],
  ['has no port', { kind: 'loaded', validTo: new Date(now + 90 * day), isListening: false }],
])('a certificate that %s is a warning, since HTTP still works', (_what, certificate) => {
  const { ready, checks } = judgeReadiness({ ...well, certificate })

  expect(ready).toBe(true)
  expect(checks.find(({ name }) => name === 'certificate')?.status).toBe('warn')
})
