import { expect, test } from 'vitest'
import { heatAfterUses, heatOfNews, heatOfUse } from './heat.ts'

const day = 86_400_000
const now = 20_000 * day

test('uses add up, and count half a day later', () => {
  const used = heatOfUse(now)
  expect(heatAfterUses(used, 1, now)).toBeCloseTo(used + 1)
  expect(heatAfterUses(used, 3, now)).toBeCloseTo(heatOfUse(now + 2 * day))
  expect(heatAfterUses(heatOfUse(now - 365 * day), 1, now)).toBeCloseTo(used)
})

test('more than eight uses a day add nothing', () => {
  const most = heatAfterUses(heatOfUse(now), 7, now)
  expect(most).toBeCloseTo(heatOfUse(now + 3 * day))
  expect(heatAfterUses(most, 1, now)).toBe(most)
  expect(heatAfterUses(heatOfUse(now), 1_000_000, now)).toBe(most)
  expect(heatAfterUses(most, 1, now + day)).toBeGreaterThan(most)
})

test('what was asked for within a day is worth more than what is new, and what is new more than what was not', () => {
  const news = heatOfNews(now, now)
  expect(heatOfUse(now - day / 2)).toBeGreaterThan(news)
  expect(heatOfUse(now - 2 * day)).toBeLessThan(news)
  expect(heatOfNews(now - 2 * day, now)).toBeLessThan(news)
})

test('a clock that runs ahead gains nothing', () => {
  expect(heatOfNews(now + 5 * day, now)).toBe(heatOfNews(now, now))
})

/** Readings of the second half that find the n-th of `files` here, which is read as often as 1/n; room for a quarter. */
function hitShare(files: number, room: number, days: number, rule: 'heat' | 'last'): number {
  const sums = Array.from({ length: files }, () => 0)
  for (let rank = 0; rank < files; rank++) sums[rank] = (sums[rank - 1] ?? 0) + 1 / (rank + 1)
  const held = new Map<number, number>()
  const reads = files * 5
  let random = 12_345
  let hits = 0
  for (let read = 0; read < reads; read++) {
    const time = now + (days * day * read) / reads
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
    const point = (random / 2 ** 32) * sums.at(-1)!
    const file = sums.findIndex((sum) => sum >= point)
    const heat = held.get(file)
    if (heat !== undefined && read >= reads / 2) hits++
    const worth = rule === 'last' || heat === undefined ? heatOfUse(time) : heatAfterUses(heat, 1, time)
    if (heat === undefined && held.size >= room) {
      const [coldest, least] = [...held].reduce((left, right) => (left[1] <= right[1] ? left : right))
      if (least >= worth) continue
      held.delete(coldest)
    }
    held.set(file, worth)
  }
  return hits / (reads / 2)
}

test.each([0.01, 1, 10])('answers more than if those that were read last were kept: in %d days', (days) => {
  expect(hitShare(400, 100, days, 'heat')).toBeGreaterThan(hitShare(400, 100, days, 'last') + 0.005)
})
