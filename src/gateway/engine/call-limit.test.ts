import { expect, test } from 'vitest'
import { CallLimit } from './call-limit.ts'

const never = new AbortController().signal
const limit = (maxRunning: number, maxWaiting: number): CallLimit =>
  new CallLimit({ what: 'calls', maxRunning, maxWaiting })

test('who comes when the places are taken gets one in the order of coming', async () => {
  const calls = limit(2, 8)
  const order: string[] = []
  const leave = await Promise.all([calls.enter(1_000, never), calls.enter(1_000, never)])
  const waiting = ['third', 'fourth'].map(async (name) => {
    const done = await calls.enter(1_000, never)
    order.push(name)
    return done
  })
  expect([calls.running, calls.waiting, order]).toEqual([2, 2, []])

  leave[0]()
  ;(await waiting[0])?.()
  ;(await waiting[1])?.()

  expect(order).toEqual(['third', 'fourth'])
  leave[1]()
  expect([calls.running, calls.waiting]).toEqual([0, 0])
})

test('nobody slips in between who leaves and who waits', async () => {
  const calls = limit(1, 8)
  const leave = await calls.enter(1_000, never)
  const second = calls.enter(1_000, never)

  leave()
  const third = calls.enter(1_000, never)

  expect([calls.running, calls.waiting]).toEqual([1, 1])
  ;(await second)()
  ;(await third)()
  expect([calls.running, calls.waiting]).toEqual([0, 0])
})

test('one too many is refused at once, and one that waits too long gives up', async () => {
  const calls = limit(1, 1)
  const leave = await calls.enter(1_000, never)
  const late = calls.enter(20, never)

  await expect(calls.enter(1_000, never)).rejects.toMatchObject({
    code: 'ENGINE_BUSY',
    message: '1 calls are under way and 1 wait',
  })
  await expect(late).rejects.toMatchObject({ code: 'ENGINE_BUSY' })
  leave()
  expect([calls.running, calls.waiting]).toEqual([0, 0])
})

test('who goes away while waiting takes no place', async () => {
  const calls = limit(1, 8)
  const leave = await calls.enter(1_000, never)
  const leaving = new AbortController()
  const gone = calls.enter(1_000, leaving.signal)
  const reason = new Error('gone')

  leaving.abort(reason)
  leave()

  await expect(gone).rejects.toBe(reason)
  expect([calls.running, calls.waiting]).toEqual([0, 0])
  await expect(calls.enter(1_000, leaving.signal)).rejects.toBe(reason)
})
