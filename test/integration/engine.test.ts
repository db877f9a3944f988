/** Docker's own API through the gateway: engines of all ages and moods behind tunnels and a socket (contract 4.2). */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import type { HeaderLine } from '../support/http1-wire.ts'
import {
  answer,
  bytes,
  hang,
  lines,
  reset,
  ScriptedEngine,
  type ScriptedEngineOptions,
  truncate,
} from '../support/scripted-engine.ts'
import type { RawOutcome } from '../support/raw-http.ts'
import { newAppId, responseOf, Stage } from './stage.ts'

const control = '/exapps/app_api'
const image = 'ghcr.io/nextcloud/test:1.0'
const log = [
  { stream: 'stdout', text: 'hello\n' },
  { stream: 'stderr', text: 'no\r\n\u0000' },
] as const
let stage: Stage

beforeAll(async () => {
  stage = await Stage.open({ HARP_DOCKER_SOCKET: 'off' })
}, 30_000)

afterAll(async () => {
  expect(await stage.close()).toMatchObject({ code: 0 })
})

let lastPort = 24_000
const nextPort = (): number => (lastPort += 1)

/** What AppAPI's Docker client sends with every call. */
const appApi = (port: number): HeaderLine[] => [
  ['harp-shared-key', 'sekret'],
  ['docker-engine-port', String(port)],
  ['Authorization', `Basic ${btoa('app_api_haproxy_user:sekret')}`],
]

interface Behind {
  readonly engine: ScriptedEngine
  readonly frpc: FrpcStandIn
  readonly port: number
  readonly ask: (method: string, path: string) => Promise<RawOutcome>
}

async function tunnelTo(target: number, port: number, on: Stage = stage): Promise<FrpcStandIn> {
  const frpc = await FrpcStandIn.connected({
    server: { host: '127.0.0.1', port: on.gateway.place.ports.frp },
    token: 'sekret',
    tls: 'off',
    proxies: [{ name: newAppId(), remotePort: port, target: { port: target } }],
  })
  on.own(() => frpc.stop())
  return frpc
}

const ask = (port: number, method: string, path: string, on: Stage = stage): Promise<RawOutcome> =>
  on.send({ method, target: `${control}${path}`, headers: appApi(port) })

/** An engine with a container and an image that can be pulled, behind a tunnel of its own. */
async function behindTunnel(options: ScriptedEngineOptions = {}): Promise<Behind> {
  const engine = await ScriptedEngine.start(options)
  stage.own(() => engine.stop())
  engine.state.registry.set(image, {})
  engine.state.addContainer('nc_app_foo', { image: 'ghcr.io/a/b:c' }).log.push(...log)
  const port = nextPort()
  const frpc = await tunnelTo(engine.port, port)
  return { engine, frpc, port, ask: (method, path) => ask(port, method, path) }
}

const pullPath = `/v1.44/images/create?fromImage=${encodeURIComponent(image)}`
const framedLog = Buffer.concat([
  Buffer.from('\x01\0\0\0\0\0\0\x06hello\n'),
  Buffer.from('\x02\0\0\0\0\0\0\x05no\r\n\0'),
])

