/** Contract 9.6, rows 103-128: what AppAPI has done to containers, at a scripted engine behind a tunnel. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HeaderLine } from '../../support/http1-wire.ts'
import type { RawOutcome } from '../../support/raw-http.ts'
import { answer, ScriptedEngine, type EngineCall } from '../../support/scripted-engine.ts'
import { makeSelfSigned } from '../../support/self-signed.ts'
import { expectStatus, expectText, jsonOf } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene } from '../scene.ts'
import { startOwn } from './process.ts'
import { connectFrpc, newTunnelPort } from './tunnels.ts'

const base = '/exapps/app_api/docker/exapp'
const routes = [
  'exists',
  'create',
  'start',
  'stop',
  'wait_for_start',
  'remove',
  'image_remove',
  'install_certificates',
] as const
type Route = (typeof routes)[number]
const image = 'ghcr.io/a/b:c'

interface Stage {
  readonly engine: ScriptedEngine
  readonly port: number
  /** What AppAPI sends; a text goes as it is. */
  readonly post: (route: Route, body: unknown) => Promise<RawOutcome>
}

function poster(scene: Scene, port: string | null): Stage['post'] {
  return (route, body) => {
    const headers: HeaderLine[] = [scene.keyed, ['Content-Type', 'application/json']]
    if (port !== null) headers.push(['docker-engine-port', port])
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return scene.newClient().send({ method: 'POST', target: `${base}/${route}`, headers, body: text })
  }
}

function row(number: number, title: string, run: (stage: Stage, scene: Scene) => Promise<void>): Row {
  return {
    row: number,
    title,
    profile: 'default',
    needsTunnels: true,
    async run(scene) {
      await using engine = await ScriptedEngine.start()
      engine.state.addImage(image)
      const port = newTunnelPort('engine')
      const proxy = { name: scene.newAppId(), remotePort: port, target: { port: engine.port } }
      await using _frpc = await connectFrpc(scene, [proxy])
      await run({ engine, port, post: poster(scene, String(port)) }, scene)
    },
  }
}

/** A row that never gets as far as an engine. */
function plainRow(number: number, title: string, run: (scene: Scene) => Promise<void>): Row {
  return { row: number, title, profile: 'default', run }
}

function expectJson(outcome: RawOutcome, status: number, value: unknown): void {
  assert.deepEqual(jsonOf(expectStatus(outcome, status)), value)
}

function expectEmpty(outcome: RawOutcome): void {
  assert.equal(expectStatus(outcome, 204).body.length, 0)
}

function createCall(engine: ScriptedEngine): EngineCall {
  const call = engine.calls.find(({ path }) => path === '/containers/create')
  assert.ok(call !== undefined, 'the engine was asked to create a container')
  return call
}

/** The body of that call; HaRP spells one key otherwise, which engines do not mind. */
function createdBody(engine: ScriptedEngine): Record<string, unknown> {
  const text = createCall(engine).body.toString().replaceAll('"Readonly":', '"ReadOnly":')
  return JSON.parse(text) as Record<string, unknown>
}

const volumeMount = {
  Type: 'volume',
  Source: 'nc_app_foo_data',
  Target: '/nc_app_foo_data',
  ReadOnly: false,
}

