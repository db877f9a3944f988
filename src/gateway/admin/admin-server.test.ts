import net from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { Metrics } from '../../base/metrics.ts'
import { AdminServer } from './admin-server.ts'
import type { Readiness } from './readiness.ts'

let readiness: Readiness = { ready: true, checks: [] }
const servers: AdminServer[] = []
const metrics = new Metrics({ processMetrics: false })
metrics.counter('harp_gateway_seen_total', 'Seen.', { reason: 'banned' }).add(3)

beforeEach(() => {
  readiness = { ready: true, checks: [{ name: 'draining', status: 'ok', detail: 'no' }] }
})
afterEach(() => {
  for (const server of servers.splice(0)) server.stop()
})

async function start(port = 0): Promise<{ url: string; port: number }> {
  const server = new AdminServer({
    address: { host: '127.0.0.1', port },
    metrics,
    readiness: async () => readiness,
    log: silentLogger,
  })
  servers.push(server)
  await server.start()
  return { url: `http://127.0.0.1:${server.address.port}`, port: server.address.port }
}

test('/healthz says that the process answers', async () => {
  const { url } = await start()

  const response = await fetch(`${url}/healthz?from=test`)

  expect([response.status, await response.text()]).toEqual([200, 'ok\n'])
})

test('/metrics is the Prometheus text', async () => {
  const { url } = await start()

  const response = await fetch(`${url}/metrics`)

  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(await response.text()).toContain('harp_gateway_seen_total{reason="banned"} 3')
})

test.each([
  [true, 200],
  [false, 503],
])('/readyz with ready=%s is %i with the checks', async (ready, status) => {
  readiness = { ...readiness, ready }
  const { url } = await start()

  const response = await fetch(`${url}/readyz`)

  expect(response.status).toBe(status)
  expect(await response.json()).toEqual(readiness)
})

test('nothing can be changed here', async () => {
  const { url } = await start()

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const response = await fetch(`${url}/healthz`, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  }
  expect((await fetch(`${url}/bans`)).status).toBe(404)
})

test('HEAD has the length and no body', async () => {
  const { url } = await start()

  const response = await fetch(`${url}/healthz`, { method: 'HEAD' })

  expect([response.headers.get('content-length'), await response.text()]).toEqual(['3', ''])
})

test('a port that is taken is one error with the setting and the fix', async () => {
  const { port } = await start()

  await expect(start(port)).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `cannot listen on 127.0.0.1:${port} (HARP_ADMIN_ADDRESS): EADDRINUSE`,
    fix: expect.stringContaining('off'),
  })
})

test('a head that is too large is refused', async () => {
  const { port } = await start()
  const socket = net.connect(port, '127.0.0.1')
  socket.write(`GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)

  const [answer] = (await once(socket, 'data')) as [Buffer]

  expect(answer.toString()).toMatch(/^HTTP\/1\.1 431 /)
  socket.destroy()
})
