/** `harp doctor` against real sockets: one test per hop that can be broken, each with the fix it must name. */
import { mkdir, writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  formatReport,
  isHealthy,
  parseConfig,
  runDoctor,
  systemFiles,
  type Report,
} from '../../src/gateway/index.ts'
import { withProxy } from '../../src/gateway/doctor/client-address-check.ts'
import { FakeExApp } from '../support/fake-exapp.ts'
import { freePorts } from '../support/free-ports.ts'
import { GatewayProcess, HarpProcess, prepareGatewayPlace } from '../support/gateway-process.ts'
import { exchange } from '../support/raw-http.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { startApache, startCaddy, startNginx, type Edit, type Front } from '../proxies/fronts.ts'
import { documentedTrustedProxies } from '../proxies/snippets.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { FaultyProxy, type FaultyProxyOptions, type ProxyFaults } from './faulty-proxy.ts'
import { healthyStatus, NextcloudFront, type NextcloudFace } from './nextcloud-front.ts'

const key = 'a-shared-key-for-the-doctor'
const token = 'a-token-that-nobody-may-see'
const trustedProxy = '127.0.0.7'
const banCount = 3

let nextcloud: NextcloudFront
let app: FakeExApp
let gateway: GatewayProcess
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  nextcloud = await NextcloudFront.start({ key })
  app = await FakeExApp.start()
  nextcloud.appApi.setApp('foo', { record: record('127.0.0.1', app.port) })
  gateway = await GatewayProcess.start(nextcloud.url, {
    environment: {
      HP_SHARED_KEY: key,
      HP_TRUSTED_PROXY_IPS: trustedProxy,
      HP_BLACKLIST_COUNT: String(banCount),
      HARP_MAX_CONNECTIONS: '1000',
      HARP_DOCKER_SOCKET: 'off',
    },
  })
})
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
afterAll(async () => {
  await gateway.stop()
  await app.stop()
  await nextcloud.stop()
})

function record(host: string, port: number) {
  return { exapp_token: token, exapp_version: '1.2.3', host, port, routes: [] }
}

interface Visit {
  readonly env?: Readonly<Record<string, string>>
  readonly url?: string
  readonly app?: string
  readonly timeoutMs?: number
}

async function visit({ env = {}, url, app: appId, timeoutMs = 3_000 }: Visit = {}): Promise<Report> {
  return runDoctor({
    env: { ...gateway.place.environment, ...env },
    files: systemFiles,
    version: '0.1.0',
    url,
    app: appId,
    timeoutMs,
  })
}

/** `hop name` of every check with this status. */
function named(report: Report, status: string): string[] {
  return report.groups.flatMap(({ hop, checks }) =>
    checks.filter((check) => check.status === status).map((check) => `${hop} ${check.name}`),
  )
}

function found(report: Report, name: string): string {
  const [hop, ...rest] = name.split(' ')
  const check = report.groups
    .find((group) => group.hop === hop)
    ?.checks.find((each) => each.name === rest.join(' '))
  return check === undefined ? 'no such check' : `${check.detail} → ${check.fix}`
}

async function proxyWith(
  faults: ProxyFaults,
  options: Partial<FaultyProxyOptions> = {},
): Promise<FaultyProxy> {
  const proxy = await FaultyProxy.start({
    gatewayPort: gateway.port,
    faults,
    address: trustedProxy,
    ...options,
  })
  closers.push(() => proxy.stop())
  return proxy
}

async function nextcloudWith(face: NextcloudFace, options: { key?: string } = {}): Promise<NextcloudFront> {
  const other = await NextcloudFront.start({ key, ...options, face })
  other.appApi.setApp('foo', { record: record('127.0.0.1', app.port) })
  closers.push(() => other.stop())
  return other
}

async function harp(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = new HarpProcess(args, { ...gateway.place.environment, ...env })
  try {
    return await program.waitForExit(20_000)
  } finally {
    await program.stop(1_000)
  }
}

