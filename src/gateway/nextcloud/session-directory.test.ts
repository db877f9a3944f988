import { expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { Secret } from '../../base/secret.ts'
import type { NextcloudAnswer } from './nextcloud-client.ts'
import { SessionDirectory, type Credentials } from './session-directory.ts'

function setup(options: { lifetimeMs?: number; answer?: () => Promise<NextcloudAnswer> } = {}) {
  let now = 0
  const calls: { path: string; headers: Readonly<Record<string, string>> }[] = []
  const answer =
    options.answer ?? (async () => ({ status: 200, body: '{"user_id":"alice","access_level":1}' }))
  const directory = new SessionDirectory({
    nextcloud: {
      get: (path, headers) => {
        calls.push({ path, headers })
        return answer()
      },
    },
    sharedKey: new Secret('sekret'),
    lifetimeMs: options.lifetimeMs ?? 3_000,
    clock: { monotonic: () => now, wall: () => now },
    log: silentLogger,
  })
  return { directory, calls, advance: (ms: number) => (now += ms) }
}

function credentials(cookie: string, authorization = ''): Credentials {
  return { cookie, authorization, context: () => ({ 'user-agent': 'ua' }) }
}

const alice = { kind: 'user', userId: 'alice', accessLevel: 1 }

test('a session is asked once within its lifetime and again after it (rows 32, 33)', async () => {
  const { directory, calls, advance } = setup()

  expect(await directory.find('foo', credentials('a=1'))).toEqual(alice)
  expect(directory.find('foo', credentials('a=1'))).toEqual(alice)
  advance(3_001)
  await directory.find('foo', credentials('a=1'))

  expect(calls.length).toBe(2)
})

test('without a lifetime every request asks (row 35)', async () => {
  const { directory, calls } = setup({ lifetimeMs: 0 })

  await directory.find('foo', credentials('a=1'))
  await directory.find('foo', credentials('a=1'))

  expect(calls.length).toBe(2)
})

test('another app, cookie or Authorization is another session (row 34, W18)', async () => {
  const { directory, calls } = setup()

  await directory.find('foo', credentials('a=1'))
  await directory.find('bar', credentials('a=1'))
  await directory.find('foo', credentials('a=2'))
  await directory.find('foo', credentials('a=1', 'Basic x'))
  await directory.find('foo', credentials('', 'Basic x'))
  await directory.find('foo', credentials('', 'Basic x'))

  expect(calls.length).toBe(5)
})

test('concurrent requests of one session share one call', async () => {
  const { directory, calls } = setup({ lifetimeMs: 0 })

  await Promise.all(Array.from({ length: 20 }, async () => directory.find('foo', credentials('a=1'))))

  expect(calls.length).toBe(1)
})

test.each([
  ['a refusal', async () => ({ status: 401, body: '' }), { kind: 'anonymous' }],
  ['an error status', async () => ({ status: 500, body: '' }), { kind: 'unavailable' }],
  [
    'an answer that is no user',
    async () => ({ status: 200, body: '{"user_id":1}' }),
    { kind: 'unavailable' },
  ],
  ['an unreachable Nextcloud', () => Promise.reject(new Error('refused')), { kind: 'unavailable' }],
])('%s is not remembered (rows 26, 27)', async (_, answer, expected) => {
  const { directory, calls } = setup({ answer })

  expect(await directory.find('foo', credentials('a=1'))).toEqual(expected)
  await directory.find('foo', credentials('a=1'))

  expect(calls.length).toBe(2)
})

test('Nextcloud gets the credentials, the allowed context and our own key', async () => {
  const { directory, calls } = setup()

  await directory.find('foo', credentials('a=1', 'Basic x'))

  expect(calls).toEqual([
    {
      path: '/index.php/apps/app_api/harp/user-info?appId=foo',
      headers: { 'user-agent': 'ua', 'harp-shared-key': 'sekret', cookie: 'a=1', authorization: 'Basic x' },
    },
  ])
})

test('any number of sessions keeps a bounded memory, and time alone empties it', async () => {
  const { directory, advance } = setup()
  for (let index = 0; index < 10_500; index++) await directory.find('foo', credentials(`a=${index}`))
  expect(directory.size).toBe(10_000)

  advance(3_001)
  directory.evictExpired()

  expect(directory.size).toBe(0)
})
