import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealDaemon } from '../../../test/sync/support/real-daemon.ts'
import { rootItem } from '../items/item.ts'
import { SqliteItems } from '../items/sqlite-items.ts'

let daemon: RealDaemon

beforeEach(() => {
  daemon = new RealDaemon('one')
})

afterEach(async () => {
  await daemon.remove()
})

test('what a crash left between two places is put back, and not taken for deleted', async () => {
  await (await daemon.start()).founds()
  daemon.write('a', 'content of a')
  daemon.write('b', 'content of b')
  await daemon.until('both to be known', () => {
    const { state, files } = daemon.status()
    return state === 'idle' && files === 2
  })
  await daemon.stop()
  const [place = ''] = readdirSync(join(daemon.home.path, 'folders'))
  const items = new SqliteItems(join(daemon.home.path, 'folders', place, 'items.sqlite'))
  const id = items.child(rootItem, 'a')?.id
  items.close()
  renameSync(join(daemon.root, 'a'), join(daemon.root, `.harp/tmp/moving-${id}`))

  await daemon.start()
  await daemon.until('the folder to be idle', () => daemon.status().state === 'idle')

  expect(daemon.read('a')).toBe('content of a')
  expect(await daemon.api.deleted({ folder: 'Folder' })).toEqual([])
})
