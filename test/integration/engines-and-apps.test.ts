/** What an operator sees of engines and apps: `harp engines`, `harp apps`, the doctor, metrics. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ControlClient,
  runDoctor,
  systemFiles,
  type AppStatus,
  type Report,
} from '../../src/gateway/index.ts'
import { eventually } from '../support/deadline.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import { freePorts } from '../support/free-ports.ts'
import { HarpProcess } from '../support/gateway-process.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { answer, hang, ScriptedEngine } from '../support/scripted-engine.ts'
import { newAppId, responseOf, Stage } from './stage.ts'

const token = 'a-token-that-nobody-may-see'
let directory: string
let local: ScriptedEngine
let remote: ScriptedEngine
let stage: Stage

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'harp-seeing-'))
  const socket = join(directory, 'docker.sock')
  local = await ScriptedEngine.start({ path: socket, engine: 'podman' })
  local.on('GET', /^\/info$/, answer(200, { DockerRootDir: directory, CgroupDriver: 'cgroupfs' }))
  remote = await ScriptedEngine.start({ apiVersion: '1.41', minApiVersion: '1.12', release: '20.10.7' })
  stage = await Stage.open({ HARP_DOCKER_SOCKET: socket })
}, 30_000)

afterAll(async () => {
  await stage.close()
  await Promise.all([local.stop(), remote.stop()])
  await rm(directory, { recursive: true, force: true })
})

async function harp(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const program = new HarpProcess(args, stage.gateway.place.environment)
  try {
    return await program.waitForExit(20_000)
  } finally {
    await program.stop(1_000)
  }
}

async function tunnel(name: string, remotePort: number, port: number): Promise<FrpcStandIn> {
  return FrpcStandIn.connected({
    server: { host: '127.0.0.1', port: stage.gateway.place.ports.frp },
    token: 'sekret',
    tls: 'off',
    proxies: [{ name, remotePort, target: { port } }],
  })
}

async function visit(on: Stage = stage): Promise<Report> {
  const { environment } = on.gateway.place
  return runDoctor({
    env: environment,
    files: systemFiles,
    version: '0.1.0',
    url: undefined,
    app: undefined,
    timeoutMs: 3_000,
  })
}

/** `status name: detail` of a hop's checks. */
function checksOf(report: Report, hop: string): string[] {
  const checks = report.groups.find((group) => group.hop === hop)?.checks ?? []
  return checks.map(({ status, name, detail }) => `${status} ${name}: ${detail}`)
}

async function appOf(id: string, on: Stage = stage): Promise<AppStatus | undefined> {
  const reply = await new ControlClient(on.gateway.place.stateDir).apps()
  return reply.kind === 'ok' ? reply.value.find((each) => each.id === id) : undefined
}

describe('engines', () => {
  test('each is asked, and told with its way, version, API and what is wrong', async () => {
    const open = await tunnel('gpu', 24_001, remote.port)
    stage.own(() => open.stop())
    const lost = await tunnel('attic', 24_002, remote.port)
    await lost.stop()
    await eventually('the tunnel to be lost', async () => {
      const reply = await new ControlClient(stage.gateway.place.stateDir).tunnels()
      if (reply.kind !== 'ok') return undefined
      return reply.value.tunnels.some(({ name, state }) => name === 'attic' && state === 'lost') || undefined
    })

    const { code, stdout } = await harp('engines')
    expect(code).toBe(0)
    const [head, ...rows] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
    expect(head).toEqual(['PORT', 'VIA', 'VERSION', 'API', 'REACHABLE', 'BUSY/WAITING', 'LAST ERROR'])
    expect(rows[0]).toEqual(['24000', 'socket', 'Podman 5.2.0', '1.24-1.41', 'yes', '0/0', '-'])
    expect(rows[1]).toEqual(['24001', 'tunnel', 'Docker 20.10.7', '1.12-1.41', 'yes', '0/0', '-'])
    expect(rows[2]?.slice(0, 6)).toEqual(['24002', 'tunnel', '-', '-', 'no', '0/0'])

    const json: unknown = JSON.parse((await harp('engines', '--json')).stdout)
    expect(json).toMatchObject({
      engines: [
        { port: 24_000, reachable: true, lastError: null },
        { port: 24_001, version: { apiVersion: '1.41', engine: 'Docker 20.10.7' } },
        { port: 24_002, reachable: false, lastError: { problem: expect.stringContaining('24002') } },
      ],
    })
  })

  test('the doctor names each, the range of its API, and the fix of what is broken', async () => {
    const report = await visit()

    expect(checksOf(report, 'engines')).toEqual([
      `ok socket: ${directory}/docker.sock may be opened`,
      'ok engine 24000: Podman 5.2.0, API 1.24 to 1.41; AppAPI’s 1.44 becomes 1.41',
      expect.stringMatching(/^warn engine 24000 health checks: .*without systemd/),
      'ok engine 24001: Docker 20.10.7, API 1.12 to 1.41; AppAPI’s 1.44 becomes 1.41',
      expect.stringMatching(/^fail engine 24002: no tunnel has this port now; it was there until/),
      expect.stringMatching(/^(?:ok|warn) engine storage: [\d.]+ GiB free in /),
    ])
    expect(checksOf(report, 'kubernetes')).toEqual([])
  })

  test('one that hangs delays neither list nor doctor for long', async () => {
    remote.on('GET', /^\/version$/, hang())
    try {
      const reply = await new ControlClient(stage.gateway.place.stateDir).engines()
      expect(reply).toMatchObject({
        kind: 'ok',
        value: [{ reachable: true }, { reachable: false, version: { engine: 'Docker 20.10.7' } }, {}],
      })
      expect(checksOf(await visit(), 'engines')).toContainEqual(
        expect.stringMatching(/^fail engine 24001: the tunnel of "gpu" is open, but: .*no answer/),
      )
    } finally {
      remote.clearScript()
    }
  })

  test('calls are counted by kind and result', async () => {
    const headers = [
      ['harp-shared-key', 'sekret'],
      ['docker-engine-port', '24001'],
    ] as const
    const target = '/exapps/app_api/docker/exapp/exists'
    const body = JSON.stringify({ name: 'foo' })
    expect(responseOf(await stage.send({ method: 'POST', target, headers, body })).status).toBe(200)
    const ping = '/exapps/app_api/v1.44/_ping'
    expect(responseOf(await stage.send({ target: ping, headers })).status).toBe(200)

    const metrics = await fetch(`http://127.0.0.1:${stage.gateway.place.ports.admin}/metrics`)
    const text = await metrics.text()
    expect(text).toContain('harp_engine_calls_total{kind="call",result="answered"} 1')
    expect(text).toContain('harp_engine_calls_total{kind="reading",result="answered"} 1')
    expect(text).toMatch(/harp_engine_calls_total\{kind="version",result="timeout"\} [1-9]/)
    expect(text).toMatch(/harp_engine_call_duration_seconds_count\{kind="reading"\} 1/)
    expect(text).toMatch(/harp_engine_calls_busy 0/)
  })
})

