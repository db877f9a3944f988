import { randomBytes } from 'node:crypto'
import { existsSync, openSync, readdirSync, readFileSync, statSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { CacheStatus } from '../../../src/sync/device/daemon-api.ts'
import { fromHex } from '../../../src/sync/ids.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'

const mib = 1024 * 1024
const daemons = new Daemons()
afterEach(() => daemons.end())

/** Anna has a folder; Ben has its log and nothing that comes later, since he stopped; there is a cache. */
async function office(quota: number): Promise<Record<'anna' | 'ben' | 'cache', RealDaemon>> {
  const anna = await (await daemons.start('Anna')).founds()
  const ben = await (await daemons.start('Ben')).joins(anna)
  const cache = await joinCache(anna, quota)
  await ben.until('all three', () => ben.status().state === 'idle' && ben.status().peers.length === 2)
  await ben.stop()
  return { anna, ben, cache }
}

async function joinCache(anna: RealDaemon, quota: number): Promise<RealDaemon> {
  const cache = await daemons.start('Cache')
  const { code } = await anna.api.invite({ folder: anna.status().id, role: 'cache' })
  await cache.api.join({ code, path: cache.root, quota })
  return cache
}

/** The one who does not run finds those when it starts. */
async function startNear(device: RealDaemon, ...others: RealDaemon[]): Promise<void> {
  const peers = others.map((other) => {
    const { deviceId, name } = other.home.readDevice(nodeSuite)
    return [deviceId, { name, addresses: [other.address] }] as const
  })
  device.home.savePeers({ ...device.home.peers(), ...Object.fromEntries(peers) })
  await device.start()
}

function cacheStatus(cache: RealDaemon): CacheStatus {
  const { cache: status } = cache.status()
  if (status === null) throw new Error('no cache')
  return status
}

async function untilHolds(cache: RealDaemon, bytes: number): Promise<void> {
  await cache.until(`${bytes} bytes in the cache`, () => {
    const { cache: status, state } = cache.status()
    return state === 'idle' && (status?.usedBytes ?? 0) >= bytes
  })
}

function packs(cache: RealDaemon): { readonly path: string; readonly size: number }[] {
  const directory = join(cache.root, '.harp/cache/packs')
  return readdirSync(directory).map((name) => {
    const path = join(directory, name)
    return { path, size: statSync(path).size }
  })
}

function packBytes(cache: RealDaemon): number {
  return packs(cache).reduce((sum, { size }) => sum + size, 0)
}

function content(device: RealDaemon, name: string): string {
  return readFileSync(join(device.root, name)).toString('base64')
}

test('a cache fills itself, and gives what it has while the origin is away', async () => {
  const { anna, ben, cache } = await office(64 * mib)
  anna.write('large.bin', randomBytes(3 * mib))
  anna.write('small.txt', 'a small file')
  await untilHolds(cache, 3 * mib)
  expect(cache.tree()).toEqual([])
  const expected = content(anna, 'large.bin')
  await anna.stop()

  await startNear(ben, cache)
  await ben.untilReads('small.txt', 'a small file')
  await ben.until('the large file', () => existsSync(join(ben.root, 'large.bin')))
  expect(content(ben, 'large.bin')).toBe(expected)
  const { quotaBytes, usedBytes, hitBytes, missBytes, evictedBytes } = cacheStatus(cache)
  expect({ quotaBytes, missBytes, evictedBytes }).toEqual({
    quotaBytes: 64 * mib,
    missBytes: 0,
    evictedBytes: 0,
  })
  expect(hitBytes).toBeGreaterThan(3 * mib)
  expect(usedBytes).toBe(packBytes(cache))
})

test('keeps its quota, the newest, and what somebody asks for', async () => {
  const quota = 8 * mib
  const { anna, ben, cache } = await office(quota)
  const sizes: number[] = []
  for (let number = 0; number < 8; number++) {
    anna.write(`${number}.bin`, randomBytes(3 * mib))
    await anna.until('taken in', () => anna.status().files === number + 1 && anna.status().state === 'idle')
    sizes.push(packBytes(cache))
  }
  await untilHolds(cache, 4 * mib)
  expect(Math.max(...sizes, packBytes(cache))).toBeLessThanOrEqual(quota + mib)
  expect(cacheStatus(cache).evictedBytes).toBeGreaterThan(10 * mib)

  // What the cache has comes from it; the rest when the origin is back, by way of the cache or not.
  await anna.stop()
  await startNear(ben, cache)
  await ben.until('some of it', () => cacheStatus(cache).hitBytes > mib && cacheStatus(cache).missBytes > mib)
  await startNear(anna, ben, cache)
  await ben.until('all files', () => ben.status().files === 8 && ben.status().state === 'idle', 40_000)
  for (let number = 0; number < 8; number++) {
    expect(content(ben, `${number}.bin`) === content(anna, `${number}.bin`)).toBe(true)
  }
  expect(packBytes(cache)).toBeLessThanOrEqual(quota + mib)
}, 90_000)

test('keeps another quota at once, also after a restart, and gives what is left', async () => {
  const { anna, ben, cache } = await office(64 * mib)
  const { id } = cache.status()
  for (let number = 0; number < 8; number++) anna.write(`${number}.bin`, randomBytes(3 * mib))
  await untilHolds(cache, 24 * mib)
  const smaller = cache.api.setQuota({ folder: id, quota: 8 * mib })
  expect(smaller).toMatchObject({ id, role: 'cache' })
  await cache.until('the new quota', () => cacheStatus(cache).usedBytes <= 8 * mib)
  expect(packBytes(cache)).toBeLessThanOrEqual(8 * mib)
  expect(cacheStatus(cache)).toMatchObject({ quotaBytes: 8 * mib })
  expect(cacheStatus(cache).chunks).toBeGreaterThan(0)

  await anna.stop()
  await cache.stop()
  await cache.start()
  await cache.until('it runs', () => (cache.status().cache?.chunks ?? 0) > 0)
  expect(cacheStatus(cache)).toMatchObject({ quotaBytes: 8 * mib })
  expect(packBytes(cache)).toBeLessThanOrEqual(8 * mib)
  await startNear(ben, cache)
  await ben.until('some of it', () => cacheStatus(cache).hitBytes > mib)

  await cache.api.pause({ folder: id })
  cache.api.setQuota({ folder: id, quota: 64 * mib })
  await cache.api.resume({ folder: id })
  await startNear(anna, cache, ben)
  await untilHolds(cache, 24 * mib)
  expect(cacheStatus(cache)).toMatchObject({ quotaBytes: 64 * mib })

  const refused = expect.objectContaining({ code: 'CACHE_QUOTA' }) as unknown
  const setQuota = async (device: RealDaemon, quota: number): Promise<unknown> =>
    device.api.setQuota({ folder: id, quota })
  await expect(setQuota(cache, mib)).rejects.toEqual(refused)
  await expect(setQuota(anna, 64 * mib)).rejects.toEqual(refused)
  expect(cacheStatus(cache)).toMatchObject({ quotaBytes: 64 * mib })
}, 90_000)

test('goes on after a restart with what it has', async () => {
  const { anna, cache } = await office(64 * mib)
  anna.write('first.bin', randomBytes(2 * mib))
  await untilHolds(cache, 2 * mib)
  const before = packs(cache)
  await cache.stop()
  await anna.stop()
  await cache.start()
  await cache.until('the same', () => cacheStatus(cache).chunks > 0 && cache.status().state === 'idle')
  expect(packs(cache)).toEqual(before)
  await startNear(anna, cache)
  anna.write('second.bin', randomBytes(mib))
  await untilHolds(cache, 3 * mib)
})

test('finds damage in its packs, and fetches that again', async () => {
  const { anna, cache } = await office(64 * mib)
  anna.write('large.bin', randomBytes(3 * mib))
  await untilHolds(cache, 3 * mib)
  const { chunks } = cacheStatus(cache)
  const file = openSync(packs(cache)[0]!.path, 'r+')
  writeSync(file, Buffer.from('damage'), 0, 6, mib)
  closeSync(file)
  const [audit] = await cache.api.audit({})
  expect(audit).toMatchObject({ files: 0, chunks, findings: [{ code: 'FOLDER_AUDIT_CHUNK' }] })
  await cache.until(
    'it is whole',
    () => cacheStatus(cache).chunks === chunks && cache.status().state === 'idle',
  )
  expect(cache.status().errors.map(({ code }) => code)).toEqual(['FOLDER_AUDIT_CHUNK'])
  expect((await cache.api.audit({}))[0]).toMatchObject({ chunks, findings: [] })
})

test('has no keys, says so, and takes all that it held with it', async () => {
  const { anna, cache } = await office(64 * mib)
  anna.write('a.txt', 'a')
  await untilHolds(cache, 1)
  const { id } = cache.status()
  const path = join(cache.root, 'a.txt')
  const refused = expect.objectContaining({ code: 'CACHE_NO_KEYS' }) as unknown
  await expect(cache.api.log({ path })).rejects.toEqual(refused)
  await expect(cache.api.restore({ path, version: 'abcdef' })).rejects.toEqual(refused)
  await expect(cache.api.proof({ path })).rejects.toEqual(refused)
  await expect(cache.api.deleted({ folder: id })).rejects.toEqual(refused)
  await cache.api.remove({ folder: id })
  expect(readdirSync(cache.root)).toEqual([])
})

test('is pausable, and refuses quotas that make no sense', async () => {
  const { anna, cache } = await office(64 * mib)
  const { id } = cache.status()
  await cache.api.pause({ folder: id })
  anna.write('a.bin', randomBytes(mib))
  await anna.until('taken in', () => anna.status().files === 1 && anna.status().state === 'idle')
  expect(cache.status()).toMatchObject({ state: 'paused', cache: null })
  await cache.api.resume({ folder: id })
  await untilHolds(cache, mib)

  const other = await daemons.start('Other')
  const invite = async (role: 'cache' | 'read'): Promise<string> =>
    (await anna.api.invite({ folder: anna.status().id, role })).code
  const refused = expect.objectContaining({ code: 'CACHE_QUOTA' }) as unknown
  await expect(other.api.join({ code: await invite('read'), quota: 64 * mib })).rejects.toEqual(refused)
  await expect(other.api.join({ code: await invite('cache'), quota: mib })).rejects.toEqual(refused)
  await other.api.join({ code: await invite('cache') })
  await untilHolds(other, mib)
  const free = cacheStatus(other).quotaBytes
  expect(free).toBeGreaterThanOrEqual(8 * mib)
  expect(other.status().path.startsWith(other.home.path)).toBe(true)
})

test('serves nobody when it was revoked', async () => {
  const { anna, cache } = await office(64 * mib)
  anna.write('a.txt', 'a')
  await untilHolds(cache, 1)
  const device = cache.api.status().device.id
  await anna.api.revoke({ folder: anna.status().id, device })
  await cache.until('it knows', () => cache.status().state === 'blocked')
  expect(cache.status().errors).toContainEqual(expect.objectContaining({ code: 'FOLDER_REVOKED' }))
  expect(cache.status().cache).toBeNull()
  const members = cache.api.members({ folder: cache.status().id })
  expect(members.find(({ self }) => self)).toMatchObject({ state: 'revoked', role: 'cache', keep: 'cache' })
})

/** As text, as hex, as base64 where that can be told. */
function formsOf(secret: Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret)
  return [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('base64').replace(/=+$/, ''))]
}

