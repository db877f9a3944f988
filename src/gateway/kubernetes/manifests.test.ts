import { describe, expect, test } from 'vitest'
import { claimManifest, deploymentManifest, type ManifestSettings } from './deployment-manifest.ts'
import { parseCreation, parseExposure, type CreateRequest, type ExposeRequest } from './payloads.ts'
import { serviceManifest, type ServiceExposeType } from './service-manifest.ts'

const settings: ManifestSettings = { storageClass: null, storageSize: '10Gi', hostAliases: [] }

const bodyOf = (value: object): Buffer => Buffer.from(JSON.stringify(value))

function creation(more: object = {}): CreateRequest {
  const parsed = parseCreation(bodyOf({ name: 'Foo_Bar', image: 'ghcr.io/a/b:1', ...more }))
  if (parsed.kind === 'bad') throw new Error(parsed.text)
  return parsed.value
}

function exposure(more: object = {}): ExposeRequest {
  const parsed = parseExposure(bodyOf({ name: 'foo', port: 23_000, ...more }))
  if (parsed.kind === 'bad') throw new Error(parsed.text)
  return parsed.value
}

/** The parts of a manifest that a test looks at. */
interface Seen {
  readonly metadata: { readonly labels: object; readonly annotations?: object }
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly env: object; readonly resources?: object }[] }
    }
  }
}

function containerOf(request: CreateRequest) {
  const manifest = deploymentManifest(request, settings) as unknown as Seen
  return manifest.spec.template.spec.containers[0]
}

function serviceOf(more: object, type: ServiceExposeType = 'clusterip'): Seen {
  return serviceManifest(exposure(more), type) as unknown as Seen
}

describe('the claim', () => {
  test('is that of the contract', () => {
    expect(claimManifest(creation(), settings)).toEqual({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'nc-app-foo-bar-data',
        labels: {
          'app.kubernetes.io/name': 'nc-app-foo-bar',
          'app.kubernetes.io/part-of': 'nc-app-foo-bar',
          'app.kubernetes.io/component': 'exapp-data',
        },
      },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
    })
  })

  test('is the same for every role, and of the class that is set', () => {
    const { spec, metadata } = claimManifest(creation({ role_suffix: 'rp' }), {
      ...settings,
      storageClass: 'fast',
    })

    expect(metadata).toMatchObject({ name: 'nc-app-foo-bar-data' })
    expect(spec).toMatchObject({ storageClassName: 'fast' })
  })
})

describe('the Deployment', () => {
  test('is that of the contract', () => {
    const labels = {
      app: 'nc-app-oc1-foo-bar-rp',
      'app.kubernetes.io/name': 'nc-app-oc1-foo-bar-rp',
      'app.kubernetes.io/part-of': 'nc-app-oc1-foo-bar',
      'app.kubernetes.io/component': 'exapp',
      'app.kubernetes.io/instance': 'oc1',
      'app.kubernetes.io/role': 'rp',
    }
    const request = creation({
      instance_id: 'oc1',
      role_suffix: 'RP',
      environment_variables: ['APP_ID=Foo_Bar', 'A=b=c', 'EMPTY=', 'BARE', ''],
    })
    const hostAliases = [{ ip: '192.0.2.7', hostnames: ['cloud.example.com'] }]

    expect(deploymentManifest(request, { ...settings, hostAliases })).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'nc-app-oc1-foo-bar-rp', labels },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'nc-app-oc1-foo-bar-rp' } },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: 'app',
                image: 'ghcr.io/a/b:1',
                imagePullPolicy: 'IfNotPresent',
                env: [
                  { name: 'APP_ID', value: 'Foo_Bar' },
                  { name: 'A', value: 'b=c' },
                  { name: 'EMPTY', value: '' },
                  { name: 'BARE', value: '' },
                ],
                volumeMounts: [{ name: 'data', mountPath: '/nc_app_oc1_Foo_Bar_data' }],
              },
            ],
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'nc-app-oc1-foo-bar-data' } }],
            hostAliases,
          },
        },
      },
    })
  })

  test.each([
    [{ memory: 1 }, { memory: '1Mi' }],
    [{ memory: 1_048_577 }, { memory: '2Mi' }],
    [{ memory: '1Gi' }, { memory: '1Gi' }],
    [{ nanoCPUs: 1 }, { cpu: '1m' }],
    [{ nanoCPUs: 1_500_000_001 }, { cpu: '1501m' }],
    [{ cpu: '2' }, { cpu: '2' }],
    [{ nanoCPUs: 0, cpu: '2' }, { cpu: '2' }],
    [
      { memory: 536_870_912, nanoCPUs: 500_000_000 },
      { memory: '512Mi', cpu: '500m' },
    ],
  ])('resource limits %j are both limit and request %j', (limits, expected) => {
    const resources = containerOf(creation({ resource_limits: limits }))?.resources

    expect(resources).toEqual({ limits: expected, requests: expected })
  })

  test.each([{}, { memory: 0 }, { memory: -1 }, { memory: '' }, { nanoCPUs: '1' }])(
    'resource limits %j are none',
    (limits) => {
      expect(containerOf(creation({ resource_limits: limits }))).not.toHaveProperty('resources')
    },
  )

  test.each([
    ['cuda', 'nvidia.com/gpu'],
    ['rocm', 'amd.com/gpu'],
  ])('%s takes one %s', (device, resource) => {
    expect(containerOf(creation({ compute_device: device }))?.resources).toEqual({
      limits: { [resource]: '1' },
    })
    expect(
      containerOf(creation({ compute_device: device, resource_limits: { memory: 1 } }))?.resources,
    ).toEqual({ limits: { memory: '1Mi', [resource]: '1' }, requests: { memory: '1Mi' } })
  })
})

