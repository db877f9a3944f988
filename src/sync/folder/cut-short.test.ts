import { readdirSync, renameSync, statSync, utimesSync } from 'node:fs'
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

test('what was being put in place when it ended is known until a scan has really looked there', async () => {
  await (await daemon.start()).founds()
  daemon.write('a', 'content of a')
  await daemon.until('it to be known', () => {
    const { state, files } = daemon.status()
    return state === 'idle' && files === 1
  })
  await daemon.stop()
  // A loss of power: the name was lasting, the content and what the items say of it were not.
  const [place = ''] = readdirSync(join(daemon.home.path, 'folders'))
  const items = new SqliteItems(join(daemon.home.path, 'folders', place, 'items.sqlite'))
  const { id, parent, name, logName, nodes, version } = items.child(rootItem, 'a')!
  items.addIntents([
    { parent, name, logName, nodes, version: version!, kind: 'file', temporaryName: version! },
  ])
  items.remove(id)
  items.commit()
  items.close()
  const { mtimeMs } = statSync(join(daemon.root, 'a'))
  daemon.write('a', '')
  utimesSync(join(daemon.root, 'a'), mtimeMs / 1000, mtimeMs / 1000)
  // And the disk is mounted a while later.
  renameSync(join(daemon.root, '.harp/folder'), join(daemon.root, '.harp/elsewhere'))
  await daemon.start()
  await daemon.until('it to be blocked', () => daemon.status().state === 'blocked')
  renameSync(join(daemon.root, '.harp/elsewhere'), join(daemon.root, '.harp/folder'))

  await daemon.api.resume({ folder: 'Folder' })
  await daemon.untilReads('a', 'content of a')

  await daemon.until('it to be idle', () => daemon.status().state === 'idle')
  expect(await daemon.api.log({ path: join(daemon.root, 'a') })).toHaveLength(1)
})
