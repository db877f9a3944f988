import { expect, test } from 'vitest'
import { dialRound } from './dial-round.ts'

test('all addresses are tried in their order until one will do', async () => {
  const tried: string[] = []
  const attempt = async (address: string): Promise<boolean> => tried.push(address) === 2
  expect(await dialRound(() => ['a', 'b', 'c'], attempt)).toBe(true)
  expect(tried).toEqual(['a', 'b'])
})

test('none will do, or none is known', async () => {
  const tried: string[] = []
  const attempt = async (address: string): Promise<boolean> => tried.push(address) < 0
  expect(await dialRound(() => ['a', 'b'], attempt)).toBe(false)
  expect(await dialRound(() => [], attempt)).toBe(false)
  expect(tried).toEqual(['a', 'b'])
})

test('where it is seen meanwhile goes before the rest, twice in a round', async () => {
  const tried: string[] = []
  const attempt = async (address: string): Promise<boolean> => tried.push(address) < 0
  await dialRound(() => [...tried.map((_, at) => `seen${at}`).reverse(), 'a', 'b'], attempt)
  expect(tried).toEqual(['a', 'seen0', 'seen1', 'b'])
})

test('a round ends, whatever addresses are told', async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => `${at}`)
  let count = 0
  await dialRound(
    () => many,
    async () => ++count < 0,
  )
  expect(count).toBe(16)
})
