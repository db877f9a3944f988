import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { EvilContent } from '../support/evil-device.ts'
import { EvilWorld, type EvilMember } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'

const world = new EvilWorld()
afterEach(() => world.end())

/** Anna with an evil member, whose files nobody can give in full, and Ben, who is honest and comes later. */
async function annaAmong(
  files: (mallory: EvilMember) => EvilContent[],
): Promise<{ anna: RealDaemon; ben: RealDaemon }> {
  const anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  const ben = await (await world.daemon(() => new RealDaemon('Ben'))).joins(anna)
  anna.write('a.txt', 'anna')
  await ben.untilReads('a.txt', 'anna')
  const mallory = await world.member(anna)
  await mallory.sees(['a.txt'])
  mallory.writes(...files(mallory))
  await anna.until('the wish for them', () => anna.status().needFiles > 0)
  return { anna, ben }
}

async function benStillReachesAnna(anna: RealDaemon, ben: RealDaemon): Promise<number | undefined> {
  ben.write('small.txt', 'from ben')
  ben.write('large', Buffer.alloc(3_000_000, 'b'))
  await anna.untilReads('small.txt', 'from ben', 30_000)
  await anna.until('the large one', () => anna.read('large')?.length === 3_000_000, 30_000)
  expect(anna.status().needFiles).toBeGreaterThan(0)
  return anna.read('large')?.length
}

describe('what nobody can give does not keep others waiting:', () => {
  test('thousands of files', async () => {
    const { anna, ben } = await annaAmong((mallory) => {
      const file = mallory.file(Buffer.from('not to be had'))
      mallory.chunks.clear()
      return Array.from({ length: 4_500 }, (_, index) => mallory.put(`m${index}`, file))
    })
    expect(await benStillReachesAnna(anna, ben)).toBe(3_000_000)
  })

  test('large files', async () => {
    const { anna, ben } = await annaAmong((mallory) => {
      const files = Array.from({ length: 5 }, (_, index) =>
        mallory.put(`m${index}`, mallory.file(randomBytes(2_000_000))),
      )
      mallory.chunks.clear()
      return files
    })
    expect(await benStillReachesAnna(anna, ben)).toBe(3_000_000)
  })

  test('small files of which all chunks but one are here', async () => {
    const { anna, ben } = await annaAmong((mallory) =>
      Array.from({ length: 80 }, (_, index) => {
        const file = mallory.file(randomBytes(1_000_000))
        mallory.chunks.delete(Buffer.from(file.rows.ids.subarray(0, 32)).toString('hex'))
        return mallory.put(`m${index}`, file)
      }),
    )
    expect(await benStillReachesAnna(anna, ben)).toBe(3_000_000)
  })

  test('lists of chunks', async () => {
    const { anna, ben } = await annaAmong((mallory) =>
      Array.from({ length: 20 }, (_, index) => {
        const file = mallory.file(randomBytes(2_100 * 70), 70)
        return mallory.put(`m${index}`, file)
      }),
    )
    expect(await benStillReachesAnna(anna, ben)).toBe(3_000_000)
  })
})
