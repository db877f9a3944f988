import { describe, expect, test } from 'vitest'
import { chunkOf } from '../../../test/sync/support/chunk-shelf.ts'
import { TransferWorld } from '../../../test/sync/support/transfer-world.ts'
import { HarpError } from '../../base/errors.ts'
import { transferLimits as limits } from './transfer-limits.ts'

const mib = 1024 * 1024

function same(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && Buffer.compare(left, right) === 0
}

/** What became of it. */
function follow(list: Promise<Uint8Array>): { value?: Uint8Array; code?: string } {
  const state: { value?: Uint8Array; code?: string } = {}
  list.then(
    (value) => {
      state.value = value
    },
    (error: unknown) => {
      state.code = error instanceof HarpError ? error.code : String(error)
    },
  )
  return state
}

describe('lists of chunks', () => {
  test.each([32, 65_568, mib, 9 * mib + 32])('of %i bytes come whole', async (size) => {
    const world = new TransferWorld()
    const source = world.source('aa', { delayMs: () => 20 })
    const list = chunkOf(1, Math.min(size, 4 * mib))
    const whole = new Uint8Array(size)
    for (let at = 0; at < size; at += list.length) whole.set(list.subarray(0, size - at), at)
    const hash = source.shelf.addList(whole)
    const first = follow(world.fetcher.wantList(hash, size / 32))
    const second = follow(world.fetcher.wantList(hash, size / 32))
    await world.time.advance(1_000)
    expect(same(first.value, whole)).toBe(true)
    expect(same(second.value, whole)).toBe(true)
    expect(source.asked).toHaveLength(Math.ceil(size / limits.rangeBytes))
    expect(world.fetcher.stats()).toMatchObject({ lists: 0, outstandingBytes: 0 })
  })

  test('come from those who have them, and are known to be missing until then', async () => {
    const world = new TransferWorld()
    world.source('aa')
    const source = world.source('bb')
    world.fetcher.removePeer(source.device)
    const list = chunkOf(1, 6_400)
    const got = follow(world.fetcher.wantList(source.shelf.addList(list), 200))
    await world.time.advance(1_000)
    expect(world.fetcher.stats()).toMatchObject({ lists: 1, missingLists: 1 })
    world.connect(source)
    expect(world.fetcher.stats().missingLists).toBe(0)
    await world.time.advance(1_000)
    expect(same(got.value, list)).toBe(true)
    expect(world.strikes).toEqual([])
  })

  test('are asked for again of a device that may have them now', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const list = chunkOf(1, 6_400)
    const hash = source.shelf.addList(list)
    const other = world.source('bb')
    world.fetcher.removePeer(source.device)
    const got = follow(world.fetcher.wantList(hash, 200))
    await world.time.advance(1_000)
    other.shelf.addList(list)
    world.fetcher.retry(other.device)
    await world.time.advance(100)
    expect(same(got.value, list)).toBe(true)
  })

  test('go on with another device when one is gone in the middle', async () => {
    const world = new TransferWorld()
    const one = world.source('aa', { delayMs: () => 50, bytesPerSecond: 4 * mib })
    const two = world.source('bb', { delayMs: () => 50 })
    const list = chunkOf(1, 4 * mib)
    const hash = one.shelf.addList(list)
    two.shelf.addList(list)
    const got = follow(world.fetcher.wantList(hash, list.length / 32))
    await world.time.advance(700)
    one.end.cut()
    await world.time.advance(2_000)
    expect(same(got.value, list)).toBe(true)
    expect(world.strikes).toEqual([])
  })

  test('a wrong one names its source, and comes from another', async () => {
    const world = new TransferWorld()
    const liar = world.evil('aa', (message, send) => {
      if (message.type !== 'want-list') return
      const { request, offset, length } = message
      send({ type: 'list', request, offset, total: 6_400 }, new Uint8Array(length))
    })
    const list = chunkOf(1, 6_400)
    const source = world.source('bb', { delayMs: () => 50 })
    const got = follow(world.fetcher.wantList(source.shelf.addList(list), 200))
    await world.time.advance(5_000)
    expect(same(got.value, list)).toBe(true)
    expect(world.strikes).toEqual(['aa a list that is not what its hash says'])
    expect(liar.asked).toHaveLength(1)
  })

  test("an author's wrong count is nobody's fault", async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const got = follow(world.fetcher.wantList(source.shelf.addList(chunkOf(1, 6_400)), 100))
    await world.time.advance(5_000)
    expect(got).toEqual({})
    expect(world.fetcher.stats()).toMatchObject({ lists: 1, missingLists: 1 })
    expect(world.strikes).toEqual([])
  })

  test('a part of another length ends the stream', async () => {
    const world = new TransferWorld()
    world.evil('aa', (message, send) => {
      if (message.type === 'want-list') {
        send({ type: 'list', request: message.request, offset: 0, total: 6_400 }, new Uint8Array(32))
      }
    })
    const got = follow(world.fetcher.wantList('ab'.repeat(32), 200))
    await world.time.advance(100)
    expect(world.strikes).toEqual(['aa another part of a list than was asked for'])
    expect(world.gone).toHaveLength(1)
    expect(got).toEqual({})
  })

  test('giant ones are refused before anything is asked', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    const most = limits.listBytes / 32
    const within = follow(world.fetcher.wantList('ab'.repeat(32), most))
    const above = follow(world.fetcher.wantList('ab'.repeat(32), most + 1))
    await world.time.advance(100)
    expect(above.code).toBe('TRANSFER_LIST_TOO_LARGE')
    expect(within).toEqual({})
    expect(source.asked).toHaveLength(1)
  })

  test('many do not fill the memory at once', async () => {
    const world = new TransferWorld()
    const asked = new Set<string>()
    world.evil('aa', (message) => {
      if (message.type === 'want-list') asked.add(message.hash)
    })
    for (let index = 0; index < 10; index++) {
      follow(world.fetcher.wantList(`0${index}`.repeat(32), (32 * mib) / 32))
    }
    await world.time.advance(100)
    expect(asked.size).toBeLessThanOrEqual(2)
    world.fetcher.close()
  })

  test('are cancelled, or end with the folder', async () => {
    const world = new TransferWorld()
    const stop = new AbortController()
    const one = follow(world.fetcher.wantList('ab'.repeat(32), 10, stop.signal))
    const two = follow(world.fetcher.wantList('cd'.repeat(32), 10))
    expect(await world.fetcher.wantList('ef'.repeat(32), 0)).toHaveLength(0)
    stop.abort()
    await world.time.advance(1)
    expect(one.code).toBe('TRANSFER_CANCELLED')
    expect(world.fetcher.stats().lists).toBe(1)
    world.fetcher.close()
    await world.time.advance(1)
    expect(two.code).toBe('TRANSFER_CLOSED')
    expect(follow(world.fetcher.wantList('cd'.repeat(32), 10))).toEqual({})
  })
})
