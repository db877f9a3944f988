import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BruteForce } from './brute-force.ts'

function setup(options: { count?: number; maxAddresses?: number; ipv6PrefixBits?: number } = {}) {
  let now = 1_000
  const clock = { monotonic: () => now, wall: () => now + 1_000_000 }
  const bruteForce = new BruteForce({
    count: 3,
    windowMs: 300_000,
    ipv6PrefixBits: 64,
    maxAddresses: 1_000,
    clock,
    ...options,
  })
  return { bruteForce, advance: (ms: number) => (now += ms) }
}

test('an address is banned at the limit and others are not', () => {
  const { bruteForce } = setup()

  for (let index = 0; index < 3; index++) bruteForce.recordFailure('9.9.9.9')

  expect(bruteForce.isBanned('9.9.9.9')).toBe(true)
  expect(bruteForce.isBanned('8.8.8.8')).toBe(false)
})

test('a ban lifts when the oldest counted failure leaves the window', () => {
  const { bruteForce, advance } = setup()
  bruteForce.recordFailure('9.9.9.9')
  advance(100_000)
  bruteForce.recordFailure('9.9.9.9')
  bruteForce.recordFailure('9.9.9.9')

  advance(199_999)
  expect(bruteForce.isBanned('9.9.9.9')).toBe(true)
  expect(bruteForce.secondsLeft('9.9.9.9')).toBe(1)

  advance(2)
  expect(bruteForce.isBanned('9.9.9.9')).toBe(false)
  expect(bruteForce.secondsLeft('9.9.9.9')).toBe(0)
})

test('an IPv6 network is one client, IPv4 addresses are not', () => {
  const { bruteForce } = setup({ count: 1 })

  bruteForce.recordFailure('2001:db8::1')

  expect(bruteForce.isBanned('2001:db8::ffff:2')).toBe(true)
  expect(bruteForce.isBanned('2001:db8:0:1::1')).toBe(false)
  expect(bruteForce.list().map((ban) => ban.address)).toEqual(['2001:db8::/64'])
})

test('with a full prefix length every IPv6 address counts for itself', () => {
  const { bruteForce } = setup({ count: 1, ipv6PrefixBits: 128 })

  bruteForce.recordFailure('2001:db8::1')

  expect(bruteForce.isBanned('2001:db8::2')).toBe(false)
})

test('lifting by address or by the listed prefix works, once', () => {
  const { bruteForce } = setup({ count: 1 })
  bruteForce.recordFailure('2001:db8::1')
  bruteForce.recordFailure('9.9.9.9')

  expect(bruteForce.lift('2001:db8:0:0::5')).toBe(true)
  expect(bruteForce.lift('9.9.9.9')).toBe(true)
  expect(bruteForce.lift('9.9.9.9')).toBe(false)
  expect(bruteForce.list()).toEqual([])
})

test('a count of zero bans everybody, as with the original', () => {
  expect(setup({ count: 0 }).bruteForce.isBanned('9.9.9.9')).toBe(true)
})

test('a hundred thousand addresses keep the table at its limit, and the newest are still counted', () => {
  const { bruteForce } = setup({ count: 1 })

  for (let index = 0; index < 100_000; index++) {
    bruteForce.recordFailure(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
  }

  expect(bruteForce.size).toBe(1_000)
  expect(bruteForce.isBanned('10.1.134.159')).toBe(true)
})

test('any sequence of failures and pauses agrees with a plain list of times', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 40 }),
      (count, pauses) => {
        const { bruteForce, advance } = setup({ count })
        const times: number[] = []
        let now = 0
        for (const pause of pauses) {
          advance(pause)
          now += pause
          const recent = times.filter((each) => each > now - 300_000)
          expect(bruteForce.isBanned('9.9.9.9')).toBe(recent.length >= count)
          bruteForce.recordFailure('9.9.9.9')
          times.push(now)
        }
      },
    ),
  )
})