describe('apps', () => {
  test('one that answers, and one that is not there', async () => {
    const { app, path } = await stage.exapp()
    const [closed = 0] = await freePorts(1)
    const down = newAppId()
    stage.addApp(closed, { exapp_token: token }, down)
    await stage.send({ target: `${path}/x` })
    await stage.send({ target: `${path}/y` })
    await stage.send({ target: `/exapps/${down}/x` })

    const up = path.slice('/exapps/'.length)
    expect(await appOf(up)).toMatchObject({
      version: '1.2.3',
      address: `127.0.0.1:${app.port}`,
      route: 'direct',
      state: 'answers',
      requests: 2,
      lastStatus: { status: 200 },
      lastError: null,
    })
    const { stdout } = await harp('apps')
    expect(stdout).toMatch(/^ID +VERSION +ADDRESS +ROUTE +TUNNEL +STATE +REQUESTS +LAST STATUS +LAST ERROR$/m)
    expect(stdout).toMatch(
      new RegExp(
        `^${down} +1\\.2\\.3 +127\\.0\\.0\\.1:${closed} +direct +- +fails +1 +503 .*no connection`,
        'm',
      ),
    )
    const json = (await harp('apps', '--json')).stdout
    expect(JSON.parse(json)).toMatchObject({
      apps: expect.arrayContaining([expect.objectContaining({ id: up })]),
    })
    expect(stdout + json).not.toContain(token)
  })

  test('one behind a tunnel, while it is open and after it is gone', async () => {
    const { app } = await stage.exapp()
    const id = newAppId()
    stage.addApp(23_001, {}, id)
    const frpc = await tunnel(id, 23_001, app.port)
    expect(responseOf(await stage.send({ target: `/exapps/${id}/x` })).status).toBe(200)

    expect(await appOf(id)).toMatchObject({
      route: 'tunnel',
      tunnel: { name: id, state: 'open', peer: '127.0.0.1' },
      state: 'answers',
    })
    await frpc.stop()
    const gone = await eventually('the tunnel to be lost', async () => {
      const now = await appOf(id)
      return now?.tunnel?.state === 'lost' ? now : undefined
    })
    expect(gone).toMatchObject({ route: 'tunnel', tunnel: { lastError: { problem: expect.any(String) } } })
  })
})

describe('with a cluster', () => {
  test('an app that it has is told so, and the doctor asks for each right', async () => {
    await using cluster = await KubernetesSimulator.start()
    await using gateway = await Stage.open({ ...cluster.environment, HARP_DOCKER_SOCKET: 'off' })
    const { app } = await gateway.exapp()
    const id = newAppId()
    gateway.addApp(app.port, {}, id)
    const sent = await gateway.send({
      method: 'POST',
      target: '/exapps/app_api/k8s/exapp/expose',
      headers: [['harp-shared-key', 'sekret']],
      body: JSON.stringify({
        name: id,
        port: app.port,
        expose_type: 'manual',
        upstream_host: '127.0.0.1',
        upstream_port: app.port,
      }),
    })
    expect(responseOf(sent).status).toBe(200)
    expect(await appOf(id, gateway)).toMatchObject({ route: 'kubernetes', tunnel: null, state: 'unused' })

    cluster.deny('delete services')
    const report = await visit(gateway)
    const checks = checksOf(report, 'kubernetes')
    expect(checks).toContainEqual(expect.stringMatching(/^ok API server: Kubernetes v1\.34/))
    expect(checks).toContainEqual(expect.stringMatching(/^ok right: deployments/))
    expect(checks).toContainEqual(expect.stringMatching(/^fail right: services: .*delete/))
    expect(checksOf(report, 'engines')).toContainEqual(
      expect.stringMatching(/^ok engines: none: .*Kubernetes/),
    )
  })
})
