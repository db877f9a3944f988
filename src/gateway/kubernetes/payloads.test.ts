import { expect, test } from 'vitest'
import type { Parsed } from '../docker/payload.ts'
import { parseCreation, parseExposure } from './payloads.ts'

const bodyOf = (value: object): Buffer => Buffer.from(JSON.stringify(value))

function problemOf(parsed: Parsed<unknown>): string {
  return parsed.kind === 'bad' ? parsed.text : ''
}

test('what AppAPI sends to create is read, and what it does not know is ignored', () => {
  const sent = {
    name: 'bedapp',
    instance_id: '',
    image: 'ghcr.io/example/bedapp:1.2.3',
    environment_variables: ['A=1'],
    compute_device: 'cpu',
    start_container: true,
  }

  expect(parseCreation(bodyOf(sent))).toEqual({
    kind: 'ok',
    value: {
      name: 'bedapp',
      instanceId: '',
      roleSuffix: '',
      image: 'ghcr.io/example/bedapp:1.2.3',
      environmentVariables: ['A=1'],
      computeDevice: 'cpu',
      resourceLimits: { memory: null, nanoCpus: null, cpu: null },
      ignored: [],
    },
  })
})

test('image_id wins over image, and what means nothing in a cluster is told', () => {
  const sent = { name: 'a', image_id: 'x', image: 'y', network_mode: 'host', mount_points: [{}] }

  expect(parseCreation(bodyOf(sent))).toMatchObject({
    value: { image: 'x', ignored: ['network_mode', 'mount_points'] },
  })
})

test.each([
  [{}, 'name'],
  [{ name: 'a' }, 'image_id'],
  [{ name: '../x', image: 'i' }, 'name'],
  [{ name: 'a', image: 'i', instance_id: 'x/y' }, 'instance_id'],
  [{ name: 'a', image: 'i', resource_limits: [] }, 'resource_limits'],
  [{ name: 'a', image: 'i', compute_device: 'tpu' }, 'compute_device'],
])('create of %j is refused for its %s', (sent, field) => {
  expect(problemOf(parseCreation(bodyOf(sent)))).toContain(field)
})

test('an exposure has the defaults of the contract', () => {
  expect(parseExposure(bodyOf({ name: 'a', port: '23000' }))).toMatchObject({
    value: {
      port: 23_000,
      exposeType: 'clusterip',
      waitTimeoutMs: 60_000,
      waitIntervalMs: 1_000,
      nodeAddressType: 'InternalIP',
      upstreamHost: null,
      upstreamPort: null,
    },
  })
})

test('null stands for "not given", as AppAPI sends it', () => {
  const nulls = {
    upstream_host: null,
    node_port: null,
    external_traffic_policy: null,
    load_balancer_ip: null,
  }

  expect(parseExposure(bodyOf({ name: 'a', port: 1, ...nulls }))).toMatchObject({ kind: 'ok' })
})

test.each([
  [{ port: 0 }, 'port'],
  [{ port: 65_536 }, 'port'],
  [{ node_port: 29_999 }, 'node_port'],
  [{ node_port: 32_768 }, 'node_port'],
  [{ expose_type: 'ingress' }, 'expose_type'],
  [{ expose_type: 'manual' }, 'upstream_host'],
  [{ expose_type: 'manual', upstream_host: '' }, 'upstream_host'],
  [{ external_traffic_policy: 'None' }, 'external_traffic_policy'],
  [{ wait_timeout_seconds: 601 }, 'wait_timeout_seconds'],
  [{ wait_interval_seconds: 0.01 }, 'wait_interval_seconds'],
  [{ service_labels: { a: 1 } }, 'service_labels'],
])('expose with %j is refused for its %s', (more, field) => {
  expect(problemOf(parseExposure(bodyOf({ name: 'a', port: 1, ...more })))).toContain(field)
})

test('a refusal quotes nothing of what was sent', () => {
  const sent = { name: 'a', image: 'i', environment_variables: 'APP_SECRET=abc' }

  expect(problemOf(parseCreation(bodyOf(sent)))).not.toContain('abc')
})
