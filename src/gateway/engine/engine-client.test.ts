import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { elapse, eventually } from '../../../test/support/deadline.ts'
import {
  after,
  answer,
  bytes,
  hang,
  lines,
  loseAnswer,
  reset,
  ScriptedEngine,
  type ScriptedEngineOptions,
  truncate,
} from '../../../test/support/scripted-engine.ts'
import { systemClock } from '../../base/clock.ts'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { Metrics } from '../../base/metrics.ts'
import { SocketWire, socketDialer } from '../../net/socket-wire.ts'
import type { Dialer } from '../../net/wire.ts'
import type { EngineClient, EngineRequest } from './engine-client.ts'
import { EngineEvents } from './engine-events.ts'
import { Engines, type EngineVia } from './engines.ts'

const ping: EngineRequest = { method: 'GET', path: '/_ping', timeoutMs: 5_000 }
const inspect: EngineRequest = { method: 'GET', path: '/containers/nc_app_a/json', timeoutMs: 5_000 }
const create: EngineRequest = {
  method: 'POST',
  path: '/volumes/create',
  json: { Name: 'v' },
  timeoutMs: 5_000,
}

let now: number
let sweeper: DeadlineSweeper
let metrics: Metrics
const closers: (() => Promise<unknown> | void)[] = []

beforeEach(() => {
  now = 1_000
  metrics = new Metrics({ processMetrics: false })
  sweeper = new DeadlineSweeper(20, () => now)
})

afterEach(async () => {
  sweeper.stop()
  for (const close of closers.splice(0).toReversed()) await close()
})

function enginesBy(dialer: Dialer, known: ReadonlyMap<number, EngineVia> = new Map()): Engines {
  const clock = { monotonic: () => now, wall: () => systemClock.wall() }
  const events = new EngineEvents(metrics)
  const engines = new Engines({ dialer, connectTimeoutMs: 1_000, clock, sweeper, known: () => known, events })
  closers.push(() => engines.stop())
  return engines
}

/** Ports from 24000 on, in this order. */
function leadingTo(...behind: readonly { readonly port: number }[]): Dialer {
  return {
    dial: ({ address, port }, timeoutMs) =>
      socketDialer.dial({ address, port: behind[port - 24_000]?.port ?? 1 }, timeoutMs),
  }
}

async function setup(
  options: ScriptedEngineOptions = {},
): Promise<{ engine: ScriptedEngine; client: EngineClient; engines: Engines }> {
  const engine = await ScriptedEngine.start(options)
  closers.push(() => engine.stop())
  const engines = enginesBy(leadingTo(engine))
  return { engine, engines, client: engines.client(24_000) }
}

describe('a call', () => {
  test.each([
    ['1.24', '1.12', '/v1.24'],
    ['1.41', '1.12', '/v1.41'],
    ['1.51', '1.24', '/v1.44'],
    ['1.60', '1.44', '/v1.44'],
    ['1.75', '1.52', '/v1.52'],
  ])(
    'speaks a version that an engine up to %s, from %s, understands',
    async (apiVersion, minApiVersion, at) => {
      const { client, engine } = await setup({ apiVersion, minApiVersion })

      const reply = await client.request(create)

      expect(reply.status).toBe(201)
      expect(reply.json()).toMatchObject({ Name: 'v' })
      expect(reply.contentType).toBe('application/json')
      expect(engine.calls[0]).toMatchObject({ target: `${at}/volumes/create`, json: { Name: 'v' } })
      expect(engine.calls[0]?.headers).toEqual({
        host: 'docker',
        'user-agent': 'Harp',
        'content-type': 'application/json',
        'content-length': '12',
      })
    },
  )

  test('goes over a Unix socket as over TCP, with its query escaped', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'harp-engine-'))
    const path = join(directory, 'docker.sock')
    const engine = await ScriptedEngine.start({ path, engine: 'podman' })
    closers.push(
      () => rm(directory, { recursive: true, force: true }),
      () => engine.stop(),
    )
    const client = enginesBy({
      dial: async () => {
        const wire = new SocketWire({ path })
        await wire.connected(1_000)
        return wire
      },
    }).client(24_000)

    const reply = await client.request({ ...inspect, query: { size: 'a b&c' } })

    expect([reply.status, reply.message]).toEqual([404, 'No such container: nc_app_a'])
    expect(engine.calls[0]?.query.get('size')).toBe('a b&c')
    expect(client.lastVersion).toEqual({ apiVersion: '1.41', minApiVersion: '1.24', engine: 'Podman 5.2.0' })
  })

  test('reads kept connections again, but does what must not happen twice on a new one', async () => {
    const { client, engine } = await setup()
    await client.request(ping)
    await client.request(ping)
    expect(engine.connectionCount).toBe(1)

    await client.request(create)

    expect(engine.connectionCount).toBe(2)
  })

  test('a kept connection that the engine has closed is not noticed by anybody', async () => {
    const { client, engine } = await setup()
    await client.request(ping)
    engine.on('GET', /_ping$/, reset(), 1)

    const reply = await client.request(ping)

    expect(reply.body.toString()).toBe('OK')
  })

  test('takes all statuses for answers and gives the words of the engine in one line', async () => {
    const { client, engine } = await setup()
    engine.on('GET', /json$/, answer(500, { message: `no\nspace \u0007 left ${'x'.repeat(400)}` }))

    const reply = await client.request(inspect)

    expect(reply.status).toBe(500)
    expect(reply.message).toMatch(/^no space left x+…$/)
    expect(reply.message).toHaveLength(300)
  })

  test('an answer without a length ends with its connection', async () => {
    const { client, engine } = await setup()
    const container = engine.state.addContainer('nc_app_a')
    engine.state.start(container)
    const exec = engine.state.addExec(container, ['cat', '/etc/os-release'], '')

    const json = { Detach: false, Tty: false }
    const reply = await client.request({ ...create, path: `/exec/${exec.id}/start`, json })

    expect(reply.body.toString()).toContain('ID=debian')
    expect(reply.json()).toBeUndefined()
  })

  test('a path that is not escaped never reaches an engine', async () => {
    const { client, engine } = await setup()

    const call = client.request({ ...inspect, path: '/containers/a b\r\nx: y/json' })

    await expect(call).rejects.toThrow(TypeError)
    expect(engine.calls).toEqual([])
  })
})

