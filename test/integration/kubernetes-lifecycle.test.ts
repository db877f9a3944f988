/** Creating, waiting for, exposing and finding apps in a simulated cluster: the rarer paths of 4.5 and 4.6. */
import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { KubernetesDirectory } from '../../src/gateway/kubernetes/kubernetes-directory.ts'
import { eventually } from '../support/deadline.ts'
import { podStatus } from '../support/kubernetes-pods.ts'
import { created, KubernetesStage, named } from './kubernetes-stage.ts'

const claim = 'nc-app-foo-data'
const record = { appId: 'foo', token: '', version: '', host: '127.0.0.1', port: 23_000, routes: [] }
const deployment = 'nc-app-foo'

async function startedApp(stage: KubernetesStage): Promise<void> {
  expect(await stage.call('create', created('foo'))).toMatchObject({ status: 201 })
  expect(await stage.call('start', named('foo'))).toMatchObject({ status: 204 })
}

describe('create', () => {
  test('waits for a claim that is on its way out', async () => {
    await using stage = await KubernetesStage.open()
    const { store } = stage.simulator
    await stage.call('create', { ...created('foo'), role_suffix: 'old' })
    store.markDeleting('persistentvolumeclaims', claim)

    const creating = stage.call('create', created('foo'))
    await eventually('the refused claim', () => {
      const attempts = stage.simulator.history.filter((each) => each === 'POST persistentvolumeclaims')
      return attempts.length >= 2 ? true : undefined
    })
    store.claims.delete(claim)

    expect(await creating).toEqual({ status: 201, body: '{"name":"nc-app-foo"}' })
    expect(store.claims.has(claim)).toBe(true)
  })

  test('says what is in the way where that takes too long', async () => {
    await using stage = await KubernetesStage.open({ deletionTimeoutMs: 0 })
    await stage.call('create', { ...created('foo'), role_suffix: 'old' })
    stage.simulator.store.markDeleting('persistentvolumeclaims', claim)

    const { status, body } = await stage.call('create', created('foo'))

    expect(status).toBe(503)
    expect(body).toBe(
      `Failed to create PVC '${claim}': Status 409, object is being deleted: persistentvolumeclaims "${claim}" already exists`,
    )
  })

  test('names the missing right, and makes nothing further', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.deny('create persistentvolumeclaims')

    expect(await stage.call('create', created('foo'))).toEqual({
      status: 503,
      body: `Failed to create PVC '${claim}': Status 403, forbidden: needs create on persistentvolumeclaims in namespace nextcloud-exapps`,
    })
    expect(stage.simulator.store.deployments.size).toBe(0)
  })

  test('never repeats a value of the environment', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.fault = ({ attempt }) =>
      attempt?.resource === 'deployments'
        ? { kind: 'reply', status: 422, body: '{"message":"bad value hunter22 in env"}' }
        : undefined
    const body = { ...created('foo'), environment_variables: ['APP_SECRET=hunter22'] }

    const { status, body: text } = await stage.call('create', body)

    expect(status).toBe(503)
    expect(text).toBe("Error creating deployment 'nc-app-foo': Status 422, bad value [secret] in env")
  })
})

