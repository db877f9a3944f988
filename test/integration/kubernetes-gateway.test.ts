/** The gateway as a process beside a simulated cluster: what a slow or failing one does to everybody else. */
import { once } from 'node:events'
import { connect } from 'node:http2'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import type { RawOutcome } from '../support/raw-http.ts'
import { podStatus } from '../support/kubernetes-pods.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { newAppId, responseOf, Stage } from './stage.ts'
import { created, named } from './kubernetes-stage.ts'

const keyed = ['harp-shared-key', 'sekret'] as const

function call(stage: Stage, action: string, body: object): Promise<RawOutcome> {
  return stage.send({
    method: 'POST',
    target: `/exapps/app_api/k8s/exapp/${action}`,
    headers: [keyed],
    body: JSON.stringify(body),
  })
}

async function postOverHttp2(
  stage: Stage,
  path: string,
  body: string,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const session = connect(`http://127.0.0.1:${stage.gateway.port}`)
  try {
    const stream = session.request({ ':method': 'POST', ':path': path, [keyed[0]]: keyed[1] })
    const head = once(stream, 'response') as Promise<[{ ':status': number }]>
    stream.end(body)
    const bytes = await within(buffer(stream), deadlineIn(50_000, 'the answer over HTTP/2'))
    return { status: (await head)[0][':status'], body: bytes }
  } finally {
    session.destroy()
  }
}

test('a cluster that hangs delays no app that is known or behind a tunnel, and no other route', async () => {
  await using cluster = await KubernetesSimulator.start()
  await using stage = await Stage.open({ ...cluster.environment, HARP_TIMEOUT_DRAIN: '200ms' })
  const { app, path } = await stage.exapp()
  expect(responseOf(await stage.send({ target: `${path}/known` })).status).toBe(200)
  cluster.fault = () => ({ kind: 'hang' })

  const stuck = Array.from({ length: 20 }, () => call(stage, 'exists', named('foo')))
  await eventually('calls to the cluster', () => (cluster.calls.length >= 16 ? true : undefined))

  const quick = deadlineIn(2_000, 'answers beside a hanging cluster')
  expect(responseOf(await within(stage.send({ target: `${path}/known` }), quick)).status).toBe(200)
  // Nor one that is not known yet, where Nextcloud has it behind a tunnel.
  const other = { target: `${stage.addApp(app.port)}/other` }
  expect(responseOf(await within(stage.send(other), quick)).status).toBe(200)
  const heartbeat = { target: '/exapps/app_api/heartbeat', headers: [keyed] }
  expect(responseOf(await within(stage.send(heartbeat), quick)).status).toBe(200)
  const removal = call(stage, 'install_certificates', named('foo'))
  expect(responseOf(await within(removal, quick)).status).toBe(204)
  await stage.gateway.stop()
  await Promise.all(stuck)
})

test('a client that goes away ends the polling for its app', async () => {
  await using cluster = await KubernetesSimulator.start()
  await using stage = await Stage.open(cluster.environment)
  cluster.store.scripts.set('nc-app-foo', [podStatus.creating])
  await call(stage, 'create', created('foo'))
  await call(stage, 'start', named('foo'))
  const polls = (): number => cluster.history.filter((each) => each === 'GET pods').length

  const connection = await stage.connect()
  await connection.sendRequest({
    method: 'POST',
    target: '/exapps/app_api/k8s/exapp/wait_for_start',
    headers: [keyed],
    body: JSON.stringify(named('foo')),
  })
  await eventually('a second poll', () => (polls() >= 2 ? true : undefined))
  connection.socket.resetAndDestroy()
  await elapse(1_500)
  const last = polls()
  await elapse(2_500)

  expect(polls()).toBe(last)
})

test(
  'an answer that takes long begins with blanks, over HTTP/1.1 and HTTP/2 (W29)',
  { timeout: 60_000 },
  async () => {
    await using cluster = await KubernetesSimulator.start()
    await using stage = await Stage.open(cluster.environment)
    // One listing a second for each of two calls: the image takes more than 20 s.
    const polls = 45
    cluster.store.scripts.set('nc-app-foo', [
      ...Array.from({ length: polls }, () => podStatus.creating),
      podStatus.ready,
    ])
    await call(stage, 'create', created('foo'))
    await call(stage, 'start', named('foo'))
    const target = '/exapps/app_api/k8s/exapp/wait_for_start'
    const body = JSON.stringify(named('foo'))

    const [older, newer] = await Promise.all([
      stage.send({ method: 'POST', target, headers: [keyed], body }, 50_000).then(responseOf),
      postOverHttp2(stage, target, body),
    ])

    for (const { status, body: text } of [older, newer]) {
      expect(status).toBe(200)
      expect(text.toString()).toMatch(/^ +{/)
      expect(JSON.parse(text.toString())).toMatchObject({ started: true })
    }
  },
)

test('an app whose Service moved is found again at the next request', async () => {
  await using cluster = await KubernetesSimulator.start()
  await using stage = await Stage.open({ ...cluster.environment, HP_TIMEOUT_CONNECT: '500ms' })
  const { app } = await stage.exapp()
  const id = newAppId()
  const path = stage.addApp(23_000, { host: id }, id)
  const expose = (port: number) => call(stage, 'expose', { ...named(id), port })
  expect(responseOf(await expose(9)).status).toBe(200)
  cluster.store.services.clear()
  expect(cluster.store.services.size).toBe(0)
  // Somebody makes it anew, and the gateway is not told.
  cluster.store.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `nc-app-${id}` },
    spec: { type: 'ClusterIP', selector: {}, ports: [{ name: 'http', port: app.port, targetPort: 1 }] },
  })

  const response = responseOf(await stage.send({ target: `${path}/hello` }))

  expect(response.status).toBe(200)
  expect(app.requests().map(({ target }) => target)).toEqual(['/hello'])
})

test('neither the token nor a value of an app’s environment is ever logged', async () => {
  await using cluster = await KubernetesSimulator.start()
  await using stage = await Stage.open({ ...cluster.environment, HP_LOG_LEVEL: 'debug' })
  cluster.deny('create deployments')
  const body = { ...created('foo'), environment_variables: ['APP_SECRET=hunter22'], network_mode: 'host' }
  const response = responseOf(await call(stage, 'create', body))
  expect(response.status).toBe(503)
  await stage.gateway.waitForOutput(/a Kubernetes call failed/)

  const { output } = stage.gateway
  expect(output).not.toContain('hunter22')
  expect(output).not.toContain(cluster.token)
})
