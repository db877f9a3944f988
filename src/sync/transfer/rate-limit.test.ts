import { describe, expect, test } from 'vitest'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import { RateLimit, type RateLane, type RateWaiter } from './rate-limit.ts'
import { RateMeter } from './rate-meter.ts'

/** Has always something to send. */
class Sender implements RateWaiter {
  bytes = 0
  readonly #lane: RateLane
  readonly #size: number

  constructor(lane: RateLane, size: number) {
    this.#lane = lane
    this.#size = size
  }

  onRate(): void {
    while (this.#lane.ready(this)) {
      this.bytes += this.#size
      this.#lane.spend(this.#size)
    }
  }
}

function limited(bytesPerSecond: number | undefined): { time: VirtualTime; limit: RateLimit } {
  const time = new VirtualTime()
  return { time, limit: new RateLimit({ bytesPerSecond, clock: time, timers: time }) }
}

describe('a rate limit', () => {
  test('without a rate everything may go', () => {
    const { limit } = limited(undefined)
    const lane = limit.lane()
    for (let index = 0; index < 100; index++) {
      expect(lane.ready({ onRate: () => undefined })).toBe(true)
      lane.spend(1e9)
    }
  })

  test.each([1_000, 65_536, 300_000])('frames of %i bytes keep to the rate', async (size) => {
    const { time, limit } = limited(100_000)
    const sender = new Sender(limit.lane(), size)
    sender.onRate()
    await time.advance(60_000)
    expect(sender.bytes).toBeGreaterThanOrEqual(60 * 100_000 - size)
    expect(sender.bytes).toBeLessThanOrEqual(60.5 * 100_000 + size)
  })

  test('is shared evenly by folders, whatever the size of their frames, and not by streams', async () => {
    const { time, limit } = limited(1_000_000)
    const one = limit.lane()
    const other = limit.lane()
    const large = new Sender(one, 256_000)
    const second = new Sender(one, 256_000)
    const small = new Sender(other, 4_000)
    for (const sender of [large, second, small]) sender.onRate()
    await time.advance(60_000)
    expect(small.bytes / (large.bytes + second.bytes)).toBeGreaterThan(0.9)
    expect(small.bytes / (large.bytes + second.bytes)).toBeLessThan(1.1)
    expect(large.bytes / second.bytes).toBeGreaterThan(0.9)
    expect(large.bytes / second.bytes).toBeLessThan(1.1)
  })

  test('who was idle does not catch up', async () => {
    const { time, limit } = limited(1_000_000)
    const steady = new Sender(limit.lane(), 10_000)
    steady.onRate()
    await time.advance(30_000)
    const before = steady.bytes
    const late = new Sender(limit.lane(), 10_000)
    late.onRate()
    await time.advance(10_000)
    expect(steady.bytes - before).toBeGreaterThan(4_500_000)
    expect(late.bytes).toBeGreaterThan(4_500_000)
  })

  test('what is given back may be used', async () => {
    const { time, limit } = limited(1_000)
    const lane = limit.lane()
    const waiter = { calls: 0, onRate: () => void waiter.calls++ }
    expect(lane.ready(waiter)).toBe(true)
    lane.spend(100_000)
    expect(lane.ready(waiter)).toBe(false)
    lane.spend(-100_000)
    await time.advance(10)
    expect(waiter.calls).toBe(1)
    expect(lane.ready(waiter)).toBe(true)
  })

  test('a rate that is lifted lets those go who wait', async () => {
    const { time, limit } = limited(10)
    const sender = { sent: 0, onRate: () => void (lane.ready(sender) && sender.sent++) }
    const lane = limit.lane()
    lane.spend(1_000_000)
    expect(lane.ready(sender)).toBe(false)
    await time.advance(1_000)
    expect(sender.sent).toBe(0)
    limit.bytesPerSecond = undefined
    expect(sender.sent).toBe(1)
  })

  test('who is gone is not called', async () => {
    const { time, limit } = limited(1_000)
    const lane = limit.lane()
    const waiter = { calls: 0, onRate: () => void waiter.calls++ }
    lane.spend(1_000)
    expect(lane.ready(waiter)).toBe(false)
    lane.forget(waiter)
    await time.advance(10_000)
    expect(waiter.calls).toBe(0)
  })
})

test('a meter tells bytes per second over the last five', () => {
  const meter = new RateMeter()
  for (let ms = 0; ms < 20_000; ms += 100) meter.add(1_000, ms)
  expect(meter.perSecond(19_999)).toBe(10_000)
  expect(meter.perSecond(22_499)).toBe(5_000)
  expect(meter.perSecond(60_000)).toBe(0)
  expect(meter.total).toBe(200_000)
})