describe('AppAPI at 1.44 and 1.41 works with an engine of the range', () => {
  test.each([
    ['1.12', '1.24', '1.24', '1.24'],
    ['1.12', '1.41', '1.41', '1.41'],
    ['1.24', '1.44', '1.44', '1.41'],
    ['1.24', '1.51', '1.44', '1.41'],
    ['1.44', '1.60', '1.44', '1.44'],
    ['1.52', '1.75', '1.52', '1.52'],
  ])('%s to %s', async (minApiVersion, apiVersion, for44, for41) => {
    const { engine, ask: send } = await behindTunnel({ minApiVersion, apiVersion })
    const calls = [
      ['GET', '/_ping'],
      ['HEAD', '/_ping'],
      ['POST', `/images/create?fromImage=${encodeURIComponent(image)}`],
      ['GET', '/images/ghcr.io/nextcloud/test:1.0/json'],
      ['GET', '/containers/nc_app_foo/json'],
      ['GET', '/containers/nc_app_foo/logs?stdout=true&stderr=true&tail=all'],
    ] as const

    for (const [asked, spoken] of [
      ['1.44', for44],
      ['1.41', for41],
    ] as const) {
      engine.calls.length = 0
      for (const [method, path] of calls) {
        const response = responseOf(await send(method, `/v${asked}${path}`))
        expect([path, response.status]).toEqual([path, 200])
      }
      expect(engine.calls.map(({ method, target }) => [method, target])).toEqual(
        calls.map(([method, path]) => [method, `/v${spoken}${path}`]),
      )
    }
    for (const { headers } of engine.calls) {
      expect(Object.keys(headers)).not.toContain('authorization')
      expect(Object.keys(headers)).not.toContain('harp-shared-key')
      expect(Object.keys(headers)).not.toContain('docker-engine-port')
    }
  })

  test('logs are the same bytes', async () => {
    const { ask: send } = await behindTunnel({ apiVersion: '1.41' })

    const response = responseOf(await send('GET', '/v1.44/containers/nc_app_foo/logs?stdout=true'))

    expect(response.body).toEqual(framedLog)
  })

  test('a call without a version stays without one', async () => {
    const { engine, ask: send } = await behindTunnel({ apiVersion: '1.41' })

    expect(responseOf(await send('GET', '/_ping')).body.toString()).toBe('OK')
    expect(engine.calls.map(({ target }) => target)).toEqual(['/_ping'])
  })

  test('Podman, which takes any version', async () => {
    const { engine, ask: send } = await behindTunnel({ engine: 'podman' })

    expect(responseOf(await send('GET', '/v1.44/containers/nc_app_foo/json')).status).toBe(200)
    expect(engine.calls[0]?.target).toBe('/v1.41/containers/nc_app_foo/json')
  })

  test('the engine of this machine, by its socket', async () => {
    const place = join(stage.gateway.place.directory, 'docker.sock')
    await using engine = await ScriptedEngine.start({ path: place, apiVersion: '1.41' })
    await using local = await Stage.open({ HARP_DOCKER_SOCKET: place })

    expect(responseOf(await ask(24_000, 'GET', '/v1.44/_ping', local)).body.toString()).toBe('OK')
    expect(engine.calls[0]?.target).toBe('/v1.41/_ping')
  })

  test('an engine that was upgraded behind an open tunnel, at the latest with the second call', async () => {
    const { engine, ask: send } = await behindTunnel({ apiVersion: '1.44' })
    expect(responseOf(await send('GET', '/v1.41/_ping')).status).toBe(200)

    Object.assign(engine, { apiVersion: '1.60', minApiVersion: '1.50' })
    const first = responseOf(await send('GET', '/v1.41/_ping'))
    expect(first.status === 200 || first.body.toString().includes('client version')).toBe(true)

    expect(responseOf(await send('GET', '/v1.41/_ping')).status).toBe(200)
  })

  test('another engine on the port of a tunnel that was closed', async () => {
    const { frpc, port, ask: send } = await behindTunnel({ apiVersion: '1.44' })
    expect(responseOf(await send('GET', '/v1.44/_ping')).status).toBe(200)
    await frpc.stop()
    const other = await ScriptedEngine.start({ apiVersion: '1.41', minApiVersion: '1.12' })
    stage.own(() => other.stop())

    await eventually('the port to be free', async () => {
      const again = await tunnelTo(other.port, port)
      const { error = '' } = [...again.proxyResponses.values()][0] ?? {}
      return error === '' ? true : undefined
    })

    expect(responseOf(await send('GET', '/v1.44/_ping')).status).toBe(200)
    expect(other.calls.map(({ target }) => target)).toEqual(['/v1.41/_ping'])
  })
})

describe('an engine in trouble', () => {
  test('that is not there is told at once, whatever is asked', async () => {
    const { engine, ask: send } = await behindTunnel()
    await engine.stop()
    for (const [method, path] of [
      ['GET', '/v1.44/_ping'],
      ['GET', '/_ping'],
      ['POST', pullPath],
    ] as const) {
      const response = responseOf(
        await within(send(method, path), deadlineIn(3_000, 'the answer within the patience of AppAPI')),
      )

      expect(response.status).toBe(503)
      expect(response.body.toString()).toContain('No server is available to handle this request.')
    }
    expect(responseOf(await ask(24_098, 'GET', '/v1.44/_ping')).status).toBe(503)
  })

  test('that has answered an error has it passed on, words and all', async () => {
    const { engine, ask: send } = await behindTunnel()
    const words = { message: 'no space left on device' }
    engine.on('POST', /create$/, answer(500, words))

    const response = responseOf(await send('POST', pullPath))

    expect([response.status, JSON.parse(response.body.toString())]).toEqual([500, words])
    expect(responseOf(await send('GET', '/v1.44/images/nobody/has:it/json')).status).toBe(404)
  })

  test('that breaks off is never taken for complete', async () => {
    const { engine, ask: send } = await behindTunnel()
    engine.on('GET', /nc_app_foo.json$/, truncate('chunked', '{"State":'), 1)
    expect((await send('GET', '/v1.44/containers/nc_app_foo/json')).kind).not.toBe('response')
    engine.on('GET', /nc_app_foo.json$/, truncate('length', '{"State":'), 1)
    expect((await send('GET', '/v1.44/containers/nc_app_foo/json')).kind).not.toBe('response')
    engine.on('POST', /create$/, reset(), 1)
    expect(responseOf(await send('POST', pullPath)).status).toBe(502)
    engine.on('POST', /create$/, bytes('no http\r\n\r\n'), 1)
    expect(responseOf(await send('POST', pullPath)).status).toBe(502)

    expect(responseOf(await send('GET', '/v1.44/containers/nc_app_foo/json')).status).toBe(200)
  })

  test('that hangs is let go when the caller leaves, and holds nobody else up', async () => {
    const { engine, port } = await behindTunnel()
    const other = await behindTunnel()
    const { path } = await stage.exapp()
    engine.on('GET', /.*/, hang())
    const connection = await stage.connect()
    const target = `${control}/v1.44/containers/nc_app_foo/json`
    await connection.sendRequest({ target, headers: appApi(port) })
    await engine.waitForCall('GET', /nc_app_foo/)

    expect(responseOf(await other.ask('GET', '/v1.44/_ping')).status).toBe(200)
    expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)
    connection.socket.resetAndDestroy()

    await eventually('its connections to end', () => (engine.openConnections === 0 ? true : undefined))
  })
})