describe('when all is well', () => {
  test('every hop is checked, the exit status is 0, and no secret is told', async () => {
    const proxy = await proxyWith({})

    const { code, stdout, stderr } = await harp(['doctor', '--url', proxy.url, '--app', 'foo'])

    expect(stdout).not.toMatch(/[✗!]/)
    expect(code).toBe(0)
    for (const line of [
      /^Reverse proxy http:/m,
      /✓ client address: 127\.0\.0\.1, from X-Forwarded-For of the reverse proxy at 127\.0\.0\.7/,
      /✓ streaming/,
      /✓ uploads/,
      /✓ WebSocket/,
      /✓ listener: 127\.0\.0\.1:\d+ answers with this shared key/,
      /✓ login: the shared key is accepted/,
      /✓ reachable: Nextcloud 31\.0\.4/,
      /✓ shared key: Nextcloud accepts it/,
      /✓ port/,
      /✓ heartbeat: answered through the gateway/,
      /^All is well/m,
    ]) {
      expect(stdout).toMatch(line)
    }
    for (const secret of [key, token, Buffer.from(`:${token}`).toString('base64')]) {
      expect(stdout + stderr).not.toContain(secret)
    }
  })

  test('--json is one value, and without arguments the rest is still checked', async () => {
    const { code, stdout } = await harp(['doctor', '--json'])

    const value = JSON.parse(stdout) as { ok: boolean; checks: { hop: string; status: string }[] }
    expect([code, value.ok]).toEqual([0, true])
    expect(value.checks.filter(({ status }) => status === 'skip').map(({ hop }) => hop)).toEqual([
      'proxy',
      'gateway',
      'tunnels',
      'engines',
      'engines',
      'nextcloud',
      'app',
    ])
  })

  test('a gateway without a reverse proxy in front is told apart from one behind a silent proxy', async () => {
    const report = await visit({ url: gateway.url })

    expect(named(report, 'fail')).toEqual([])
    expect(found(report, 'proxy client address')).toContain('no reverse proxy')
  })

  test('the diagnostics need the key and answer over HTTP/2 too', async () => {
    const refused = await exchange(
      { host: '127.0.0.1', port: gateway.port, localAddress: '127.0.0.40' },
      {
        target: '/exapps/app_api/doctor/echo',
      },
    )
    expect(refused).toMatchObject({ kind: 'response', response: { status: 401 } })

    const session = http2.connect(gateway.url)
    closers.push(async () => session.destroy())
    const get = async (path: string): Promise<string> => {
      const stream = session.request({ ':path': `/exapps/app_api/doctor/${path}`, 'harp-shared-key': key })
      stream.setEncoding('utf8')
      let text = ''
      for await (const part of stream) text += part
      return text
    }
    expect(JSON.parse(await get('echo/a%2Fb?c'))).toMatchObject({
      protocol: 'HTTP/2',
      target: '/exapps/app_api/doctor/echo/a%2Fb?c',
      peer: '127.0.0.1',
    })
    expect(await get('stream')).toBe('first\nsecond\nthird\n')
    expect(await get('upgrade')).toContain('no upgrade')
    expect(await get('other')).toBe('404: Not Found')
  })

  test('the diagnostics take their own methods and bounded uploads only', async () => {
    const send = async (method: string, path: string, body?: Uint8Array) =>
      exchange(
        { host: '127.0.0.1', port: gateway.port },
        {
          method,
          target: `/exapps/app_api/doctor/${path}`,
          headers: [['harp-shared-key', key]],
          ...(body === undefined ? {} : { body }),
        },
      )

    expect(await send('POST', 'stream')).toMatchObject({ response: { status: 405 } })
    expect(await send('GET', 'upload')).toMatchObject({ response: { status: 405 } })
    expect(await send('POST', 'upload', new Uint8Array(1_000))).toMatchObject({ response: { status: 200 } })
    expect(await send('POST', 'upload', new Uint8Array(5 * 1_048_576))).toMatchObject({
      response: { status: 413 },
    })
  })
})

describe('configuration', () => {
  test('a wrong setting is the only finding, with its fix', async () => {
    const report = await visit({ env: { HP_SESSION_LIFETIME: '99', NC_INSTANCE_URL: '' } })

    expect(report.groups.length).toBe(1)
    expect(named(report, 'fail')).toEqual([
      'configuration NC_INSTANCE_URL',
      'configuration HP_SESSION_LIFETIME',
    ])
  })

  test('quotes and junk in HP_TRUSTED_PROXY_IPS are warnings', async () => {
    const report = await visit({ env: { HP_TRUSTED_PROXY_IPS: '"nginx"' } })

    expect(named(report, 'warn')).toContain('configuration HP_TRUSTED_PROXY_IPS')
  })

  test.each([
    ['--url', { url: 'cloud.example.com' }],
    ['--app', { app: '../x' }],
  ])('a wrong %s fails and the rest is still looked at', async (name, wrong) => {
    const report = await visit(wrong)

    expect(named(report, 'fail')).toEqual([`configuration ${name}`])
  })
})

