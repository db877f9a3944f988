/** The connection to the API server: trust, token, limits, and what is said when it fails. */
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { KubernetesClient } from '../../src/gateway/kubernetes/kubernetes-client.ts'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { configOf, KubernetesStage, named } from './kubernetes-stage.ts'

const get = { method: 'GET', path: '/api/v1/nodes' } as const
const exists = (stage: KubernetesStage) => stage.call('exists', named('foo'))

test('a rotated token is used at once', async () => {
  await using stage = await KubernetesStage.open()
  await exists(stage)
  await stage.simulator.rotateToken()

  expect(await exists(stage)).toEqual({ status: 200, body: '{"exists":false}' })
  expect(new Set(stage.simulator.calls.map(({ token }) => token)).size).toBe(2)
})

test('a token that is set wins over the file', async () => {
  await using stage = await KubernetesStage.open({ config: { bearerToken: new Secret('mine') } })

  expect((await exists(stage)).body).toBe(
    "Error checking deployment 'nc-app-foo': Status 401, the API server does not accept the token",
  )
  expect(stage.simulator.calls[0]?.token).toBe('mine')
})

test('without a token, or with a file of something else, every call says so', async () => {
  await using stage = await KubernetesStage.open()
  const path = join(stage.simulator.directory, 'token')
  const text = 'Kubernetes token is not configured.'

  await writeFile(path, ' \n')
  expect(await exists(stage)).toEqual({ status: 503, body: `${text} ${path} is empty` })
  await writeFile(path, 'two words')
  expect(await exists(stage)).toEqual({ status: 503, body: `${text} ${path} holds something else` })
  await rm(path)
  expect(await exists(stage)).toEqual({ status: 503, body: `${text} ${path} does not exist` })
  expect(stage.simulator.calls).toEqual([])
})

test('without an API server every call says so', async () => {
  await using stage = await KubernetesStage.open({ config: { apiServer: null } })

  expect(await exists(stage)).toEqual({ status: 503, body: 'Kubernetes API server is not configured.' })
})

test('another authority is not trusted, and the right one is taken up without a restart', async () => {
  await using stage = await KubernetesStage.open()
  const path = join(stage.simulator.directory, 'ca.crt')
  const right = await readFile(path)
  await writeFile(path, makeSelfSigned().cert)

  const { status, body } = await exists(stage)
  expect(status).toBe(503)
  expect(body).toMatch(
    /^Error communicating with Kubernetes API: 127\.0\.0\.1:\d+ has a certificate that is not trusted here/,
  )
  await writeFile(path, right)
  expect((await exists(stage)).status).toBe(200)
})

test('without the file the authorities of the system count', async () => {
  await using stage = await KubernetesStage.open({ config: { caFile: '/nonexistent/ca.crt' } })

  expect((await exists(stage)).body).toContain('not trusted')
})

test('an empty file of authorities is not taken for none', async () => {
  await using stage = await KubernetesStage.open()
  await writeFile(join(stage.simulator.directory, 'ca.crt'), '\n')

  expect((await exists(stage)).body).toMatch(/HP_K8S_CA_FILE .* is empty$/)
  expect(stage.simulator.calls).toEqual([])
})

test('with the check switched off any certificate will do', async () => {
  await using stage = await KubernetesStage.open({
    config: { caFile: '/nonexistent/ca.crt', verifyTls: false },
  })

  expect((await exists(stage)).status).toBe(200)
})

test('nothing that listens is told', async () => {
  await using stage = await KubernetesStage.open({ config: { apiServer: new URL('https://127.0.0.1:9') } })

  expect(await exists(stage)).toEqual({
    status: 503,
    body: 'Error communicating with Kubernetes API: 127.0.0.1:9 refuses the connection: nothing listens on this port',
  })
  expect(await stage.cluster.isReachable()).toBe(false)
})

test('a server that never answers is given up', async () => {
  await using stage = await KubernetesStage.open({ client: { totalTimeoutMs: 200 } })
  stage.simulator.fault = () => ({ kind: 'hang' })

  expect(await exists(stage)).toEqual({
    status: 503,
    body: 'Error communicating with Kubernetes API: no answer within 0.2 s',
  })
})

test('a server that switches protocols is given up at once', async () => {
  await using stage = await KubernetesStage.open()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new KubernetesClient(
    configOf(stage.simulator, { apiServer: new URL(`http://127.0.0.1:${port}`) }),
  )

  const outcome = within(client.request(get), deadlineIn(5_000, 'the end of the call'))

  await expect(outcome).rejects.toMatchObject({ code: 'KUBERNETES_BAD_ANSWER' })
  client.close()
  server.close()
})

test('an answer that is none of its objects, or far too large, is refused', async () => {
  await using stage = await KubernetesStage.open({ client: { maxBodyBytes: 1_000 } })
  const answers = [
    { body: '<html>', says: 'another shape' },
    { body: 'x'.repeat(2_000), says: 'more than' },
  ]
  for (const { body, says } of answers) {
    stage.simulator.fault = () => ({ kind: 'reply', status: 200, body })
    const answer = await stage.call('wait_for_start', named('foo'))
    expect(answer.status).toBe(503)
    expect(answer.body).toContain(says)
  }
})

test('an overloaded server is asked again when it says', async () => {
  await using stage = await KubernetesStage.open()
  let left = 2
  stage.simulator.fault = () => (left-- > 0 ? { kind: 'reply', status: 429, retryAfter: '0' } : undefined)

  expect((await exists(stage)).status).toBe(200)
  expect(stage.simulator.calls).toHaveLength(3)
})

test('and not for ever', async () => {
  await using stage = await KubernetesStage.open()
  stage.simulator.fault = () => ({ kind: 'reply', status: 429, retryAfter: '0' })

  expect((await exists(stage)).body).toBe("Error checking deployment 'nc-app-foo': Status 429")
  expect(stage.simulator.calls).toHaveLength(4)
})

test('a kept connection that broke is replaced for what can be repeated, and only for that', async () => {
  await using stage = await KubernetesStage.open()
  const client = new KubernetesClient(configOf(stage.simulator))
  const breakNext = async (): Promise<void> => {
    await client.request(get)
    let isBroken = false
    stage.simulator.fault = () => {
      if (isBroken) return undefined
      isBroken = true
      return { kind: 'reset' }
    }
  }
  const claims = '/api/v1/namespaces/nextcloud-exapps/persistentvolumeclaims'

  await breakNext()
  expect((await client.request(get)).status).toBe(200)
  await breakNext()
  await expect(client.request({ method: 'POST', path: claims, json: {} })).rejects.toMatchObject({
    code: 'KUBERNETES_UNREACHABLE',
  })
  client.close()
})

test('few calls run at once, and those over the limit fail instead of waiting', async () => {
  await using stage = await KubernetesStage.open()
  const client = new KubernetesClient(configOf(stage.simulator), { maxConnections: 2, maxPending: 3 })
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  stage.simulator.fault = () => ({ kind: 'delay', until: held })

  const calls = [client.request(get), client.request(get), client.request(get)]
  await expect(client.request(get)).rejects.toMatchObject({ code: 'KUBERNETES_BUSY' })
  await eventually('two calls', () => (stage.simulator.calls.length === 2 ? true : undefined))
  release()

  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200])
  client.close()
})
