import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CacheWorld, dayMs } from '../../../test/sync/support/cache-world.ts'
import { textOf } from './asked-chunks.ts'

const mib = 1024 * 1024

let world: CacheWorld
beforeEach(() => {
  world = new CacheWorld()
  world.side.start()
})
afterEach(() => world.side.stop())

describe('what is fetched', () => {
  test('all that the log names, newest first, and in the order of the file', async () => {
    world.connected = 0
    const old = world.write(3)
    world.wall += dayMs
    const recent = world.write(3)
    await world.pass(1)
    expect(world.side.state).toBe('syncing')
    world.connected = 1
    await world.pass(3)
    expect(world.neighbours.asked).toEqual([...recent, ...old].map(textOf))
    expect(world.holds([...old, ...recent])).toBe(6)
    expect(world.side.state).toBe('idle')
    expect(world.side.status).toMatchObject({ chunks: 6, evictedBytes: 0 })
  })

  test('not before the log has come, but not later than after a minute', async () => {
    world.isLogIdle = false
    world.write(2)
    await world.pass(50)
    expect(world.neighbours.asked).toEqual([])
    await world.pass(12)
    expect(world.neighbours.asked).toHaveLength(2)
  })

  test('one that several entries name is fetched once', async () => {
    const ids = world.write(2)
    world.writeIds([...ids, ...ids])
    await world.pass()
    expect(world.neighbours.asked).toHaveLength(2)
  })

  test('what somebody asks for goes first, and what no entry names never', async () => {
    world.isLogIdle = false
    const ids = world.write(5)
    await world.pass(2)
    const stranger = new Uint8Array(32).fill(9)
    expect(world.ask(ids[3]!)).toBe(false)
    expect(world.ask(stranger)).toBe(false)
    await world.pass(2)
    expect(world.neighbours.asked).toEqual([textOf(ids[3]!)])
    expect(world.ask(ids[3]!)).toBe(true)
    expect(world.side.status.hitBytes).toBe(100_000)
  })

  test('long lists of chunks are fetched, kept for others, and read', async () => {
    const ids = world.write(2_100, 100)
    await world.pass(4)
    expect(world.holds(ids)).toBe(2_100)
    const [hash] = [...world.neighbours.lists.keys()]
    expect(world.chunks.list(hash!)).toHaveLength(2_100 * 32)
  })

  test('a list that nobody has does not hold up the next', async () => {
    world.write(2_100, 100)
    world.neighbours.lists.clear()
    await world.pass(2)
    expect(world.neighbours.waitingLists).toBe(1)
    world.wall += dayMs
    const ids = world.write(2_050, 100)
    await world.pass(12)
    expect(world.holds(ids)).toBe(2_050)
    expect(world.side.state).toBe('idle')
  })

  test('bytes that are something else are sent back', async () => {
    const [id] = world.write(1)
    world.neighbours.isLying = true
    await world.pass(1)
    expect(world.neighbours.verdicts).toContain('bad')
    expect(world.holds([id!])).toBe(0)
    world.neighbours.isLying = false
    await world.pass(1)
    expect(world.holds([id!])).toBe(1)
  })

  test('what nobody has is left alone until a device comes', async () => {
    const ids = world.write(4)
    const withheld = world.neighbours.chunks.get(textOf(ids[1]!))!
    world.neighbours.chunks.delete(textOf(ids[1]!))
    await world.pass(4)
    expect(world.holds(ids)).toBe(3)
    expect(world.side.state).toBe('idle')
    await world.pass(100)
    expect(world.neighbours.asked).toHaveLength(4)

    world.neighbours.chunks.set(textOf(ids[1]!), withheld)
    world.side.retry()
    await world.pass(3)
    expect(world.holds(ids)).toBe(4)
  })
})

