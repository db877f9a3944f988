import { expect, test } from 'vitest'
import { ContainerQueue } from './container-queue.ts'

const never = new AbortController().signal

test('changes of one container follow each other, those of others do not wait', async () => {
  const queue = new ContainerQueue(5)
  const events: string[] = []
  const gate = Promise.withResolvers<void>()

  const first = queue.run('a', never, async () => {
    events.push('a1 begins')
    await gate.promise
    events.push('a1 ends')
  })
  const second = queue.run('a', never, async () => events.push('a2'))
  await queue.run('b', never, async () => events.push('b'))
  gate.resolve()
  await Promise.all([first, second])

  expect(events).toEqual(['a1 begins', 'b', 'a1 ends', 'a2'])
})

test('a failure reaches its caller only', async () => {
  const queue = new ContainerQueue(5)

  const failing = queue.run('a', never, async () => {
    throw new Error('no')
  })
  const next = queue.run('a', never, async () => 'done')

  await expect(failing).rejects.toThrow('no')
  await expect(next).resolves.toBe('done')
})

test('whoever left before his turn changes nothing, and there is a limit to waiting', async () => {
  const queue = new ContainerQueue(2)
  const gate = Promise.withResolvers<void>()
  const leaving = new AbortController()
  const running = queue.run('a', never, () => gate.promise)
  const left = queue.run('a', leaving.signal, async () => 'changed')
  const waiting = queue.run('a', never, async () => 'second')

  expect(await queue.run('a', never, async () => 'too many')).toBeNull()
  leaving.abort()
  gate.resolve()

  await running
  expect(await left).toBeNull()
  expect(await waiting).toBe('second')
  expect(await queue.run('a', never, async () => 'again')).toBe('again')
})
