/** The admin address, the control socket and `harp bans`, with the gateway as a process of its own. */
import { stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ControlClient } from '../../src/gateway/index.ts'
import { FakeExApp } from '../support/fake-exapp.ts'
import {
  GatewayProcess,
  HarpProcess,
  runGateway,
  type Environment,
  type GatewayOptions,
} from '../support/gateway-process.ts'
import { exchange } from '../support/raw-http.ts'
import { NextcloudFront } from './nextcloud-front.ts'

const key = 'a-shared-key-for-operators'
const token = 'a-token-that-nobody-may-see'
let nextcloud: NextcloudFront
let app: FakeExApp
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  nextcloud = await NextcloudFront.start({ key })
  app = await FakeExApp.start()
  const routes = [{ url: '.*', access_level: 0, bruteforce_protection: [] }]
  nextcloud.appApi.setApp('foo', {
    record: { exapp_token: token, exapp_version: '1.2.3', host: '127.0.0.1', port: app.port, routes },
  })
})
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  nextcloud.face = {}
})
afterAll(async () => {
  await app.stop()
  await nextcloud.stop()
})

async function start(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const environment = { HP_SHARED_KEY: key, HP_BLACKLIST_COUNT: '3', ...options.environment }
  const gateway = await GatewayProcess.start(nextcloud.url, { ...options, environment })
  closers.push(() => gateway.stop())
  return gateway
}

