import { describe, expect, test } from 'vitest'
import { CheckingTaker, chunkOf } from '../../../test/sync/support/chunk-shelf.ts'
import { TransferWorld } from '../../../test/sync/support/transfer-world.ts'
import { transferLimits as limits } from './transfer-limits.ts'

const kib = 1024
const mib = 1024 * kib

describe('a chunk fetcher', () => {
  test('brings what one device has', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    world.want(1_000, 4 * kib, [source])
    world.want(20, 300 * kib, [source], 1)
    await world.time.advance(100)
    expect(world.taker.got.size).toBe(1_020)
    expect(world.taker.takes).toBe(1_020)
    expect(world.strikes).toEqual([])
    expect(world.fetcher.stats()).toMatchObject({
      wantedIds: 0,
      wantedBytes: 0,
      missingIds: 0,
      outstandingBytes: 0,
      settlingBytes: 0,
      receivedBytes: 1_000 * 4 * kib + 20 * 300 * kib,
    })
  })

  test('small chunks cost no round trip each', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 45 })
    world.want(4_096, kib, [source])
    const before = world.time.monotonic()
    await world.time.until('all is here', () => world.taker.got.size === 4_096)
    expect(world.time.monotonic() - before).toBeLessThan(500)
    expect(source.asked.length).toBeLessThanOrEqual(20)
  })

  test('fills a line of 90 ms', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 45, bytesPerSecond: 50 * mib, highWater: 16 * mib })
    world.want(400, 256 * kib, [source])
    const before = world.time.monotonic()
    await world.time.until('all is here', () => world.taker.got.size === 400)
    // 100 MiB at 50 MiB/s, and some round trips until the window is large enough.
    expect(world.time.monotonic() - before).toBeLessThan(2_700)
  })

  test('shares work between devices by what they can do', async () => {
    const world = new TransferWorld()
    const quick = world.source('aa', { delayMs: () => 20, bytesPerSecond: 20 * mib, highWater: 16 * mib })
    const slow = world.source('bb', { delayMs: () => 20, bytesPerSecond: 2 * mib, highWater: 16 * mib })
    world.want(400, 256 * kib, [quick, slow])
    const before = world.time.monotonic()
    await world.time.until('all is here', () => world.taker.got.size === 400)
    expect(world.time.monotonic() - before).toBeLessThan(8_000)
    expect(quick.askedIds).toBeGreaterThan(300)
    expect(slow.askedIds).toBeGreaterThan(10)
    expect(world.taker.takes).toBe(400)
  })

  test('asks near devices first', async () => {
    const world = new TransferWorld()
    const far = world.source('aa', { roundTripMs: 80, delayMs: () => 40 })
    const near = world.source('bb', { roundTripMs: 1 })
    world.want(4, 200 * kib, [far, near])
    await world.time.advance(1_000)
    expect([near.askedIds, far.askedIds]).toEqual([4, 0])
  })

  test('equal chunks are fetched once and handed to all who want them, each with memory of its own', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const [id] = world.want(1, 5_000, [source])
    const others = [new CheckingTaker(), new CheckingTaker()]
    for (const other of others) {
      world.fetcher.want(id!, 5_000, other)
      world.fetcher.want(id!, 5_000, other)
    }
    await world.time.advance(100)
    expect(source.askedIds).toBe(1)
    const memories = [world.taker, ...others].map((taker) => {
      expect(taker.takes).toBe(1)
      return [...taker.got.values()][0]!.buffer
    })
    expect(new Set(memories).size).toBe(3)
  })

  test('what one device does not have is asked of another', async () => {
    const world = new TransferWorld()
    const half = world.source('aa')
    const whole = world.source('bb')
    world.want(500, kib, [whole])
    world.want(500, kib, [whole, half], 1)
    await world.time.advance(1_000)
    expect(world.taker.got.size).toBe(1_000)
    expect(world.strikes).toEqual([])
  })

  test('a device that has nothing is soon left alone', async () => {
    const world = new TransferWorld()
    const empty = world.source('aa')
    const whole = world.source('bb', { bytesPerSecond: 10 * mib })
    world.want(5_000, kib, [whole])
    await world.time.until('all is here', () => world.taker.got.size === 5_000)
    expect(empty.askedIds).toBeLessThan(2_500)
  })

  test('what nobody has is known, and asked for again after 5, 10, 20, 40 and 60 seconds', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const id = new Uint8Array(32).fill(9)
    world.fetcher.want(id, 700, world.taker)
    expect(world.fetcher.stats().missingIds).toBe(0)
    await world.time.advance(100)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 1, missingIds: 1, missingBytes: 700 })
    const times: number[] = []
    let seen = 1
    for (let second = 1; second <= 200; second++) {
      await world.time.advance(1_000)
      expect(world.fetcher.stats().missingIds).toBe(1)
      if (source.asked.length > seen) times.push(second)
      seen = source.asked.length
    }
    const steps = times.map((time, index) => time - (times[index - 1] ?? 0))
    for (const [index, due] of [5, 10, 20, 40, 60].entries()) {
      expect(steps[index]).toBeGreaterThanOrEqual(due)
      expect(steps[index]).toBeLessThanOrEqual(due + 2)
    }
    source.shelf.add(chunkOf(1, 10))
    world.fetcher.retry(source.device)
    await world.time.advance(100)
    expect(source.asked.length).toBe(seen + 1)
  })

  test('without any device everything is missing, and comes as soon as there is one', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    world.fetcher.removePeer(source.device)
    world.want(300, kib, [source])
    await world.time.advance(10_000)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 300, missingIds: 300 })
    world.connect(source)
    await world.time.advance(1_000)
    expect(world.taker.got.size).toBe(300)
    expect(world.gone).toEqual([])
  })

  test('a new device is asked for what the others did not have', async () => {
    const world = new TransferWorld()
    world.source('aa')
    const late = world.source('bb')
    world.fetcher.removePeer(late.device)
    world.want(300, kib, [late])
    await world.time.advance(1_000)
    expect(world.fetcher.stats().missingIds).toBe(300)
    world.connect(late)
    await world.time.advance(1_000)
    expect(world.taker.got.size).toBe(300)
    expect(world.fetcher.stats().missingIds).toBe(0)
  })

  test('a device that goes away leaves its part to the others', async () => {
    const world = new TransferWorld()
    const one = world.source('aa', { delayMs: () => 50 })
    const two = world.source('bb', { delayMs: () => 50 })
    world.want(100, 100 * kib, [one, two])
    await world.time.advance(70)
    one.end.cut('cable')
    await world.time.advance(5_000)
    expect(world.taker.got.size).toBe(100)
    expect(world.gone).toEqual(['aa cable'])
    expect(world.strikes).toEqual([])
  })

  test('a taker that is slow bounds what is in memory, and everything comes', async () => {
    const world = new TransferWorld({ windowBytes: 4 * mib })
    const source = world.source('aa')
    world.taker.delay = async () => {
      const done = Promise.withResolvers<void>()
      world.time.after(1_000, done.resolve)
      await done.promise
    }
    world.want(100, 256 * kib, [source])
    await world.time.advance(60_000)
    expect(world.taker.got.size).toBe(100)
    expect(world.taker.mostHeldBytes).toBeLessThanOrEqual(4 * mib)
    expect(world.taker.mostHeldBytes).toBeGreaterThan(2 * mib)
  })

  test('a slow taker is not blamed on the device', async () => {
    const world = new TransferWorld({ windowBytes: 2 * mib })
    const source = world.source('aa')
    world.taker.delay = async () => {
      const done = Promise.withResolvers<void>()
      world.time.after(120_000, done.resolve)
      await done.promise
    }
    world.want(20, 256 * kib, [source])
    await world.time.advance(600_000)
    expect(world.taker.got.size).toBe(20)
    expect(world.strikes).toEqual([])
  })

  test('cancelled wants do not come, and what was asked for nobody is called off', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 50 })
    const other = new CheckingTaker()
    const [first] = world.want(10, 200 * kib, [source])
    world.fetcher.want(first!, 200 * kib, other)
    await world.time.advance(10)
    world.fetcher.cancel(world.taker)
    await world.time.advance(1_000)
    expect(world.taker.takes).toBe(0)
    expect(other.takes).toBe(1)
    world.want(3, 100 * kib, [source], 5)
    await world.time.advance(10)
    world.fetcher.cancel(world.taker)
    await world.time.advance(1_000)
    expect(source.asked.at(-1)).toMatchObject({ type: 'cancel' })
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, wantedBytes: 0, outstandingBytes: 0 })
    world.want(3, 100 * kib, [source], 5)
    await world.time.advance(1_000)
    expect(world.taker.takes).toBe(3)
  })

  test('wants that are made and cancelled without end leave nothing behind', () => {
    const world = new TransferWorld()
    for (let round = 0; round < 50; round++) {
      for (let index = 0; index < 500; index++) {
        const id = new Uint8Array(32).fill(round)
        id[0] = index & 255
        id[1] = index >> 8
        world.fetcher.want(id, 10, world.taker)
      }
      world.fetcher.cancel(world.taker)
    }
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, wantedBytes: 0, missingIds: 0 })
  })

  test('a want that is made while its bytes are being looked at is asked for again', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const [id] = world.want(1, 500, [source])
    const { promise, resolve } = Promise.withResolvers<void>()
    world.taker.delay = () => promise
    await world.time.advance(10)
    expect(world.taker.takes).toBe(1)
    world.fetcher.want(id!, 500, world.taker)
    resolve()
    await world.time.advance(10)
    expect(world.taker.takes).toBe(2)
    expect(world.fetcher.stats().wantedIds).toBe(0)
  })

  test('a taker that throws has its own trouble', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const id = source.shelf.add(chunkOf(4, 100))
    const second = source.shelf.add(chunkOf(5, 100))
    world.fetcher.want(id, 100, {
      take: () => {
        throw new Error('no space')
      },
    })
    world.fetcher.want(second, 100, { take: () => Promise.reject(new Error('no space')) })
    await world.time.advance(100)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, settlingBytes: 0 })
    expect(world.strikes).toEqual([])
  })

  test('keeps to its rate', async () => {
    const world = new TransferWorld({ bytesPerSecond: 100_000 })
    const source = world.source('aa')
    world.want(100, 20_000, [source])
    await world.time.advance(10_000)
    expect(world.fetcher.stats().receivedBytes).toBeLessThan(1_200_000)
    expect(world.fetcher.stats().bytesPerSecond).toBeGreaterThan(80_000)
    expect(world.fetcher.stats().bytesPerSecond).toBeLessThan(120_000)
    await world.time.advance(11_000)
    expect(world.taker.got.size).toBe(100)
  })

  test('what a device does not have costs nothing of the rate', async () => {
    const world = new TransferWorld({ bytesPerSecond: 100_000 })
    const empty = world.source('aa')
    const source = world.source('bb')
    for (let index = 0; index < 50; index++) {
      world.fetcher.want(new Uint8Array(32).fill(index), 1_000_000, world.taker)
    }
    await world.time.advance(1_000)
    expect(world.fetcher.stats().missingIds).toBe(50)
    world.want(10, 20_000, [source])
    await world.time.advance(3_000)
    expect(world.taker.got.size).toBe(10)
    expect(empty.closed).toBeUndefined()
  })

  test('a device whose owner limits it is not taken for a dead one', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { uploadRate: 10_000 })
    world.want(4, 1_000_000, [source])
    await world.time.advance(500_000)
    expect(world.taker.got.size).toBe(4)
    expect(world.strikes).toEqual([])
  })

  test('a large chunk over a thin line is no silence', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { bytesPerSecond: 10_000, knowsBytesIn: true })
    world.want(3, 1_000_000, [source])
    await world.time.advance(400_000)
    expect(world.taker.got.size).toBe(3)
    expect(world.strikes).toEqual([])
  })

  test('another stream to the same device takes the place of the first', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 100 })
    world.want(10, 1_000, [source])
    await world.time.advance(10)
    const { end } = source
    world.connect(source)
    await world.time.advance(1_000)
    expect(end.isClosed).toBe(true)
    expect(world.taker.got.size).toBe(10)
    expect(world.taker.takes).toBe(10)
    expect(world.gone).toEqual([])
  })

  test('a chunk that is too long to travel is missing, and does not stand in the way of an honest want', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const id = source.shelf.add(chunkOf(4, 100))
    const other = new CheckingTaker()
    world.fetcher.want(id, limits.payloadBytes + 1, other)
    world.fetcher.want(id, 100, world.taker)
    await world.time.advance(100)
    expect(world.taker.takes).toBe(1)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 1, missingIds: 1 })
    world.fetcher.cancel(other)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, missingIds: 0, missingBytes: 0 })
  })

  test('after closing nothing is handed over', async () => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 10 })
    world.want(10, 1_000, [source])
    await world.time.advance(1)
    world.fetcher.close()
    world.want(10, 1_000, [source])
    await world.time.advance(1_000)
    expect(world.taker.takes).toBe(0)
    expect(source.closed).toBe('the folder is closed')
    expect(world.gone).toEqual([])
  })
})
