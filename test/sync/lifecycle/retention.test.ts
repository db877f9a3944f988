import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { upkeepTimes } from '../../../src/sync/folder/upkeep.ts'
import { keptOf } from '../support/bit-rot.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'
import { seededBytes } from '../support/seeded-bytes.ts'

const daemons = new Daemons()
const usualTimes = { ...upkeepTimes }

beforeAll(() => {
  Object.assign(upkeepTimes, {
    firstRetention: 1_000,
    retention: 1_000,
    retentionAgain: 1_000,
    gathering: 1_000,
    gatheringAgain: 2_000,
  })
})

afterEach(() => daemons.end())
afterAll(() => Object.assign(upkeepTimes, usualTimes))

const large = (seed: string): Uint8Array => seededBytes(seed)(1_500_000)
const isIdle = (each: RealDaemon): boolean => each.status().state === 'idle' && each.status().needFiles === 0

async function has(each: RealDaemon, path: string, content: string | Uint8Array): Promise<void> {
  await each.until(`${path} to be there`, () => {
    return (
      isIdle(each) && Buffer.compare(Buffer.from(each.read(path) ?? '', 'utf8'), Buffer.from(content)) === 0
    )
  })
}

async function same(each: RealDaemon, path: string, content: Uint8Array): Promise<void> {
  await each.until(`${path} to be there`, () => {
    if (!isIdle(each) || !existsSync(join(each.root, path))) return false
    return Buffer.compare(readFileSync(join(each.root, path)), content) === 0
  })
}

async function restored(each: RealDaemon, path: string, index: number): Promise<Buffer> {
  const versions = await each.api.log({ path: join(each.root, path) })
  const to = join(each.base, `restored ${path} ${index}`)
  await each.api.restore({ path: join(each.root, path), version: versions[index]!.version, to })
  return readFileSync(to)
}

test('who keeps only what is current keeps the old for one who is away, until that one has it', async () => {
  const anna = await (await daemons.start('Anna', { HARP_KEEP: 'all' })).founds()
  const ben = await (await daemons.start('Ben', { HARP_KEEP: 'current' })).joins(anna)
  const carl = await (await daemons.start('Carl', { HARP_KEEP: 'current' })).joins(anna)
  for (const each of [ben, carl]) {
    await each.until('a role', () => each.status().role === 'write' && isIdle(each))
  }
  await ben.until('a link to Carl', () => ben.status().peers.every(({ connected }) => connected), 40_000)
  await anna.until('rest', () => isIdle(anna))
  await anna.api.pause({ folder: 'Folder' })

  carl.write('large', large('first'))
  carl.write('small', 'the first content')
  await has(ben, 'small', 'the first content')
  await same(ben, 'large', large('first'))
  carl.write('large', large('second'))
  carl.write('small', 'the second content')
  await has(ben, 'small', 'the second content')
  await same(ben, 'large', large('second'))
  // Time for several looks at what may go.
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  expect(keptOf(ben)).toHaveLength(1)
  expect(String(await restored(ben, 'small', 1))).toBe('the first content')

  await anna.api.resume({ folder: 'Folder' })
  await same(anna, 'large', large('second'))
  await ben.until('the old content to be gone here', () => keptOf(ben).length === 0, 40_000)
  await Promise.all([ben.stop(), carl.stop()])
  expect(String(await restored(anna, 'small', 1))).toBe('the first content')
  expect(Buffer.compare(await restored(anna, 'large', 1), large('first'))).toBe(0)
}, 90_000)

test('where all keep only what is current, nothing is kept', async () => {
  const anna = await (await daemons.start('Anna', { HARP_KEEP: 'current' })).founds()
  const ben = await (await daemons.start('Ben', { HARP_KEEP: 'current' })).joins(anna)
  await ben.until('a role', () => ben.status().role === 'write' && isIdle(ben))
  await anna.until('rest', () => isIdle(anna))
  anna.write('large', large('first'))
  await same(ben, 'large', large('first'))
  anna.write('large', large('second'))
  await same(ben, 'large', large('second'))
  await ben.until('nothing to be kept', () => keptOf(ben).length === 0)
  await anna.stop()
  await expect(restored(ben, 'large', 1)).rejects.toMatchObject({ code: 'SYNC_CONTENT_UNAVAILABLE' })
}, 60_000)
