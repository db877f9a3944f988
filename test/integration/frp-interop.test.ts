/**
 * Every recorded session of frpc, played by the stand-in against the gateway: it answers as the recorded frps did,
 * and the requests that went through the recorded tunnel go from the gateway's HTTP port to the app's Unix socket.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/deadline.ts'
import {
  type ExpectedAnswers,
  type FrpVector,
  loadVector,
  type VectorClient,
  vectorNames,
} from '../support/frp-replay.ts'
import { type FrpcOptions, FrpcStandIn, type FrpcTls } from '../support/frpc-stand-in.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { responseOf, Stage } from './stage.ts'

const appId = 'test_app'
const appPort = 23_001
const sharedKey = 'some_very_secure_password'

let plain: Stage
let secure: Stage
/** Its Nextcloud knows no app. */
let unaware: Stage

beforeAll(async () => {
  plain = await openStage({ HP_FRP_DISABLE_TLS: 'true' })
  secure = await openStage({ HP_FRP_DISABLE_TLS: 'false' })
  unaware = await openStage({ HP_FRP_DISABLE_TLS: 'true' })
})

afterAll(async () => {
  await plain?.close()
  await secure?.close()
  await unaware?.close()
})

describe('a recorded session against the gateway', () => {
  it.each(vectorNames)('%s', async (name) => {
    const vector = loadVector(name)
    // NOTE: the port that Nextcloud has for an app comes before frp's own rules; this vector is about those.
    const isKnown = name !== 'name-conflict'
    const stage = vector.usesTls ? secure : isKnown ? plain : unaware
    if (isKnown) stage.addApp(appPort, {}, appId)
    const paths = isKnown ? vector.paths : []
    const clients: FrpcStandIn[] = []
    try {
      for (const client of vector.clients) {
        const frpc = FrpcStandIn.connect(await optionsFor(stage, client, vector))
        clients.push(frpc)
        expect(await answersTo(frpc)).toEqual(matchers(client.expected))
      }
      expect(await replies(stage, paths)).toEqual(paths.map((path) => hello(path)))
      // One work connection of the pool for each request, and the pool is filled again.
      const [first] = clients
      const wanted = paths.length === 0 ? 0 : paths.length + (first?.options.poolCount ?? 1)
      await eventually('the work connections', () => (first?.workConnections ?? 0) >= wanted || undefined)
    } finally {
      for (const client of clients) await client.stop()
    }
  })
})

describe('a client of the gateway', () => {
  it('that was cut off gets its run id, its name and its port back at once', async () => {
    const options = await baseOptions(plain)
    plain.addApp(appPort, {}, appId)
    await using first = await FrpcStandIn.connected(options)
    first.freeze()
    await using second = await FrpcStandIn.connected({ ...options, runId: first.runId })
    expect([second.runId, ...second.proxyAnswers]).toEqual([first.runId, granted])
    expect(await replies(plain, ['/after'])).toEqual([hello('/after')])
  })

  it('is kept by its yamux pings', async () => {
    plain.addApp(appPort, {}, appId)
    await using frpc = await FrpcStandIn.connected({ ...(await baseOptions(plain)), timeScale: 0.02 })
    await eventually('two pings to be answered', () => frpc.pingsAnswered > 1 || undefined)
    expect(frpc.isLoggedIn).toBe(true)
  })

  it.each([
    ['websocket with binary frames, as from frpc 0.70', { websocket: 'binary' }],
    ['TLS where the gateway asks for none, as frpc does by default', { tls: {} }],
    ['0x17 and TLS inside websocket', { websocket: 'text', tls: {}, customByte: true }],
    ['as frpc logs in anew: a run id that the gateway does not know', { runId: 'feedfacecafebeef' }],
    ['a heartbeat beside mux', { heartbeatIntervalMs: 50 }],
  ] as const)('is served without mutual TLS: %s', async (_what, options) => {
    expect(await served(plain, options)).toEqual([granted, hello('/here')])
  })

  it.each([
    ['wire v2', { wire: 2, version: '0.69.1' }],
    ['wire v2 without mux', { wire: 2, version: '0.69.1', mux: false }],
    ['no mux', { mux: false }],
    ['websocket', { websocket: 'text' }],
    ['no pool', { poolCount: 0 }],
    ['a pool of five', { poolCount: 5 }],
  ] as const)('is served with mutual TLS: %s', async (_what, options) => {
    expect(await served(secure, { tls: await clientTls(secure), ...options })).toEqual([
      granted,
      hello('/here'),
    ])
  })

  it('is served with an encrypted proxy inside mutual TLS', async () => {
    const { proxies } = await baseOptions(secure)
    const encrypted = proxies.map((proxy) => ({ ...proxy, useEncryption: true }))
    const options = { tls: await clientTls(secure), proxies: encrypted }
    expect(await served(secure, options)).toEqual([granted, hello('/here')])
  })

  it.each(['plain', 'no certificate', 'a foreign certificate'])(
    'is refused where TLS is on: %s',
    async (kind) => {
      const { cert, key } = makeSelfSigned({ commonName: 'harp.client.nc', names: ['harp.client.nc'] })
      const tls = kind === 'plain' ? 'off' : kind === 'no certificate' ? {} : { cert, key }
      await using frpc = FrpcStandIn.connect({ ...(await baseOptions(secure)), tls })
      await frpc.ended()
      expect(frpc.logins).toEqual([])
    },
  )
})

