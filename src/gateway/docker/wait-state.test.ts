import { expect, test } from 'vitest'
import {
  judgeState,
  maxWaitTries,
  readContainerState,
  waitedTooLong,
  type ContainerState,
} from './wait-state.ts'

const state = (status: string, health: string | null = null, checksRun = 0): ContainerState => ({
  status,
  health,
  checksRun,
})

test.each([
  [state('running'), { started: true, status: 'running', health: null }],
  [state('running', 'healthy'), { started: true, status: 'running', health: 'healthy' }],
  [
    state('running', 'unhealthy'),
    { started: true, status: 'running', health: 'unhealthy', reason: 'unhealthy' },
  ],
  [
    state('exited'),
    { started: false, status: 'exited', health: null, reason: 'non-recoverable state: exited' },
  ],
  [
    state('paused'),
    { started: false, status: 'paused', health: null, reason: 'non-recoverable state: paused' },
  ],
  [
    state('dead', 'starting'),
    { started: false, status: 'dead', health: 'starting', reason: 'non-recoverable state: dead' },
  ],
])('%j is answered at once', (seen, answer) => {
  expect(judgeState(seen, 1)).toEqual({ kind: 'answer', answer })
})

test.each([state('running', 'starting', 1), state('created'), state('restarting'), state('removing')])(
  '%j is looked at again, 180 times in all',
  (seen) => {
    expect(judgeState(seen, 1)).toEqual({ kind: 'again' })
    expect(judgeState(seen, maxWaitTries - 1)).toEqual({ kind: 'again' })
    expect(judgeState(seen, maxWaitTries)).toMatchObject({
      kind: 'answer',
      answer: { started: false, reason: 'timeout after max tries' },
    })
  },
)

test('where no health check has run for 20 s it matters whether the engine is Podman', () => {
  const silent = state('running', 'starting')

  expect(judgeState(silent, 39)).toEqual({ kind: 'again' })
  expect(judgeState(silent, 40)).toEqual({ kind: 'which-engine' })
  expect(judgeState(silent, 40, false)).toEqual({ kind: 'again' })
  expect(judgeState(silent, 40, true)).toMatchObject({
    kind: 'answer',
    answer: { started: true, health: 'starting', reason: expect.stringContaining('Podman') },
  })
  expect(judgeState(state('running', 'starting', 1), 100, true)).toEqual({ kind: 'again' })
})

test.each([
  [{ State: { Status: 'running' } }, state('running')],
  [{ State: { Status: 'running', Health: null } }, state('running')],
  [{ State: { Status: 'running', Health: { Status: 'none' } } }, state('running')],
  [{ State: { Status: 'running', Health: { Status: '' } } }, state('running')],
  [{ State: { Status: 'running', Health: { Status: 'starting', Log: null } } }, state('running', 'starting')],
  [
    { State: { Status: 'running', Health: { Status: 'starting', Log: [{}] } } },
    state('running', 'starting', 1),
  ],
  [{}, null],
  [undefined, null],
  [{ State: 'running' }, null],
])('%j is read', (json, expected) => {
  expect(readContainerState(json)).toEqual(expected)
})

test('an engine that stopped answering is told with what was seen last', () => {
  expect(waitedTooLong(state('running', 'starting'))).toEqual({
    started: false,
    status: 'running',
    health: 'starting',
    reason: 'overall timeout',
  })
  expect(waitedTooLong(null)).toMatchObject({ started: false, reason: 'overall timeout' })
})
