import { expect, test } from 'vitest'
import { Steps } from './steps.ts'

/** Steps over a number of things to do; each is told when it begins. */
function counted(left: number, step?: () => void) {
  const stopping = new AbortController()
  const faults: unknown[] = []
  const world = { left, running: 0, most: 0, done: 0 }
  const steps = new Steps({
    hasWork: () => world.left > 0,
    step: async () => {
      world.left--
      world.most = Math.max(world.most, ++world.running)
      await new Promise(setImmediate)
      world.running--
      world.done++
      step?.()
    },
    signal: stopping.signal,
    onFault: (error) => {
      faults.push(error)
      stopping.abort()
    },
  })
  return { steps, world, faults, stopping }
}

test('one step after the other until no work is left, however often it is woken', async () => {
  const { steps, world } = counted(3)
  for (let time = 0; time < 5; time++) steps.wake()
  world.left++
  await steps.turn
  expect([world.done, world.most, steps.turn]).toEqual([4, 1, undefined])
})

test('without work there is nothing to wait for', () => {
  const { steps } = counted(0)
  steps.wake()
  expect(steps.turn).toBe(undefined)
})

test('work that comes later begins with the next call', async () => {
  const { steps, world } = counted(1)
  steps.wake()
  await steps.turn
  world.left = 1
  steps.wake()
  await steps.turn
  expect(world.done).toBe(2)
})

test('no step begins once it is stopped, and the one under way ends', async () => {
  const { steps, world, stopping } = counted(3)
  steps.wake()
  const { turn } = steps
  stopping.abort()
  await turn
  steps.wake()
  expect([world.done, steps.turn]).toEqual([1, undefined])
})

test('a step that fails is told once, and to whoever waits', async () => {
  const broken = new Error('broken')
  const { steps, faults } = counted(1, () => {
    throw broken
  })
  steps.wake()
  await expect(steps.turn).rejects.toBe(broken)
  expect([faults, steps.turn]).toEqual([[broken], undefined])
})