describe('the quota', () => {
  test('chunks larger than others have room made for them, and are not fetched again and again', async () => {
    world.write(200)
    await world.pass()
    const first = world.neighbours.asked.length
    for (let day = 0; day < 8; day++) {
      world.wall += dayMs
      const ids = world.write(10, 195_000)
      await world.pass()
      expect(world.holds(ids)).toBe(10)
    }
    expect(world.neighbours.asked.length - first).toBeLessThan(90)
  })

  test('holds the newest, and is kept at every moment', async () => {
    const old = world.write(200)
    await world.pass()
    world.wall += dayMs
    const recent = world.write(100)
    let most = 0
    for (let second = 0; second < 20; second++) {
      await world.pass(1)
      most = Math.max(most, world.side.status.usedBytes)
    }
    expect(world.holds(recent)).toBe(100)
    expect(most).toBeLessThanOrEqual(16 * mib)
    expect(world.side.status.usedBytes).toBeGreaterThan(11 * mib)
    expect(world.holds(old)).toBeLessThan(60)
    expect(world.side.state).toBe('idle')
  })

  test('nothing is fetched again and again when it is full', async () => {
    world.write(400)
    await world.pass(10)
    const asked = world.neighbours.asked.length
    expect(world.side.state).toBe('idle')
    await world.pass(60)
    expect(world.neighbours.asked).toHaveLength(asked)
    expect(asked).toBeLessThan(180)
  })

  test('what was asked for lately is not given up for what is only new', async () => {
    const used = world.write(140)
    await world.pass(5)
    expect(world.holds(used)).toBe(140)
    for (const id of used) world.ask(id)
    await world.pass(2)
    world.wall += dayMs / 2
    const recent = world.write(100)
    await world.pass(10)
    expect(world.holds(used)).toBe(140)
    expect(world.holds(recent)).toBeLessThan(20)

    // After a few days nobody has asked again.
    world.wall += 3 * dayMs
    const later = world.write(50)
    await world.pass(10)
    expect(world.holds(later)).toBe(50)
  })

  /** Asks for one after the other what is not here, each until it has come or is given up. */
  async function readAll(ids: readonly Uint8Array[], times: number): Promise<void> {
    for (let at = 0; at < ids.length; at += 20) {
      for (let time = 0; time < times; time++) {
        for (const id of ids.slice(at, at + 20)) world.ask(id)
        await world.pass(1)
      }
    }
  }

  test.each([
    ['once', 1],
    ['again and again', 4],
  ])('who reads all that is cold %s pushes nothing out that others use', async (_what, times) => {
    const cold = world.write(300)
    world.wall += dayMs
    const hot = world.write(80)
    await world.pass(5)
    for (const id of hot) world.ask(id)
    await world.pass(1)
    world.wall += dayMs / 4
    await readAll(cold, times)
    expect(world.holds(hot)).toBe(80)
    // The rest of the room is its own.
    expect(world.holds(cold)).toBeGreaterThan(30)
  })

  test('what came because it was asked for stays as well, once it was asked for again', async () => {
    const used = world.write(60)
    world.wall += dayMs
    world.write(150)
    await world.pass(5)
    await readAll(used, 2)
    expect(world.holds(used)).toBe(60)
    const cold = world.write(300)
    await readAll(cold, 1)
    expect(world.holds(used)).toBe(60)
  })

  test('who asks for the same a thousand times keeps it here for some days, and no longer', async () => {
    const junk = world.write(150)
    await world.pass(5)
    for (let time = 0; time < 1_000; time++) for (const id of junk) world.ask(id)
    await world.pass(1)
    expect(world.holds(junk)).toBeGreaterThan(130)
    world.wall += 3.5 * dayMs
    const needed = world.write(120)
    await readAll(needed, 1)
    expect(world.holds(needed)).toBe(120)
    expect(world.side.status.usedBytes).toBeLessThanOrEqual(16 * mib)
  })

  test('what somebody needs takes the place of what nobody does', async () => {
    const old = world.write(100)
    world.wall += dayMs
    world.write(150)
    await world.pass(10)
    const missing = old.filter((id) => !world.chunks.has(id))
    expect(missing.length).toBeGreaterThan(50)
    for (const id of missing.slice(0, 40)) expect(world.ask(id)).toBe(false)
    await world.pass(10)
    expect(world.holds(missing.slice(0, 40))).toBe(40)
    expect(world.side.status.usedBytes).toBeLessThanOrEqual(16 * mib)
  })

  test('chunks that are larger than those before do not break it', async () => {
    world.write(50, 1_000)
    await world.pass()
    world.wall += dayMs
    world.write(40, mib)
    for (let second = 0; second < 15; second++) {
      await world.pass(1)
      expect(world.side.status.usedBytes).toBeLessThanOrEqual(16 * mib)
    }
    expect(world.side.status.usedBytes).toBeGreaterThan(10 * mib)
  })
})