describe('wait_for_start', () => {
  const wait = (stage: KubernetesStage) => stage.json('wait_for_start', named('foo'))

  test('follows a pod from its image to ready', async () => {
    await using stage = await KubernetesStage.open()
    const { unschedulable, scheduled, creating, runningUnready, ready } = podStatus
    stage.simulator.store.scripts.set(deployment, [unschedulable, scheduled, creating, runningUnready, ready])
    await startedApp(stage)

    expect(await wait(stage)).toEqual({
      started: true,
      status: 'running',
      health: 'ready',
      reason: null,
      message: null,
    })
    expect(stage.heldOpen).toBe(1)
  })

  test('a running pod that does not get ready ends after the time for starting, not for pulling (W29)', async () => {
    await using stage = await KubernetesStage.open({ wait: { startMs: 50, pullMs: 3_600_000 } })
    stage.simulator.store.scripts.set(deployment, [podStatus.creating, podStatus.runningUnready])
    await startedApp(stage)

    expect(await wait(stage)).toEqual({
      started: false,
      status: 'Running',
      health: 'timeout',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [app]',
    })
  })

  test('a crashing app is told as such', async () => {
    await using stage = await KubernetesStage.open({ wait: { startMs: 50 } })
    stage.simulator.store.scripts.set(deployment, [podStatus.terminated, podStatus.crashLoop])
    await startedApp(stage)

    expect(await wait(stage)).toMatchObject({ started: false, health: 'timeout', reason: 'CrashLoopBackOff' })
  })

  test.each([
    ['an image that does not come', podStatus.creating, { pullMs: 50 }, 'ContainerCreating'],
    ['a pod without a node', podStatus.unschedulable, { scheduleMs: 50 }, 'Unschedulable'],
  ])('%s ends the wait in time', async (_what, status, limits, reason) => {
    await using stage = await KubernetesStage.open({ wait: limits })
    stage.simulator.store.scripts.set(deployment, [status])
    await startedApp(stage)

    expect(await wait(stage)).toMatchObject({ started: false, status: 'Pending', health: 'timeout', reason })
  })

  test('a Deployment that is not there is not waited for', async () => {
    await using stage = await KubernetesStage.open()

    expect(await wait(stage)).toMatchObject({
      started: false,
      status: 'not_found',
      message: "Deployment 'nc-app-foo' not found.",
    })
  })

  test('a Deployment that may not make its pod tells why', async () => {
    await using stage = await KubernetesStage.open({ wait: { podCreationMs: 0 } })
    const quota = 'pods "nc-app-foo-1" is forbidden: exceeded quota: small'
    stage.simulator.store.quotas.set(deployment, quota)
    await startedApp(stage)

    expect(await wait(stage)).toMatchObject({ started: false, reason: 'FailedCreate', message: quota })
  })

  test('the pod of before, still on its way out, is not taken for the new one', async () => {
    await using stage = await KubernetesStage.open({ simulator: { terminatingListings: 3 } })
    stage.simulator.store.scripts.set(deployment, [podStatus.ready])
    await startedApp(stage)
    await stage.call('stop', named('foo'))
    stage.simulator.store.scripts.set(deployment, [podStatus.creating, podStatus.imageBackOff])
    await stage.call('start', named('foo'))

    expect(await wait(stage)).toMatchObject({ started: false, health: 'image_error' })
  })

  test('a refused list is a 503, before anything is kept open', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.deny('list pods')

    expect(await stage.call('wait_for_start', named('foo'))).toEqual({
      status: 503,
      body: `Error listing pods for deployment 'nc-app-foo': Status 403, forbidden: needs list on pods in namespace nextcloud-exapps`,
    })
    expect(stage.heldOpen).toBe(0)
  })

  test('a short outage of the API server does not end it', async () => {
    await using stage = await KubernetesStage.open()
    await startedApp(stage)
    let listings = 0
    stage.simulator.fault = ({ attempt }) => {
      if (attempt?.resource !== 'pods') return undefined
      listings += 1
      return listings > 1 && listings < 5 ? { kind: 'reply', status: 500 } : undefined
    }

    expect(await wait(stage)).toMatchObject({ started: true })
  })

  test('a long one does, with its reason, as an answer that a kept connection can still carry', async () => {
    await using stage = await KubernetesStage.open({ wait: { outageMs: 50 } })
    await startedApp(stage)
    let listings = 0
    stage.simulator.fault = ({ attempt }) =>
      attempt?.resource === 'pods' && ++listings > 1 ? { kind: 'reply', status: 500 } : undefined

    const { status, body } = await stage.call('wait_for_start', named('foo'))

    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({
      started: false,
      status: 'unknown',
      health: 'error',
      reason: 'KUBERNETES_REFUSED',
      message: "Error listing pods for deployment 'nc-app-foo': Status 500",
    })
  })
})

