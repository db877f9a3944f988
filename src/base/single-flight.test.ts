import { expect, test } from 'vitest'
import { SingleFlight } from './single-flight.ts'

test('concurrent calls share one run and the next call runs again', async () => {
  const flights = new SingleFlight<string, number>()
  let runs = 0
  const task = async (): Promise<number> => ++runs

  expect(await Promise.all([flights.run('a', task), flights.run('a', task), flights.run('b', task)])).toEqual(
    [1, 1, 2],
  )
  expect(await flights.run('a', task)).toBe(3)
})

test('a failure reaches every waiter and is not kept', async () => {
  const flights = new SingleFlight<string, number>()
  const failing = (): Promise<number> => Promise.reject(new Error('no'))

  const outcomes = await Promise.allSettled([flights.run('a', failing), flights.run('a', failing)])

  expect(outcomes.map((each) => each.status)).toEqual(['rejected', 'rejected'])
  expect(flights.size).toBe(0)
  expect(await flights.run('a', async () => 1)).toBe(1)
})
