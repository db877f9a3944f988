import { afterAll, beforeAll, expect, test } from 'vitest'
import { FakeNextcloud } from './fake-nextcloud.ts'

let nextcloud: FakeNextcloud
const record = { exapp_token: 'TOK', exapp_version: '1.2.3', host: '127.0.0.1', port: 1, routes: [] }

beforeAll(async () => {
  nextcloud = await FakeNextcloud.start({ key: 'sekret', basePath: '/cloud' })
  nextcloud.setApp('foo', { record })
  nextcloud.setApp('broken', { record, metaAnswer: { kind: 'reply', status: 500 } })
  nextcloud.setSession('cuser', { userId: 'alice', accessLevel: 1 })
  nextcloud.setSession('c500', 500)
})
afterAll(async () => {
  await nextcloud.stop()
})

async function ask(query: string, headers: Record<string, string>): Promise<[number, unknown]> {
  const url = `${nextcloud.url}/index.php/apps/app_api/harp/${query}`
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) })
  const text = await response.text()
  return [response.status, text === '' ? '' : JSON.parse(text)]
}

test('metadata of a known app is answered to the right key only', async () => {
  const refused = [401, { message: 'Harp shared key is not valid' }]

  expect(await ask('exapp-meta?appId=foo', { 'harp-shared-key': 'sekret' })).toEqual([200, record])
  expect(await ask('exapp-meta?appId=foo', { 'harp-shared-key': 'wrong' })).toEqual(refused)
  expect(await ask('exapp-meta?appId=foo', {})).toEqual(refused)
  expect(await ask('exapp-meta?appId=other', { 'harp-shared-key': 'sekret' })).toEqual(refused)
  expect((await ask('exapp-meta?appId=broken', { 'harp-shared-key': 'sekret' }))[0]).toBe(500)
})

test('the user follows the session cookie, and a failure can stand in its place', async () => {
  const key = { 'harp-shared-key': 'sekret' }
  const user = { ...key, cookie: 'a=b; oc_sessionPassphrase=cuser' }

  expect(await ask('user-info?appId=foo', user)).toEqual([200, { user_id: 'alice', access_level: 1 }])
  expect(await ask('user-info?appId=foo', key)).toEqual([200, { user_id: '', access_level: 0 }])
  expect((await ask('user-info?appId=foo', { ...key, cookie: 'oc_sessionPassphrase=c500' }))[0]).toBe(500)
})

test('every call is recorded with its header lines', async () => {
  await ask('user-info?appId=seen', { 'harp-shared-key': 'sekret', 'x-marker': 'here' })

  const [call] = nextcloud.calls({ appId: 'seen' })

  expect(call?.endpoint).toBe('user-info')
  expect(call?.headers).toContainEqual(['x-marker', 'here'])
})