describe('expose', () => {
  const expose = (stage: KubernetesStage, more: object) =>
    stage.call('expose', { ...named('foo'), port: 23_000, ...more })
  const nodes = [
    {
      name: 'ill',
      isReady: false,
      labels: { edge: 'true' },
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    },
    {
      name: 'well',
      labels: { edge: 'true' },
      addresses: [
        { type: 'InternalIP', address: '10.0.0.2' },
        { type: 'ExternalIP', address: '192.0.2.2' },
      ],
    },
    { name: 'inner', addresses: [{ type: 'InternalIP', address: '10.0.0.3' }] },
  ]

  test.each([
    [{}, '10.0.0.2:30100'],
    [{ node_address_type: 'ExternalIP' }, '192.0.2.2:30100'],
    [{ node_name: 'inner' }, '10.0.0.3:30100'],
    [{ node_label_selector: 'edge=true' }, '10.0.0.2:30100'],
    [{ upstream_host: 'node.example.com' }, 'node.example.com:30100'],
  ])('at a NodePort with %j leads to %s, after a restart too', async (more, place) => {
    await using stage = await KubernetesStage.open({ simulator: { nodes } })

    const answer = await expose(stage, { expose_type: 'nodeport', node_port: 30_100, ...more })

    expect(answer.status).toBe(200)
    expect(await stage.knownPlace('foo')).toBe(place)
    expect(await stage.locate('foo')).toBe(place)
  })

  test('at a NodePort without the right to list nodes says so, and needs none with a host', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.deny('list nodes')

    expect(await expose(stage, { expose_type: 'nodeport' })).toEqual({
      status: 503,
      body: 'Error listing nodes: Status 403, forbidden: needs list on nodes in the whole cluster',
    })
    expect(await expose(stage, { expose_type: 'nodeport', upstream_host: 'h' })).toMatchObject({
      status: 200,
    })
  })

  test('at a node that is not there says so', async () => {
    await using stage = await KubernetesStage.open()

    expect(await expose(stage, { expose_type: 'nodeport', node_name: 'gone' })).toEqual({
      status: 503,
      body: "No node 'gone' with an address.",
    })
  })

  test('at a load balancer waits for its address', async () => {
    await using stage = await KubernetesStage.open({ simulator: { readsUntilIngress: 3 } })
    const more = { expose_type: 'loadbalancer', load_balancer_ip: '192.0.2.9', wait_interval_seconds: 0.1 }

    expect(await expose(stage, { ...more, service_port: 80 })).toMatchObject({ status: 200 })
    expect(await stage.knownPlace('foo')).toBe('192.0.2.9:80')
    expect(stage.simulator.history.filter((each) => each === 'GET services/nc-app-foo')).toHaveLength(4)
  })

  test('at a load balancer that gets none gives up, and the app stays where Nextcloud has it', async () => {
    await using stage = await KubernetesStage.open({ simulator: { readsUntilIngress: 100 } })

    expect(await expose(stage, { expose_type: 'loadbalancer', wait_timeout_seconds: 0 })).toEqual({
      status: 503,
      body: "Timed out waiting for LoadBalancer address for Service 'nc-app-foo'",
    })
    expect(await stage.locate('foo')).toBe('nowhere:23000')
  })

  test('keeps a Service that is there already', async () => {
    await using stage = await KubernetesStage.open()
    await expose(stage, { service_port: 80 })

    expect(await expose(stage, { service_port: 81 })).toMatchObject({ status: 200 })
    expect(await stage.knownPlace('foo')).toBe('127.0.0.1:80')
  })

  test('by hand notes the address at the Deployment, and works without one', async () => {
    await using stage = await KubernetesStage.open()
    const more = { expose_type: 'manual', upstream_host: 'app.example.com', upstream_port: 8_080 }

    expect(await expose(stage, more)).toMatchObject({ status: 200 })
    expect(await stage.locate('foo')).toBe('nowhere:23000')
    await stage.call('create', created('foo'))
    await expose(stage, more)
    expect(await stage.locate('foo')).toBe('app.example.com:8080')
  })
})

