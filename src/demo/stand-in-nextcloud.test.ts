import { afterEach, expect, test } from 'vitest'
import { silentLogger } from '../base/logger.ts'
import { Secret } from '../base/secret.ts'
import { startStandInNextcloud, type StandInNextcloud } from './stand-in-nextcloud.ts'

const record = {
  exapp_token: 'TOK',
  exapp_version: '1.0.0',
  host: '127.0.0.1',
  port: 18090,
  routes: [{ url: '^/public/', access_level: 0 as const, bruteforce_protection: [] }],
}

const running: StandInNextcloud[] = []
afterEach(async () => {
  for (const standIn of running.splice(0)) await standIn.stop()
})

async function start(): Promise<(path: string, headers?: Record<string, string>) => Promise<Response>> {
  const standIn = await startStandInNextcloud({
    sharedKey: new Secret('sekret'),
    apps: new Map([['demo', record]]),
    now: () => 0,
    log: silentLogger,
  })
  running.push(standIn)
  const base = `http://127.0.0.1:${standIn.server.address.port}`
  return (path, headers = {}) => fetch(base + path, { headers, redirect: 'manual' })
}

const meta = '/index.php/apps/app_api/harp/exapp-meta'
const info = '/index.php/apps/app_api/harp/user-info'
const key = { 'harp-shared-key': 'sekret' }
const keyInvalid = { message: 'Harp shared key is not valid' }

async function cookieOf(get: Awaited<ReturnType<typeof start>>, user: string): Promise<string> {
  const response = await get(`/login?as=${user}&next=/exapps/demo/`)
  return (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? ''
}

test('exapp-meta gives the record of a known app to a caller with the key', async () => {
  const get = await start()

  const response = await get(`${meta}?appId=demo`, key)

  expect(response.status).toBe(200)
  expect(await response.json()).toEqual(record)
})

test.each([
  ['exapp-meta without a key', `${meta}?appId=demo`, {}],
  ['exapp-meta with a wrong key', `${meta}?appId=demo`, { 'harp-shared-key': 'sekre' }],
  ['exapp-meta for an unknown app', `${meta}?appId=other`, key],
  ['exapp-meta for an app id in capitals', `${meta}?appId=DEMO`, key],
  ['user-info without a key', `${info}?appId=demo`, {}],
  ['user-info for an unknown app', `${info}?appId=other`, key],
])('%s is 401 with the one answer AppAPI has for it', async (_, path, headers) => {
  const get = await start()

  const response = await get(path, headers)

  expect(response.status).toBe(401)
  expect(await response.json()).toEqual(keyInvalid)
})

test.each([
  ['alice', 1],
  ['admin', 2],
])('the cookie of %s makes user-info name her and level %i', async (user, level) => {
  const get = await start()
  const cookie = await cookieOf(get, user)

  const response = await get(`${info}?appId=demo`, { ...key, cookie: `other=1; ${cookie}` })

  expect(await response.json()).toEqual({ user_id: user, access_level: level })
})

test.each([
  ['no cookie', {}],
  ['a cookie nobody was given', { cookie: 'oc_sessionPassphrase=admin' }],
  ['a wrong password', { authorization: `Basic ${btoa('admin:alice')}` }],
  ['an unknown account with a right-looking password', { authorization: `Basic ${btoa('eve:eve')}` }],
  ['no password and no user', { authorization: `Basic ${btoa(':')}` }],
])('with %s the visitor is anonymous, level 0', async (_, headers) => {
  const get = await start()

  const response = await get(`${info}?appId=demo`, { ...key, ...headers })

  expect(await response.json()).toEqual({ user_id: '', access_level: 0 })
})

test('HTTP Basic with the name as password signs in, for programs without cookies', async () => {
  const get = await start()

  const response = await get(`${info}?appId=demo`, { ...key, authorization: `Basic ${btoa('alice:alice')}` })

  expect(await response.json()).toEqual({ user_id: 'alice', access_level: 1 })
})

test('signing in sets a cookie that scripts cannot read and goes on to the app; signing out clears it', async () => {
  const get = await start()

  const signIn = await get('/login?as=alice&next=/exapps/demo/')
  const signOut = await get('/login?as=&next=/exapps/demo/')

  expect(signIn.status).toBe(303)
  expect(signIn.headers.get('location')).toBe('/exapps/demo/')
  expect(signIn.headers.get('set-cookie')).toMatch(
    /^oc_sessionPassphrase=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax$/,
  )
  expect(signOut.headers.get('set-cookie')).toMatch(/^oc_sessionPassphrase=; .*Max-Age=0$/)
})

test('the sign-in sends nobody to another site', async () => {
  const get = await start()

  const response = await get('/login?as=alice&next=https://example.org/')

  expect(response.headers.get('location')).toBe('/')
})

test('it counts what the gateway asked, and only what it answered', async () => {
  const get = await start()

  await get(`${meta}?appId=demo`, key)
  await get(`${meta}?appId=other`, key)
  await get(`${info}?appId=demo`, key)
  await get(`${info}?appId=demo`)

  expect(await (await get('/demo/asked')).json()).toEqual({ record: 1, visitor: 1 })
})

test('the landing page runs nothing inline and offers the three people', async () => {
  const get = await start()

  const response = await get('/')
  const html = await response.text()

  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
  for (const user of ['', 'alice', 'admin']) {
    expect(html).toContain(`href="/login?as=${user}&amp;next=/exapps/demo/"`)
  }
})