function admin(gateway: GatewayProcess, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateway.place.ports.admin}${path}`)
}

/** Names and statuses of the checks that are not ok. */
async function readiness(gateway: GatewayProcess): Promise<{ status: number; troubles: string[] }> {
  const response = await admin(gateway, '/readyz')
  const { checks } = (await response.json()) as { checks: { name: string; status: string }[] }
  const troubles = checks
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status }) => `${name} ${status}`)
  return { status: response.status, troubles }
}

async function harp(args: readonly string[], environment: Environment) {
  const program = new HarpProcess(args, environment)
  closers.push(() => program.stop(1_000))
  return program.waitForExit(10_000)
}

/** A client address with as many failures as it takes to be banned. */
async function ban(gateway: GatewayProcess, localAddress: string): Promise<void> {
  const endpoint = { host: '127.0.0.1', port: gateway.port, localAddress }
  for (let failures = 0; failures < 3; failures += 1) {
    await exchange(endpoint, { target: '/exapps/app_api/info' })
  }
}

test('a gateway that serves is ready, alive and counted, and tells no secret', async () => {
  const gateway = await start()
  await exchange({ host: '127.0.0.1', port: gateway.port }, { target: '/exapps/foo/page' })

  expect(await readiness(gateway)).toEqual({ status: 200, troubles: [] })
  expect(await (await admin(gateway, '/healthz')).text()).toBe('ok\n')
  const metrics = await (await admin(gateway, '/metrics')).text()
  const status = await new ControlClient(gateway.place.stateDir).status()

  expect(metrics).toContain('harp_gateway_requests_total{reason="forward-public"} 1')
  expect(status).toMatchObject({
    kind: 'ok',
    value: {
      pid: gateway.program.pid,
      isDraining: false,
      listeners: { http: `127.0.0.1:${gateway.port}`, https: null },
      apps: { known: 1 },
    },
  })
  const told = metrics + (await (await admin(gateway, '/readyz')).text()) + JSON.stringify(status)
  for (const secret of [key, token]) expect(told).not.toContain(secret)
})

test('without Nextcloud the gateway is alive and not ready', async () => {
  nextcloud.face = { status: { code: 503, body: 'down' } }
  const gateway = await start()

  expect(await readiness(gateway)).toEqual({ status: 503, troubles: ['nextcloud fail'] })
  expect((await admin(gateway, '/healthz')).status).toBe(200)
})

test('a silent Nextcloud delays readiness by three seconds at most', async () => {
  nextcloud.face = { isSilent: true }
  const gateway = await start()
  const startedAt = performance.now()

  const { troubles } = await readiness(gateway)
  const firstMs = performance.now() - startedAt
  await readiness(gateway)
  const secondMs = performance.now() - startedAt - firstMs

  expect(troubles).toContain('nextcloud fail')
  expect(firstMs).toBeLessThan(5_000)
  expect(secondMs).toBeLessThan(1_000)
})

test('a gateway that shuts down says so as long as it finishes what is running', async () => {
  const gateway = await start({ environment: { HP_LOG_LEVEL: 'info' } })
  const running = exchange(
    { host: '127.0.0.1', port: gateway.port },
    { target: '/exapps/foo/page?do=hold&tag=drain' },
  )
  await app.waitForRequest((each) => each.target.includes('tag=drain'))

  gateway.program.signal('SIGTERM')
  await gateway.waitForOutput(/gateway stopping/)
  const { status, troubles } = await readiness(gateway)
  app.release('drain')

  expect(status).toBe(503)
  expect(troubles).toContain('draining fail')
  expect(await running).toMatchObject({ kind: 'response' })
  expect(await gateway.program.waitForExit()).toMatchObject({ code: 0 })
})

test('harp bans lists who is banned, and lift lets them in again', async () => {
  const gateway = await start()
  const { environment } = gateway.place
  const client = { host: '127.0.0.1', port: gateway.port, localAddress: '127.0.0.50' }
  expect(await harp(['bans'], environment)).toMatchObject({ code: 0, stdout: 'No address is banned.\n' })

  await ban(gateway, '127.0.0.50')

  expect((await exchange(client, { target: '/exapps/foo/page' })).kind).not.toBe('response')
  const { stdout } = await harp(['bans'], environment)
  expect(stdout).toMatch(/^ADDRESS\s+FAILURES\s+ENDS\n127\.0\.0\.50\s+3\s+in \d+ s \(20.*Z\)\n$/)
  const json = await harp(['bans', '--json'], environment)
  expect(JSON.parse(json.stdout)).toMatchObject({ bans: [{ address: '127.0.0.50', failures: 3 }] })

  const lifted = await harp(['bans', 'lift', '127.0.0.50'], environment)

  expect(lifted).toMatchObject({ code: 0, stdout: '127.0.0.50 is not banned any more.\n' })
  expect(await exchange(client, { target: '/exapps/foo/page' })).toMatchObject({ kind: 'response' })
})

test('harp bans needs no shared key, and exits 1 or 3 with one line', async () => {
  const gateway = await start()
  const stateDir = { HARP_STATE_DIR: gateway.place.stateDir }

  expect(await harp(['bans'], stateDir)).toMatchObject({ code: 0 })
  expect(await harp(['bans', 'lift', '192.0.2.1'], stateDir)).toMatchObject({
    code: 1,
    stderr: 'ERROR: 192.0.2.1 has no failures\n',
  })
  expect(await harp(['bans', 'lift', 'everybody'], stateDir)).toMatchObject({
    code: 1,
    stderr: 'ERROR: not an IP address or prefix\n',
  })
  const none = await harp(['bans'], { HARP_STATE_DIR: join(gateway.place.directory, 'none') })
  expect(none.code).toBe(3)
  expect(none.stderr).toMatch(/^ERROR: no gateway answers at .*none\/harp\.sock; start it.*\n$/)
})

test('the control socket is for its owner alone and goes with the gateway', async () => {
  const gateway = await start()
  const path = join(gateway.place.stateDir, 'harp.sock')

  expect((await stat(path)).mode & 0o777).toBe(0o600)
  await gateway.program.stop()

  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a second gateway in the same state directory does not start', async () => {
  const gateway = await start()

  const exit = await runGateway(nextcloud.url, {
    environment: { HP_SHARED_KEY: key, HARP_STATE_DIR: gateway.place.stateDir },
  })

  expect(exit.code).toBe(1)
  expect(exit.stderr.split('\n').filter((line) => line !== '')).toEqual([
    expect.stringMatching(
      /^ERROR: another gateway uses .*harp\.sock\. Fix: Stop it.*\[CONTROL_SOCKET_BUSY\]$/,
    ),
  ])
  expect(await readiness(gateway)).toMatchObject({ status: 200 })
})

test('after a kill the gateway starts again in the same state directory', async () => {
  const gateway = await start()
  gateway.program.signal('SIGKILL')
  await gateway.program.waitForExit()

  const again = await GatewayProcess.startIn(gateway.place)
  closers.push(() => again.stop())

  expect(await harp(['bans'], gateway.place.environment)).toMatchObject({ code: 0 })
})

test('a state directory that cannot be made costs harp bans, not the service', async () => {
  const gateway = await start({ environment: { HARP_STATE_DIR: '/proc/harp' } })

  await gateway.waitForOutput(/"code":"STATE_DIR_UNUSABLE"/)
  expect(
    await exchange({ host: '127.0.0.1', port: gateway.port }, { target: '/exapps/foo/page' }),
  ).toMatchObject({
    kind: 'response',
    response: { status: 200 },
  })
  expect(await harp(['bans'], gateway.place.environment)).toMatchObject({ code: 3 })
})

test('an admin port that is taken ends the start with one line', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => {
    holder.listen(0, '127.0.0.1', resolve)
  })
  closers.push(async () => holder.close())
  const { port } = holder.address() as AddressInfo

  const exit = await runGateway(nextcloud.url, {
    environment: { HP_SHARED_KEY: key, HARP_ADMIN_ADDRESS: `127.0.0.1:${port}` },
  })

  expect(exit.code).toBe(1)
  expect(exit.stderr).toMatch(
    new RegExp(
      `^ERROR: cannot listen on 127\\.0\\.0\\.1:${port} \\(HARP_ADMIN_ADDRESS\\): EADDRINUSE\\. Fix: .*\\[LISTEN_FAILED\\]\n$`,
    ),
  )
})

test('HARP_ADMIN_ADDRESS=off listens nowhere', async () => {
  const gateway = await start({ environment: { HARP_ADMIN_ADDRESS: 'off' } })

  await expect(fetch(`http://127.0.0.1:${gateway.place.ports.admin}/healthz`)).rejects.toThrow('fetch failed')
  expect(await new ControlClient(gateway.place.stateDir).status()).toMatchObject({
    value: { listeners: { admin: null } },
  })
})
