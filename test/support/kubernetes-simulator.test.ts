import { readFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { deadlineIn, within } from './deadline.ts'
import { KubernetesSimulator } from './kubernetes-simulator.ts'

interface Reply {
  readonly status: number
  readonly json: Readonly<Record<string, unknown>>
}

async function send(
  simulator: KubernetesSimulator,
  method: string,
  path: string,
  body?: unknown,
  token: string = simulator.token,
): Promise<Reply> {
  const ca = await readFile(`${simulator.directory}/ca.crt`)
  const answer = new Promise<Reply>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const request = httpsRequest(`${simulator.url}${path}`, { method, ca, headers, agent: false })
    request.once('error', reject)
    request.once('response', (response) => {
      void text(response).then((found) =>
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(found) as Reply['json'] }),
      )
    })
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
  return within(answer, deadlineIn(5_000, 'an answer of the simulator'))
}

const services = '/api/v1/namespaces/nextcloud-exapps/services'
const deployments = '/apis/apps/v1/namespaces/nextcloud-exapps/deployments'

function serviceNamed(name: string, more: object = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type: 'NodePort',
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 80 }],
      ...more,
    },
  }
}

test('it refuses who has no token of its own', async () => {
  await using simulator = await KubernetesSimulator.start()
  const old = simulator.token
  expect((await send(simulator, 'GET', '/api')).status).toBe(200)
  await simulator.rotateToken()
  expect((await readFile(`${simulator.directory}/token`, 'utf8')).trim()).toBe(simulator.token)

  expect(await send(simulator, 'GET', '/api', undefined, old)).toMatchObject({
    status: 401,
    json: { kind: 'Status', reason: 'Unauthorized' },
  })
})

test('it refuses what the published shapes do not know, in the words of a server', async () => {
  await using simulator = await KubernetesSimulator.start()

  const misspelt = await send(simulator, 'POST', services, serviceNamed('a', { externalIP: 'x' }))
  expect(misspelt).toMatchObject({ status: 400, json: { reason: 'BadRequest' } })
  const digits = await send(simulator, 'POST', services, serviceNamed('1a'))
  expect(digits).toMatchObject({ status: 422, json: { reason: 'Invalid' } })
  const conflict = serviceNamed('a', { ports: [{ name: 'http', port: 1, targetPort: 1, nodePort: 1 }] })
  expect((await send(simulator, 'POST', services, conflict)).status).toBe(422)
})

test('names and node ports are given once', async () => {
  await using simulator = await KubernetesSimulator.start()
  const ports = [{ name: 'http', port: 1, targetPort: 1, nodePort: 30_100 }]
  expect((await send(simulator, 'POST', services, serviceNamed('a', { ports }))).status).toBe(201)

  expect(await send(simulator, 'POST', services, serviceNamed('a'))).toMatchObject({
    status: 409,
    json: { reason: 'AlreadyExists', message: 'services "a" already exists' },
  })
  expect((await send(simulator, 'POST', services, serviceNamed('b', { ports }))).status).toBe(422)
  expect((await send(simulator, 'DELETE', `${services}/a`)).status).toBe(200)
  expect((await send(simulator, 'GET', `${services}/a`)).json).toMatchObject({
    message: 'services "a" not found',
  })
})

test('a patch must say what kind of patch it is', async () => {
  await using simulator = await KubernetesSimulator.start()

  const patch = await send(simulator, 'PATCH', `${deployments}/a`, { spec: { replicas: 1 } })

  expect(patch).toMatchObject({ status: 415, json: { reason: 'UnsupportedMediaType' } })
})

test('a missing right is refused as a real server refuses it', async () => {
  await using simulator = await KubernetesSimulator.start()
  simulator.deny('get deployments')

  expect((await send(simulator, 'GET', `${deployments}/a`)).json).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'deployments.apps "a" is forbidden: User "system:serviceaccount:nextcloud:harp" cannot get resource "deployments" in API group "apps" in the namespace "nextcloud-exapps"',
    reason: 'Forbidden',
    code: 403,
  })
})
