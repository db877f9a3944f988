/** Settings of Harp's own, as a client sees them. */
import net from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { exchange } from '../support/raw-http.ts'
import { responseOf, Stage } from './stage.ts'

const from = (address: string): [string, string][] => [['X-Forwarded-For', address]]

test('HARP_BAN_RESPONSE=429 answers a banned client and says how long', async () => {
  await using stage = await Stage.open({
    HARP_BAN_RESPONSE: '429',
    HP_BLACKLIST_COUNT: '2',
    HP_BLACKLIST_WINDOW: '60',
  })
  const target = '/exapps/no-such-app/x'
  for (let index = 0; index < 2; index++) await stage.send({ target, headers: from('9.9.9.9') })

  const banned = responseOf(await stage.send({ target, headers: from('9.9.9.9') }))

  expect(banned.status).toBe(429)
  const seconds = Number(banned.headers.find(([name]) => name === 'retry-after')?.[1])
  expect(seconds).toBeGreaterThan(50)
  expect(seconds).toBeLessThanOrEqual(60)
  expect(responseOf(await stage.send({ target, headers: from('8.8.8.8') })).status).toBe(404)
})

test('HARP_BAN_COUNTING=credentials forgives wrong paths but not wrong keys', async () => {
  await using stage = await Stage.open({ HARP_BAN_COUNTING: 'credentials', HP_BLACKLIST_COUNT: '2' })
  for (let index = 0; index < 5; index++) {
    expect(
      responseOf(await stage.send({ target: '/exapps/no-such-app/x', headers: from('9.9.9.9') })).status,
    ).toBe(404)
  }

  for (let index = 0; index < 2; index++) {
    const wrongKey: [string, string][] = [['harp-shared-key', 'wrong'], ...from('9.9.9.9')]
    expect(responseOf(await stage.send({ target: '/exapps/app_api/info', headers: wrongKey })).status).toBe(
      401,
    )
  }

  expect((await stage.send({ target: '/exapps/no-such-app/x', headers: from('9.9.9.9') })).kind).toBe('drop')
})

test('HARP_BAN_IPV6_PREFIX decides how much of a network is one client', async () => {
  for (const [prefix, neighbour] of [
    ['64', 'drop'],
    ['128', 'response'],
  ]) {
    await using stage = await Stage.open({ HARP_BAN_IPV6_PREFIX: prefix ?? '', HP_BLACKLIST_COUNT: '1' })
    await stage.send({ target: '/', headers: from('2001:db8::1') })

    const outcome = await stage.send({ target: '/', headers: from('2001:db8::2') })

    expect({ prefix, kind: outcome.kind }).toEqual({ prefix, kind: neighbour })
  }
})

test('HARP_MAX_CONNECTIONS_PER_PEER refuses one connection too many, and takes the next when one has gone', async () => {
  await using stage = await Stage.open({ HARP_MAX_CONNECTIONS_PER_PEER: '2', HP_TRUSTED_PROXY_IPS: '' })
  const open = [net.connect(stage.endpoint), net.connect(stage.endpoint)]
  await Promise.all(open.map((socket) => once(socket, 'connect')))

  expect((await stage.send({ target: '/' })).kind).toBe('drop')

  open[0]?.destroy()
  await eventually('a place to be free', async () =>
    (await exchange(stage.endpoint, { target: '/' })).kind === 'response' ? true : undefined,
  )
  open[1]?.destroy()
})

test('HARP_STRIP_SESSION_COOKIES keeps Nextcloud’s cookies from apps, HARP_AA_VERSION is what they get', async () => {
  await using stage = await Stage.open({ HARP_STRIP_SESSION_COOKIES: 'true', HARP_AA_VERSION: '33' })
  const { app, path } = await stage.exapp()

  await stage.send({
    target: `${path}/x`,
    headers: [['Cookie', 'own=1; oc_sessionPassphrase=s; nc_token=t']],
  })

  const seen = app.requests().at(-1)?.headers ?? []
  expect(seen.filter(([name]) => name === 'cookie')).toEqual([['cookie', 'own=1']])
  expect(seen.filter(([name]) => name === 'aa-version')).toEqual([['aa-version', '33']])
})

test('HARP_TIMEOUT_DRAIN=0 cuts what is running, else it is finished', async () => {
  for (const [drain, expected] of [
    ['0', 'cut'],
    ['5s', 'response'],
  ]) {
    await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: drain ?? '' })
    const { app, path } = await stage.exapp()
    const pending = stage.send({ target: `${path}/x?do=hold&tag=t` })
    await app.waitForRequest(() => true)

    const stopped = stage.gateway.program.stop()
    if (expected === 'response') app.release('t')
    const outcome = await pending

    expect({ drain, kind: outcome.kind === 'drop' ? 'cut' : outcome.kind }).toEqual({ drain, kind: expected })
    expect((await stopped).code).toBe(0)
  }
})

test('HP_VERBOSE_START says what is in effect, without secrets', async () => {
  await using stage = await Stage.open({ HP_VERBOSE_START: '1', HP_SHARED_KEY: 'sekret' })

  await stage.gateway.waitForOutput(/INFO: Harp \S+ serves ExApps on http:\/\//)

  expect(stage.gateway.output).toMatch(/^INFO: HP_SHARED_KEY=\[secret\]$/m)
  expect(stage.gateway.output).not.toContain('sekret')
})
