/** Guards that keep one client, one app or one hanging Nextcloud from spoiling it for others. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { newAppId, requestHead, responseOf, Stage } from './stage.ts'

test('an answer that breaks off is a reset for an HTTP/1.0 client, which has no other way to see it', async () => {
  await using stage = await Stage.open()
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(() => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setTimeout(() => socket.destroy(), 50)
    })
  })
  const client = net.connect(stage.endpoint)
  const { promise: failed, resolve } = Promise.withResolvers<NodeJS.ErrnoException>()
  client.on('error', resolve)
  client.on('end', () => resolve(new Error('a complete answer')))
  client.resume()

  client.write(`GET ${path}/x HTTP/1.0\r\n\r\n`)

  expect((await failed).code).toBe('ECONNRESET')
})

test('a WebSocket over HTTP/2 opens only if the app opened it', async () => {
  await using stage = await Stage.open()
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'))
  })
  const session = http2.connect(`http://127.0.0.1:${stage.gateway.port}`)
  await once(session, 'remoteSettings')
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': `${path}/socket`,
  })

  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]

  expect(headers[':status']).toBe(502)
  session.destroy()
})

test('requests of one HTTP/2 connection count against HARP_MAX_CONNECTIONS', async () => {
  await using stage = await Stage.open({ HARP_MAX_CONNECTIONS: '10' })
  const { app, path } = await stage.rawApp((socket) => void socket.resume())
  const session = http2.connect(`http://127.0.0.1:${stage.gateway.port}`)
  await once(session, 'connect')
  const refused: number[] = []
  for (let index = 0; index < 40; index++) {
    const stream = session.request({ ':path': `${path}/x` })
    stream.on('error', () => undefined)
    stream.once('close', () => refused.push(stream.rstCode))
  }

  await eventually('what is too much to be refused', () => (refused.length >= 30 ? true : undefined))

  expect(new Set(refused)).toEqual(new Set([http2.constants.NGHTTP2_REFUSED_STREAM]))
  expect(app.connectionCount).toBeLessThanOrEqual(10)
  session.destroy()
})

test('a public route does not wait for a Nextcloud that hangs', async () => {
  await using stage = await Stage.open()
  const id = newAppId()
  const { app } = await stage.exapp()
  const record = {
    exapp_token: 'TOK',
    exapp_version: '1',
    host: '127.0.0.1',
    port: app.port,
    routes: [{ url: '.*', access_level: 0, bruteforce_protection: [] }],
  }
  stage.nextcloud.setApp(id, { record, userAnswer: { kind: 'hang' } })

  const outcome = await stage.send(
    { target: `/exapps/${id}/x`, headers: [['Cookie', 'oc_sessionPassphrase=s']] },
    10_000,
  )

  expect(responseOf(outcome).status).toBe(200)
  const identity = app
    .requests()
    .at(-1)
    ?.headers.find(([name]) => name === 'authorization-app-api')?.[1]
  expect(Buffer.from(identity ?? '', 'base64').toString()).toBe(':TOK')
})

test('one client cannot take all questions to Nextcloud', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '0' })
  const { path } = await stage.exapp()
  const record = { exapp_token: 'T', exapp_version: '1', host: '127.0.0.1', port: 1, routes: [] }
  const ids = Array.from({ length: 40 }, () => newAppId())
  for (const id of ids) stage.nextcloud.setApp(id, { record, metaAnswer: { kind: 'hang' } })
  const connections = await Promise.all(ids.map(() => stage.connect()))
  const statuses: number[] = []

  for (const [index, connection] of connections.entries()) {
    await connection.sendRequest({
      target: `/exapps/${ids[index]}/x`,
      headers: [['X-Forwarded-For', '9.9.9.9']],
    })
    void connection.readOutcome({ timeoutMs: 20_000 }).then(
      (outcome) => outcome.kind === 'response' && statuses.push(outcome.response.status),
      () => undefined,
    )
  }
  await eventually('the rest to be refused', () => (statuses.length === 32 ? true : undefined))

  expect(new Set(statuses)).toEqual(new Set([503]))
  expect(
    stage.nextcloud.calls({ endpoint: 'exapp-meta' }).filter((call) => ids.includes(call.appId ?? '')).length,
  ).toBe(8)
  expect(
    responseOf(await stage.send({ target: `${path}/x`, headers: [['X-Forwarded-For', '8.8.8.8']] })).status,
  ).toBe(200)
  await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()))
})

test('HTTPS opens by itself once its port is free', async () => {
  await using stage = await Stage.open()
  const { ports, certsDir } = stage.gateway.place
  const squatter = net.createServer().listen(ports.https, '127.0.0.1')
  await once(squatter, 'listening')
  await writeFile(join(certsDir, 'cert.pem'), makeSelfSigned().pem)
  await stage.gateway.waitForOutput(/HTTPS could not open/, 10_000)

  squatter.close()

  await eventually(
    'HTTPS to open',
    async () => {
      const socket = net.connect(ports.https, '127.0.0.1')
      const isOpen = await once(socket, 'connect').then(
        () => true,
        () => undefined,
      )
      socket.destroy()
      return isOpen
    },
    { timeoutMs: 15_000, everyMs: 200 },
  )
  expect(stage.gateway.program.exited).toBeUndefined()
})
