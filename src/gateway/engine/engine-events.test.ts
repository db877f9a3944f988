import { afterEach, beforeEach, expect, test } from 'vitest'
import { answer, bytes, hang, ScriptedEngine } from '../../../test/support/scripted-engine.ts'
import { systemClock } from '../../base/clock.ts'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { Metrics } from '../../base/metrics.ts'
import { socketDialer } from '../../net/socket-wire.ts'
import { EngineEvents } from './engine-events.ts'
import { Engines, type EngineVia } from './engines.ts'

let metrics: Metrics
let sweeper: DeadlineSweeper
let engine: ScriptedEngine
let engines: Engines

beforeEach(async () => {
  metrics = new Metrics({ processMetrics: false })
  sweeper = new DeadlineSweeper(20, () => systemClock.monotonic())
  engine = await ScriptedEngine.start()
  const known = new Map<number, EngineVia>([[24_001, 'tunnel']])
  engines = new Engines({
    // Nothing listens for the other ports.
    dialer: {
      dial: ({ address, port }, timeoutMs) =>
        socketDialer.dial({ address, port: port === 24_000 ? engine.port : 1 }, timeoutMs),
    },
    connectTimeoutMs: 1_000,
    clock: systemClock,
    sweeper,
    known: () => known,
    events: new EngineEvents(metrics),
  })
})

afterEach(async () => {
  engines.stop()
  sweeper.stop()
  await engine.stop()
})

/** Every call that was counted, by kind and result. */
async function counted(): Promise<Record<string, number>> {
  const { body } = await metrics.render()
  const lines = body.matchAll(/^harp_engine_calls_total\{kind="(\S+)",result="(\S+)"\} ([1-9]\d*)$/gm)
  return Object.fromEntries([...lines].map(([, kind, result, count]) => [`${kind} ${result}`, Number(count)]))
}

async function inspect(port: number, timeoutMs = 2_000, signal?: AbortSignal): Promise<void> {
  const request = { method: 'GET', path: '/containers/nc_app_a/json', timeoutMs } as const
  await engines.client(port).request(signal === undefined ? request : { ...request, signal })
}

test('calls and the question for the version are counted apart, any status as an answer', async () => {
  await inspect(24_000)
  engine.on('GET', /json$/, answer(500, { message: 'no' }))
  await inspect(24_000)

  expect(await counted()).toEqual({ 'version answered': 1, 'call answered': 2 })
  expect((await metrics.render()).body).toMatch(/harp_engine_call_duration_seconds_count\{kind="call"\} 2/)
})

test('failures are counted by what failed', async () => {
  await expect(inspect(24_002)).rejects.toThrow(/24002/)
  await engines.versionOf(24_000)
  engine.on('GET', /json$/, bytes('nonsense\r\n\r\n'), 1)
  await expect(inspect(24_000)).rejects.toThrow(/no HTTP/)
  engine.on('GET', /json$/, hang())
  await expect(inspect(24_000, 50)).rejects.toThrow(/within 50 ms/)
  await expect(inspect(24_000, 2_000, AbortSignal.timeout(30))).rejects.toThrow(/aborted/)

  expect(await counted()).toMatchObject({
    'call unreachable': 1,
    'version unreachable': 1,
    'call bad-answer': 1,
    'call timeout': 1,
    'call left': 1,
  })
})

test('a survey asks every engine that is known, each time', async () => {
  engines.client(24_000)
  expect((await engines.survey()).map(({ port, reachable, version }) => [port, reachable, version])).toEqual([
    [24_000, true, { apiVersion: '1.51', minApiVersion: '1.24', engine: 'Docker 28.3.3' }],
    [24_001, false, null],
  ])

  engine.apiVersion = '1.60'
  const [first, second] = await engines.survey()
  expect(first?.version?.apiVersion).toBe('1.60')
  expect(second).toMatchObject({ via: 'tunnel', lastError: { problem: expect.stringContaining('24001') } })
})

test('a survey does not wait for an engine that hangs, and says so', async () => {
  await engines.versionOf(24_000)
  engine.on('GET', /version/, hang())
  engine.on('HEAD', /_ping/, hang())

  const [status] = await engines.survey()

  expect(status).toMatchObject({ reachable: false, version: { engine: 'Docker 28.3.3' } })
  expect(status?.lastError?.problem).toMatch(/no answer to GET \/version within/)
})
