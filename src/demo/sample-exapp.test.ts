import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, type ClientOptions } from 'ws'
import { deadlineIn, within } from '../../test/support/deadline.ts'
import { RawConnection } from '../../test/support/raw-http.ts'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import { Secret } from '../base/secret.ts'
import { listenOnLoopback } from './loopback-server.ts'
import { sampleRoutes, startSampleExApp } from './sample-exapp.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const token = 'TOK:with-colon'

/** The headers that the gateway sets. */
function gatewayHeaders(user: string): Record<string, string> {
  return {
    'authorization-app-api': btoa(`${user}:${token}`),
    'ex-app-id': 'demo',
    'ex-app-version': '1.0.0',
    'aa-version': '32',
  }
}

async function startApp(): Promise<{ readonly url: string; readonly port: number }> {
  const app = await startSampleExApp({
    listen: (server) => listenOnLoopback(server, [0]),
    secret: new Secret(token),
    clock: systemClock,
    log: silentLogger,
  })
  cleanups.push(() => app.stop())
  const { port } = app.server.address
  return { url: `http://127.0.0.1:${port}`, port }
}

test('the hello of each level names the visitor and what the gateway set, and no secret', async () => {
  const { url } = await startApp()

  for (const level of ['public', 'user', 'admin']) {
    const response = await fetch(`${url}/${level}/hello`, {
      headers: { ...gatewayHeaders('alice'), cookie: 'oc_sessionPassphrase=session-value' },
    })
    const text = await response.text()

    expect(JSON.parse(text)).toMatchObject({
      level,
      user: 'alice',
      path: `/${level}/hello`,
      headers: { 'ex-app-id': 'demo', 'ex-app-version': '1.0.0', 'aa-version': '32' },
    })
    expect(text).not.toContain('TOK')
    expect(text).not.toContain('session-value')
  }
})

test.each([
  ['no AUTHORIZATION-APP-API', {}],
  ['a wrong secret', { 'authorization-app-api': btoa('alice:guess') }],
  ['the secret cut short', { 'authorization-app-api': btoa('alice:TOK') }],
  ['no colon', { 'authorization-app-api': btoa(token.replace(':', '')) }],
  ['text that is not base64', { 'authorization-app-api': `alice:${token}` }],
])('a request with %s is refused with 401, page and socket alike', async (_, headers) => {
  const { url, port } = await startApp()
  const refused: Record<string, string> = headers

  const responses = await Promise.all(
    ['/', '/assets/main.js', '/public/hello', '/enabled'].map((path) =>
      fetch(url + path, { headers: refused }),
    ),
  )

  expect(responses.map((response) => response.status)).toEqual([401, 401, 401, 401])
  expect(await refusedUpgrade(port, '/chat/public', { headers: refused })).toBe(401)
})

test('the heartbeat needs no secret, the rest of the life cycle does', async () => {
  const { url } = await startApp()
  const headers = gatewayHeaders('')

  expect(await (await fetch(`${url}/heartbeat`)).json()).toEqual({ status: 'ok' })
  expect((await fetch(`${url}/init`, { method: 'POST', headers })).status).toBe(200)
  expect(await (await fetch(`${url}/enabled?enabled=1`, { method: 'PUT', headers })).json()).toEqual({
    error: '',
  })
})

test('the page and every file it names are served, and nothing is inline', async () => {
  const { url } = await startApp()
  const headers = gatewayHeaders('')

  const response = await fetch(`${url}/`, { headers })
  const html = await response.text()
  const files = [...html.matchAll(/(?:src|href)="\/exapps\/demo\/(assets\/[^"]+)"/g)].map(
    (match) => match[1] ?? '',
  )
  const scripts = await Promise.all(
    files.map(async (file) => (await fetch(`${url}/${file}`, { headers })).text()),
  )
  const imported = [...scripts.join('\n').matchAll(/from '\.\/(\w+\.js)'/g)].map((match) => match[1] ?? '')

  expect(response.headers.get('content-security-policy')).toContain("script-src 'self'")
  expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/)
  expect(new Set(files)).toEqual(new Set(['assets/app.css', 'assets/icon.svg', 'assets/main.js']))
  expect(imported.length).toBeGreaterThan(4)
  for (const name of imported) {
    expect(await (await fetch(`${url}/assets/${name}`, { headers })).text()).toContain('export ')
  }
})

test('an app id that is no name does not get into the page', async () => {
  const { url } = await startApp()

  const response = await fetch(`${url}/`, { headers: { ...gatewayHeaders(''), 'ex-app-id': '"><script>' } })

  expect(await response.text()).not.toContain('"><script>')
})

test('the clock sends an event at once and more as time goes', async () => {
  const { port } = await startApp()
  await using client = await RawConnection.open({ host: '127.0.0.1', port })
  await client.sendRequest({ target: '/user/clock', headers: Object.entries(gatewayHeaders('alice')) })

  const head = await client.readHead()
  let text = ''
  for await (const chunk of client.body(head!)) {
    text += chunk.toString()
    if (text.includes('"tick":2')) break
  }

  expect(head?.headers).toContainEqual(['content-type', 'text/event-stream'])
  expect(text).toMatch(/data: \{"at":\d+,"tick":1,"user":"alice"\}\n\n/)
})

