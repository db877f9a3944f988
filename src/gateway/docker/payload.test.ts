import { expect, test } from 'vitest'
import { containerBody } from './container-body.ts'
import {
  parseCertificates,
  parseCreate,
  parseImageRef,
  parseNames,
  parseRemove,
  type Parsed,
} from './payload.ts'

const body = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const minimal = { name: 'foo', image_id: 'ghcr.io/a/b:c' }

function valueOf<Value>(parsed: Parsed<Value>): Value {
  if (parsed.kind === 'bad') throw new Error(parsed.text)
  return parsed.value
}

function textOf(parsed: Parsed<unknown>): string {
  return parsed.kind === 'bad' ? parsed.text : 'accepted'
}

test.each(['{', '', 'null,', '{"name":'])('%j is no JSON', (text) => {
  expect(textOf(parseNames(body(text)))).toBe('Invalid JSON body')
})

test('the first thing wrong comes first, without its value', () => {
  expect(textOf(parseNames(body({})))).toBe('Payload validation error: name is missing')
  expect(textOf(parseNames(body({ name: 'x/../../secret' })))).toMatch(
    /^Payload validation error: name is not a name(?!.*secret)/,
  )
  expect(textOf(parseNames(body([])))).toMatch(/^Payload validation error: body /)
  expect(textOf(parseCreate(body({ name: 'foo' })))).toBe('Payload validation error: image_id is missing')
  expect(textOf(parseImageRef(body({ image_ref: '' })))).toBe(
    'Payload validation error: image_ref is not the name of an image',
  )
})

test.each([
  [{ name: 'foo', instance_id: 'a/b' }, 'instance_id'],
  [{ name: 'foo', role_suffix: '../x' }, 'role_suffix'],
  [{ name: 5 }, 'name'],
  [{ name: null }, 'name'],
])('%j is refused for its %s', (value, field) => {
  expect(textOf(parseNames(body(value)))).toMatch(new RegExp(`^Payload validation error: ${field}`))
})

test('scalars are taken leniently, and unknown keys ignored', () => {
  for (const given of [true, 'true', 'True', 1, '1', 'yes', 'on']) {
    expect(valueOf(parseRemove(body({ name: 'foo', remove_data: given, more: {} }))).removeData).toBe(true)
  }
  for (const given of [false, 'false', 0, '0', 'no', undefined]) {
    expect(valueOf(parseRemove(body({ name: 'foo', remove_data: given }))).removeData).toBe(false)
  }
  expect(textOf(parseRemove(body({ name: 'foo', remove_data: 'perhaps' })))).toContain('remove_data')
  const limits = { resource_limits: { memory: '1073741824', nanoCPUs: 5e8 } }
  expect(valueOf(parseCreate(body({ ...minimal, ...limits })))).toMatchObject({
    memory: 1_073_741_824,
    nanoCpus: 500_000_000,
  })
})

test('a null bundle is none', () => {
  expect(valueOf(parseCertificates(body({ name: 'foo', system_certs_bundle: null })))).toMatchObject({
    systemBundle: '',
    installFrpCertificates: true,
  })
})

test.each([
  [{ network_mode: 'container:nextcloud' }, 'network_mode joins the network'],
  [{ network_mode: 'Container:x' }, 'network_mode joins the network'],
  [{ network_mode: 'ns:/proc/1/ns/net' }, 'network_mode joins the network'],
  [{ network_mode: 'slirp4netns:port_handler=x' }, 'network_mode is not the name of a network'],
  [{ network_mode: '' }, 'network_mode is not the name of a network'],
  [{ resource_limits: [] }, 'resource_limits'],
  [{ resource_limits: { memory: -1 } }, 'resource_limits.memory is negative'],
  [{ resource_limits: { memory: 'much' } }, 'resource_limits.memory'],
  [{ compute_device: 'CUDA' }, 'compute_device is none of'],
  [{ restart_policy: 'sometimes' }, 'restart_policy is not'],
  [{ environment_variables: ['A=1', 5] }, 'environment_variables.1'],
  [{ mount_points: [{ source: 'relative', target: '/x' }] }, 'mount_points.0.source is not an absolute path'],
  [{ mount_points: [{ source: '/x', target: '/../' }] }, 'mount_points.0.target cannot be /'],
  [{ mount_points: [{ source: '/x', target: '/y', mode: 'rw,z' }] }, 'mount_points.0.mode is neither'],
  [{ image_id: '../../containers' }, 'image_id is not the name of an image'],
])('create with %j is refused: %s', (changes, text) => {
  expect(textOf(parseCreate(body({ ...minimal, ...changes })))).toContain(`Payload validation error: ${text}`)
})

