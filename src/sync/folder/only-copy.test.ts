import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealDaemon } from '../../../test/sync/support/real-daemon.ts'

let one: RealDaemon
let two: RealDaemon

beforeEach(() => {
  one = new RealDaemon('one', { HARP_KEEP: 'current' })
  two = new RealDaemon('two', { HARP_KEEP: 'current' })
})

afterEach(async () => {
  await one.remove()
  await two.remove()
})

test('an edit that another one was shown instead of is not dropped, though only current content is kept', async () => {
  await (await one.start()).founds()
  one.write('f', 'first')
  await (await two.start()).joins(one)
  await two.untilReads('f', 'first')
  await two.until('all to be quiet', () => [one, two].every((each) => each.status().state === 'idle'))
  await two.stop()
  one.write('f', 'of one')
  await one.until('the edit to be in the log', async () => {
    return (await one.api.log({ path: join(one.root, 'f') })).length === 2
  })
  two.write('f', 'of two')

  await two.start()
  await one.untilReads('f', 'of two')

  const versions = await one.api.log({ path: join(one.root, 'f') })
  const own = versions.find(({ concurrent, current }) => concurrent && !current)!
  const to = join(one.base, 'own')
  await one.api.restore({ path: join(one.root, 'f'), version: own.version, to })
  expect(readFileSync(to, 'utf8')).toBe('of one')
})