test('an upload is counted', async () => {
  const { url } = await startApp()

  const response = await fetch(`${url}/public/upload`, {
    method: 'POST',
    headers: gatewayHeaders(''),
    body: new Uint8Array(1_000_000),
  })

  expect(await response.json()).toEqual({ bytes: 1_000_000 })
})

test('a chat path without an upgrade says that it is a WebSocket', async () => {
  const { url } = await startApp()

  expect((await fetch(`${url}/chat/public`, { headers: gatewayHeaders('') })).status).toBe(426)
})

interface Heard {
  readonly client: WebSocket
  readonly events: { kind: string; [name: string]: unknown }[]
  until(kind: string): Promise<Record<string, unknown>>
}

async function enter(port: number, path: string, user: string): Promise<Heard> {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: gatewayHeaders(user) })
  cleanups.push(() => client.terminate())
  const events: Heard['events'] = []
  const waiting: (() => void)[] = []
  client.on('message', (data: Buffer) => {
    events.push(JSON.parse(data.toString()) as Heard['events'][number])
    for (const wake of waiting.splice(0)) wake()
  })
  await within(once(client, 'open'), deadlineIn(5000, 'the chat to open'))
  const until = async (kind: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = events.findIndex((event) => event.kind === kind)
      if (found !== -1) return events.splice(0, found + 1).at(-1) ?? {}
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push(resolve)
      await within(promise, deadlineIn(5000, `a ${kind} event`))
    }
  }
  return { client, events, until }
}

async function refusedUpgrade(port: number, path: string, options: ClientOptions): Promise<number> {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, options)
  client.on('error', () => undefined)
  const [, response] = (await within(
    once(client, 'unexpected-response'),
    deadlineIn(5000, 'the refusal'),
  )) as [unknown, { statusCode: number }]
  client.terminate()
  return response.statusCode
}

test('what is said in a chat reaches everybody in it under the name the gateway gave', async () => {
  const { port } = await startApp()
  const alice = await enter(port, '/chat/user', 'alice')
  const admin = await enter(port, '/chat/user', 'admin')
  const elsewhere = await enter(port, '/chat/admin', 'admin')
  await alice.until('present')

  alice.client.send('hello')

  expect(await admin.until('said')).toMatchObject({ from: 'alice', text: 'hello' })
  expect(await alice.until('said')).toMatchObject({ from: 'alice', text: 'hello' })
  await elsewhere.until('welcome')
  expect(elsewhere.events).toEqual([])
})

test('a newcomer hears what was said before, guests are numbered', async () => {
  const { port } = await startApp()
  const first = await enter(port, '/chat/public', '')
  first.client.send('anybody?')
  await first.until('said')

  const second = await enter(port, '/chat/public', '')

  expect(await second.until('welcome')).toMatchObject({
    you: 'guest 2',
    present: 2,
    said: [{ from: 'guest 1', text: 'anybody?' }],
  })
})

test('who leaves is no longer counted', async () => {
  const { port } = await startApp()
  const stays = await enter(port, '/chat/public', '')
  const leaves = await enter(port, '/chat/public', '')
  expect(await stays.until('present')).toMatchObject({ present: 2 })

  leaves.client.close()

  expect(await stays.until('present')).toMatchObject({ present: 1 })
})

test('who talks without a pause is shown out with 1008', async () => {
  const { port } = await startApp()
  const { client } = await enter(port, '/chat/public', '')
  const closed = once(client, 'close')

  for (let i = 0; i < 30; i++) client.send(`line ${i}`)

  const [code] = (await within(closed, deadlineIn(5000, 'the close'))) as [number]
  expect(code).toBe(1008)
})

test('a page of another site cannot open a chat in the name of the visitor', async () => {
  const { port } = await startApp()
  const headers = gatewayHeaders('alice')

  expect(await refusedUpgrade(port, '/chat/user', { headers, origin: 'http://evil.example' })).toBe(403)
  expect(await refusedUpgrade(port, '/chat/user', { headers, origin: 'null' })).toBe(403)
  expect(await refusedUpgrade(port, '/chat/nowhere', { headers })).toBe(404)
})

test('the stop tells chats that the server goes away', async () => {
  const app = await startSampleExApp({
    listen: (server) => listenOnLoopback(server, [0]),
    secret: new Secret(token),
    clock: systemClock,
    log: silentLogger,
  })
  const { client } = await enter(app.server.address.port, '/chat/public', '')
  const closed = once(client, 'close')

  await app.stop()

  const [code] = (await within(closed, deadlineIn(5000, 'the close'))) as [number]
  expect(code).toBe(1001)
})

test('the routes give every path of the app its level and leave the rest without a route', () => {
  const levelOf = (path: string): number | undefined =>
    sampleRoutes.find((route) => new RegExp(route.url).test(path))?.access_level

  const paths = [
    '',
    '/',
    '/assets/main.js',
    '/public/hello',
    '/chat/public',
    '/user/clock',
    '/chat/user',
    '/admin/hello',
    '/chat/admin',
  ]
  expect(paths.map(levelOf)).toEqual([0, 0, 0, 0, 0, 1, 1, 2, 2])
  expect(['/backstage', '/chat/publicity', '/userland', '/x/public/'].map(levelOf)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})
