/** `harp doctor` where tunnels are: the server, its certificate, the key, and the way to an app through its tunnel. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ControlClient, runDoctor, systemFiles, type Report } from '../../src/gateway/index.ts'
import { eventually } from '../support/deadline.ts'
import { FakeExApp } from '../support/fake-exapp.ts'
import { FrpcStandIn, type FrpcOptions } from '../support/frpc-stand-in.ts'
import { freePorts } from '../support/free-ports.ts'
import { GatewayProcess, type Environment } from '../support/gateway-process.ts'
import { NextcloudFront } from './nextcloud-front.ts'

const key = 'a-shared-key-for-tunnels'
const banCount = 3

let nextcloud: NextcloudFront
let app: FakeExApp
let gateway: GatewayProcess
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  nextcloud = await NextcloudFront.start({ key })
  app = await FakeExApp.start()
})
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
afterAll(async () => {
  await app.stop()
  await nextcloud.stop()
})

async function start(environment: Environment): Promise<void> {
  gateway = await GatewayProcess.start(nextcloud.url, {
    environment: { HP_SHARED_KEY: key, HP_BLACKLIST_COUNT: String(banCount), ...environment },
  })
  const { stateDir } = gateway.place
  // Tunnels are accepted a little later than HTTP.
  await eventually('tunnels to be accepted', async () => {
    const reply = await new ControlClient(stateDir).tunnels()
    return (reply.kind === 'ok' && reply.value.listening !== null) || undefined
  })
}

async function visit(env: Environment = {}, appId?: string): Promise<Report> {
  return runDoctor({
    env: { ...gateway.place.environment, ...env },
    files: systemFiles,
    version: '0.1.0',
    url: undefined,
    app: appId,
    timeoutMs: 3_000,
  })
}

/** `status: detail → fix` of a check, by its hop and name. */
function found(report: Report, hop: string, name: string): string {
  const check = report.groups.find((group) => group.hop === hop)?.checks.find((each) => each.name === name)
  return check === undefined ? 'no such check' : `${check.status}: ${check.detail} → ${check.fix}`
}

/** Nextcloud has the app on this port of the gateway's machine, as for every app behind a tunnel. */
function register(appId: string, port: number): void {
  nextcloud.appApi.setApp(appId, {
    record: { exapp_token: 'a-token', exapp_version: '1.2.3', host: '127.0.0.1', port, routes: [] },
  })
}

async function connect(
  name: string,
  remotePort: number,
  options: Partial<FrpcOptions> = {},
): Promise<FrpcStandIn> {
  const frpc = await FrpcStandIn.connected({
    server: { host: '127.0.0.1', port: gateway.place.ports.frp },
    tls: 'off',
    token: key,
    proxies: [{ name, remotePort, target: { port: app.port } }],
    ...options,
  })
  closers.push(() => frpc.stop())
  return frpc
}

