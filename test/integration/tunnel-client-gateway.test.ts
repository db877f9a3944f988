/** The tunnel client with the real gateway: every transport, and back within seconds whatever happens between. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { parseFrpcConfig } from '../../src/gateway/tunnel-client/frpc-config.ts'
import { startTunnelClient, type TunnelClient } from '../../src/gateway/tunnel-client/tunnel-client.ts'
import { elapse, eventually } from '../support/deadline.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { Link } from '../support/link.ts'
import { mebibyte, newAppId, responseOf, Stage } from './stage.ts'

let plain: Stage
let secure: Stage

beforeAll(async () => {
  ;[plain, secure] = await Promise.all([
    Stage.open({ HARP_DOCKER_SOCKET: 'off' }),
    Stage.open({ HP_FRP_DISABLE_TLS: 'false', HARP_DOCKER_SOCKET: 'off' }),
  ])
}, 30_000)

afterAll(async () => {
  for (const stage of [plain, secure]) expect(await stage.close()).toMatchObject({ code: 0 })
})

let lastPort = 23_500

interface Tunnelled {
  readonly path: string
  readonly link: Link
  readonly client: TunnelClient
}

/** An app behind a link, a client and the gateway; it answers each request with what it got. */
async function tunnelledApp(stage: Stage, lines = '', proxyLines = ''): Promise<Tunnelled> {
  const { app } = await stage.exapp()
  const port = (lastPort += 1)
  const name = newAppId()
  const path = stage.addApp(port, {}, name)
  const link = await Link.open({ address: '127.0.0.1', port: stage.gateway.place.ports.frp })
  const certs = join(stage.gateway.place.certsDir, 'frp')
  const tls =
    stage !== secure
      ? 'transport.tls.enable = false'
      : `transport.tls.certFile = "${certs}/client.crt"
transport.tls.keyFile = "${certs}/client.key"
transport.tls.trustedCaFile = "${certs}/ca.crt"
transport.tls.serverName = "harp.nc"`
  const { config, problems } = parseFrpcConfig(
    `serverAddr = "127.0.0.1"
serverPort = ${link.port}
loginFailExit = false
metadatas.token = "sekret"
${tls}
${lines}
[[proxies]]
name = "${name}"
type = "tcp"
remotePort = ${port}
localPort = ${app.port}
${proxyLines}
`,
    {},
  )
  if (config === null) throw new Error(JSON.stringify(problems))
  const client = startTunnelClient({ config, log: silentLogger })
  stage.own(() => link.close())
  stage.own(async () => {
    void client.stop()
    await client.stop()
  })
  return { path, link, client }
}

async function statusOf(stage: Stage, path: string): Promise<number> {
  const outcome = await stage.send({ method: 'GET', target: `${path}/x` }, 15_000)
  return outcome.kind === 'response' ? outcome.response.status : 0
}

/** How long it takes until the app is served. */
async function served(stage: Stage, path: string, timeoutMs = 10_000): Promise<number> {
  const startedAt = performance.now()
  await eventually(
    'the app to be served',
    async () => ((await statusOf(stage, path)) === 200 ? true : undefined),
    {
      timeoutMs,
      everyMs: 50,
    },
  )
  return Math.round(performance.now() - startedAt)
}

/** The same, printed. */
async function back(stage: Stage, path: string, after: string): Promise<number> {
  const tookMs = await served(stage, path)
  console.log(`${after}: back after ${tookMs} ms`)
  return tookMs
}

const modes: [string, string, string][] = [
  ['defaults', '', ''],
  ['tcpMux off', 'transport.tcpMux = false', ''],
  ['WebSocket', 'transport.protocol = "websocket"', ''],
  ['WebSocket, tcpMux off', 'transport.protocol = "websocket"\ntransport.tcpMux = false', ''],
  ['wire v2', 'transport.wireProtocol = "v2"', ''],
  ['wire v2, tcpMux off', 'transport.wireProtocol = "v2"\ntransport.tcpMux = false', ''],
  ['the byte 0x17', 'transport.tls.disableCustomTLSFirstByte = false', ''],
  ['useEncryption', '', 'transport.useEncryption = true'],
]

test.each(modes)('an app is served through the tunnel: %s', async (_mode, lines, proxyLines) => {
  for (const stage of [plain, secure]) {
    const { path, client } = await tunnelledApp(stage, lines, proxyLines)
    const size = 3 * mebibyte

    await served(stage, path)
    const download = responseOf(
      await stage.send({ method: 'GET', target: `${path}/x?do=bytes&size=${size}` }),
    )
    expect(download.body.length).toBe(size)
    const body = Buffer.alloc(size, 'harp')
    expect(responseOf(await stage.send({ method: 'POST', target: `${path}/up`, body })).status).toBe(200)
    void client.stop()
    await client.stop()
    expect(await statusOf(stage, path)).toBe(503)
  }
})

test('100 requests at once through one tunnel', async () => {
  const { path } = await tunnelledApp(secure)
  await served(secure, path)

  const answers = await Promise.all(Array.from({ length: 100 }, () => statusOf(secure, path)))

  expect(answers.filter((status) => status !== 200)).toEqual([])
})

test.each([
  ['tcpMux on', ''],
  ['tcpMux off', 'transport.tcpMux = false'],
])('a link that is cut is back within 3 s: %s', async (mode, lines) => {
  const { path, link } = await tunnelledApp(secure, lines)
  await served(secure, path)
  for (let round = 0; round < 3; round += 1) {
    link.cut()
    expect(await back(secure, path, `cut, ${mode}`)).toBeLessThan(3_000)
  }
})

test.each([
  ['tcpMux on, 4 s', '', 4_000],
  ['tcpMux on, 10 s', '', 10_000],
  ['tcpMux off, 14 s', 'transport.tcpMux = false', 14_000],
])(
  'a link that fell silent is back within 3 s of its return: %s',
  { timeout: 40_000 },
  async (mode, lines, silentMs) => {
    const { path, link } = await tunnelledApp(secure, lines)
    await served(secure, path)

    link.stall()
    await elapse(silentMs)
    link.heal()

    expect(await back(secure, path, `silence, ${mode}`)).toBeLessThan(3_000)
  },
)

test('a gateway that was killed and restarted has its app back within 3 s', { timeout: 40_000 }, async () => {
  const stage = await Stage.open({ HARP_DOCKER_SOCKET: 'off' })
  let next: GatewayProcess | undefined
  try {
    const { path } = await tunnelledApp(stage)
    await served(stage, path)

    stage.gateway.program.signal('SIGKILL')
    await stage.gateway.program.waitForExit()
    await elapse(1_500)
    next = await GatewayProcess.startIn(stage.gateway.place)

    expect(await back(stage, path, 'killed gateway')).toBeLessThan(3_000)
  } finally {
    await stage.close()
    await next?.stop()
  }
})
