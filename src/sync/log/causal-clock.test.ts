import { expect, test } from 'vitest'
import { covered, emptyClock, joinClocks, joinedView, observes, type Viewpoint } from './causal-clock.ts'

const at = (branch: number, seq: number, seen?: readonly number[]): Viewpoint => ({
  branch,
  seq,
  clock: seen === undefined ? emptyClock : [seen],
})

test('in one branch the number decides, whatever the clock holds', () => {
  expect(observes(at(1, 5), at(1, 5))).toBe(true)
  expect(observes(at(1, 5, [0, 9]), at(1, 6))).toBe(false)
  expect(observes(at(1, 5), at(1, 4))).toBe(true)
})

test('of another branch the clock says how many are seen', () => {
  const view = at(0, 0, [0, 0, 3])
  expect([2, 3].map((seq) => observes(view, at(2, seq)))).toEqual([true, false])
  expect(observes(view, at(1, 0))).toBe(false)
  expect(observes(view, at(7, 0))).toBe(false)
})

test('a joint past holds what any of them has seen, and themselves', () => {
  const clock = joinClocks([at(0, 4, [0, 2]), at(3, 0, [1, 7]), at(1, 3)])
  expect(clock).toEqual([[5, 7, 0, 1]])
  expect(covered(clock, at(3, 0))).toBe(true)
  expect(covered(clock, at(2, 0))).toBe(false)
})

test('a joint past is a viewpoint in no branch', () => {
  const view = joinedView([at(0, 1), at(1, 1)])
  expect([at(0, 1), at(0, 2), at(1, 1)].map((place) => observes(view, place))).toEqual([true, false, true])
  expect(observes(joinedView([]), at(0, 0))).toBe(false)
  const only = at(2, 2)
  expect(joinedView([only])).toBe(only)
})

test('a joint past shares what the views have in common, however many branches there are', () => {
  const many = joinClocks(Array.from({ length: 1_000 }, (_, branch) => at(branch, branch + 1)))
  const one = joinClocks([{ branch: 1_000, seq: 0, clock: many }, at(3, 9)])
  const places = [at(3, 9), at(3, 10), at(999, 1_000), at(999, 1_001), at(1_000, 0), at(1_001, 0)]
  expect(places.map((place) => covered(one, place))).toEqual([true, false, true, false, true, false])
  expect(one.filter((page) => !many.includes(page))).toHaveLength(2)
  const both = joinClocks([
    { branch: -1, seq: -1, clock: many },
    { branch: -1, seq: -1, clock: one },
  ])
  expect(both.every((page, index) => page === one[index])).toBe(true)
})
