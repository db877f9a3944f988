import { expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { Secret } from '../../base/secret.ts'
import type { AppLookup } from '../access/decision.ts'
import { AppDirectory } from './app-directory.ts'
import type { ExAppRecord } from '../access/exapp-record.ts'
import type { NextcloudAnswer } from './nextcloud-client.ts'

const meta = { exapp_token: 'TOK', exapp_version: '1.2.3', host: 'foo', port: 23_000, routes: [] }

/** A Nextcloud whose answers the test gives one by one. */
function setup(locate?: (record: ExAppRecord) => Promise<ExAppRecord>) {
  let now = 0
  const calls: {
    path: string
    key: string | undefined
    answer: (answer: NextcloudAnswer | Error) => void
  }[] = []
  const directory = new AppDirectory({
    nextcloud: {
      get: (path, headers) => {
        const { promise, resolve, reject } = Promise.withResolvers<NextcloudAnswer>()
        const answer = (given: NextcloudAnswer | Error): void =>
          given instanceof Error ? reject(given) : resolve(given)
        calls.push({ path, key: headers['harp-shared-key'], answer })
        return promise
      },
    },
    sharedKey: new Secret('sekret'),
    recordTtlMs: 60_000,
    clock: { monotonic: () => now, wall: () => now },
    log: silentLogger,
    ...(locate === undefined ? {} : { locate }),
  })
  return { directory, calls, advance: (ms: number) => (now += ms) }
}

function ok(body: unknown): NextcloudAnswer {
  return { status: 200, body: JSON.stringify(body) }
}

function hostOf(lookup: AppLookup | Promise<AppLookup>): string | undefined {
  return lookup instanceof Promise || lookup.kind !== 'known' ? undefined : lookup.app.record.host
}

async function load(
  directory: AppDirectory,
  calls: { answer: (answer: NextcloudAnswer) => void }[],
  body: unknown = meta,
) {
  const pending = directory.find('foo')
  calls.at(-1)?.answer(ok(body))
  return pending
}

test('fifty first requests make one call, which carries the key (row 50)', async () => {
  const { directory, calls } = setup()

  const pending = Array.from({ length: 50 }, () => directory.find('foo'))
  calls[0]?.answer(ok(meta))
  const lookups = await Promise.all(pending.map(async (each) => each))

  expect(calls.map((call) => [call.path, call.key])).toEqual([
    ['/index.php/apps/app_api/harp/exapp-meta?appId=foo', 'sekret'],
  ])
  expect(new Set(lookups.map(hostOf))).toEqual(new Set(['foo']))
  expect(hostOf(directory.find('foo'))).toBe('foo')
})

test('an unknown app is asked for again only after 15 seconds (row 48)', async () => {
  const { directory, calls, advance } = setup()
  const first = directory.find('foo')
  calls[0]?.answer({ status: 401, body: '{"message":"Harp shared key is not valid"}' })

  expect(await first).toEqual({ kind: 'unknown' })
  expect(directory.find('foo')).toEqual({ kind: 'unknown' })

  advance(15_001)
  expect(directory.find('foo')).toBeInstanceOf(Promise)
})

test.each([
  ['an error status', { status: 500, body: '' }, 'unavailable'],
  ['an unreachable Nextcloud', new Error('refused'), 'unavailable'],
  ['a body that is not JSON', { status: 200, body: '<html>' }, 'invalid'],
  ['a record without a port', ok({ ...meta, port: undefined }), 'invalid'],
  ['a version that would split a header', ok({ ...meta, exapp_version: '1\r\nx: y' }), 'invalid'],
])('%s is not remembered (rows 51, 52)', async (_, answer, kind) => {
  const { directory, calls } = setup()
  const first = directory.find('foo')
  calls[0]?.answer(answer)

  expect((await first).kind).toBe(kind)
  void directory.find('foo')
  expect(calls.length).toBe(2)
})

test('past its lifetime a record is served while it is fetched anew, once (W22)', async () => {
  const { directory, calls, advance } = setup()
  await load(directory, calls)
  advance(60_000)

  expect(hostOf(directory.find('foo'))).toBe('foo')
  expect(hostOf(directory.find('foo'))).toBe('foo')
  expect(calls.length).toBe(2)

  const refreshed = directory.refresh('foo')
  calls[1]?.answer(ok({ ...meta, host: 'moved' }))
  expect(hostOf(await refreshed)).toBe('moved')
  expect(hostOf(directory.find('foo'))).toBe('moved')
})

test('a record survives a Nextcloud that fails, and is given up when Nextcloud forgets the app', async () => {
  const { directory, calls, advance } = setup()
  await load(directory, calls)
  advance(60_000)
  const failing = directory.refresh('foo')
  calls[1]?.answer({ status: 503, body: '' })
  expect(hostOf(await failing)).toBe('foo')

  advance(5_000)
  const forgotten = directory.refresh('foo')
  calls[2]?.answer({ status: 404, body: '' })
  expect(await forgotten).toEqual({ kind: 'unknown' })
  expect(directory.find('foo')).toEqual({ kind: 'unknown' })
})

test('a push wins over a fetch that was under way, and clears the memory of an unknown app (row 102)', async () => {
  const { directory, calls } = setup()
  const pending = directory.find('foo')

  directory.put({ appId: 'foo', token: 'T', version: '2', host: 'pushed', port: 1, routes: [] })
  calls[0]?.answer({ status: 401, body: '' })

  expect(hostOf(await pending)).toBe('pushed')
  expect(hostOf(directory.find('foo'))).toBe('pushed')
})

test('an eviction wins over a fetch that was under way, and says whether there was something', async () => {
  const { directory, calls } = setup()
  await load(directory, calls)

  expect(directory.evict('foo')).toBe(true)
  expect(directory.evict('foo')).toBe(false)

  const pending = directory.find('foo')
  directory.evict('foo')
  calls[1]?.answer(ok(meta))
  expect(await pending).toEqual({ kind: 'unknown' })
  expect(directory.sizes.known).toBe(0)
})

test('any number of unknown ids keeps a bounded memory (W26)', async () => {
  const { directory, calls } = setup()
  for (let index = 0; index < 12_000; index++) {
    const pending = directory.find(`app${index}`)
    calls.at(-1)?.answer({ status: 404, body: '' })
    await pending
  }

  expect(directory.sizes).toEqual({ known: 0, unknown: 10_000, fetching: 0 })
})

test('numbers may come as text, a broken route is skipped (rows 39, 99)', async () => {
  const { directory, calls } = setup()
  const lookup = await load(directory, calls, {
    ...meta,
    port: '18090',
    routes: [
      { url: '(', access_level: 0 },
      { url: '^/x', access_level: '1', bruteforce_protection: ['401'] },
    ],
  })

  expect(lookup.kind === 'known' && lookup.app.record.port).toBe(18_090)
  expect(lookup.kind === 'known' && lookup.app.requirementFor('/x')).toEqual({
    kind: 'route',
    accessLevel: 1,
    bruteForceStatuses: [401],
  })
})

/** Places that the test tells one by one, in the order in which they were asked for. */
function setupLocated() {
  const places: { to: (host: string) => void; fail: () => void }[] = []
  const locate = (record: ExAppRecord): Promise<ExAppRecord> => {
    const { promise, resolve, reject } = Promise.withResolvers<ExAppRecord>()
    places.push({ to: (host) => resolve({ ...record, host }), fail: () => reject(new Error('no cluster')) })
    return promise
  }
  return { ...setup(locate), places }
}

const pushed = { appId: 'foo', token: 'T', version: '2', host: 'foo', port: 1, routes: [] }

test('a push that takes long to be located undoes no newer one', async () => {
  const { directory, places } = setupLocated()
  const older = directory.push(pushed)
  const newer = directory.push(pushed)

  places[1]?.to('new')
  await newer
  places[0]?.to('old')
  await older

  expect(hostOf(directory.find('foo'))).toBe('new')
})

test('an app that is removed while its push is located stays removed', async () => {
  const { directory, places } = setupLocated()
  const push = directory.push(pushed)

  directory.evict('foo')
  places[0]?.to('10.0.0.1')
  await push

  expect(directory.sizes.known).toBe(0)
})

test('requests for an app that is being pushed wait for it, also those that had asked Nextcloud', async () => {
  const { directory, calls, places } = setupLocated()
  const before = directory.find('foo')
  const push = directory.push(pushed)
  const meanwhile = directory.find('foo')
  calls[0]?.answer({ status: 404, body: '' })
  places[0]?.to('10.0.0.1')
  await push

  expect([await before, await meanwhile].map(hostOf)).toEqual(['10.0.0.1', '10.0.0.1'])
  expect(calls).toHaveLength(1)
})

test('a push that cannot be located says so, and what was known stays', async () => {
  const { directory, places } = setupLocated()
  const first = directory.push(pushed)
  places[0]?.to('10.0.0.1')
  await first

  const failing = directory.push(pushed)
  places[1]?.fail()

  await expect(failing).rejects.toThrow('no cluster')
  expect(hostOf(directory.find('foo'))).toBe('10.0.0.1')
})
