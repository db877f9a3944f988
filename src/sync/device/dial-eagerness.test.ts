import { expect, test } from 'vitest'
import { DialEagerness } from './dial-eagerness.ts'

function started(): { eagerness: DialEagerness; pass: (ms: number) => void } {
  let now = 0
  const eagerness = new DialEagerness({ monotonic: () => now, wall: () => now })
  return { eagerness, pass: (ms) => (now += ms) }
}

test('a flood of sightings causes three dials, and one in five seconds from then on', () => {
  const { eagerness, pass } = started()
  let dials = 0
  for (let count = 0; count < 1_000; count++) {
    if (eagerness.mayDial('a')) dials++
    pass(100)
  }

  expect(dials).toBeGreaterThanOrEqual(20)
  expect(dials).toBeLessThanOrEqual(23)
  expect(eagerness.mayDial('b')).toBe(true)
})

test('a better address is tried less and less often, at once if it is new, and as before after a success', () => {
  const { eagerness, pass } = started()
  const tries = (): number => {
    let count = 0
    for (let second = 0; second < 600; second++) {
      if (eagerness.mayImprove('a', false)) count++
      pass(1_000)
    }
    return count
  }

  expect(tries()).toBeLessThanOrEqual(10)
  expect(tries()).toBeLessThanOrEqual(1)
  expect(eagerness.mayImprove('a', true)).toBe(true)
  eagerness.improved('a')
  pass(600_000)
  expect(tries()).toBeGreaterThan(5)
})

test('what was noted of others is forgotten', () => {
  const { eagerness } = started()
  for (let count = 0; count < 3; count++) eagerness.mayDial('a')
  expect(eagerness.mayDial('a')).toBe(false)
  eagerness.keepOnly(new Set(['b']))

  expect(eagerness.mayDial('a')).toBe(true)
})