test('`image` stands in for `image_id`', () => {
  expect(valueOf(parseCreate(body({ name: 'foo', image: 'a:1' }))).image).toBe('a:1')
  expect(valueOf(parseCreate(body({ ...minimal, image: 'a:1' }))).image).toBe('ghcr.io/a/b:c')
})

function bodyOf(changes: object): Record<string, unknown> {
  const payload = valueOf(parseCreate(body({ ...minimal, ...changes })))
  return containerBody(payload, payload.environment)
}

test('the body of a container has what the contract says and nothing else', () => {
  const full = {
    name: 'foo',
    instance_id: '',
    image_id: 'ghcr.io/a/b:c-cuda',
    network_mode: 'nc',
    environment_variables: ['APP_ID=foo', 'APP_PORT=23000'],
    restart_policy: 'always',
    compute_device: 'cuda',
    mount_points: [{ source: '/var/run//models/', target: '/var/run//models/', mode: 'ro' }],
    resource_limits: { memory: 1_073_741_824, nanoCPUs: 2_000_000_000 },
    start_container: true,
    Privileged: true,
    HostConfig: { Privileged: true },
  }

  expect(JSON.stringify(bodyOf(full))).toBe(
    JSON.stringify({
      Image: 'ghcr.io/a/b:c-cuda',
      Hostname: 'foo',
      Env: ['APP_ID=foo', 'APP_PORT=23000'],
      HostConfig: {
        NetworkMode: 'nc',
        Mounts: [
          { Type: 'volume', Source: 'nc_app_foo_data', Target: '/nc_app_foo_data', ReadOnly: false },
          { Source: '/run/models', Target: '/var/run/models', Type: 'bind', ReadOnly: true },
        ],
        RestartPolicy: { Name: 'always' },
        DeviceRequests: [{ Driver: 'nvidia', Count: -1, Capabilities: [['compute', 'utility']] }],
        Memory: 1_073_741_824,
        NanoCPUs: 2_000_000_000,
      },
      NetworkingConfig: { EndpointsConfig: { nc: { Aliases: ['foo'] } } },
    }),
  )
})

test('a body of defaults is a plain container on the bridge', () => {
  expect(bodyOf({})).toEqual({
    Image: 'ghcr.io/a/b:c',
    Hostname: 'foo',
    Env: [],
    HostConfig: {
      NetworkMode: 'bridge',
      Mounts: [{ Type: 'volume', Source: 'nc_app_foo_data', Target: '/nc_app_foo_data', ReadOnly: false }],
      RestartPolicy: { Name: 'unless-stopped' },
    },
  })
})

test.each(['host', 'bridge'])('network %s has no alias', (network) => {
  expect(bodyOf({ network_mode: network })).not.toHaveProperty('NetworkingConfig')
})

test('rocm gets its two devices', () => {
  expect(bodyOf({ compute_device: 'rocm' })).toMatchObject({
    HostConfig: {
      Devices: [
        { PathOnHost: '/dev/kfd', PathInContainer: '/dev/kfd', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/dri', PathInContainer: '/dev/dri', CgroupPermissions: 'rwm' },
      ],
    },
  })
})