const granted = { name: appId, remoteAddr: `:${appPort}`, error: '' }

interface Answers {
  readonly login: unknown
  readonly proxies: readonly unknown[]
}

/** What the gateway answered to a client's Login and proxies. */
async function answersTo(frpc: FrpcStandIn): Promise<Answers> {
  const { error } = await frpc.loginResponse
  if (error === '') await Promise.all(frpc.options.proxies.map(({ name }) => frpc.proxyResponse(name)))
  return { login: error, proxies: frpc.proxyAnswers }
}

function matchers(expected: ExpectedAnswers): Answers {
  return {
    login: expect.stringMatching(expected.login) as unknown,
    proxies: expected.proxies.map(({ name, remoteAddr, error }) => ({
      name,
      remoteAddr: expect.stringMatching(remoteAddr) as unknown,
      error: expect.stringMatching(error) as unknown,
    })),
  }
}

function hello(path: string): readonly [number, string] {
  return [200, `hello from exapp ${path}\n`]
}

/** What the gateway's HTTP port answers for the app, one after the other. */
async function replies(stage: Stage, paths: readonly string[]): Promise<(readonly [number, string])[]> {
  const answers: (readonly [number, string])[] = []
  for (const path of paths) {
    const { status, body } = responseOf(await stage.send({ target: `/exapps/${appId}${path}` }))
    answers.push([status, body.toString()])
  }
  return answers
}

/** The answer for the proxy, and what a request through it gets. */
async function served(stage: Stage, options: Partial<FrpcOptions>): Promise<unknown[]> {
  stage.addApp(appPort, {}, appId)
  await using frpc = FrpcStandIn.connect({ ...(await baseOptions(stage)), ...options })
  return [await frpc.proxyResponse(appId), ...(await replies(stage, ['/here']))]
}

/** A gateway with the recorded key, and the recorded app on a Unix socket. */
async function openStage(environment: Readonly<Record<string, string>>): Promise<Stage> {
  const stage = await Stage.open(environment)
  const app = createServer({ keepAlive: false }, (request, response) => {
    response.writeHead(200, { connection: 'close' }).end(`hello from exapp ${request.url ?? ''}\n`)
  })
  await new Promise<void>((resolve) => {
    app.listen(socketPath(stage), resolve)
  })
  stage.own(async () => {
    app.closeAllConnections()
    app.close()
  })
  return stage
}

function socketPath(stage: Stage): string {
  return join(stage.gateway.place.directory, 'exapp.sock')
}

async function optionsFor(stage: Stage, client: VectorClient, vector: FrpVector): Promise<FrpcOptions> {
  const { server, proxies } = await baseOptions(stage)
  const target = proxies[0]?.target ?? { port: 0 }
  const options = client.options({
    server,
    target,
    ...(vector.usesTls ? { tls: await clientTls(stage) } : {}),
  })
  // The recorded key is the shared key here; the wrong one stays wrong.
  const token = options.token === sharedKey ? stage.nextcloud.key : 'wrong'
  return { ...options, token }
}

async function baseOptions(stage: Stage): Promise<FrpcOptions> {
  return {
    server: { host: '127.0.0.1', port: stage.gateway.place.ports.frp },
    tls: 'off',
    token: stage.nextcloud.key,
    proxies: [{ name: appId, remotePort: appPort, target: { path: socketPath(stage) } }],
  }
}

/** The files that the gateway makes for its clients. */
async function clientTls(stage: Stage): Promise<FrpcTls> {
  const folder = join(stage.gateway.place.certsDir, 'frp')
  const [ca, cert, key] = await eventually('the client files', async () => {
    try {
      return await Promise.all(
        ['ca.crt', 'client.crt', 'client.key'].map((name) => readFile(join(folder, name), 'utf8')),
      )
    } catch {
      return undefined
    }
  })
  if (ca === undefined || cert === undefined || key === undefined) throw new Error('a client file is missing')
  return { ca, cert, key, serverName: 'harp.nc' }
}