describe('the Service', () => {
  test('is that of the contract', () => {
    expect(serviceManifest(exposure({ role_suffix: 'rp' }), 'clusterip')).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'nc-app-foo-rp',
        labels: {
          app: 'nc-app-foo-rp',
          'app.kubernetes.io/name': 'nc-app-foo-rp',
          'app.kubernetes.io/part-of': 'nc-app-foo',
          'app.kubernetes.io/component': 'exapp',
          'app.kubernetes.io/role': 'rp',
          'app.kubernetes.io/managed-by': 'harp',
        },
      },
      spec: {
        type: 'ClusterIP',
        selector: { app: 'nc-app-foo-rp' },
        ports: [{ name: 'http', port: 23_000, targetPort: 23_000 }],
      },
    })
  })

  test('has what a NodePort is asked to have, and nothing of it as ClusterIP', () => {
    const asked = { node_port: 30_100, external_traffic_policy: 'Local', load_balancer_ip: '192.0.2.9' }

    expect(serviceOf(asked, 'nodeport').spec).toEqual({
      type: 'NodePort',
      selector: { app: 'nc-app-foo' },
      ports: [{ name: 'http', port: 23_000, targetPort: 23_000, nodePort: 30_100 }],
      externalTrafficPolicy: 'Local',
    })
    expect(serviceOf(asked).spec).toEqual({
      type: 'ClusterIP',
      selector: { app: 'nc-app-foo' },
      ports: [{ name: 'http', port: 23_000, targetPort: 23_000 }],
    })
  })

  test('has what a LoadBalancer is asked to have', () => {
    const asked = { service_port: 80, external_traffic_policy: 'Cluster', load_balancer_ip: '192.0.2.9' }

    expect(serviceOf(asked, 'loadbalancer').spec).toEqual({
      type: 'LoadBalancer',
      selector: { app: 'nc-app-foo' },
      ports: [{ name: 'http', port: 80, targetPort: 23_000 }],
      externalTrafficPolicy: 'Cluster',
      loadBalancerIP: '192.0.2.9',
    })
  })

  test("the request's labels win, but for the role", () => {
    const labels = {
      'app.kubernetes.io/managed-by': 'helm',
      'app.kubernetes.io/instance': 'mine',
      'app.kubernetes.io/role': 'mine',
      team: 'a',
    }

    expect(
      serviceOf({ instance_id: 'oc1', role_suffix: 'rp', service_labels: labels }).metadata.labels,
    ).toMatchObject({ ...labels, 'app.kubernetes.io/role': 'rp' })
  })

  test('notes what its spec does not tell about its address', () => {
    const asked = {
      upstream_host: 'node.example.com',
      node_address_type: 'ExternalIP',
      node_label_selector: 'edge=true',
      service_annotations: { note: 'x' },
    }

    expect(serviceOf(asked, 'nodeport').metadata.annotations).toEqual({
      'appapi.nextcloud.com/upstream-host': 'node.example.com',
      note: 'x',
    })
    expect(serviceOf({ ...asked, expose_type: 'nodeport' }, 'nodeport').metadata.annotations).toEqual({
      'appapi.nextcloud.com/upstream-host': 'node.example.com',
      'appapi.nextcloud.com/node-address-type': 'ExternalIP',
      'appapi.nextcloud.com/node-label-selector': 'edge=true',
      note: 'x',
    })
  })
})