describe('gateway', () => {
  test('not running', async () => {
    const [port = 0] = await freePorts(1)

    const report = await visit({
      env: { HP_EXAPPS_ADDRESS: `127.0.0.1:${port}`, HARP_STATE_DIR: join(gateway.place.directory, 'none') },
      app: 'foo',
    })

    expect(named(report, 'fail')).toEqual(['gateway listener'])
    expect(found(report, 'gateway listener')).toMatch(
      /refuses the connection.*→ start it with `harp gateway`/,
    )
    expect(found(report, 'app heartbeat')).toContain('answered directly')
  })

  test('started with another key', async () => {
    const report = await visit({ env: { HP_SHARED_KEY: 'another-key-of-good-length' }, app: 'foo' })

    expect(named(report, 'fail')).toEqual(['gateway listener', 'nextcloud shared key'])
    expect(found(report, 'gateway listener')).toContain('does not accept this shared key')
  })

  test('another program has the port', async () => {
    const port = Number(new URL(nextcloud.url).port)

    const report = await visit({ env: { HP_EXAPPS_ADDRESS: `127.0.0.1:${port}` } })

    expect(found(report, 'gateway listener')).toMatch(/another program answers.*404/)
  })

  test('HaRP has the port', async () => {
    const harpOfPython = await nextcloudWith({ appApi: { code: 200, body: '{"status": "ok"}' } })
    const { port } = new URL(harpOfPython.url)

    const report = await visit({ env: { HP_EXAPPS_ADDRESS: `127.0.0.1:${port}` } })

    expect(found(report, 'gateway version')).toMatch(/is not Harp.*stop HaRP/)
  })

  test('without its control socket', async () => {
    const report = await visit({ env: { HARP_STATE_DIR: join(gateway.place.directory, 'other') } })

    expect(named(report, 'warn')).toEqual(['gateway control socket'])
    expect(isHealthy(report)).toBe(true)
  })

  test.each([
    [
      'expired',
      { notBefore: new Date(Date.now() - 9e8), notAfter: new Date(Date.now() - 8e8) },
      /expired.*Renew/,
    ],
    [
      'not valid yet',
      { notBefore: new Date(Date.now() + 8e8), notAfter: new Date(Date.now() + 9e8) },
      /not valid before/,
    ],
  ])('a certificate that is %s', async (_what, validity, says) => {
    const certsDir = join(gateway.place.directory, `certs-${Math.random()}`)
    await mkdir(certsDir)
    await writeFile(join(certsDir, 'cert.pem'), makeSelfSigned(validity).pem)

    const report = await visit({ env: { HARP_CERTS_DIR: certsDir } })

    expect(named(report, 'fail')).toEqual(['gateway certificate'])
    expect(found(report, 'gateway certificate')).toMatch(says)
  })

  test('a certificate that the gateway has not loaded', async () => {
    const place = await prepareGatewayPlace(nextcloud.url, { environment: { HP_SHARED_KEY: key } })
    await writeFile(join(place.certsDir, 'cert.pem'), makeSelfSigned().pem)
    const certified = await GatewayProcess.startIn(place)
    closers.push(() => certified.stop())
    const validity = { notAfter: new Date(Date.now() + 9e9) }
    const certsDir = join(place.directory, 'newer')
    await mkdir(certsDir)
    await writeFile(join(certsDir, 'cert.pem'), makeSelfSigned(validity).pem)

    const loaded = await visit({ env: place.environment })
    const newer = await visit({ env: { ...place.environment, HARP_CERTS_DIR: certsDir } })

    expect(found(loaded, 'gateway certificate')).toMatch(
      /^expires .* in 29 days|^expires .* in 30 days|^valid until/,
    )
    expect(found(newer, 'gateway certificate')).toMatch(/still serves another certificate.*SIGHUP/)
  })

  test('a certificate file that is none', async () => {
    const certsDir = join(gateway.place.directory, 'certs-broken')
    await mkdir(certsDir)
    await writeFile(join(certsDir, 'cert.pem'), 'no certificate')

    const report = await visit({ env: { HARP_CERTS_DIR: certsDir } })

    expect(found(report, 'gateway certificate')).toMatch(/cannot be used.*one PEM file/)
  })

  test('a banned address of the local network', async () => {
    await ban('127.0.0.20')

    const report = await visit()

    expect(named(report, 'warn')).toEqual(['gateway bans'])
    expect(found(report, 'gateway bans')).toContain('harp bans lift 127.0.0.20')
    await lift('127.0.0.20')
  })
})

