import { expect, test } from 'vitest'
import { heatOfNews, heatOfUse, joinHeat } from './heat.ts'

const day = 86_400_000
const now = 20_000 * day

test('uses add up, and count half a day later', () => {
  const used = heatOfUse(now)
  expect(joinHeat(used, used)).toBeCloseTo(heatOfUse(now, 2))
  expect(heatOfUse(now, 2)).toBeCloseTo(heatOfUse(now + day))
  expect(joinHeat(heatOfUse(now - 365 * day), used)).toBeCloseTo(used)
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
