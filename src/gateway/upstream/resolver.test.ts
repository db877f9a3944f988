import { expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { Resolver } from './resolver.ts'

function setup(answers: (readonly string[] | Error)[]) {
  let now = 0
  let calls = 0
  const resolver = new Resolver({
    clock: { monotonic: () => now, wall: () => now },
    log: silentLogger,
    lookupAll: async () => {
      const answer = answers[Math.min(calls++, answers.length - 1)] ?? []
      if (answer instanceof Error) throw answer
      return answer
    },
  })
  return { resolver, advance: (ms: number) => (now += ms), calls: () => calls }
}

test('an address is itself and asks nobody', () => {
  const { resolver, calls } = setup([])

  expect(resolver.resolve('127.0.0.1')).toEqual({ kind: 'resolved', address: '127.0.0.1' })
  expect(resolver.resolve('::1')).toEqual({ kind: 'resolved', address: '::1' })
  expect(calls()).toBe(0)
})

test('the first IPv4 address wins, else the first IPv6', async () => {
  expect(await setup([['::1', '127.0.0.5', '127.0.0.6']]).resolver.resolve('app')).toEqual({
    kind: 'resolved',
    address: '127.0.0.5',
  })
  expect(await setup([['::5', '::6']]).resolver.resolve('app')).toEqual({ kind: 'resolved', address: '::5' })
  expect(await setup([[]]).resolver.resolve('app')).toEqual({ kind: 'unresolved' })
})

test('after 30 seconds the old address serves while the name is looked up again', async () => {
  const { resolver, advance, calls } = setup([['127.0.0.1'], ['127.0.0.2']])
  await resolver.resolve('app')
  expect(resolver.resolve('app')).toEqual({ kind: 'resolved', address: '127.0.0.1' })

  advance(30_001)
  expect(resolver.resolve('app')).toEqual({ kind: 'resolved', address: '127.0.0.1' })
  await Promise.resolve()
  await new Promise(setImmediate)

  expect(resolver.resolve('app')).toEqual({ kind: 'resolved', address: '127.0.0.2' })
  expect(calls()).toBe(2)
})

test('a forgotten name is looked up before it is used again', async () => {
  const { resolver } = setup([['127.0.0.1'], ['127.0.0.2']])
  await resolver.resolve('app')

  resolver.forget('app')

  expect(await resolver.resolve('app')).toEqual({ kind: 'resolved', address: '127.0.0.2' })
})

test('a failing lookup leaves a name unresolved and is tried again next time', async () => {
  const { resolver } = setup([new Error('ENOTFOUND'), ['127.0.0.1']])

  expect(await resolver.resolve('app')).toEqual({ kind: 'unresolved' })
  expect(await resolver.resolve('app')).toEqual({ kind: 'resolved', address: '127.0.0.1' })
})
