import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { linkTimes } from './link-limits.ts'
import { PeerDialer } from './peer-dialer.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function makeDialer(random = () => 0.5) {
  const attempts: number[] = []
  const linked = new Set<string>()
  const answers = new Map<string, boolean>()
  const start = Date.now()
  const dialer = new PeerDialer({
    attempt: async (peer) => {
      attempts.push(Date.now() - start)
      if (answers.get(peer) === true) linked.add(peer)
      return answers.get(peer) ?? false
    },
    isLinked: (peer) => linked.has(peer),
    random,
    times: linkTimes,
  })
  return { dialer, attempts, linked, answers }
}

test('a device that does not answer is tried at 0.3 s, then ever more rarely, at least every 30 s', async () => {
  const { dialer, attempts } = makeDialer()
  dialer.setPeers(['a'])
  await vi.advanceTimersByTimeAsync(100_000)
  dialer.stop()

  const gaps = attempts.slice(1).map((at, index) => at - attempts[index]!)
  expect(gaps.slice(0, 9)).toEqual([300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 30_000, 30_000])
})

test.each([
  [0, 240],
  [1, 360],
])('the wait varies by a fifth: %f', async (random, expected) => {
  const { dialer, attempts } = makeDialer(() => random)
  dialer.setPeers(['a'])
  await vi.advanceTimersByTimeAsync(400)
  dialer.stop()
  expect(attempts[1]).toBe(expected)
})

test('a short link does not make the next attempt come sooner, a long one does', async () => {
  const { dialer, attempts, linked } = makeDialer()
  dialer.setPeers(['a'])
  await vi.advanceTimersByTimeAsync(5_000)
  linked.add('a')
  await vi.advanceTimersByTimeAsync(60_000)
  const before = attempts.length
  linked.delete('a')
  dialer.lost('a', 1_000)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(attempts.length).toBe(before)
  dialer.lost('a', linkTimes.steadyMs)
  await vi.advanceTimersByTimeAsync(301)
  expect(attempts.length).toBe(before + 1)
  dialer.stop()
})

test('who is asked for now is tried now', async () => {
  const { dialer, attempts } = makeDialer()
  dialer.setPeers(['a'])
  await vi.advanceTimersByTimeAsync(60_000)
  const before = attempts.length
  dialer.dialNow('a')
  await vi.advanceTimersByTimeAsync(1)
  expect(attempts.length).toBe(before + 1)
  dialer.dialNow('b')
  await vi.advanceTimersByTimeAsync(1)
  expect(attempts.length).toBe(before + 2)
  dialer.stop()
})

test('who is asked for again and again is tried as often as that, and not more', async () => {
  const { dialer, attempts } = makeDialer()
  dialer.setPeers(['a'])
  await vi.advanceTimersByTimeAsync(300_000)
  const before = attempts.length
  for (let count = 0; count < 20; count++) {
    dialer.dialNow('a')
    await vi.advanceTimersByTimeAsync(5_000)
  }
  dialer.stop()
  expect(attempts.length - before).toBe(20)
})

test('nobody is tried who is linked, was taken out, or after the end', async () => {
  const { dialer, attempts, answers } = makeDialer()
  answers.set('a', true)
  dialer.setPeers(['a', 'b'])
  await vi.advanceTimersByTimeAsync(1)
  dialer.setPeers(['a'])
  const before = attempts.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(attempts.length).toBe(before)
  dialer.stop()
  dialer.dialNow('c')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(attempts.length).toBe(before)
})

/** Members whose three addresses all take 5 s to be silent, unless they are here. */
function makeCrowd(count: number) {
  const ids = Array.from({ length: count }, (_, index) => `m${index}`)
  const tries = new Map(ids.map((id) => [id, 0]))
  const here = new Set<string>()
  const linked = new Set<string>()
  const crowd = { ids, tries, here, linked, open: 0, most: 0 }
  const dialer = new PeerDialer({
    attempt: async (peer) => {
      crowd.most = Math.max(crowd.most, ++crowd.open)
      tries.set(peer, (tries.get(peer) ?? 0) + 1)
      const isHere = here.has(peer)
      await new Promise((resolve) => setTimeout(resolve, isHere ? 20 : 3 * linkTimes.connectMs))
      if (isHere) linked.add(peer)
      crowd.open--
      return isHere
    },
    isLinked: (peer) => linked.has(peer),
    random: () => 0.5,
    times: linkTimes,
  })
  dialer.setPeers(ids)
  return { ...crowd, crowd, dialer }
}

test('of 500 members that are away 16 are dialled at a time, and each is as often as the others', async () => {
  const { crowd, tries, dialer } = makeCrowd(500)
  await vi.advanceTimersByTimeAsync(3_600_000)
  dialer.stop()
  expect(crowd.most).toBe(16)
  const counts = [...tries.values()]
  // 16 × 3,600 s / 15 s are 3,840 tries.
  expect(counts.reduce((sum, each) => sum + each)).toBeGreaterThan(3_500)
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
})

test('who was seen does not wait for those that are away, and neither does one whose link has ended', async () => {
  const { crowd, here, linked, dialer } = makeCrowd(500)
  await vi.advanceTimersByTimeAsync(600_000)
  here.add('m499').add('m3')
  dialer.dialNow('m499')
  await vi.advanceTimersByTimeAsync(100)
  expect([...linked]).toEqual(['m499'])
  linked.clear()
  dialer.lost('m499', linkTimes.steadyMs)
  await vi.advanceTimersByTimeAsync(3 * linkTimes.connectMs + 1_000)
  expect([...linked]).toEqual(['m499'])
  expect(crowd.most).toBeLessThanOrEqual(24)
  dialer.stop()
})

test('who is here is reached though hundreds are not, by its turn', async () => {
  const { here, linked, dialer } = makeCrowd(500)
  here.add('m400')
  await vi.advanceTimersByTimeAsync(480_000)
  expect([...linked]).toEqual(['m400'])
  dialer.setPeers([])
  dialer.stop()
})
