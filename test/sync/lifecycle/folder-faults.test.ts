import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { HarpError } from '../../../src/base/errors.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { Folder } from '../../../src/sync/folder/folder.ts'
import { Daemons } from '../support/daemons.ts'

const daemons = new Daemons()

afterEach(async () => {
  vi.restoreAllMocks()
  await daemons.end()
})

const storeFull = (): never => {
  throw new HarpError('SYNC_STORE_FULL', 'no room', { fix: 'free space on the disk' })
}

describe('a folder whose store failed', () => {
  test('goes on when its user resumes it', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    await anna.until('rest', () => anna.status().state === 'idle')
    const commit = vi.spyOn(SqliteItems.prototype, 'commit').mockImplementation(storeFull)
    anna.write('a.txt', 'a')
    await anna.until('the fault', () => anna.status().errors.some(({ code }) => code === 'SYNC_STORE_FULL'))
    commit.mockRestore()
    await anna.api.resume({ folder: 'Folder' })
    await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1, 8_000)
    expect(anna.status().errors).toEqual([])
  })

  test('goes on when it is paused and resumed', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    await anna.until('rest', () => anna.status().state === 'idle')
    const commit = vi.spyOn(SqliteItems.prototype, 'commit').mockImplementation(storeFull)
    anna.write('a.txt', 'a')
    await anna.until('the fault', () => anna.status().errors.some(({ code }) => code === 'SYNC_STORE_FULL'))
    commit.mockRestore()
    await anna.api.pause({ folder: 'Folder' })
    await anna.api.resume({ folder: 'Folder' })
    await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1, 8_000)
    expect(anna.status().errors).toEqual([])
  })

  test('can be removed, and its place is free again', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    await anna.until('rest', () => anna.status().state === 'idle')
    vi.spyOn(SqliteStore.prototype, 'commit').mockImplementation(storeFull)
    await anna.api.remove({ folder: 'Folder' })
    vi.restoreAllMocks()
    expect(existsSync(join(anna.root, '.harp/folder'))).toBe(false)
    await anna.founds()
    await anna.until('rest', () => anna.status().state === 'idle')
  })

  test('is opened again though one turn fails while it stops', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    const ben = await (await daemons.start('Ben')).joins(anna)
    anna.write('a.txt', 'a')
    await ben.untilReads('a.txt', 'a')
    vi.spyOn(SqliteItems.prototype, 'addIntents').mockImplementationOnce(storeFull)
    anna.write('b.txt', 'b')
    await ben.until('the fault', () => ben.status().errors.some(({ code }) => code === 'SYNC_STORE_FULL'))
    await ben.untilReads('b.txt', 'b', 20_000)
    anna.write('c.txt', 'c')
    await ben.untilReads('c.txt', 'c', 20_000)
    await ben.until('rest', () => ben.status().state === 'idle')
    expect(ben.tree()).toEqual(anna.tree())
  }, 60_000)

  test('is still shown, and tried again, when it cannot be opened again either', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    await anna.until('rest', () => anna.status().state === 'idle')
    const open = vi.spyOn(Folder, 'open').mockImplementation(storeFull)
    const commit = vi.spyOn(SqliteItems.prototype, 'commit').mockImplementation(storeFull)
    anna.write('a.txt', 'a')
    await anna.until('the fault', () => anna.status().errors.some(({ code }) => code === 'SYNC_STORE_FULL'))
    await anna.until('a try', () => open.mock.calls.length > 0, 10_000)
    expect(anna.status().state).toBe('blocked')
    expect(anna.api.status().folders.length).toBe(1)
    open.mockRestore()
    commit.mockRestore()
    await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1, 25_000)
  }, 60_000)
})

describe('a folder that cannot be opened', () => {
  test('can be removed by its name, and its place is free again', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    const { id } = anna.status()
    await anna.stop()
    const log = join(anna.home.folderPlace(id), 'log.sqlite')
    rmSync(`${log}-wal`, { force: true })
    writeFileSync(log, Buffer.alloc(8_192, 'x'))
    await anna.start()
    expect(anna.status().state).toBe('blocked')
    await anna.api.remove({ folder: 'Folder' })
    expect(anna.api.status().folders).toEqual([])
    expect(readdirSync(join(anna.home.path, 'folders'))).toEqual([])
    await anna.founds()
    await anna.until('rest', () => anna.status().state === 'idle')
  })
})

test('a home that takes no more notes about others does not end the process', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  const ben = await daemons.start('Ben')
  for (const each of [anna, ben]) {
    rmSync(join(each.home.path, 'peers.json'), { force: true })
    mkdirSync(join(each.home.path, 'peers.json', 'in the way'), { recursive: true })
  }
  await ben.joins(anna)
  anna.write('a.txt', 'a')
  await ben.untilReads('a.txt', 'a')
  expect(ben.status().peers[0]?.name).toBe('Anna')
  for (const each of [anna, ben]) rmSync(join(each.home.path, 'peers.json'), { recursive: true })
})
