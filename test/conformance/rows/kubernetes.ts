/** Contract 9.7: the Kubernetes routes, without a cluster and with a simulated one. */
import assert from 'node:assert/strict'
import type { Environment } from '../../support/gateway-process.ts'
import { podStatus } from '../../support/kubernetes-pods.ts'
import { KubernetesSimulator, type SimulatorOptions } from '../../support/kubernetes-simulator.ts'
import type { RawOutcome } from '../../support/raw-http.ts'
import { expectEcho, expectStatus, expectText, jsonOf } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene, TestApp } from '../scene.ts'
import { startOwn } from './process.ts'

const control = '/exapps/app_api'

/** As AppAPI's Kubernetes client sends it. */
function call(scene: Scene, action: string, body: unknown): Promise<RawOutcome> {
  const target = `${control}/k8s/exapp/${action}`
  const headers = [scene.keyed, ['Content-Type', 'application/json'] as const]
  return scene.newClient().send({ method: 'POST', target, headers, body: JSON.stringify(body) })
}

function push(scene: Scene, app: TestApp): Promise<RawOutcome> {
  const target = `${control}/exapp_storage/${app.id}`
  const body = JSON.stringify(app.record)
  return scene.newClient().send({ method: 'POST', target, headers: [scene.keyed], body })
}

async function withCluster(
  scene: Scene,
  run: (scene: Scene, cluster: KubernetesSimulator) => Promise<void>,
  options: SimulatorOptions = {},
  changes: Environment = {},
): Promise<void> {
  await using cluster = await KubernetesSimulator.start(options)
  const [gateway, own] = await startOwn(scene, { environment: { ...cluster.environment, ...changes } })
  try {
    await run(own, cluster)
  } finally {
    await gateway.stop()
  }
}

/** An app as Nextcloud knows it on Kubernetes: its host is its id, which resolves nowhere. */
function newClusterApp(scene: Scene): TestApp {
  const id = scene.newAppId()
  return scene.newApp({ record: { host: id } })
}

const named = (name: string) => ({ name, instance_id: '' })
const created = (name: string) => ({ ...named(name), image: 'ghcr.io/example/app:1' })

