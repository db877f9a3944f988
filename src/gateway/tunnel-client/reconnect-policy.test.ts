import fc from 'fast-check'
import { expect, test } from 'vitest'
import { proxyRetryDelay, ReconnectPolicy, type AttemptEnd } from './reconnect-policy.ts'

const latest = (): number => 0.999_999
const earliest = (): number => 0

function delays(end: AttemptEnd, count: number, random: () => number, sinceStartMs = 0): number[] {
  const policy = new ReconnectPolicy(random)
  return Array.from({ length: count }, () => Math.round(policy.delayAfter(end, sinceStartMs)))
}

test('a server that is not there is asked after 0.2 s, then twice as long each time, at most every 2 s', () => {
  expect(delays('unreachable', 6, latest)).toEqual([200, 400, 800, 1_600, 2_000, 2_000])
  expect(delays('unreachable', 6, earliest)).toEqual([100, 200, 400, 800, 1_000, 1_000])
})

test('an attempt that ran into its deadline is followed by the next at once', () => {
  expect(delays('unreachable', 6, latest, 2_500)).toEqual([0, 0, 0, 0, 0, 0])
})

test('the next start is never more than 2 s after the last, unless the server refuses', () => {
  const attempt = fc.record({
    end: fc.constantFrom<AttemptEnd>('unreachable', 'lost'),
    sinceStartMs: fc.integer({ min: 0, max: 100_000 }),
    random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  })
  fc.assert(
    fc.property(fc.array(attempt, { maxLength: 50 }), (attempts) => {
      let random = 0
      const policy = new ReconnectPolicy(() => random)
      for (const each of attempts) {
        random = each.random
        const delayMs = policy.delayAfter(each.end, each.sinceStartMs)
        expect(delayMs).toBeGreaterThanOrEqual(0)
        expect(delayMs).toBeLessThanOrEqual(2_000)
      }
    }),
  )
})

test('after a session that lived, everybody is back within 0.2 s, spread', () => {
  expect(delays('lost', 3, latest, 60_000)).toEqual([200, 200, 200])
  expect(delays('lost', 3, () => 0.5, 60_000)).toEqual([100, 100, 100])
})

test('a server that ends each session at once is not asked faster for it', () => {
  expect(delays('lost', 5, latest, 10)).toEqual([200, 390, 790, 1_590, 1_990])
})

test('a session that lived makes the next attempts fast again', () => {
  const policy = new ReconnectPolicy(latest)
  for (let count = 0; count < 10; count += 1) policy.delayAfter('unreachable', 0)

  policy.delayAfter('lost', 5_000)

  expect(Math.round(policy.delayAfter('unreachable', 0))).toBe(400)
})

test('a refused login waits longer each time, at most 30 to 45 s', () => {
  expect(delays('refused', 5, earliest)).toEqual([4_000, 8_000, 16_000, 30_000, 30_000])
  expect(delays('refused', 5, latest)).toEqual([6_000, 12_000, 24_000, 45_000, 45_000])
})

test('a refused proxy is asked for after a second, then twice as long each time, at most every 30 s', () => {
  const of = (random: () => number): number[] =>
    [1, 2, 3, 4, 5, 6, 60].map((refusals) => Math.round(proxyRetryDelay(refusals, random)))

  expect(of(latest)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  expect(of(earliest)).toEqual([750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500])
})
