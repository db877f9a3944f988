import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { NextcloudClient, nextcloudClientDefaults } from './nextcloud-client.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** A real server on a free port, and a client for it. */
async function setup(listener: http.RequestListener, options: Partial<typeof nextcloudClientDefaults> = {}) {
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const baseUrl = new URL(`http://127.0.0.1:${port}/sub`)
  const client = new NextcloudClient({ ...nextcloudClientDefaults, ...options, baseUrl })
  open.push({
    close: () => {
      client.close()
      server.closeAllConnections()
      server.close()
    },
  })
  return { client, port }
}

test('the path is appended to the base URL and any status is an answer', async () => {
  const { client } = await setup((request, response) => {
    response.writeHead(418).end(`${request.url} ${String(request.headers['x-a'])}`)
  })

  expect(await client.get('/index.php/x?a=b', { 'x-a': 'y' })).toEqual({
    status: 418,
    body: '/sub/index.php/x?a=b y',
  })
})

test('a redirect to the same host is followed', async () => {
  const { client } = await setup((request, response) => {
    if (request.url === '/sub/a') response.writeHead(302, { location: '/b' }).end()
    else response.end(request.url)
  })

  expect(await client.get('/a', {})).toEqual({ status: 200, body: '/b' })
})

test('a redirect to another host is refused before the key leaves (W42)', async () => {
  let strangerWasAsked = false
  const stranger = await setup((_, response) => {
    strangerWasAsked = true
    response.end()
  })
  const { client } = await setup((_, response) => {
    response.writeHead(301, { location: `http://localhost:${stranger.port}/` }).end()
  })

  await expect(client.get('/a', { 'harp-shared-key': 's' })).rejects.toMatchObject({
    code: 'NEXTCLOUD_REDIRECT',
    fix: `set NC_INSTANCE_URL to http://localhost:${stranger.port}`,
  })
  expect(strangerWasAsked).toBe(false)
})

test('a redirect loop ends', async () => {
  const { client } = await setup((_, response) => response.writeHead(302, { location: '/again' }).end())

  await expect(client.get('/a', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_REDIRECT' })
})

test('a silent Nextcloud is given up after the total time', async () => {
  const { client } = await setup(() => {}, { totalTimeoutMs: 50 })

  await expect(client.get('/a', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_TIMEOUT', retryable: true })
})

test('an answer that switches protocols is the end of the call', async () => {
  const { client } = await setup((_request, response) => {
    response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')
  })

  await expect(client.get('/a', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_BAD_ANSWER' })
})

test('a refused connection names the origin', async () => {
  const { port } = await setup(() => {})
  for (const each of open.splice(0)) each.close()
  const client = new NextcloudClient({
    ...nextcloudClientDefaults,
    baseUrl: new URL(`http://127.0.0.1:${port}`),
  })
  open.push(client)

  await expect(client.get('/a', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_UNREACHABLE' })
})

test('an endless answer is cut at the limit', async () => {
  const { client } = await setup(
    (_, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(1024)));
        response.once('drain', write)
      }
      write()
    },
    { maxBodyBytes: 10_000 },
  )

  await expect(client.get('/a', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_BAD_ANSWER' })
})

test('calls beyond the limit fail at once instead of piling up', async () => {
  const { client } = await setup(() => {}, { maxPending: 2, totalTimeoutMs: 200 })
  const waiting = [client.get('/a', {}), client.get('/b', {})]

  await expect(client.get('/c', {})).rejects.toMatchObject({ code: 'NEXTCLOUD_OVERLOADED' })
  await Promise.allSettled(waiting)
})