describe('finding an app again', () => {
  test('finds the one role that has a Service or an address by hand', async () => {
    await using stage = await KubernetesStage.open()
    const role = (name: string) => ({ ...created(name), role_suffix: 'web' })
    await stage.call('expose', { ...role('foo'), port: 23_000 })
    await stage.call('create', role('bar'))
    await stage.call('expose', { ...role('bar'), port: 1, expose_type: 'manual', upstream_host: 'h' })

    expect(await stage.locate('foo')).toBe('127.0.0.1:23000')
    expect(await stage.locate('bar')).toBe('h:1')
  })

  test('leaves an app alone that is none of the cluster’s', async () => {
    await using stage = await KubernetesStage.open()

    expect(await stage.locate('docker_app')).toBe('nowhere:23000')
    expect(stage.simulator.history).toEqual([
      'GET services/nc-app-docker-app',
      'GET services',
      'GET deployments/nc-app-docker-app',
      'GET deployments',
    ])
  })

  test.each(['get services', 'list services', 'get deployments'])(
    'knows nothing without the right to %s',
    async (right) => {
      await using stage = await KubernetesStage.open()
      stage.simulator.deny(right)

      await expect(stage.locate('foo')).rejects.toMatchObject({ code: 'KUBERNETES_REFUSED' })
    },
  )

  test('manages without the right to list deployments, which HaRP never asked for', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.deny('list deployments')

    expect(await stage.locate('foo')).toBe('nowhere:23000')
  })

  test('falls back to what Nextcloud says where nodes may not be listed', async () => {
    await using stage = await KubernetesStage.open()
    await stage.call('expose', { ...named('foo'), port: 23_000, expose_type: 'nodeport' })
    stage.simulator.deny('list nodes')

    expect(await stage.locate('foo')).toBe('nowhere:23000')
  })

  test('an overloaded API server does not cost an app the address that is known', async () => {
    await using stage = await KubernetesStage.open()
    await stage.call('expose', { ...named('foo'), port: 23_000, expose_type: 'nodeport' })
    const place = await stage.knownPlace('foo')
    stage.simulator.fault = ({ target }) =>
      target.startsWith('/api/v1/nodes') ? { kind: 'reply', status: 503 } : undefined

    await stage.apps.refresh('foo')

    expect(await stage.knownPlace('foo')).toBe(place)
    await expect(stage.locate('foo')).rejects.toMatchObject({ code: 'KUBERNETES_REFUSED' })
  })

  test('a cluster that hangs is given up, as one that does not answer', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.fault = () => ({ kind: 'hang' })
    const directory = new KubernetesDirectory(stage.cluster, silentLogger, 100)

    await expect(directory.relocate({ ...record, host: 'foo' })).rejects.toMatchObject({
      code: 'KUBERNETES_TIMEOUT',
    })
  })

  test('an app behind a tunnel is never looked for in the cluster', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.fault = () => ({ kind: 'hang' })

    expect(await stage.directory.relocate(record)).toBe(record)
    expect(stage.simulator.calls).toEqual([])
  })

  test('does not take an unreachable cluster for one without the app', async () => {
    await using stage = await KubernetesStage.open()
    stage.simulator.fault = () => ({ kind: 'reset' })

    await expect(stage.locate('foo')).rejects.toMatchObject({ code: 'KUBERNETES_UNREACHABLE' })
    expect(await stage.knownPlace('foo')).toBe('unavailable')
  })
})

test('remove tells which right is missing, and logs only what it could not look at', async () => {
  await using stage = await KubernetesStage.open()
  await startedApp(stage)
  stage.simulator.deny('get services', 'delete persistentvolumeclaims')

  expect(await stage.call('remove', named('foo'))).toEqual({ status: 204, body: '' })
  expect(await stage.call('remove', { ...named('foo'), remove_data: 'true' })).toEqual({
    status: 503,
    body: `Error removing PVC '${claim}': Status 403, forbidden: needs delete on persistentvolumeclaims in namespace nextcloud-exapps`,
  })
})

test('bodies that are no JSON, or miss something, are 400', async () => {
  await using stage = await KubernetesStage.open()

  expect(await stage.call('create', {})).toMatchObject({ status: 400 })
  expect((await stage.call('create', {})).body).toMatch(/^Payload validation error: name /)
})