export const kubernetesRows: readonly Row[] = [
  {
    row: 129,
    title: 'with Kubernetes off every call to a cluster says so',
    profile: 'default',
    async run(scene) {
      for (const action of ['exists', 'create', 'start', 'stop', 'wait_for_start', 'remove']) {
        expectText(await call(scene, action, named('foo')), 503, 'Kubernetes backend is disabled in HaRP.')
      }
    },
  },
  {
    row: 130,
    title: 'install_certificates with Kubernetes off',
    profile: 'default',
    async run(scene) {
      const body = { ...named('foo'), system_certs_bundle: 'x'.repeat(234_000), install_frp_certs: false }
      expectStatus(await call(scene, 'install_certificates', body), 204)
    },
  },
  {
    row: 131,
    title: 'create: names, one claim for all roles, no replica yet',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { store }) => {
        const body = { ...created('Foo_Bar'), role_suffix: 'rp' }
        const response = expectStatus(await call(own, 'create', body), 201)

        assert.deepEqual(jsonOf(response), { name: 'nc-app-foo-bar-rp' })
        assert.deepEqual([...store.claims.keys()], ['nc-app-foo-bar-data'])
        const { spec } = store.deployments.get('nc-app-foo-bar-rp')?.manifest ?? assert.fail('no Deployment')
        assert.equal(spec.replicas, 0)
        assert.deepEqual(spec.template.spec.containers[0]?.volumeMounts, [
          { name: 'data', mountPath: '/nc_app_Foo_Bar_data' },
        ])
        expectText(await call(own, 'create', body), 409, "Deployment 'nc-app-foo-bar-rp' already exists.")
      }),
  },
  {
    row: 132,
    title: 'create goes on where the claim is there already',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { store }) => {
        expectStatus(await call(own, 'create', { ...created('foo'), role_suffix: 'a' }), 201)
        expectStatus(await call(own, 'create', { ...created('foo'), role_suffix: 'b' }), 201)

        assert.deepEqual([...store.claims.keys()], ['nc-app-foo-data'])
        assert.deepEqual([...store.deployments.keys()], ['nc-app-foo-a', 'nc-app-foo-b'])
      }),
  },
  {
    row: 133,
    title: 'start and stop are a strategic merge patch of the replicas',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { calls }) => {
        expectStatus(await call(own, 'create', created('foo')), 201)
        expectStatus(await call(own, 'start', named('foo')), 204)
        expectStatus(await call(own, 'stop', named('foo')), 204)

        const patches = calls.filter(({ method }) => method === 'PATCH')
        assert.deepEqual(
          patches.map(({ contentType, body }) => ({ contentType, body })),
          [1, 0].map((replicas) => ({
            contentType: 'application/strategic-merge-patch+json',
            body: { spec: { replicas } },
          })),
        )
        expectText(await call(own, 'start', named('bar')), 404, "Deployment 'nc-app-bar' not found.")
      }),
  },
  {
    row: 134,
    title: 'wait_for_start tells that the image cannot be pulled',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { store }) => {
        store.scripts.set('nc-app-foo', [podStatus.creating, podStatus.imageBackOff])
        expectStatus(await call(own, 'create', created('foo')), 201)
        expectStatus(await call(own, 'start', named('foo')), 204)

        assert.deepEqual(jsonOf(expectStatus(await call(own, 'wait_for_start', named('foo')), 200)), {
          started: false,
          status: 'ImagePullBackOff',
          health: 'image_error',
          reason: 'ImagePullBackOff',
          message: 'Back-off pulling image "ghcr.io/example/none:1"',
        })
      }),
  },
  {
    row: 135,
    title: 'expose as clusterip makes our Service and routes to its address',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { store }) => {
        const app = newClusterApp(own)
        const body = { ...named(app.id), port: own.exapp.port, expose_type: 'clusterip' }
        const service = `nc-app-${app.id}`

        assert.deepEqual(jsonOf(expectStatus(await call(own, 'expose', body), 200)), {
          appId: app.id,
          host: '127.0.0.1',
          port: own.exapp.port,
          exposeType: 'clusterip',
          serviceName: service,
          namespace: 'nextcloud-exapps',
        })
        const labels = store.services.get(service)?.manifest.metadata.labels
        assert.equal(labels?.['app.kubernetes.io/managed-by'], 'harp')
        expectEcho(await own.newClient().get(app.path('/public')))
      }),
  },
  {
    row: 136,
    title: 'expose by hand without Kubernetes',
    profile: 'default',
    async run(scene) {
      const app = newClusterApp(scene)
      const { host, port } = scene.exapp
      const body = { ...named(app.id), port, expose_type: 'manual', upstream_host: host }
      const response = expectStatus(await call(scene, 'expose', body), 200)

      const { host: told, port: toldPort, exposeType } = jsonOf(response)
      assert.deepEqual([told, toldPort, exposeType], [host, port, 'manual'])
      expectEcho(await scene.newClient().get(app.path('/public')))
    },
  },
  {
    row: 137,
    title: 'expose by hand without a host is refused',
    profile: 'default',
    async run(scene) {
      const body = { ...named('foo'), port: 23_000, expose_type: 'manual' }
      const response = expectStatus(await call(scene, 'expose', body), 400)

      assert.match(response.body.toString(), /^Payload validation error: .*upstream_host/)
    },
  },
  {
    row: 138,
    title: 'expose of an app that Nextcloud does not know',
    profile: 'default',
    async run(scene) {
      const id = scene.newAppId()
      const body = { ...named(id), port: 23_000, expose_type: 'manual', upstream_host: '127.0.0.1' }

      expectText(await call(scene, 'expose', body), 404, `No ExApp metadata for '${id}'`)
    },
  },
  {
    row: 139,
    title: 'a pushed record keeps the address of the Service, through disable and enable',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own) => {
        const app = newClusterApp(own)
        const client = own.newClient()
        expectStatus(await call(own, 'expose', { ...named(app.id), port: own.exapp.port }), 200)
        const storage = `${control}/exapp_storage/${app.id}`

        expectStatus(await push(own, app), 204)
        expectEcho(await client.get(app.path('/public')))
        expectStatus(await client.send({ method: 'DELETE', target: storage, headers: [own.keyed] }), 204)
        expectEcho(await client.get(app.path('/public')))
        expectStatus(await push(own, app), 204)
        expectEcho(await client.get(app.path('/public')))
      }),
  },
  {
    row: 140,
    title: 'remove keeps a Service that is not ours',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, { store }) => {
        for (const id of ['ours', 'theirs']) {
          expectStatus(await call(own, 'create', created(id)), 201)
          const labels = id === 'theirs' ? { 'app.kubernetes.io/managed-by': 'helm' } : {}
          own.nextcloud.setApp(id, { record: own.newApp().record })
          const exposure = { ...named(id), port: 23_000, service_labels: labels }
          expectStatus(await call(own, 'expose', exposure), 200)
          expectStatus(await call(own, 'remove', { ...named(id), remove_data: true }), 204)
        }

        assert.deepEqual([...store.services.keys()], ['nc-app-theirs'])
        assert.deepEqual([store.deployments.size, store.claims.size], [0, 0])
      }),
  },
  {
    row: 141,
    title: 'a refused Service lookup is a 503, and nothing is remembered',
    profile: 'own',
    run: (scene) =>
      withCluster(scene, async (own, cluster) => {
        const app = newClusterApp(own)
        const client = own.newClient()
        expectStatus(await call(own, 'expose', { ...named(app.id), port: own.exapp.port }), 200)
        const target = `${control}/exapp_storage/${app.id}`
        expectStatus(await client.send({ method: 'DELETE', target, headers: [own.keyed] }), 204)
        cluster.deny('get services', 'list services')

        expectText(await client.get(app.path('/public')), 503, '503 Service Unavailable (HaRP)')
        const refusal = expectStatus(await push(own, app), 503).body.toString()
        assert.ok(refusal.startsWith(`K8s API error during Service lookup for '${app.id}'`), refusal)
        assert.match(refusal, /needs get on services in namespace nextcloud-exapps/)

        cluster.allow('get services', 'list services')
        expectEcho(await client.get(app.path('/public')))
      }),
  },
  {
    row: 142,
    title: '/info tells whether the cluster answers',
    profile: 'own',
    async run(scene) {
      const reachable = async (own: Scene): Promise<unknown> => {
        const outcome = await own.newClient().get(`${control}/info`, [own.keyed])
        return jsonOf(expectStatus(outcome, 200))['kubernetes']
      }
      await withCluster(scene, async (own, { url }) => {
        assert.deepEqual(await reachable(own), { enabled: true, api_server: url, reachable: true })
      })
      const gone = { HP_K8S_API_SERVER: 'https://127.0.0.1:9' }
      await withCluster(
        scene,
        async (own) => {
          const expected = { enabled: true, api_server: 'https://127.0.0.1:9', reachable: false }
          assert.deepEqual(await reachable(own), expected)
        },
        {},
        gone,
      )
    },
  },
]
