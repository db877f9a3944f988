import { expect, test } from 'vitest'
import { AppActivities } from './app-activity.ts'
import type { Outcome, RequestEnd } from './request-events.ts'

const startedAt = Date.UTC(2026, 0, 1)
let now = 0
const clock = { monotonic: () => now, wall: () => startedAt + now }

function end(outcome: Outcome, status: number, app: string | null = 'foo'): RequestEnd {
  return {
    reason: 'forward-public',
    outcome,
    startedAt: now,
    endedAt: now,
    peer: '127.0.0.1',
    client: '192.0.2.1',
    protocol: 'HTTP/1.1',
    method: 'GET',
    path: '/exapps/foo/x',
    app,
    status,
    upstream: '127.0.0.1:23001',
    requestId: null,
  }
}

function at(seconds: number): string {
  return new Date(startedAt + seconds * 1_000).toISOString()
}

test('an app without requests is unused', () => {
  const activities = new AppActivities(clock)
  activities.ended(end('answered', 404, null))

  expect(activities.of('foo')).toEqual({ requests: 0, state: 'unused', lastStatus: null, lastError: null })
})

test('the last status and the last error have their own times, in whatever case the app is asked for', () => {
  const activities = new AppActivities(clock)
  now = 1_000
  activities.ended(end('upstream-refused', 503))
  now = 2_000
  activities.ended(end('answered', 200, 'Foo'))
  now = 9_000

  expect(activities.of('foo')).toEqual({
    requests: 2,
    state: 'answers',
    lastStatus: { at: at(2), status: 200 },
    lastError: { at: at(1), problem: 'no connection to the app' },
  })
})

test.each([
  ['upstream-refused', 503, 'fails', 'no connection to the app'],
  ['upstream-timeout', 504, 'fails', 'the app did not answer in time'],
  ['upstream-malformed', 502, 'fails', 'the app answered with something that is no HTTP'],
  ['upstream-closed', 200, 'fails', 'the app closed the connection before its answer was complete'],
  ['answered', 500, 'answers', 'the app answered with status 500'],
  ['answered', 404, 'answers', undefined],
  ['tunnel-closed', 101, 'answers', undefined],
  ['client-gone', 200, 'answers', undefined],
] as const)('%s with status %d: it %s, error: %s', (outcome, status, state, problem) => {
  const activities = new AppActivities(clock)
  activities.ended(end(outcome, status))

  expect(activities.of('foo')).toMatchObject({ requests: 1, state, lastStatus: { status } })
  expect(activities.of('foo').lastError?.problem).toBe(problem)
})

test('a client that leaves before an answer says nothing of the app', () => {
  const activities = new AppActivities(clock)
  activities.ended(end('upstream-timeout', 504))
  activities.ended(end('client-gone', 0))

  expect(activities.of('foo')).toMatchObject({ requests: 2, state: 'fails', lastStatus: { status: 504 } })
})