describe('a call fails', () => {
  test('where nothing listens', async () => {
    const client = enginesBy(leadingTo()).client(24_000)

    await expect(client.request(ping)).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('port 24000') as string,
    })
    expect(client.isReachable).toBe(false)
    expect(client.lastError?.problem).toContain('ECONNREFUSED')
  })

  test.each([
    ['a reset', reset(), 'ENGINE_UNREACHABLE'],
    ['a lost answer', loseAnswer(), 'ENGINE_UNREACHABLE'],
    ['an answer cut in a chunk', truncate('chunked', '{"Id":'), 'ENGINE_BAD_ANSWER'],
    ['an answer short of its length', truncate('length', '{"Id":'), 'ENGINE_BAD_ANSWER'],
    ['something else than HTTP', bytes('SSH-2.0-OpenSSH\r\n\r\n'), 'ENGINE_BAD_ANSWER'],
    [
      'two answers at a time',
      bytes('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
      'ENGINE_BAD_ANSWER',
    ],
  ])('by %s', async (_, behaviour, code) => {
    const { client, engine } = await setup()
    engine.on('POST', /create$/, behaviour)

    await expect(client.request(create)).rejects.toMatchObject({ code })
    expect(client.lastError).not.toBeNull()
    expect(engine.calls).toHaveLength(1)
  })

  test('by an answer that does not come, or does not end, in time; its connection is closed', async () => {
    const { client, engine } = await setup()
    engine.on('GET', /_ping$/, hang(), 1)
    const never = new Promise(() => undefined)

    await expect(client.request({ ...ping, timeoutMs: 60 })).rejects.toMatchObject({
      code: 'ENGINE_TIMEOUT',
      message: expect.stringContaining('GET /_ping within 60 ms') as string,
    })
    engine.on('GET', /_ping$/, lines([{ text: 'O' }, { text: 'K', gate: never }]))
    await expect(client.request({ ...ping, timeoutMs: 60 })).rejects.toMatchObject({ code: 'ENGINE_TIMEOUT' })

    await eventually('no connection', () => (engine.openConnections === 0 ? true : undefined))
  })

  test('by an answer larger than was wanted, announced or not', async () => {
    const { client, engine } = await setup()
    const tooLarge = { code: 'ENGINE_ANSWER_TOO_LARGE' }
    engine.on('GET', /json$/, answer(200, 'x'.repeat(11)))
    await expect(client.request({ ...inspect, maxBytes: 10 })).rejects.toMatchObject(tooLarge)
    engine.on('GET', /json$/, lines([{ text: '12345678' }, { text: '901' }]))
    await expect(client.request({ ...inspect, maxBytes: 10 })).rejects.toMatchObject(tooLarge)

    const whole = await client.request({ ...inspect, maxBytes: 11 })

    expect(whole.body.toString()).toBe('12345678901')
  })

  test('with the reason of its signal, before it starts, while it waits and while it runs', async () => {
    const { client, engine } = await setup()
    engine.on('GET', /json$/, hang())
    const reason = new Error('the caller left')

    await expect(client.request({ ...inspect, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const leaving = new AbortController()
    const calls = Array.from({ length: 10 }, () => client.request({ ...inspect, signal: leaving.signal }))
    await eventually('8 calls', () => (engine.calls.length === 8 ? true : undefined))
    expect([client.busy, client.waiting]).toEqual([8, 2])
    leaving.abort(reason)

    for (const each of calls) await expect(each).rejects.toBe(reason)
    expect([client.busy, client.waiting, client.lastError]).toEqual([0, 0, null])
  })

  test('when the gateway stops', async () => {
    const { client, engine, engines } = await setup()
    engine.on('GET', /json$/, hang())
    const call = client.request(inspect)
    await engine.waitForCall('GET', /json$/)

    engines.stop()

    await expect(call).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' })
  })
})

test('a hanging engine takes its own places only: another one answers', async () => {
  const [engine, other] = await Promise.all([ScriptedEngine.start(), ScriptedEngine.start()])
  closers.push(
    () => engine.stop(),
    () => other.stop(),
  )
  const engines = enginesBy(leadingTo(engine, other))
  const client = engines.client(24_000)
  engine.on('GET', /json$/, hang())
  const waiting = Array.from({ length: 72 }, () => client.request({ ...inspect, timeoutMs: 300 }))
  const all = Promise.allSettled(waiting)
  await eventually('all places taken', () => (client.waiting === 64 ? true : undefined))

  await expect(client.request(inspect)).rejects.toMatchObject({ code: 'ENGINE_BUSY' })
  expect((await engines.client(24_001).request(ping)).status).toBe(200)

  const codes = (await all).map((each) =>
    each.status === 'rejected' ? (each.reason as { code: string }).code : '',
  )
  expect(new Set(codes)).toEqual(new Set(['ENGINE_TIMEOUT']))
  expect([client.busy, client.waiting]).toEqual([0, 0])
})

describe('the version of an engine', () => {
  test('is asked once for many calls, and again after some seconds', async () => {
    const { client, engine } = await setup()
    await Promise.all([client.request(ping), client.request(ping), client.request(ping)])
    expect(engine.versionQuestions).toBe(1)

    now += 10_001
    await client.request(ping)

    expect(engine.versionQuestions).toBe(2)
  })

  test('that changed under a call is learnt and the call made again', async () => {
    const { client, engine } = await setup({ apiVersion: '1.44', minApiVersion: '1.24' })
    await client.request(ping)
    Object.assign(engine, { apiVersion: '1.60', minApiVersion: '1.50' })

    const reply = await client.request(create)

    expect(reply.status).toBe(201)
    expect(engine.calls.slice(1).map(({ target }) => target)).toEqual([
      '/v1.44/volumes/create',
      '/v1.50/volumes/create',
    ])
  })

  test('that a filter hides is taken from the fields of a ping', async () => {
    const { client, engine } = await setup({ apiVersion: '1.41' })
    engine.on('GET', /^\/version$/, answer(403, 'Forbidden'))

    await client.request(create)

    expect(engine.calls.at(-1)?.target).toBe('/v1.41/volumes/create')
    expect(client.lastVersion?.engine).toBe('Docker 28.3.3')
  })

  test('that nobody knows leaves calls without one', async () => {
    const { client, engine } = await setup()
    engine.on('GET', /^\/version$/, answer(403, 'Forbidden'))
    engine.on('HEAD', /_ping$/, bytes('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'))

    const reply = await client.request(create)

    expect(reply.status).toBe(201)
    expect(engine.calls.at(-1)?.target).toBe('/volumes/create')
    await expect(client.version()).rejects.toMatchObject({ code: 'ENGINE_BAD_ANSWER' })
  })

  test('of another engine behind the port is asked anew, even while the old one is still being asked', async () => {
    const { client, engine, engines } = await setup({ apiVersion: '1.41' })
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    engine.on('GET', /^\/version$/, after(gate), 1)
    const first = client.version()
    await eventually('the question', () => (engine.versionQuestions === 1 ? true : undefined))

    engines.changed(client.port)
    engine.on('GET', /^\/version$/, answer(200, { ApiVersion: '1.55', Version: '30' }), 1)
    expect((await client.version()).apiVersion).toBe('1.55')
    open()
    await first
    await elapse(20)

    expect((await client.version()).apiVersion).toBe('1.55')
    expect(client.lastVersion?.apiVersion).toBe('1.55')
  })
})

test('what is no port of an engine is not connected to, nor remembered', async () => {
  const engine = await ScriptedEngine.start()
  closers.push(() => engine.stop())
  const engines = enginesBy(socketDialer)

  await expect(engines.client(engine.port).request(ping)).rejects.toMatchObject({
    code: 'ENGINE_UNREACHABLE',
    message: expect.stringContaining('24000 to 24099') as string,
  })
  expect([engine.connectionCount, engines.list()]).toEqual([0, []])
})

test('the list shows engines that are known and those that were asked for', async () => {
  const engine = await ScriptedEngine.start({ release: '29.1.0' })
  closers.push(() => engine.stop())
  const known = new Map<number, EngineVia>([
    [24_002, 'tunnel'],
    [24_001, 'socket'],
  ])
  const engines = enginesBy(leadingTo(engine), known)
  await engines.client(24_000).request(ping)

  const list = engines.list()

  expect(list.map(({ port, via, reachable }) => [port, via, reachable])).toEqual([
    [24_000, 'tcp', true],
    [24_001, 'socket', null],
    [24_002, 'tunnel', null],
  ])
  expect(list[0]).toMatchObject({
    version: { apiVersion: '1.51', minApiVersion: '1.24', engine: 'Docker 29.1.0' },
    lastError: null,
    busy: 0,
    waiting: 0,
  })
  const configured = [24_000, 24_001, 24_002, 24_003].map((port) => engines.isConfigured(port))
  expect(configured).toEqual([true, true, true, false])
})