function leaks(where: Buffer, secrets: Readonly<Record<string, readonly Buffer[]>>): string[] {
  return Object.entries(secrets).flatMap(([name, forms]) =>
    forms.some((form) => where.includes(form)) ? [name] : [],
  )
}

function filesBelow(directory: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    if (statSync(path).isFile()) found.set(name, readFileSync(path))
  }
  return found
}

test('knows neither names nor contents nor keys', async () => {
  const { anna, ben, cache } = await office(64 * mib)
  const text = 'canarycontent '
  anna.write('canaryfile.txt', text.repeat(3))
  anna.write('canarydir/canarylarge', text.repeat(200_000))
  await untilHolds(cache, mib)
  await startNear(ben, anna, cache)
  await ben.untilReads('canaryfile.txt', text.repeat(3))
  ben.write('canaryfile.txt', text.repeat(3).toUpperCase())
  await anna.untilReads('canaryfile.txt', text.repeat(3).toUpperCase())
  await ben.until('all at rest', () => [anna, ben, cache].every((each) => each.status().state === 'idle'))

  const epochs = await anna.api.folderKeys()
  const said = [
    cache.logLines.join(''),
    JSON.stringify(cache.api.status()),
    JSON.stringify(cache.api.peers()),
  ]
  const owners = [anna, ben].map(({ home }) => home.readDevice(nodeSuite))
  expect(await cache.api.folderKeys()).toEqual([expect.objectContaining({ keys: [] })])
  await cache.stop()
  const form = (each: string): Buffer[] => formsOf(Buffer.from(each))
  const secrets = {
    epochs: epochs.flatMap(({ keys }) => keys.flatMap(({ key }) => formsOf(fromHex(key)))),
    signing: owners.flatMap(({ signingSeed }) => formsOf(signingSeed)),
    agreement: owners.flatMap(({ agreementSecret }) => formsOf(agreementSecret)),
    content: [...form(text.trim()), ...form(text.trim().toUpperCase())],
    names: ['canaryfile', 'canarydir', 'canarylarge'].flatMap(form),
  }
  expect(secrets.epochs.length).toBeGreaterThan(0)
  for (const where of said) expect(leaks(Buffer.from(where), secrets)).toEqual([])
  const files = new Map([...filesBelow(cache.home.path), ...filesBelow(cache.root)])
  expect([...files.keys()].some((name) => name.endsWith('.pack'))).toBe(true)
  for (const [name, bytes] of files) expect([name, leaks(bytes, secrets)]).toEqual([name, []])
})