export const dockerRows: readonly Row[] = [
  plainRow(103, 'without an engine port every route is 400', async (scene) => {
    const post = poster(scene, null)
    for (const route of routes) {
      expectText(await post(route, { name: 'foo' }), 400, "Missing 'docker-engine-port' header.")
    }
  }),
  plainRow(104, 'an engine port that is none is 400', async (scene) => {
    for (const port of ['70000', '0', 'abc']) {
      const text = `Invalid 'docker-engine-port' header value: ${port}`
      expectText(await poster(scene, port)('exists', { name: 'foo' }), 400, text)
    }
  }),
  plainRow(105, 'a body that is no JSON is 400', async (scene) => {
    for (const route of routes) expectText(await poster(scene, '24001')(route, '{'), 400, 'Invalid JSON body')
  }),
  plainRow(106, 'a body without a name is 400', async (scene) => {
    for (const route of routes) {
      const { body } = expectStatus(await poster(scene, '24001')(route, {}), 400)
      assert.match(body.toString(), /^Payload validation error:/)
    }
  }),
  row(107, 'a container that is there, with its image', async ({ engine, post }) => {
    engine.state.addContainer('nc_app_foo')
    expectJson(await post('exists', { name: 'foo', instance_id: '' }), 200, {
      exists: true,
      image_ref: image,
    })
  }),
  row(108, 'instance and role are parts of the name; what is not there does not exist', async (stage) => {
    const names = { name: 'foo', instance_id: 'oc1', role_suffix: 'rp' }
    expectJson(await stage.post('exists', names), 200, { exists: false })
    assert.deepEqual(stage.engine.summary, ['GET /containers/nc_app_oc1_foo_rp/json'])
  }),
  plainRow(109, 'no engine at the port: 503 that says so', async (scene) => {
    const port = newTunnelPort('engine')
    const outcome = await poster(scene, String(port))('exists', { name: 'foo' })
    expectText(outcome, 503, `Could not connect to Docker Engine on port ${port}`)
  }),
  row(110, 'create makes the volume and the container, exactly, and does not start it', async (stage) => {
    const { engine, post } = stage
    const outcome = await post('create', {
      name: 'foo',
      instance_id: '',
      image_id: image,
      network_mode: 'nc',
      environment_variables: ['APP_ID=foo', 'APP_PORT=23000'],
      restart_policy: 'unless-stopped',
      compute_device: 'cuda',
      mount_points: [{ source: '/srv/models', target: '/models', mode: 'ro' }],
      resource_limits: { memory: 1_073_741_824, nanoCPUs: 2_000_000_000 },
      start_container: true,
    })

    const id = engine.state.container('nc_app_foo')?.id
    expectJson(outcome, 201, { id, name: 'nc_app_foo' })
    assert.deepEqual(engine.summary, [
      'GET /volumes/nc_app_foo_data',
      'POST /volumes/create',
      'POST /containers/create',
    ])
    assert.deepEqual(engine.calls[1]?.json, { Name: 'nc_app_foo_data' })
    assert.equal(createCall(engine).query.get('name'), 'nc_app_foo')
    assert.deepEqual(createdBody(engine), {
      Image: image,
      Hostname: 'foo',
      Env: ['APP_ID=foo', 'APP_PORT=23000'],
      HostConfig: {
        NetworkMode: 'nc',
        Mounts: [volumeMount, { Source: '/srv/models', Target: '/models', Type: 'bind', ReadOnly: true }],
        RestartPolicy: { Name: 'unless-stopped' },
        DeviceRequests: [{ Driver: 'nvidia', Count: -1, Capabilities: [['compute', 'utility']] }],
        Memory: 1_073_741_824,
        NanoCPUs: 2_000_000_000,
      },
      NetworkingConfig: { EndpointsConfig: { nc: { Aliases: ['foo'] } } },
    })
  }),
  row(111, 'in the networks host and bridge there is no alias', async ({ engine, post }) => {
    for (const network of ['host', 'bridge']) {
      engine.calls.length = 0
      const name = `foo-${network}`
      expectStatus(await post('create', { name, image_id: image, network_mode: network }), 201)
      const body = createdBody(engine)
      assert.equal((body['HostConfig'] as Record<string, unknown>)['NetworkMode'], network)
      assert.ok(!('NetworkingConfig' in body))
    }
  }),
  row(112, 'rocm gets its two devices', async ({ engine, post }) => {
    expectStatus(await post('create', { name: 'foo', image_id: image, compute_device: 'rocm' }), 201)
    const host = createdBody(engine)['HostConfig'] as Record<string, unknown>
    const device = (path: string): object => ({
      PathOnHost: path,
      PathInContainer: path,
      CgroupPermissions: 'rwm',
    })
    assert.deepEqual(host['Devices'], [device('/dev/kfd'), device('/dev/dri')])
  }),
  row(
    113,
    '`image` is taken for `image_id`, and bridge where no network is given',
    async ({ engine, post }) => {
      expectStatus(await post('create', { name: 'foo', image }), 201)
      const body = createdBody(engine)
      assert.equal(body['Image'], image)
      assert.equal((body['HostConfig'] as Record<string, unknown>)['NetworkMode'], 'bridge')
    },
  ),
  row(114, 'limits that are a list are 400', async ({ engine, post }) => {
    expectStatus(await post('create', { name: 'foo', image_id: image, resource_limits: [] }), 400)
    assert.deepEqual(engine.summary, [])
  }),
  row(115, 'a container of that name is 409', async ({ engine, post }) => {
    engine.state.addContainer('nc_app_foo')
    const outcome = await post('create', { name: 'foo', image_id: image })
    expectText(outcome, 409, "Container with name 'nc_app_foo' already exists.")
  }),
  row(116, 'start: done, done before, not there, failed', async ({ engine, post }) => {
    engine.state.addContainer('nc_app_foo')
    expectEmpty(await post('start', { name: 'foo' }))
    expectText(await post('start', { name: 'foo' }), 200, 'Container already started')
    expectText(await post('start', { name: 'bar' }), 404, "Container 'nc_app_bar' not found.")
    engine.on('POST', /start$/, answer(500, { message: 'no' }))
    const { body } = expectStatus(await post('start', { name: 'foo' }), 503)
    assert.match(body.toString(), /^Error starting container 'nc_app_foo' via Docker Engine: Status 500/)
  }),
  row(117, 'stop of what is stopped already', async ({ engine, post }) => {
    engine.state.addContainer('nc_app_foo')
    expectText(await post('stop', { name: 'foo' }), 200, 'Container already stopped')
  }),
  row(118, 'waiting ends at once where the end is known', async ({ engine, post }) => {
    const container = engine.state.addContainer('nc_app_foo')
    container.status = 'running'
    const running = { started: true, status: 'running', health: null }
    expectJson(await post('wait_for_start', { name: 'foo' }), 200, running)
    container.status = 'exited'
    const exited = jsonOf(expectStatus(await post('wait_for_start', { name: 'foo' }), 200))
    assert.deepEqual([exited['started'], exited['reason']], [false, 'non-recoverable state: exited'])
    const missing = { started: false, status: 'not_found', reason: 'container not found' }
    expectJson(await post('wait_for_start', { name: 'bar' }), 200, missing)
  }),
  row(119, 'waiting lasts until the container is healthy', async ({ engine, post }) => {
    const container = engine.state.addContainer('nc_app_foo')
    container.status = 'running'
    container.health = 'starting'
    const waiting = post('wait_for_start', { name: 'foo' })
    await engine.waitForCall('GET', /nc_app_foo\/json$/)
    container.health = 'healthy'
    expectJson(await waiting, 200, { started: true, status: 'running', health: 'healthy' })
    assert.ok(engine.calls.length >= 2, 'looked at more than once')
  }),
  row(120, 'remove with the data', async ({ engine, post }) => {
    engine.state.addContainer('nc_app_foo')
    engine.state.volumes.add('nc_app_foo_data')
    expectEmpty(await post('remove', { name: 'foo', remove_data: true }))
    assert.deepEqual(engine.summary, ['DELETE /containers/nc_app_foo', 'DELETE /volumes/nc_app_foo_data'])
    assert.equal(engine.calls[0]?.query.get('force'), 'true')
  }),
  row(121, 'remove of what is not there', async ({ engine, post }) => {
    expectEmpty(await post('remove', { name: 'foo' }))
    assert.deepEqual(engine.summary, ['DELETE /containers/nc_app_foo'])
  }),
  row(122, 'remove of data that is in use', async ({ engine, post }) => {
    engine.on('DELETE', /^\/volumes\//, answer(409, { message: 'volume is in use' }))
    const text = "Volume 'nc_app_foo_data' is in use and could not be removed."
    expectText(await post('remove', { name: 'foo', remove_data: 'true' }), 409, text)
  }),
  row(123, 'an image is removed, its name escaped once', async ({ engine, post }) => {
    engine.state.addImage(image, { sizeBytes: 123 })
    expectJson(await post('image_remove', { image_ref: image }), 200, { deleted: true, bytes_freed: 123 })
    assert.deepEqual(engine.summary, [
      'GET /images/ghcr.io%2Fa%2Fb:c/json',
      'DELETE /images/ghcr.io%2Fa%2Fb:c',
    ])
  }),
  row(124, 'an image that is not there, in use, or has other names', async ({ engine, post }) => {
    const gone = { deleted: true, bytes_freed: 0, reason: 'not_found' }
    expectJson(await post('image_remove', { image_ref: 'ghcr.io/a/other:1' }), 200, gone)
    engine.state.addContainer('nc_app_foo')
    expectJson(await post('image_remove', { image_ref: image }), 200, { deleted: false, reason: 'in_use' })
    engine.on('DELETE', /^\/images\//, answer(200, [{ Untagged: image }]))
    expectJson(await post('image_remove', { image_ref: image }), 200, { deleted: true, bytes_freed: 0 })
  }),
  row(125, 'an image without a name is 400', async ({ post }) => {
    expectStatus(await post('image_remove', { image_ref: '' }), 400)
  }),
  row(
    126,
    'system certificates come into a stopped container, which is stopped afterwards',
    async (stage) => {
      const { engine, post } = stage
      engine.state.addImage(image, { os: 'alpine' })
      const container = engine.state.addContainer('nc_app_foo')
      const certificates = [makeSelfSigned().cert, makeSelfSigned().cert]

      expectEmpty(
        await post('install_certificates', certificatesBody(`# bundle\n${certificates.join('\n')}`)),
      )

      assert.notEqual(container.status, 'running')
      for (const [index, cert] of certificates.entries()) {
        const path = `/usr/local/share/ca-certificates/custom_ca_cert_${index}.crt`
        const file = container.files.get(path)
        assert.ok(file !== undefined, path)
        assert.equal(fingerprint(file.content), fingerprint(cert))
        assert.equal(file.mode, 0o644)
      }
      const uploads = engine.calls.filter(({ method, path }) => method === 'PUT' && path.endsWith('/archive'))
      assert.equal(uploads.filter(({ body }) => body.includes('custom_ca_cert_')).length, 1, 'one archive')
    },
  ),
  {
    row: 127,
    title: 'an app behind tunnels with TLS gets their certificates too',
    profile: 'own',
    async run(scene) {
      const directory = await mkdtemp(join(tmpdir(), 'harp-engine-'))
      const path = join(directory, 'docker.sock')
      await using engine = await ScriptedEngine.start({ path })
      const environment = { HARP_DOCKER_SOCKET: path, HP_FRP_DISABLE_TLS: 'false' }
      const [gateway, own] = await startOwn(scene, { environment })
      try {
        const { files } = engine.state.addContainer('nc_app_foo')

        expectEmpty(await poster(own, '24000')('install_certificates', certificatesBody(null)))

        const [authority, certificate, key] = ['ca.crt', 'client.crt', 'client.key'].map((name) =>
          files.get(`/certs/frp/${name}`)?.content.toString(),
        )
        const client = new X509Certificate(certificate ?? '')
        assert.ok(client.verify(new X509Certificate(authority ?? '').publicKey), 'signed by the CA beside it')
        assert.match(key ?? '', /PRIVATE KEY/)
        assert.equal(files.get('/certs/frp/client.key')?.mode, 0o600)
      } finally {
        await gateway.stop()
        await rm(directory, { recursive: true, force: true })
      }
    },
  },
  row(128, 'an unknown distribution is left alone', async ({ engine, post }) => {
    engine.state.addImage(image, { os: 'none' })
    const { files } = engine.state.addContainer('nc_app_foo')
    files.file('/etc/os-release', 'ID=plan9\n')

    expectEmpty(await post('install_certificates', certificatesBody(makeSelfSigned().cert)))

    assert.deepEqual(
      files.paths().filter((each) => each.includes('custom_ca_cert')),
      [],
    )
  }),
]

function certificatesBody(bundle: string | null): object {
  return { name: 'foo', instance_id: '', system_certs_bundle: bundle, install_frp_certs: true }
}

function fingerprint(pem: string | Buffer): string {
  return new X509Certificate(pem).fingerprint256
}
