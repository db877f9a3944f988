import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { EvilWorld } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'

const world = new EvilWorld()
afterEach(() => world.end())

test('a file of an evil member that is honest for once arrives', async () => {
  const anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  anna.write('a.txt', 'anna')
  const mallory = await world.member(anna)
  await mallory.sees(['a.txt'])
  mallory.writes(mallory.put('m.txt', mallory.file(Buffer.from('mallory'))))
  await anna.untilReads('m.txt', 'mallory')
  mallory.writes(mallory.put('big', mallory.file(randomBytes(3_000_000))))
  await anna.until('big', () => anna.tree().includes('big') && anna.status().state === 'idle')
  expect(anna.status().errors).toEqual([])
})