describe('pulls', () => {
  test('arrive line by line for as long as they take, and eight of them keep nothing else waiting', async () => {
    const { engine, port, ask: send } = await behindTunnel()
    const { promise: gate, resolve: finish } = Promise.withResolvers<void>()
    const script = [{ text: '{"status":"Pulling"}\r\n' }, { text: '{"status":"Done"}\r\n', gate }]
    engine.on('POST', /create$/, lines(script))
    const target = `${control}${pullPath}`
    const pulls = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const connection = await stage.connect()
        await connection.sendRequest({ method: 'POST', target, headers: appApi(port), body: '' })
        return connection
      }),
    )
    await eventually('eight pulls', () => (engine.calls.length === 8 ? true : undefined))
    const first = await Promise.race(pulls.map(async (each) => ({ each, head: await each.readHead('POST') })))
    expect(first.head?.status).toBe(200)
    await first.each.reader.takeUntil('Pulling"}\r\n', 1_000, deadlineIn(5_000, 'the first line'))

    expect(responseOf(await send('GET', '/v1.44/_ping')).status).toBe(200)
    expect(responseOf(await send('GET', '/v1.44/containers/nc_app_foo/json')).status).toBe(200)
    expect(engine.calls.filter(({ method }) => method === 'POST')).toHaveLength(8)
    finish()

    await first.each.reader.takeUntil('Done"}\r\n', 1_000, deadlineIn(5_000, 'the last line'))
    await eventually('the ninth pull', () =>
      engine.calls.filter(({ method }) => method === 'POST').length === 9 ? true : undefined,
    )
    for (const each of pulls) each.destroy()
  })

  test('are of images by their names, and imports from elsewhere are none', async () => {
    const { engine, ask: send } = await behindTunnel()
    for (const query of ['?fromSrc=http://10.0.0.1/x.tar', '', '?fromImage=&fromSrc=-']) {
      expect(responseOf(await send('POST', `/v1.44/images/create${query}`)).status).toBe(403)
    }
    const disguised = await stage.send({
      method: 'POST',
      target: `${control}${pullPath}`,
      headers: [...appApi(lastPort), ['Content-Type', 'application/x-www-form-urlencoded']],
      body: 'fromImage=&fromSrc=http://10.0.0.1/x.tar',
    })

    expect(responseOf(disguised).status).toBe(200)
    expect(engine.calls.map(({ headers }) => headers['content-type'])).toEqual([undefined])
  })
})

describe('with Kubernetes', () => {
  test('a ping for an engine that never was is answered, and nothing else is', async () => {
    await using cluster = await Stage.open({
      HARP_DOCKER_SOCKET: 'off',
      HP_K8S_ENABLED: 'true',
      HP_K8S_API_SERVER: 'http://127.0.0.1:9',
      HP_K8S_BEARER_TOKEN: 'unused',
    })
    for (const path of ['/v1.44/_ping', '/_ping']) {
      expect(responseOf(await ask(24_000, 'GET', path, cluster)).body.toString()).toBe('OK')
      expect(responseOf(await ask(24_000, 'HEAD', path, cluster)).status).toBe(200)
    }
    const inspect = '/v1.44/containers/nc_app_foo/json'
    expect(responseOf(await ask(24_000, 'GET', inspect, cluster)).status).toBe(503)
    expect(responseOf(await ask(24_100, 'GET', '/_ping', cluster)).status).toBe(403)

    await using engine = await ScriptedEngine.start()
    const frpc = await tunnelTo(engine.port, 24_000, cluster)
    expect(responseOf(await ask(24_000, 'GET', '/_ping', cluster)).status).toBe(200)
    expect(engine.calls).toHaveLength(1)
    await frpc.stop()

    await eventually('the tunnel to be gone', async () => {
      const { status } = responseOf(await ask(24_000, 'GET', '/_ping', cluster))
      return status === 503 ? true : undefined
    })
  })

  test('without it, no ping is answered for nobody', async () => {
    expect(responseOf(await ask(24_097, 'GET', '/_ping')).status).toBe(503)
  })
})
