import { expect, test } from 'vitest'
import type { NodeId } from '../ids.ts'
import { PendingLooks } from './pending-looks.ts'

const nothing = { again: new Set<number>(), changed: 0, stale: new Set<NodeId>() }
const planned = { dirty: new Set<number>(), done: true }

/** Everything was looked at once, and nothing is left. */
function settled(): PendingLooks {
  const looks = new PendingLooks()
  looks.takeDirty()
  looks.scanned(nothing, 0)
  looks.takeTouched()
  looks.planned(planned, 0)
  return looks
}

test('at first everything is scanned, and then planned', () => {
  const looks = new PendingLooks()
  expect([looks.needsScan, looks.needsPlan, looks.isPlanned]).toEqual([true, true, false])
  expect(looks.takeDirty()).toBe('everything')
  looks.scanned(nothing, 0)
  expect([looks.needsScan, looks.needsPlan]).toEqual([false, true])
  expect(looks.takeTouched()).toBe('everything')
  looks.planned(planned, 0)
  expect([looks.needsScan, looks.needsPlan, looks.isPlanned, looks.isWaiting]).toEqual([
    false,
    false,
    true,
    false,
  ])
})

test('marks gather until they are taken, and everything takes in the rest', () => {
  const looks = settled()
  looks.markDirty([1])
  looks.markDirty([2])
  expect(looks.takeDirty()).toEqual(new Set([1, 2]))
  looks.markDirty([3])
  looks.markDirty('everything')
  looks.markDirty([4])
  expect(looks.takeDirty()).toBe('everything')
  looks.markTouched(['a'])
  looks.markTouched(['b'])
  expect(looks.takeTouched()).toEqual(new Set(['a', 'b']))
  expect([looks.needsScan, looks.needsPlan]).toEqual([false, false])
})

test('what is marked while it is being looked at is looked at again', () => {
  const looks = settled()
  looks.markDirty([1])
  const taken = looks.takeDirty()
  looks.markDirty([2])
  looks.scanned(nothing, 0)
  expect([taken, looks.takeDirty()]).toEqual([new Set([1]), new Set([2])])
})

test('a plan that was cut short goes on, though nothing new was touched', () => {
  const looks = settled()
  looks.markTouched(['a'])
  looks.takeTouched()
  looks.planned({ ...planned, done: false }, 0)
  expect([looks.needsPlan, looks.isPlanned]).toEqual([true, false])
})

test('directories that were changing are scanned again after a second', () => {
  const looks = settled()
  looks.scanned({ ...nothing, again: new Set([5]) }, 1_000)
  expect([looks.isWaiting, looks.tick(1_999), looks.needsScan]).toEqual([true, false, false])
  expect([looks.tick(2_000), looks.isWaiting, looks.takeDirty()]).toEqual([true, false, new Set([5])])
})

test('nodes that a scan found stale are planned for', () => {
  const looks = settled()
  looks.scanned({ ...nothing, stale: new Set(['a']) }, 0)
  expect(looks.takeTouched()).toEqual(new Set(['a']))
})

test('what the plan did not find as expected is scanned, and then all is planned anew', () => {
  const looks = settled()
  looks.planned({ dirty: new Set([7]), done: true }, 0)
  expect([looks.needsScan, looks.needsPlan]).toEqual([false, false])
  looks.tick(100)
  expect(looks.takeDirty()).toEqual(new Set([7]))
  looks.scanned(nothing, 100)
  expect(looks.takeTouched()).toBe('everything')
})

test('where scans do not help they come ever more rarely, until a change is written or a plan succeeds', () => {
  const looks = settled()
  const delays = (rounds: number): number[] => {
    const found: number[] = []
    for (let round = 0; round < rounds; round++) {
      looks.planned({ dirty: new Set([7]), done: true }, 0)
      let delay = 0
      while (!looks.tick(delay)) delay += 100
      found.push(delay)
      looks.takeDirty()
    }
    return found
  }
  expect(delays(12).slice(0, 4)).toEqual([100, 200, 400, 800])
  expect(delays(1)).toEqual([60_000])
  looks.scanned({ ...nothing, changed: 1 }, 0)
  looks.takeTouched()
  expect(delays(2)).toEqual([100, 200])
  looks.planned(planned, 0)
  expect(delays(1)).toEqual([100])
})

test('everything is scanned when its time has come, whatever is marked', () => {
  const looks = settled()
  looks.rescanAt(5_000)
  looks.markDirty([1])
  expect([looks.tick(4_999), looks.takeDirty()]).toEqual([false, new Set([1])])
  expect([looks.tick(5_000), looks.takeDirty()]).toEqual([true, 'everything'])
})

test('a scan of everything that takes long is not begun anew because its time has passed', () => {
  const looks = settled()
  looks.rescanAt(5_000)
  looks.tick(5_000)
  looks.takeDirty()
  expect([looks.tick(6_000), looks.tick(60_000), looks.needsScan]).toEqual([false, false, false])
  looks.scanned(nothing, 60_000)
  looks.rescanAt(65_000)
  expect([looks.tick(64_999), looks.tick(65_000)]).toEqual([false, true])
})
