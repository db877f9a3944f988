/** The routes of /docker/exapp over real sockets to a scripted engine: what they leave behind there, whatever fails. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { DeadlineSweeper } from '../../src/base/deadlines.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { Metrics } from '../../src/base/metrics.ts'
import type { FrpClientFiles } from '../../src/gateway/certificates/frp-certificates.ts'
import type { BindMountConfig, RequireTokens } from '../../src/gateway/config/config.ts'
import { ControlApi } from '../../src/gateway/control/control-api.ts'
import { dockerRoutes } from '../../src/gateway/docker/docker-routes.ts'
import { EngineEvents } from '../../src/gateway/engine/engine-events.ts'
import { Engines } from '../../src/gateway/engine/engines.ts'
import { gatewayError } from '../../src/gateway/errors.ts'
import { TokenStore } from '../../src/gateway/tokens/token-store.ts'
import { socketDialer } from '../../src/net/socket-wire.ts'
import { namedCertificates } from '../support/certificate-samples.ts'
import {
  after,
  answer,
  loseAnswer,
  reset,
  ScriptedEngine,
  type FakeContainer,
} from '../support/scripted-engine.ts'
import { makeSelfSigned } from '../support/self-signed.ts'

const port = 24_001
const frpFiles: FrpClientFiles = { 'ca.crt': 'CA\n', 'client.crt': 'CRT\n', 'client.key': 'KEY\n' }
const noMounts: BindMountConfig = { isDisabled: false, allowed: [], denied: [], enforceAll: false }
const never = new AbortController().signal
const sharedKey = 'the-shared-key'

let engine: ScriptedEngine
let engines: Engines
let sweeper: DeadlineSweeper
let stateDir = ''
let tokens: TokenStore
let certificates: () => FrpClientFiles | null = () => frpFiles

beforeEach(async () => {
  engine = await ScriptedEngine.start()
  sweeper = new DeadlineSweeper(50, () => systemClock.monotonic())
  const dialer = {
    dial: (_target: unknown, timeoutMs: number) =>
      socketDialer.dial({ address: '127.0.0.1', port: engine.port }, timeoutMs),
  }
  engines = new Engines({
    dialer,
    connectTimeoutMs: 1_000,
    clock: systemClock,
    sweeper,
    known: () => new Map(),
    events: new EngineEvents(new Metrics({ processMetrics: false })),
  })
  stateDir = mkdtempSync(join(tmpdir(), 'harp-docker-'))
  tokens = new TokenStore({ stateDir, clock: systemClock, log: silentLogger })
  await tokens.load()
  certificates = () => frpFiles
  engine.state.addImage('ghcr.io/a/b:c')
})
afterEach(async () => {
  engines.stop()
  sweeper.stop()
  await engine.stop()
  await tokens.close()
  rmSync(stateDir, { recursive: true, force: true })
})

interface Options {
  readonly bindMounts?: Partial<BindMountConfig>
  readonly frpRequireTokens?: RequireTokens
  readonly signal?: AbortSignal
}

let control: { readonly key: string; readonly api: ControlApi } | null = null
beforeEach(() => {
  control = null
})

/** One gateway for all calls of a test with the same settings, since it is what keeps them in turn. */
function apiFor({ bindMounts = {}, frpRequireTokens = 'none' }: Options): ControlApi {
  const key = JSON.stringify([bindMounts, frpRequireTokens])
  if (control?.key === key) return control.api
  const config = {
    bindMounts: { ...noMounts, ...bindMounts },
    frpRequireTokens,
    dockerSocket: '/opt/engine.sock',
    stateDir,
    certsDir: '/certs',
  }
  const routes = dockerRoutes({
    engines,
    certificates: () => certificates(),
    config,
    tokens,
    clock: systemClock,
    log: silentLogger,
  })
  const api = new ControlApi(routes, silentLogger)
  control = { key, api }
  return api
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function call(route: string, body: unknown, options: Options = {}): Promise<Answer> {
  const response = await apiFor(options).handle({
    method: 'POST',
    path: `/docker/exapp/${route}`,
    body: async () => Buffer.from(JSON.stringify(body)),
    call: { enginePort: String(port), signal: options.signal ?? never, keepOpen: () => {} },
  })
  return { status: response.status, body: response.body.toString() }
}

const createBody = {
  name: 'foo',
  image_id: 'ghcr.io/a/b:c',
  network_mode: 'bridge',
  environment_variables: ['APP_ID=foo', 'APP_PORT=23000', `HP_SHARED_KEY=${sharedKey}`],
}

function foo(): FakeContainer {
  const container = engine.state.container('nc_app_foo')
  if (container === undefined) throw new Error('the container is not there')
  return container
}

describe('the life of a container', () => {
  test('create makes volume and container, start and stop do, remove takes both away', async () => {
    expect(await call('create', createBody)).toMatchObject({
      status: 201,
      body: expect.stringContaining('nc_app_foo'),
    })
    expect(engine.state.volumes).toEqual(new Set(['nc_app_foo_data']))
    expect(foo().status).toBe('created')

    expect(await call('start', { name: 'foo' })).toEqual({ status: 204, body: '' })
    expect(await call('wait_for_start', { name: 'foo' })).toEqual({
      status: 200,
      body: '{"started":true,"status":"running","health":null}',
    })
    expect(await call('exists', { name: 'foo' })).toEqual({
      status: 200,
      body: '{"exists":true,"image_ref":"ghcr.io/a/b:c"}',
    })
    expect(await call('stop', { name: 'foo' })).toEqual({ status: 204, body: '' })
    expect(await call('remove', { name: 'foo', remove_data: true })).toEqual({ status: 204, body: '' })
    expect(engine.state.containers.size + engine.state.volumes.size).toBe(0)
    expect(await call('image_remove', { image_ref: 'ghcr.io/a/b:c' })).toEqual({
      status: 200,
      body: '{"deleted":true,"bytes_freed":123456}',
    })
  })

  test('the cause that the engine names is in the answer', async () => {
    expect(await call('create', { ...createBody, image_id: 'ghcr.io/a/missing:1' })).toEqual({
      status: 503,
      body: "Error creating container 'nc_app_foo': Status 404: No such image: ghcr.io/a/missing:1",
    })
    await call('create', { ...createBody, network_mode: 'gone' })
    expect(await call('start', { name: 'foo' })).toEqual({
      status: 503,
      body: "Error starting container 'nc_app_foo' via Docker Engine: Status 404: network gone not found",
    })
    engine.on('GET', /\/json$/, answer(500, { message: 'database is locked' }))
    expect(await call('exists', { name: 'foo' })).toEqual({
      status: 503,
      body: "Error checking container 'nc_app_foo': Status 500: database is locked",
    })
  })

  test('an engine that is not there is said so, in the step for the volume too', async () => {
    await call('create', createBody)
    engine.on('DELETE', /^\/volumes\//, reset())

    expect(await call('remove', { name: 'foo', remove_data: true })).toMatchObject({
      status: 503,
      body: expect.stringMatching(/Docker Engine on port 24001/),
    })
    await engine.stop()
    expect(await call('exists', { name: 'foo' })).toEqual({
      status: 503,
      body: 'Could not connect to Docker Engine on port 24001',
    })
    expect(await call('remove', { name: 'foo', remove_data: true })).toMatchObject({ status: 503 })
    expect(await call('image_remove', { image_ref: 'a:1' })).toMatchObject({ status: 503 })
  })

  test.each([
    ['GET', /^\/volumes\//],
    ['POST', /^\/volumes\/create$/],
    ['POST', /^\/containers\/create$/],
  ])('a crash around %s %s is mended by what AppAPI does next', async (method, path) => {
    engine.on(method, path, loseAnswer(), 1)

    await call('create', createBody)
    const { body } = await call('exists', { name: 'foo' })
    if (body.includes('true')) await call('remove', { name: 'foo', remove_data: false })

    expect(await call('create', createBody)).toMatchObject({ status: 201 })
    expect(engine.state.containers.size).toBe(1)
  })

  test.each(['start', 'stop', 'remove'])('%s may be said again after its answer was lost', async (route) => {
    await call('create', createBody)
    if (route === 'stop') await call('start', { name: 'foo' })
    engine.on(route === 'remove' ? 'DELETE' : 'POST', /nc_app_foo/, loseAnswer(), 1)

    await call(route, { name: 'foo' })
    const again = await call(route, { name: 'foo' })

    expect([200, 204]).toContain(again.status)
  })

  test('changes of one container wait for each other, those of another do not', async () => {
    await call('create', createBody)
    await call('create', { ...createBody, name: 'bar' })
    const gate = Promise.withResolvers<void>()
    engine.on('POST', /nc_app_foo\/start$/, after(gate.promise), 1)

    const starting = call('start', { name: 'foo' })
    await engine.waitForCall('POST', /nc_app_foo\/start$/)
    const removing = call('remove', { name: 'foo' })
    expect(await call('start', { name: 'bar' })).toMatchObject({ status: 204 })
    expect(engine.summary.some((each) => each.startsWith('DELETE'))).toBe(false)
    gate.resolve()

    expect(await starting).toMatchObject({ status: 204 })
    expect(await removing).toMatchObject({ status: 204 })
    expect(engine.state.container('nc_app_foo')).toBeUndefined()
  })

  test('waiting ends with its client', async () => {
    engine.state.addImage('slow:1', { health: 'starting' })
    await call('create', { ...createBody, image_id: 'slow:1' })
    await call('start', { name: 'foo' })
    const leaving = new AbortController()

    const waiting = call('wait_for_start', { name: 'foo' }, { signal: leaving.signal })
    await engine.waitForCall('GET', /nc_app_foo\/json$/)
    leaving.abort()
    await waiting

    const looks = engine.summary.length
    await call('exists', { name: 'foo' })
    expect(engine.summary.length).toBe(looks + 1)
  })

  test('what is refused never reaches the engine', async () => {
    const mounts = (source: string): object => ({
      ...createBody,
      mount_points: [{ source, target: '/x', mode: 'ro' }],
    })

    for (const source of ['/var/run/docker.sock', '/opt/engine.sock', '/', stateDir]) {
      const { status, body } = await call('create', mounts(source))
      expect({ status, body }).toMatchObject({ status: 400, body: expect.stringContaining('refused') })
    }
    expect(await call('create', mounts('/srv/x'), { bindMounts: { isDisabled: true } })).toMatchObject({
      status: 400,
    })
    expect(await call('create', { ...createBody, network_mode: 'container:nextcloud' })).toMatchObject({
      status: 400,
    })
    expect(engine.calls).toEqual([])
  })
})

describe('certificates', () => {
  const [first, second] = [makeSelfSigned(), makeSelfSigned()]
  const debianBundle = '/etc/ssl/certs/ca-certificates.crt'

  async function make(
    options: { readonly os?: 'alpine' | 'debian' | 'fedora' | 'none'; readonly user?: string } = {},
  ) {
    engine.state.addImage('app:1', options)
    await call('create', { ...createBody, image_id: 'app:1' })
    engine.calls.length = 0
    return foo().files
  }

  const install = (changes: object = {}): Promise<Answer> =>
    call('install_certificates', {
      name: 'foo',
      system_certs_bundle: `# two\n${first.cert}${second.cert}`,
      install_frp_certs: true,
      ...changes,
    })

  test('a container that does not run gets everything without being started', async () => {
    const files = await make({ os: 'debian' })
    files.file(debianBundle, namedCertificates[0].pem)

    expect(await install()).toEqual({ status: 204, body: '' })

    expect(foo().status).toBe('created')
    expect(engine.summary.filter((each) => /start|exec|stop/.test(each))).toEqual([])
    const anchor = files.get('/usr/local/share/ca-certificates/custom_ca_cert_1.crt')
    expect(anchor).toMatchObject({ mode: 0o644, uid: 0, gid: 0 })
    expect(new X509Certificate(anchor?.content ?? '').fingerprint256).toBe(
      new X509Certificate(second.cert).fingerprint256,
    )
    expect(files.get(debianBundle)?.content.toString()).toBe(
      `${namedCertificates[0].pem}${new X509Certificate(first.cert).toString()}${new X509Certificate(second.cert).toString()}`,
    )
    const links = files.paths().filter((path) => /^\/etc\/ssl\/certs\/[0-9a-f]{8}\.0$/.test(path))
    expect(
      links
        .map((path) => files.get(path)?.target)
        .toSorted((one = '', other = '') => one.localeCompare(other)),
    ).toEqual(['custom_ca_cert_0.pem', 'custom_ca_cert_1.pem'])
    expect(files.get('/etc/ssl/certs/custom_ca_cert_0.pem')?.target).toBe(
      '/usr/local/share/ca-certificates/custom_ca_cert_0.crt',
    )
  })

  test('what the image trusts already is not added again, nor at a second time', async () => {
    const files = await make({ os: 'alpine' })
    files.file(debianBundle, `${new X509Certificate(first.cert).toString()}`)

    await install()
    const once = files.paths().map((path) => [path, files.get(path)])
    expect(await install()).toMatchObject({ status: 204 })

    expect(files.paths().map((path) => [path, files.get(path)])).toEqual(once)
    expect(files.get(debianBundle)?.content.toString().match(/BEGIN/g)).toHaveLength(2)
  })

  test('a name that another authority has already takes the next number', async () => {
    const files = await make({ os: 'debian' })
    const [{ pem, hash }] = namedCertificates
    files.file(debianBundle, '')
    files.file(`/etc/ssl/certs/${hash}.0`, 'another')

    await install({ system_certs_bundle: pem })

    expect(files.get(`/etc/ssl/certs/${hash}.0`)?.content.toString()).toBe('another')
    expect(files.get(`/etc/ssl/certs/${hash}.1`)?.target).toBe('custom_ca_cert_0.pem')
  })

  test('a bundle that an archive cannot name is left as it is, and the anchors are there', async () => {
    const files = await make({ os: 'debian' })
    const [store, beyond] = [`/${'a'.repeat(60)}`, `${'b'.repeat(60)}/bundle.crt`]
    files.symlink(debianBundle, `${store}/link`)
    files.symlink(`${store}/link`, beyond)
    files.file(`${store}/${beyond}`, '')

    expect(await install()).toMatchObject({ status: 204 })
    expect(files.get('/usr/local/share/ca-certificates/custom_ca_cert_0.crt')).toBeDefined()
    expect(files.get(`${store}/${beyond}`)?.content.toString()).toBe('')
  })

  test('on Fedora the anchors and the bundle are elsewhere', async () => {
    const files = await make({ os: 'fedora' })
    files.file('/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '# none\n')

    await install()

    expect(files.get('/etc/pki/ca-trust/source/anchors/custom_ca_cert_0.crt')).toBeDefined()
    expect(files.get('/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem')?.content.toString()).toContain(
      'BEGIN',
    )
  })

  test.each([
    ['', 0, 0],
    ['app', 1000, 1000],
    ['1234:55', 1234, 55],
  ])('the tunnel key is for user %j of the image alone', async (user, uid, gid) => {
    const files = await make({ os: 'alpine', user })

    expect(await install({ system_certs_bundle: null })).toMatchObject({ status: 204 })

    expect(files.get('/certs/frp/client.key')).toMatchObject({
      mode: 0o600,
      uid,
      gid,
      content: Buffer.from('KEY\n'),
    })
    expect(files.get('/certs/frp/client.crt')).toMatchObject({ mode: 0o644, content: Buffer.from('CRT\n') })
    expect(files.get('/certs/frp/ca.crt')).toMatchObject({ mode: 0o644, content: Buffer.from('CA\n') })
    expect(files.get('/certs/frp')).toMatchObject({ kind: 'directory', mode: 0o755, uid, gid })
  })

  test('a user that nobody knows can still read the key', async () => {
    const files = await make({ os: 'none', user: 'ghost' })

    await install()

    expect(files.get('/certs/frp/client.key')?.mode).toBe(0o644)
  })

  test('a running container updates its authorities by its own program, as root', async () => {
    const files = await make({ os: 'debian', user: 'app' })
    await call('start', { name: 'foo' })

    expect(await install()).toMatchObject({ status: 204 })

    expect(
      [...engine.state.execs.values()].map(({ command, user, exitCode }) => ({ command, user, exitCode })),
    ).toEqual([{ command: ['update-ca-certificates'], user: '0', exitCode: 0 }])
    expect(files.get('/usr/local/share/ca-certificates/custom_ca_cert_1.crt')).toBeDefined()
    expect(foo().status).toBe('running')
  })

  test('an update that fails there is no failure', async () => {
    await make({ os: 'debian' })
    await call('start', { name: 'foo' })
    engine.state.onExec = () => ({ exitCode: 1, stderr: 'no' })

    expect(await install()).toMatchObject({ status: 204 })
  })

  test('without a known distribution only the tunnel gets its certificates', async () => {
    const files = await make({ os: 'none' })

    expect(await install()).toMatchObject({ status: 204 })

    expect(files.paths().filter((path) => path.includes('custom_ca_cert'))).toEqual([])
    expect(files.get('/certs/frp/client.key')).toBeDefined()
  })

  test('tunnels without TLS have no certificates to give, and direct apps want none', async () => {
    const files = await make()
    await install({ install_frp_certs: 'false' })
    certificates = () => null
    await install()

    expect(files.get('/certs/frp')).toBeUndefined()
  })

  test('missing certificates of the gateway are skipped, unusable ones named', async () => {
    await make()
    certificates = () => {
      throw gatewayError('FRP_CERT_MISSING', 'client.key is not there')
    }
    expect(await install()).toMatchObject({ status: 204 })
    certificates = () => {
      throw gatewayError('FRP_CERT_MISMATCH', 'client.crt does not verify')
    }
    expect(await install()).toEqual({
      status: 503,
      body: 'Tunnel certificates unusable: client.crt does not verify',
    })
  })

  test('the tunnel gets its certificates even where those of the system cannot be had', async () => {
    const files = await make()
    engine.on('GET', /archive$/, answer(500, { message: 'layer is damaged' }), 1)

    expect(await install()).toEqual({
      status: 503,
      body: "Error reading /etc/os-release of 'nc_app_foo': Status 500: layer is damaged",
    })
    expect(files.get('/certs/frp/client.key')).toBeDefined()
  })

  test('an engine that refuses the upload is quoted', async () => {
    await make()
    engine.on('PUT', /archive$/, answer(403, { message: 'container rootfs is marked read-only' }))

    expect(await install()).toEqual({
      status: 503,
      body: "Error uploading files to 'nc_app_foo': Status 403: container rootfs is marked read-only",
    })
  })

  test('a container that is not there is 404, an engine in trouble 503', async () => {
    expect(await install()).toEqual({ status: 404, body: "Container 'nc_app_foo' not found." })
    engine.on('GET', /json$/, answer(500, { message: 'oops' }))
    expect(await install()).toEqual({ status: 503, body: 'Failed to inspect container: Status 500: oops' })
  })

  test('after a lost answer at any call a second time makes it whole', async () => {
    const files = await make({ os: 'debian', user: 'app' })
    files.file(debianBundle, namedCertificates[0].pem)
    await install()
    const whole = new Map(files.paths().map((path) => [path, files.get(path)?.content.toString()]))
    const calls = engine.calls.length
    await call('remove', { name: 'foo' })

    for (let broken = 0; broken < calls; broken += 1) {
      await call('create', { ...createBody, image_id: 'app:1' })
      const again = foo().files
      again.file(debianBundle, namedCertificates[0].pem)
      let seen = 0
      engine.on('GET', /./, async (exchange) =>
        seen++ === broken ? loseAnswer()(exchange) : exchange.send(exchange.act()),
      )
      engine.on('PUT', /./, async (exchange) =>
        seen++ === broken ? loseAnswer()(exchange) : exchange.send(exchange.act()),
      )
      await install()
      engine.clearScript()

      expect(await install()).toMatchObject({ status: 204 })
      expect(new Map(again.paths().map((path) => [path, again.get(path)?.content.toString()]))).toEqual(whole)
      await call('remove', { name: 'foo' })
    }
  })
})

describe('where every tunnel needs a token of its own', () => {
  const all: Options = { frpRequireTokens: 'all' }
  const keyOf = (container: FakeContainer): string =>
    (container.body['Env'] as string[]).find((entry) => entry.startsWith('HP_SHARED_KEY='))?.slice(14) ?? ''

  test('a container gets one in place of the shared key, and its predecessor’s ends', async () => {
    await call('create', createBody, all)
    const before = keyOf(foo())
    expect(tokens.verify(before)).toMatchObject({ kind: 'app', name: 'foo' })
    expect(JSON.stringify(foo().body)).not.toContain(sharedKey)

    await call('remove', { name: 'foo' }, all)
    expect(tokens.list()).toEqual([])
    await call('create', createBody, all)

    expect(tokens.verify(before)).toBeNull()
    expect(tokens.verify(keyOf(foo()))).toMatchObject({ name: 'foo' })
    expect(tokens.list()).toHaveLength(1)
  })

  test('the token ends with its container, though the volume cannot be removed', async () => {
    await call('create', createBody, all)
    engine.on('DELETE', /^\/volumes\//, answer(409, { message: 'volume is in use' }))

    expect(await call('remove', { name: 'foo', remove_data: true }, all)).toMatchObject({ status: 409 })

    expect(tokens.list()).toEqual([])
  })

  test('a container that was not made leaves the tokens as they were', async () => {
    await call('create', createBody, all)
    const kept = keyOf(foo())

    expect(await call('create', createBody, all)).toMatchObject({ status: 409 })

    expect(tokens.list()).toHaveLength(1)
    expect(tokens.verify(kept)).not.toBeNull()
  })

  test('roles of one app have tokens side by side', async () => {
    await call('create', { ...createBody, role_suffix: 'rp' }, all)
    await call('create', { ...createBody, role_suffix: 'worker' }, all)

    expect(tokens.list()).toHaveLength(2)
  })

  test('an app without a tunnel gets none, and without the setting the key stays', async () => {
    await call('create', { ...createBody, environment_variables: ['APP_ID=foo'] }, all)
    expect(tokens.list()).toEqual([])
    await call('remove', { name: 'foo' }, all)

    await call('create', createBody)
    expect(keyOf(foo())).toBe(sharedKey)
  })

  test('where no token can be made, no container is', async () => {
    rmSync(stateDir, { recursive: true, force: true })

    expect(await call('create', createBody, all)).toMatchObject({
      status: 503,
      body: expect.stringMatching(/^No tunnel token for the app: /),
    })
    expect(engine.state.containers.size).toBe(0)
  })
})
