import { beforeEach, expect, test } from 'vitest'
import type { Clock } from '../../base/clock.ts'
import { PeerWays, type KnownWay } from './peer-ways.ts'

let now = 0
const clock: Clock = { monotonic: () => now, wall: () => now }
const known: readonly KnownWay[] = [
  { address: 'a:1', via: 'reached' },
  { address: 'b:1', via: 'said' },
]
const unreachable = { state: 'unreachable', message: 'no answer' } as const

let ways: PeerWays

beforeEach(() => {
  now = 1_000
  ways = new PeerWays(clock)
})

const see = (address: string): boolean =>
  ways.sighted({ device: 'd', address, via: 'beacon', interfaceName: 'eth0' })
const order = (): string[] => ways.inOrder(known).map(({ address }) => address)

test('where it was seen in this run comes first, the last place before the others', () => {
  expect([see('s:1'), see('s:2'), see('s:1')]).toEqual([true, true, false])
  now++
  see('b:1')

  expect(order()).toEqual(['b:1', 's:1', 's:2', 'a:1'])
  expect(ways.inOrder(known)[0]).toEqual({ address: 'b:1', via: 'beacon', problem: undefined })
})

test('of many sightings three go before what is known otherwise', () => {
  for (let count = 0; count < 6; count++) {
    now++
    see(`s:${count}`)
  }

  expect(order()).toEqual(['s:5', 's:4', 's:3', 'a:1', 'b:1', 's:2', 's:1', 's:0'])
})

test('an address that did not answer goes last, until it is seen again or reached', () => {
  ways.failed('a:1', unreachable)
  expect(order()).toEqual(['b:1', 'a:1'])
  expect(ways.inOrder(known)[1]?.problem).toEqual(unreachable)
  now++
  see('a:1')
  expect(order()).toEqual(['a:1', 'b:1'])
  ways.failed('b:1', unreachable)
  ways.reached('b:1')
  expect(
    ways.inOrder(known).every(({ address, problem }) => address === 'a:1' || problem === undefined),
  ).toBe(true)
})

test.each([
  ['is somebody else', { state: 'wrong-device', message: 'another' } as const, 1],
  ['did not answer twice', unreachable, 2],
])('what %s stays last for five minutes, whatever is heard of it', (_name, outcome, times) => {
  see('s:1')
  for (let count = 0; count < times; count++) ways.failed('s:1', outcome)
  now += 200_000
  see('s:1')
  expect(order()).toEqual(['a:1', 'b:1', 's:1'])
  now += 200_000
  see('s:1')
  expect(order()).toEqual(['s:1', 'a:1', 'b:1'])
})

test('six sightings are kept, and what failed goes first of them', () => {
  see('good:1')
  for (let count = 0; count < 5; count++) {
    now++
    see(`bad:${count}`)
    ways.failed(`bad:${count}`, { state: 'wrong-device', message: 'another' })
  }
  now++
  see('new:1')

  expect(order()).toContain('good:1')
  expect(order().length).toBe(8)
})

test('outcomes of two dozen addresses are kept', () => {
  const many = Array.from({ length: 30 }, (_, index) => ({ address: `x:${index}`, via: 'said' }) as const)
  for (const { address } of many) ways.failed(address, unreachable)

  expect(ways.inOrder(many).filter(({ problem }) => problem !== undefined).length).toBe(24)
})