describe('another quota', () => {
  const bigQuota = 64 * mib

  beforeEach(async () => {
    await world.side.stop()
    world = new CacheWorld(bigQuota)
    world.side.start()
  })

  test('that is smaller is kept within seconds, and the hottest stay', async () => {
    const cold = world.write(200)
    await world.pass(3)
    world.wall += dayMs
    const recent = world.write(200)
    await world.pass(3)
    const hot = [cold[0]!, ...cold.slice(150, 160)]
    for (const id of hot) world.ask(id)
    await world.pass(1)

    world.side.setQuota(8 * mib)
    await world.pass(3)
    const { quotaBytes, usedBytes } = world.side.status
    expect(quotaBytes).toBe(8 * mib)
    expect(usedBytes).toBeLessThanOrEqual(8 * mib)
    expect(usedBytes).toBeGreaterThan(5 * mib)
    expect(world.holds(hot)).toBe(hot.length)
    expect(world.holds(cold)).toBe(hot.length)
    expect(world.holds(recent)).toBeGreaterThan(40)
    await world.pass(5)
    expect(world.side.state).toBe('idle')
  })

  test('that is smaller is made without copying what stays more than once', async () => {
    world.write(600)
    await world.pass(5)
    const before = world.writtenBytes
    world.side.setQuota(8 * mib)
    await world.pass(5)
    expect(world.side.status.usedBytes).toBeLessThanOrEqual(8 * mib)
    expect(world.writtenBytes - before).toBeLessThanOrEqual(8 * mib)
  })

  test('serves what it has while it lets go of the rest', async () => {
    const ids = world.write(600)
    await world.pass(5)
    for (const id of ids.slice(0, 20)) world.ask(id)
    await world.pass(1)
    world.side.setQuota(8 * mib)
    let served = 0
    while (world.side.activity === 'making room') {
      for (const id of ids.slice(0, 20)) served += world.ask(id) ? 1 : 0
      await new Promise(setImmediate)
    }
    expect(served).toBeGreaterThan(20)
    expect(served % 20).toBe(0)
  })

  test('that is larger is filled, also with what had to go', async () => {
    world.side.setQuota(8 * mib)
    const ids = world.write(200)
    await world.pass(5)
    expect(world.holds(ids)).toBeLessThan(80)
    world.side.setQuota(bigQuota)
    await world.pass(5)
    expect(world.holds(ids)).toBe(200)
    expect(world.side.status).toMatchObject({ quotaBytes: bigQuota, chunks: 200 })
  })

  test('makes room for lists that were left out', async () => {
    world.side.setQuota(8 * mib)
    const ids = Array.from({ length: 70_000 }, (_, at) => {
      const id = new Uint8Array(32)
      new DataView(id.buffer).setUint32(0, at)
      return id
    })
    world.writeIds(ids)
    await world.pass(2)
    expect(world.side.problems).toMatchObject([{ code: 'CACHE_LISTS_LEFT_OUT' }])
    world.side.setQuota(bigQuota)
    await world.pass(35)
    expect(world.side.problems).toEqual([])
    expect(world.index.knows(ids[0]!)).toBe(true)
  })
})

describe('a disk', () => {
  test('that others fill is left to them, and used again when there is room', async () => {
    const ids = world.write(100)
    await world.pass(5)
    world.free = world.side.status.usedBytes + 100_000
    await world.pass(12)
    expect(world.side.problems).toMatchObject([{ code: 'FOLDER_DISK_FULL' }])
    expect(world.free - world.side.status.usedBytes).toBeGreaterThan(400_000)
    expect(world.holds(ids)).toBeLessThan(100)
    expect(world.holds(ids)).toBeGreaterThan(70)
    const asked = world.neighbours.asked.length
    await world.pass(20)
    expect(world.neighbours.asked).toHaveLength(asked)

    world.free = 1_000 * mib
    await world.pass(10)
    expect(world.side.problems).toEqual([])
    expect(world.holds(ids)).toBe(100)
    expect(world.side.state).toBe('idle')
  })

  test('that takes no writes is named, what is here is served, and the stores are opened again', async () => {
    const ids = world.write(3)
    await world.pass()
    world.chunks.addSealed = () => {
      throw Object.assign(new Error('read-only'), { code: 'EROFS' })
    }
    world.write(2)
    await world.pass(2)
    expect(world.side.state).toBe('blocked')
    expect(world.side.problems).toMatchObject([{ code: 'FOLDER_FAULT', path: '' }])
    expect(world.ask(ids[0]!)).toBe(true)
    expect(world.faults).toEqual([])
    await world.pass(6)
    expect(world.faults.length).toBeGreaterThan(0)
  })
})

describe('a restart', () => {
  test('goes on with what is here, and with late entries', async () => {
    const ids = world.write(10)
    await world.pass(4)
    await world.restart()
    const asked = world.neighbours.asked.length
    const more = world.write(2)
    await world.pass(4)
    expect(world.neighbours.asked.slice(asked)).toEqual(more.map(textOf))
    expect(world.side.status.chunks).toBe(12)
    expect(world.holds([...ids, ...more])).toBe(12)
  })

  test('after a crash fetches what was not committed', async () => {
    const ids = world.write(10)
    await world.pass(4)
    world.write(5)
    await world.pass(1)
    await world.restart(true)
    await world.pass(5)
    expect(world.side.status.chunks).toBe(15)
    expect(world.holds(ids)).toBe(10)
    expect(world.side.state).toBe('idle')
  })

  test('finds out what went from the packs without being written down', async () => {
    const ids = world.write(10)
    await world.pass(4)
    for (const id of ids.slice(0, 4)) world.chunks.drop(id)
    world.chunks.commit()
    await world.restart(true)
    await world.pass(5)
    expect(world.holds(ids)).toBe(10)
  })
})

test('damage in a pack is found, named, and mended', async () => {
  const ids = world.write(10)
  await world.pass(4)
  const source = world.chunks.find(ids[2]!)!
  world.asked.forget(ids[2]!, source)
  expect(world.side.problems).toMatchObject([{ code: 'FOLDER_AUDIT_CHUNK' }])
  await world.pass(3)
  expect(world.holds(ids)).toBe(10)
})

test('a log that was put back to an earlier state is read from the beginning', async () => {
  world.write(3)
  const earlier = world.author.store.copy()
  world.write(3)
  await world.pass(4)
  await world.side.stop()
  world.author.rollBack(earlier, true)
  await world.restart()
  const ids = world.write(4)
  await world.pass(4)
  expect(world.holds(ids)).toBe(4)
})
