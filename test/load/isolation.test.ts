/**
 * Slow engines, long pulls and a cluster that does not answer take their own places and nobody else's: with well over a
 * hundred such calls under way, requests to apps keep their latency and another engine stays usable. Latencies are
 * compared with those of the same run without load, by a generous factor; figures are printed.
 */
import { expect, test } from 'vitest'
import { ControlClient } from '../../src/gateway/index.ts'
import { newAppId, responseOf, Stage } from '../integration/stage.ts'
import { eventually } from '../support/deadline.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import type { HeaderLine } from '../support/http1-wire.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { RawConnection, type RawRequest } from '../support/raw-http.ts'
import { hang, lines, ScriptedEngine } from '../support/scripted-engine.ts'

const [slowPort, otherPort, appPort] = [24_001, 24_002, 23_001]
const samples = 100
/** Of the median without load; the machine is shared with the load's own clients. */
const factor = 10
const atLeastMs = 25
const image = 'ghcr.io/a/b:c'

const keyed: HeaderLine = ['harp-shared-key', 'sekret']
const toEngine = (port: number): HeaderLine[] => [keyed, ['docker-engine-port', String(port)]]

const exists = (port: number, name: string): RawRequest => ({
  method: 'POST',
  target: '/exapps/app_api/docker/exapp/exists',
  headers: toEngine(port),
  body: JSON.stringify({ name }),
})
const inspect = (port: number, name: string): RawRequest => ({
  target: `/exapps/app_api/v1.44/containers/nc_app_${name}/json`,
  headers: toEngine(port),
})
const pull = (port: number): RawRequest => ({
  method: 'POST',
  target: `/exapps/app_api/v1.44/images/create?fromImage=${encodeURIComponent(image)}`,
  headers: toEngine(port),
})
const inCluster = (name: string): RawRequest => ({
  method: 'POST',
  target: '/exapps/app_api/k8s/exapp/exists',
  headers: [keyed],
  body: JSON.stringify({ name }),
})

function times(count: number, make: (index: number) => RawRequest): RawRequest[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

/** Milliseconds until the whole answer, of one request after the other; every one must be answered with 200. */
async function medianLatency(stage: Stage, request: RawRequest): Promise<number> {
  const taken: number[] = []
  for (let count = 0; count < samples; count++) {
    const startedAt = performance.now()
    const { status, body } = responseOf(await stage.send(request))
    expect(status, `${request.target} after ${count}: ${body.toString()}`).toBe(200)
    taken.push(performance.now() - startedAt)
  }
  return taken.toSorted((one, other) => one - other)[samples >> 1] ?? Number.NaN
}

test('what hangs keeps only itself waiting', { timeout: 90_000 }, async () => {
  await using slow = await ScriptedEngine.start()
  await using other = await ScriptedEngine.start()
  await using cluster = await KubernetesSimulator.start()
  await using stage = await Stage.open({
    ...cluster.environment,
    HARP_DOCKER_SOCKET: 'off',
    // The records of the apps are asked for again meanwhile, which asks the cluster.
    HARP_RECORD_TTL: '1s',
    HARP_TIMEOUT_DRAIN: '1s',
  })
  const { app, path: direct } = await stage.exapp()
  const tunnelled = newAppId()
  stage.addApp(appPort, {}, tunnelled)
  for (const [name, remotePort, port] of [
    ['slow', slowPort, slow.port],
    ['other', otherPort, other.port],
    [tunnelled, appPort, app.port],
  ] as const) {
    const frpc = await FrpcStandIn.connected({
      server: { host: '127.0.0.1', port: stage.gateway.place.ports.frp },
      token: 'sekret',
      tls: 'off',
      proxies: [{ name, remotePort, target: { port } }],
    })
    stage.own(() => frpc.stop())
  }
  const operator = new ControlClient(stage.gateway.place.stateDir)
  const engine = async (port: number) => {
    const reply = await operator.engines()
    return reply.kind === 'ok' ? reply.value.find((each) => each.port === port) : undefined
  }
  other.state.registry.set(image, {})
  const measured: readonly (readonly [string, RawRequest])[] = [
    ['an app', { target: `${direct}/x` }],
    ['an app behind a tunnel', { target: `/exapps/${tunnelled}/x` }],
    ['another engine', exists(otherPort, 'foo')],
    [
      'another engine, passed through',
      { ...inspect(otherPort, 'foo'), target: '/exapps/app_api/v1.44/_ping' },
    ],
  ]
  const medians = async (): Promise<number[]> => {
    const all: number[] = []
    for (const [, request] of measured) all.push(await medianLatency(stage, request))
    return all
  }
  await medians()
  const before = await medians()

  const never = new Promise(() => undefined)
  slow.on('GET', /^\/containers\//, hang())
  slow.on(
    'POST',
    /^\/images\/create$/,
    lines([{ text: '{"status":"Pulling"}\n' }, { text: '', gate: never }]),
  )
  cluster.fault = () => ({ kind: 'hang' })
  const load = await Promise.all(
    [
      ...times(70, (index) => exists(slowPort, `a${index}`)),
      ...times(40, (index) => inspect(slowPort, `b${index}`)),
      ...times(8, () => pull(slowPort)),
      ...times(32, (index) => inCluster(`c${index}`)),
    ].map(async (request) => {
      const connection = await RawConnection.open(stage.endpoint)
      await connection.sendRequest(request)
      return connection
    }),
  )
  try {
    const full = { busy: 8 + 32 + 8, waiting: 70 - 8 + 40 - 32 }
    await eventually('all calls to be under way', async () => {
      const now = await engine(slowPort)
      return now?.busy === full.busy && now.waiting === full.waiting ? true : undefined
    })
    const during = await medians()
    const still = await engine(slowPort)
    expect(responseOf(await stage.send(pull(otherPort))).status).toBe(200)

    for (const [index, [what]] of measured.entries()) {
      const [without = 0, withLoad = 0] = [before[index], during[index]]
      console.log(`${what}: median ${without.toFixed(2)} ms, with load ${withLoad.toFixed(2)} ms`)
      const limit = Math.max(factor * without, atLeastMs)
      expect({ what, isSlow: withLoad > limit }).toEqual({ what, isSlow: false })
    }
    // It was load to the end.
    expect(still).toMatchObject({ via: 'tunnel', reachable: true, busy: full.busy })
    expect(
      cluster.history.filter((call) => call.startsWith('GET deployments/nc-app-c')).length,
    ).toBeGreaterThan(8)
  } finally {
    // NOTE: one that ends only its own direction may still want the answer, for 30 s.
    for (const connection of load) connection.socket.resetAndDestroy()
  }
  // Whoever leaves gives its place back at once.
  await eventually('the places at the engine to be free', async () => {
    const now = await engine(slowPort)
    return now?.busy === 0 && now.waiting === 0 ? true : undefined
  })
})