describe('without TLS', () => {
  beforeAll(async () => {
    await start({ HP_FRP_DISABLE_TLS: 'true' })
  })
  afterAll(async () => {
    await gateway.stop()
  })

  test('a login with the key is tried, and leaves nothing behind', async () => {
    const report = await visit()

    expect(found(report, 'tunnels', 'server')).toMatch(/^ok: 127\.0\.0\.1:\d+ accepts connections/)
    expect(found(report, 'tunnels', 'TLS')).toMatch(/^skip: HP_FRP_DISABLE_TLS/)
    expect(found(report, 'tunnels', 'login')).toBe('ok: the shared key is accepted → null')
    expect(found(report, 'tunnels', 'tunnels')).toBe('ok: 0 open → null')
    const tunnels = await new ControlClient(gateway.place.stateDir).tunnels()
    expect(tunnels).toMatchObject({ kind: 'ok', value: { tunnels: [], refused: [] } })
  })

  test('however often it looks with another key, it does not get this machine banned', async () => {
    for (let count = 0; count < banCount; count += 1) await visit({ HARP_FRP_REQUIRE_TOKENS: 'all' })

    const report = await visit()

    expect(found(report, 'gateway', 'bans')).toMatch(/^ok/)
    expect(found(report, 'tunnels', 'login')).toMatch(/^ok/)
    const other = await visit({ HP_SHARED_KEY: 'another-key-than-the-gateways' })
    expect(found(other, 'tunnels', 'server')).toMatch(/^skip/)
    expect(found(other, 'tunnels', 'login')).toBe('no such check')
  })

  test('where the shared key is refused on purpose the login is not tried', async () => {
    const report = await visit({ HARP_FRP_REQUIRE_TOKENS: 'all' })

    expect(found(report, 'tunnels', 'login')).toMatch(/^skip: HARP_FRP_REQUIRE_TOKENS=all/)
  })

  test('an app behind its tunnel is reached through it', async () => {
    register('foo', 23_001)
    await connect('foo', 23_001)

    const report = await visit({}, 'foo')

    expect(found(report, 'app', 'port')).toMatch(
      /^ok: 23001 is the tunnel of foo from 127\.0\.0\.1 \(plain\)/,
    )
    expect(found(report, 'app', 'heartbeat')).toMatch(/^ok: answered through the gateway/)
    expect(found(report, 'tunnels', 'tunnels')).toMatch(/^ok: 1 open/)
  })

  test('a tunnel whose app does not answer is told apart from no tunnel', async () => {
    const [closed = 0] = await freePorts(1)
    register('asleep', 23_005)
    await connect('asleep', 23_005, {
      proxies: [{ name: 'asleep', remotePort: 23_005, target: { port: closed } }],
    })

    const report = await visit({}, 'asleep')

    expect(found(report, 'app', 'port')).toMatch(/^ok: 23005 is the tunnel of asleep/)
    expect(found(report, 'app', 'heartbeat')).toMatch(/^fail: through the gateway/)
  })

  test('another client on the port of the app is named', async () => {
    await connect('bar', 23_002)
    register('baz', 23_002)

    const report = await visit({}, 'baz')

    expect(found(report, 'app', 'port')).toMatch(/^fail: .*"bar" from 127\.0\.0\.1 has it → .*harp token add/)
  })

  test('a tunnel that was refused says why', async () => {
    register('qux', 23_003)
    const frpc = await connect('qux', 23_004)
    expect((await frpc.proxyResponse('qux')).error).not.toBe('')

    const report = await visit({}, 'qux')

    expect(found(report, 'app', 'port')).toMatch(
      /^fail: 23003 has no tunnel.*was refused at .*port not allowed/,
    )
  })

  test('a tunnel that is gone says since when, in both places', async () => {
    register('gone', 23_006)
    const frpc = await connect('gone', 23_006)
    await frpc.stop()
    const report = await eventually('the tunnel to be lost', async () => {
      const seen = await visit({}, 'gone')
      return found(seen, 'tunnels', 'tunnels').startsWith('warn') ? seen : undefined
    })

    expect(found(report, 'tunnels', 'tunnels')).toContain('gone (')
    expect(found(report, 'app', 'port')).toMatch(/^fail: 23006 has no tunnel.*was lost at .* → .*docker logs/)
  })

  test('an engine with the shared key is a warning', async () => {
    await connect('gpu', 24_007)

    expect(found(await visit(), 'tunnels', 'engines')).toMatch(/^warn: gpu .* → harp token add --engine/)
  })

  test('an app on this machine without a tunnel is fine too', async () => {
    const local = await startInTunnelRange()
    closers.push(() => local.stop())
    register('local', local.port)

    const report = await visit({}, 'local')

    expect(found(report, 'app', 'port')).toMatch(/^ok: .*runs without a tunnel/)
    expect(found(report, 'app', 'heartbeat')).toMatch(/^ok/)
  })

  test('a port on which nobody listens, and one of another program', async () => {
    const [closed = 0] = await freePorts(1)
    const nobody = await visit({ HP_FRP_ADDRESS: `127.0.0.1:${closed}` })
    expect(found(nobody, 'tunnels', 'server')).toMatch(/^fail: .*nothing listens.*HP_FRP_ADDRESS/)

    const web = await visit({ HP_FRP_ADDRESS: `127.0.0.1:${app.port}` })
    expect(found(web, 'tunnels', 'server')).toMatch(/^ok/)
    expect(found(web, 'tunnels', 'login')).toMatch(/^fail: .*another program has the port/)
  })
})

async function startInTunnelRange(): Promise<FakeExApp> {
  for (let port = 23_990; ; port -= 1) {
    try {
      return await FakeExApp.start({ port })
    } catch (error) {
      if (port === 23_900) throw error
    }
  }
}

describe('with mutual TLS', () => {
  let otherCerts: string

  beforeAll(async () => {
    otherCerts = await mkdtemp(join(tmpdir(), 'harp-certs-'))
    await start({ HP_FRP_DISABLE_TLS: 'false', HARP_CERTS_DIR: otherCerts })
    // The certificates of one gateway, for the doctor of another.
    await cp(join(otherCerts, 'frp'), join(otherCerts, 'kept', 'frp'), { recursive: true })
    await gateway.stop()
    await start({ HP_FRP_DISABLE_TLS: 'false' })
  })
  afterAll(async () => {
    await gateway.stop()
    await rm(otherCerts, { recursive: true, force: true })
  })

  test('certificate, key and expiries are looked at as a client would', async () => {
    const report = await visit()

    expect(found(report, 'tunnels', 'TLS')).toMatch(/^ok: .*harp\.nc/)
    expect(found(report, 'tunnels', 'login')).toMatch(/^ok/)
    for (const name of ['ca', 'server', 'client']) {
      expect(found(report, 'tunnels', `${name} certificate`)).toMatch(/^ok: .*valid until/)
    }
  })

  test('certificates of another gateway are named as what keeps clients away', async () => {
    const report = await visit({ HARP_CERTS_DIR: join(otherCerts, 'kept') })

    expect(found(report, 'tunnels', 'server')).toMatch(/^ok/)
    expect(found(report, 'tunnels', 'TLS')).toMatch(/^fail: .*not trusted.*no client connects → restart/)
  })

  test('a missing or damaged client file is named, and the rest is still checked', async () => {
    const place = join(otherCerts, 'damaged')
    await cp(join(gateway.place.certsDir, 'frp'), join(place, 'frp'), { recursive: true })
    await writeFile(join(place, 'frp', 'client.crt'), 'not a certificate')

    const report = await visit({ HARP_CERTS_DIR: place })

    expect(found(report, 'tunnels', 'server')).toMatch(/^ok/)
    expect(found(report, 'tunnels', 'TLS')).toMatch(/^warn: could not be tried: .*client\.crt/)
    expect(found(report, 'tunnels', 'server certificate')).toMatch(/^ok/)
  })

  test('a doctor that thinks there is no TLS says what to compare', async () => {
    const report = await visit({ HP_FRP_DISABLE_TLS: 'true' })

    expect(found(report, 'tunnels', 'login')).toMatch(/^fail: .* → the gateway may want TLS/)
  })
})
