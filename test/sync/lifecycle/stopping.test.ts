import { closeSync, ftruncateSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { HarpError } from '../../../src/base/errors.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'

const daemons = new Daemons()

afterEach(async () => {
  vi.restoreAllMocks()
  await daemons.end()
})

/** So large that nobody reads it to the end in the time of a test; its content is a hole. */
function writeHole(anna: RealDaemon, name: string, bytes: number): void {
  const part = join(anna.base, 'part')
  const file = openSync(part, 'w')
  ftruncateSync(file, bytes)
  closeSync(file)
  renameSync(part, join(anna.root, name))
}

const gib = 2 ** 30

/** Whether the stores of a folder are let go of: then somebody else may have them. */
function isFree(anna: RealDaemon, id: string): boolean {
  try {
    new SqliteStore(join(anna.home.folderPlace(id), 'log.sqlite')).close()
    return true
  } catch {
    return false
  }
}

describe('while a very large file is read,', () => {
  async function annaWhoReads(): Promise<RealDaemon> {
    const anna = await (await daemons.start('Anna')).founds()
    await anna.until('rest', () => anna.status().state === 'idle')
    writeHole(anna, 'hole', 400 * gib)
    await anna.until('a scan', () => anna.status().state === 'scanning')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    return anna
  }

  test('the daemon stops', async () => {
    const anna = await annaWhoReads()
    const before = performance.now()
    await anna.stop()
    expect(performance.now() - before).toBeLessThan(9_000)
  }, 60_000)

  test('the folder is paused, goes on, and is removed', async () => {
    const anna = await annaWhoReads()
    const before = performance.now()
    await anna.api.pause({ folder: 'Folder' })
    expect(performance.now() - before).toBeLessThan(9_000)
    expect(anna.status().state).toBe('paused')
    await anna.api.resume({ folder: 'Folder' })
    rmSync(join(anna.root, 'hole'))
    anna.write('a.txt', 'a')
    await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1)
    await anna.api.remove({ folder: 'Folder' })
    expect(anna.api.status().folders).toEqual([])
  }, 60_000)
})

test('a version that nobody has is not waited for when the folder stops', async () => {
  const [anna, ben] = await daemons.pair()
  anna.write('a', Buffer.alloc(3_000_000, 'a'))
  await ben.until('the file', () => ben.status().state === 'idle' && ben.status().files === 1)
  await ben.api.pause({ folder: 'Folder' })
  anna.write('a', Buffer.alloc(3_000_000, 'b'))
  await anna.until(
    'two versions',
    async () => (await anna.api.log({ path: join(anna.root, 'a') })).length === 2,
  )
  const versions = await anna.api.log({ path: join(anna.root, 'a') })
  for (const how of ['pause', 'stop'] as const) {
    const restored = anna.api.restore({
      path: join(anna.root, 'a'),
      version: versions[1]!.version,
      to: join(anna.base, `restored-${how}`),
    })
    const failed = restored.then(
      () => 'restored',
      (error: unknown) => String(error),
    )
    const before = performance.now()
    if (how === 'stop') await anna.stop()
    else await anna.api.pause({ folder: 'Folder' })
    expect(await failed).toContain('not to be had')
    expect(performance.now() - before).toBeLessThan(5_000)
    if (how === 'pause') await anna.api.resume({ folder: 'Folder' })
  }
}, 60_000)

test('what begins while the daemon stops, ends with it', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  await anna.until('rest', () => anna.status().state === 'idle')
  const { id } = anna.status()
  const second = join(anna.base, 'second')
  const adding = anna.api.addFolder({ path: second, name: 'Second' }).catch((error: unknown) => error)
  const resuming = anna.api.resume({ folder: 'Folder' }).catch((error: unknown) => error)
  await anna.stop()
  await adding
  await resuming
  for (const name of readdirSync(join(anna.home.path, 'folders'))) expect(isFree(anna, name)).toBe(true)
  expect(isFree(anna, id)).toBe(true)
})

test('a folder that is removed while it is opened again does not come back', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  await anna.until('rest', () => anna.status().state === 'idle')
  vi.spyOn(SqliteItems.prototype, 'commit').mockImplementation(() => {
    throw new HarpError('SYNC_STORE_FULL', 'no room')
  })
  anna.write('a.txt', 'a')
  await anna.until('the fault', () => anna.status().errors.some(({ code }) => code === 'SYNC_STORE_FULL'))
  vi.restoreAllMocks()
  const { api } = anna
  const asked = [
    api.resume({ folder: 'Folder' }),
    api.remove({ folder: 'Folder' }),
    api.resume({ folder: 'Folder' }),
    api.remove({ folder: 'Folder' }),
  ]
  await Promise.allSettled(asked)
  expect(api.status().folders).toEqual([])
  expect(readdirSync(join(anna.home.path, 'folders'))).toEqual([])
})

test('everything at once is done one way or the other', async () => {
  const [anna, ben] = await daemons.pair()
  for (let index = 0; index < 200; index++) anna.write(`d${index % 7}/f${index}`, `${index}`)
  anna.write('large', Buffer.alloc(5_000_000, 'x'))
  const asked: Promise<unknown>[] = []
  const ask = (work: Promise<unknown>): void => void asked.push(work.catch(() => undefined))
  for (let round = 0; round < 12; round++) {
    for (const { api } of [anna, ben]) {
      for (const step of ['pause', 'audit', 'resume', 'resume', 'pause', 'audit', 'resume'] as const) {
        ask(step === 'audit' ? api.audit({ repair: true }) : api[step]({ folder: 'Folder' }))
      }
    }
    await new Promise((resolve) => setTimeout(resolve, round * 17))
  }
  await Promise.allSettled(asked)
  for (const { api } of [anna, ben]) await api.resume({ folder: 'Folder' })
  await ben.until('the same', () => ben.tree().join() === anna.tree().join(), 40_000)
  for (const each of [anna, ben]) await each.until('rest', () => each.status().state === 'idle')
  expect(ben.read('large')?.length).toBe(5_000_000)
}, 90_000)
