import { expect, test } from 'vitest'
import { LookupLimit } from './lookup-limit.ts'

test('a client has so many questions under way and no more, others are not affected', async () => {
  const limit = new LookupLimit(2)
  const { promise, resolve } = Promise.withResolvers<string>()
  const first = limit.run('9.9.9.9', () => promise)
  const second = limit.run('9.9.9.9', () => promise)

  expect(limit.run('9.9.9.9', () => promise)).toBeNull()
  expect(limit.run('8.8.8.8', () => promise)).not.toBeNull()

  resolve('answer')
  expect(await Promise.all([first, second])).toEqual(['answer', 'answer'])
  expect(await limit.run('9.9.9.9', async () => 'again')).toBe('again')
})

test('a network of IPv6 addresses is one client, and a failure gives its place back', async () => {
  const limit = new LookupLimit(1)
  const failing = limit.run('2001:db8::1', () => Promise.reject(new Error('no')))

  expect(limit.run('2001:db8::2', async () => 1)).toBeNull()
  await expect(failing).rejects.toThrow('no')
  expect(await limit.run('2001:db8::2', async () => 1)).toBe(1)
})
