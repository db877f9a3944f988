import { describe, expect, test } from 'vitest'
import { Held, Pending, WaitingRoom, type WaitingBatch } from './waiting.ts'

const limits = { sourceEntries: 10, sourceBytes: 100, allEntries: 20, allBytes: 1_000 }

function batch(lastHash: string, source = 'one', entries = 1, bytes = 1): WaitingBatch {
  return { lastHash, source, deviceId: `device of ${lastHash}`, entries, bytes: new Uint8Array(bytes) }
}

describe('I13 bounded resources: a waiting room', () => {
  test('holds what the limit allows, and lets the oldest of a sender go for one more', () => {
    const room = new WaitingRoom(limits)
    const [first, second, third] = [batch('a', 'one', 5), batch('b', 'one', 5), batch('c', 'one', 1)]
    expect(room.add(first)).toEqual([])
    expect(room.add(second)).toEqual([])
    expect(room.add(third)).toEqual([first])
    expect(room.entries).toBe(6)
  })

  test('counts bytes too', () => {
    const room = new WaitingRoom(limits)
    const first = batch('a', 'one', 1, 60)
    room.add(first)
    expect(room.add(batch('b', 'one', 1, 40))).toEqual([])
    expect(room.add(batch('c', 'one', 1, 1))).toEqual([first])
    expect(room.bytes).toBe(41)
  })

  test('is flooded by one sender at the cost of that sender alone', () => {
    const room = new WaitingRoom({ ...limits, sourceEntries: 100 })
    const honest = batch('h', 'honest', 2)
    room.add(honest)
    for (let count = 0; count < 50; count++) room.add(batch(`f${count}`, 'flood'))
    expect(room.entries).toBe(20)
    expect(room.has(honest)).toBe(true)
  })

  test('takes in others when one sender has filled it', () => {
    const room = new WaitingRoom({ ...limits, sourceEntries: 100 })
    for (let count = 0; count < 20; count++) room.add(batch(`f${count}`, 'flood'))
    const late = batch('h', 'honest', 3)
    expect(room.add(late).map(({ source }) => source)).toEqual(['flood', 'flood', 'flood'])
    expect(room.has(late)).toBe(true)
  })

  test('keeps the longer of two batches with one end', () => {
    const room = new WaitingRoom(limits)
    const short = batch('a', 'one', 1)
    const long = batch('a', 'one', 3)
    room.add(short)
    expect(room.has(long)).toBe(false)
    expect(room.add(long)).toEqual([short])
    expect(room.has(short)).toBe(true)
    expect(room.entries).toBe(3)
  })

  test('never keeps one that is too large by itself', () => {
    const room = new WaitingRoom(limits)
    const huge = batch('a', 'one', 11)
    expect(room.add(huge)).toEqual([huge])
    expect(room.entries).toBe(0)
  })

  test('is empty when all is taken out again', () => {
    const room = new WaitingRoom(limits)
    const [first, second] = [batch('a'), batch('b', 'two', 2, 7)]
    room.add(first)
    room.add(second)
    room.remove(first)
    room.remove(second)
    room.remove(second)
    expect([room.entries, room.bytes]).toEqual([0, 0])
  })
})

describe('pending batches', () => {
  test('are found by what they wait for, once', () => {
    const pending = new Pending(limits)
    const [first, second, other] = [batch('a'), batch('b'), batch('c')]
    pending.add(first, 'x')
    pending.add(second, 'x')
    pending.add(other, 'y')
    expect(pending.missing()).toEqual(['x', 'y'])
    expect(pending.take('x')).toEqual([first, second])
    expect(pending.take('x')).toEqual([])
    expect(pending.missing()).toEqual(['y'])
    expect(pending.entries).toBe(1)
  })

  test('are named when they are dropped, and not waited for any more', () => {
    const pending = new Pending(limits)
    pending.add(batch('a', 'one', 10), 'x')
    const dropped = pending.add(batch('b', 'one', 1), 'y')
    expect(dropped).toEqual([{ source: 'one', deviceId: 'device of a', entries: 10 }])
    expect(pending.missing()).toEqual(['y'])
    expect(pending.take('x')).toEqual([])
  })

  test('are not named as dropped when a longer one takes their place', () => {
    const pending = new Pending(limits)
    pending.add(batch('a', 'one', 1), 'x')
    expect(pending.add(batch('a', 'one', 2), 'w')).toEqual([])
    expect(pending.missing()).toEqual(['w'])
  })
})

describe('held batches', () => {
  test('come out when their time has come, in the order of their times', () => {
    const held = new Held(limits)
    const [late, early] = [batch('late'), batch('early')]
    expect(held.next).toBeUndefined()
    held.add(late, 20)
    held.add(early, 10)
    expect(held.next).toBe(10)
    expect(held.take(9)).toEqual([])
    expect(held.take(10)).toEqual([early])
    expect(held.next).toBe(20)
    expect(held.take(1_000)).toEqual([late])
    expect([held.next, held.entries]).toEqual([undefined, 0])
  })

  test('that were dropped do not come out', () => {
    const held = new Held(limits)
    held.add(batch('a', 'one', 10), 1)
    expect(held.add(batch('b', 'one', 1), 2)).toHaveLength(1)
    expect(held.take(5).map(({ lastHash }) => lastHash)).toEqual(['b'])
  })
})