describe('Nextcloud', () => {
  test('down', async () => {
    const [port = 0] = await freePorts(1)

    const report = await visit({ env: { NC_INSTANCE_URL: `http://127.0.0.1:${port}` }, app: 'foo' })

    expect(named(report, 'fail')).toEqual(['nextcloud reachable'])
    expect(found(report, 'nextcloud reachable')).toMatch(/refuses the connection.*start Nextcloud/)
  })

  test('unknown by name', async () => {
    const report = await visit({ env: { NC_INSTANCE_URL: 'http://nextcloud.invalid' } })

    expect(found(report, 'nextcloud reachable')).toMatch(/has no address|in time/)
  })

  test('silent', async () => {
    const { url } = await nextcloudWith({ isSilent: true })

    const report = await visit({ env: { NC_INSTANCE_URL: url }, timeoutMs: 300 })

    expect(found(report, 'nextcloud reachable')).toContain(
      'accepts the connection and does not answer in time',
    )
  })

  test('redirecting to another host', async () => {
    const headers = { location: 'https://cloud.example.com/nc/status.php' }
    const { url } = await nextcloudWith({ status: { code: 301, headers } })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(named(report, 'fail')).toEqual(['nextcloud reachable'])
    expect(found(report, 'nextcloud reachable')).toContain('set NC_INSTANCE_URL=https://cloud.example.com/nc')
  })

  test('redirecting within itself works, with the better address', async () => {
    const { url } = await nextcloudWith({ movedTo: '/nc/status.php' })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(named(report, 'fail')).toEqual([])
    expect(found(report, 'nextcloud reachable')).toContain(`set NC_INSTANCE_URL=${url}/nc`)
  })

  test('redirecting to a login page', async () => {
    const { url } = await nextcloudWith({ status: { code: 302, headers: { location: '/login' } } })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(found(report, 'nextcloud reachable')).toMatch(/redirects \/status\.php to "\/login"/)
  })

  test.each([
    ['in maintenance mode', { body: { ...healthyStatus, maintenance: true } }, /occ maintenance:mode --off/],
    ['before its upgrade', { body: { ...healthyStatus, needsDbUpgrade: true } }, /occ upgrade/],
    ['not installed', { body: { ...healthyStatus, installed: false } }, /finish Nextcloud's installation/],
    [
      'another program',
      { code: 200, body: '<h1>It works!</h1>' },
      /not a Nextcloud: 200 "<h1>It works!<\/h1>"/,
    ],
  ])('%s', async (_what, status, says) => {
    const { url } = await nextcloudWith({ status })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(named(report, 'fail')).toEqual(['nextcloud reachable'])
    expect(found(report, 'nextcloud reachable')).toMatch(says)
  })

  test('TLS that is not trusted, and http where TLS is asked for', async () => {
    const secure = await NextcloudFront.start({ key, tls: makeSelfSigned() })
    closers.push(() => secure.stop())

    const untrusted = await visit({ env: { NC_INSTANCE_URL: secure.url } })
    const notTls = await visit({ env: { NC_INSTANCE_URL: nextcloud.url.replace('http:', 'https:') } })

    expect(found(untrusted, 'nextcloud reachable')).toMatch(/self-signed.*NODE_EXTRA_CA_CERTS/)
    expect(found(notTls, 'nextcloud reachable')).toMatch(/does not speak TLS.*http:\/\//)
  })

  test.each([
    [120_000, 'ahead of'],
    [-120_000, 'behind'],
  ])('a clock that is off by %i ms', async (skewMs, says) => {
    const { url } = await nextcloudWith({ skewMs })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(named(report, 'warn')).toEqual(['nextcloud clock'])
    expect(found(report, 'nextcloud clock')).toMatch(new RegExp(`1[12]\\d s ${says}`))
  })

  test('another shared key: both explanations and how to tell them apart', async () => {
    const { url } = await nextcloudWith({}, { key: 'the-key-of-another-daemon' })

    const report = await visit({ env: { NC_INSTANCE_URL: url }, app: 'foo' })

    expect(named(report, 'fail')).toEqual(['nextcloud shared key'])
    expect(found(report, 'nextcloud shared key')).toMatch(
      /unknown app and for a wrong key alike.*app_api:app:list/,
    )
  })

  test.each([
    ['AppAPI is not enabled', { code: 404, body: '<html>Nextcloud' }, /occ app:enable app_api/],
    ['the host name is not trusted', { code: 400, body: '<html>' }, /trusted_domains 9 --value=127\.0\.0\.1/],
    ['it holds the gateway back', { code: 429, body: '<html>' }, /security:bruteforce:reset/],
    ['it fails', { code: 500, body: '<html>' }, /Nextcloud's log/],
  ])('%s', async (_what, appApi, says) => {
    const { url } = await nextcloudWith({ appApi })

    const report = await visit({ env: { NC_INSTANCE_URL: url } })

    expect(named(report, 'fail')).toEqual(['nextcloud shared key'])
    expect(found(report, 'nextcloud shared key')).toMatch(says)
  })
})

describe('app', () => {
  test('unknown', async () => {
    const report = await visit({ app: 'unknown' })

    expect(named(report, 'fail')).toEqual(['nextcloud shared key'])
    expect(found(report, 'nextcloud shared key')).toContain(
      'must list unknown: if it does not, install the app',
    )
    expect(named(report, 'skip')).toContain('app app')
  })

  test('with a record that cannot be used', async () => {
    const answer = { kind: 'reply', status: 200, body: '{"host":"a"}' } as const
    nextcloud.appApi.setApp('broken', { record: record('a', 1), metaAnswer: answer })

    const report = await visit({ app: 'broken' })

    expect(found(report, 'nextcloud shared key')).toMatch(/cannot be used: exapp_token/)
  })

  test('with a host that does not resolve', async () => {
    nextcloud.appApi.setApp('lost', { record: record('lost.invalid', 9_000) })

    const report = await visit({ app: 'lost' })

    expect(named(report, 'fail')).toEqual(['app host'])
    expect(found(report, 'app host')).toContain('docker network connect')
  })

  test('with its port closed', async () => {
    const [port = 0] = await freePorts(1)
    nextcloud.appApi.setApp('closed', { record: record('127.0.0.1', port) })

    const report = await visit({ app: 'closed' })

    expect(named(report, 'fail')).toEqual(['app port'])
    expect(found(report, 'app port')).toMatch(/nothing listens.*start the container/)
  })

  test('behind a tunnel that is not there', async () => {
    nextcloud.appApi.setApp('tunnelled', { record: record('127.0.0.1', 23_999) })

    const report = await visit({ app: 'tunnelled' })

    expect(found(report, 'app port')).toContain('none has come since the gateway started')
  })

  test.each([
    [500, /answered with 500.*log of the app/],
    [404, /has no \/heartbeat/],
    [401, /install the app again/],
  ])('whose heartbeat is %i', async (status, says) => {
    const sick = await FakeExApp.start({ handler: async (exchange_) => exchange_.reply(status, 'sick') })
    closers.push(() => sick.stop())
    nextcloud.appApi.setApp(`sick${status}`, { record: record('127.0.0.1', sick.port) })

    const report = await visit({ app: `sick${status}` })

    expect(named(report, 'fail')).toEqual(['app heartbeat'])
    expect(found(report, 'app heartbeat')).toMatch(says)
  })
})

describe('reverse proxy', () => {
  test.each<[string, ProxyFaults, string, RegExp]>([
    ['strips the prefix', { strips: true }, 'proxy way to the gateway', /without \/exapps\/.*proxy_pass/],
    [
      'does not forward /exapps/',
      { answers: { code: 404, body: 'Nextcloud: page not found' } },
      'proxy way to the gateway',
      /Nextcloud answers 404.*send \/exapps\/ to the gateway/,
    ],
    [
      'redirects',
      { answers: { code: 301, headers: { location: 'https://cloud.example.com/exapps/app_api/heartbeat' } } },
      'proxy way to the gateway',
      /--url https:\/\/cloud\.example\.com;/,
    ],
    [
      'cannot reach the gateway',
      { answers: { code: 502 } },
      'proxy way to the gateway',
      /answers 502.*127\.0\.0\.1:\d+/,
    ],
    [
      'removes the key',
      { removes: 'harp-shared-key' },
      'proxy way to the gateway',
      /without the right shared key/,
    ],
    ['decodes escapes', { decodes: true }, 'proxy escapes', /arrives as .*\/a\/b.*nocanon/],
    [
      'does not say who the client is',
      { forwardedFor: 'remove' },
      'proxy client address',
      /does not say.*X-Forwarded-For \$remote_addr/,
    ],
    ['passes on what clients claim', { forwardedFor: 'pass' }, 'proxy client address', /what clients claim/],
    [
      'writes no address',
      { forwardedFor: 'garbage' },
      'proxy client address',
      /"unknown", which does not end with an address/,
    ],
    ['collects answers', { collects: 'answers' }, 'proxy streaming', /proxy_buffering off/],
    ['refuses uploads', { maxBodyBytes: 1_048_576 }, 'proxy uploads', /client_max_body_size 0/],
    [
      'drops the upgrade',
      { upgrades: 'strip' },
      'proxy WebSocket',
      /ordinary request.*Upgrade \$http_upgrade/,
    ],
    ['kills upgrades', { upgrades: 'refuse' }, 'proxy WebSocket', /kills the upgrade/],
    ['passes nothing after the upgrade', { upgrades: 'mute' }, 'proxy WebSocket', /messages do not pass/],
  ])('%s', async (_what, faults, name, says) => {
    const proxy = await proxyWith(faults)

    const report = await visit({ url: proxy.url, timeoutMs: 2_000 })

    expect(named(report, 'fail')).toEqual([name])
    expect(found(report, name)).toMatch(says)
  })

  test('collects uploads, which is slow but works', async () => {
    const proxy = await proxyWith({ collects: 'requests' })

    const report = await visit({ url: proxy.url })

    expect(named(report, 'fail')).toEqual([])
    expect(found(report, 'proxy uploads')).toMatch(/collects uploads.*proxy_request_buffering off/)
  })

  test('appends to what clients claim, which is fine', async () => {
    const proxy = await proxyWith({ forwardedFor: 'append' })

    const report = await visit({ url: proxy.url })

    expect(named(report, 'fail')).toEqual([])
  })

  test('is not in HP_TRUSTED_PROXY_IPS, and its address is banned', async () => {
    const proxy = await proxyWith({}, { address: '127.0.0.30' })
    await ban('127.0.0.30')

    const report = await visit({ url: proxy.url })

    const { config } = parseConfig(gateway.place.environment, systemFiles)
    const value = withProxy(config?.trustedProxies ?? [], '127.0.0.30')
    expect(value).toBe('127.0.0.7,127.0.0.30')
    expect(named(report, 'fail')).toEqual(['proxy client address', 'proxy ban'])
    expect(found(report, 'proxy client address')).toContain(`set HP_TRUSTED_PROXY_IPS=${value} and restart`)
    expect(found(report, 'proxy ban')).toContain('harp bans lift 127.0.0.30')
    await lift('127.0.0.30')
  })

  test('has a certificate that nobody trusts: the key is not sent', async () => {
    const proxy = await proxyWith({}, { tls: makeSelfSigned() })

    const report = await visit({ url: proxy.url })

    expect(named(report, 'fail')).toEqual(['proxy way to the gateway'])
    expect(found(report, 'proxy way to the gateway')).toMatch(/not trusted here: it is self-signed/)
  })

  test('leads to another gateway', async () => {
    const other = await GatewayProcess.start(nextcloud.url, { environment: { HP_SHARED_KEY: key } })
    closers.push(() => other.stop())
    const proxy = await proxyWith({}, { gatewayPort: other.port })

    const report = await visit({ url: proxy.url })

    expect(named(report, 'fail')).toContain('proxy same gateway')
  })

  test('is not there', async () => {
    const [port = 0] = await freePorts(1)

    const { code, stdout } = await harp(['doctor', '--url', `http://127.0.0.1:${port}`])

    expect(code).toBe(1)
    expect(stdout).toMatch(
      /✗ way to the gateway: 127\.0\.0\.1:\d+ refuses the connection.*\n\s+→ check host and port/,
    )
    expect(stdout).toMatch(/^1 broken \(Reverse proxy http:/m)
  })
})

describe('real reverse proxies', () => {
  let behind: GatewayProcess
  beforeAll(async () => {
    behind = await GatewayProcess.start(nextcloud.url, {
      environment: {
        HP_SHARED_KEY: key,
        HP_TRUSTED_PROXY_IPS: documentedTrustedProxies(),
        HARP_MAX_CONNECTIONS: '1000',
      },
    })
  })
  afterAll(() => behind.stop())

  interface Real {
    readonly program: string
    readonly start: (gatewayPort: number, edit?: Edit) => Promise<Front>
    /** What is wrong with it, by the line of its snippet that is changed. */
    readonly mistakes: readonly (readonly [line: string, instead: string, finding: string])[]
  }
  const reals: readonly Real[] = [
    {
      program: 'nginx',
      start: startNginx,
      mistakes: [
        ['proxy_pass http://harp;', 'proxy_pass http://harp/;', 'fail proxy way to the gateway'],
        ['proxy_set_header Upgrade $http_upgrade;', '', 'fail proxy WebSocket'],
        ['proxy_set_header X-Forwarded-For $remote_addr;', '', 'fail proxy client address'],
        ['client_max_body_size 0;', '', 'fail proxy uploads'],
        ['proxy_request_buffering off;', '', 'warn proxy uploads'],
        ['proxy_buffering off;', '', 'warn proxy streaming'],
      ],
    },
    {
      program: 'caddy',
      start: startCaddy,
      mistakes: [
        ['handle /exapps/*', 'handle_path /exapps/*', 'fail proxy way to the gateway'],
        ['flush_interval -1', '', 'warn proxy streaming'],
      ],
    },
    {
      program: 'apache2',
      start: startApache,
      mistakes: [
        ['upgrade=websocket', '', 'fail proxy WebSocket'],
        ['nocanon', '', 'fail proxy escapes'],
        ['AllowEncodedSlashes NoDecode', '', 'fail proxy escapes'],
      ],
    },
  ]

  for (const { program, start, mistakes } of reals) {
    const real = realPart(program, () => isCommandInstalled(program))
    const examine = async (edit?: Edit): Promise<string[]> => {
      const front = await start(behind.port, edit)
      closers.push(() => front.stop())
      const report = await visit({ env: behind.place.environment, url: `http://127.0.0.1:${front.port}` })
      return ['fail', 'warn'].flatMap((status) => named(report, status).map((each) => `${status} ${each}`))
    }

    real(`${program} as documented: nothing to find`, async () => {
      expect(await examine()).toEqual([])
    })

    for (const [line, instead, finding] of mistakes) {
      real(`${program} without "${line}": ${finding}`, async () => {
        expect(await examine((snippet) => snippet.replace(line, instead))).toEqual([finding])
      })
    }
  }
})

test('a stuck gateway is named as stuck', async () => {
  const other = await GatewayProcess.start(nextcloud.url, { environment: { HP_SHARED_KEY: key } })
  closers.push(() => other.stop())
  other.program.signal('SIGSTOP')
  try {
    const report = await visit({ env: other.place.environment, timeoutMs: 500 })

    expect(found(report, 'gateway listener')).toMatch(/does not answer in time.*stuck/)
    expect(formatReport(report).join('\n')).not.toContain(key)
  } finally {
    other.program.signal('SIGCONT')
  }
})

/** Wrong keys until the address is banned. */
async function ban(address: string): Promise<void> {
  const endpoint = { host: '127.0.0.1', port: gateway.port, localAddress: address }
  for (let failures = 0; failures < banCount; failures += 1) {
    await exchange(endpoint, { target: '/exapps/app_api/info' })
  }
}

async function lift(address: string): Promise<void> {
  const { code, stdout } = await harp(['bans', 'lift', address])
  expect([code, stdout]).toEqual([0, `${address} is not banned any more.\n`])
}
