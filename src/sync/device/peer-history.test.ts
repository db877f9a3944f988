import { expect, test } from 'vitest'
import type { Link } from '../link/link.ts'
import { PeerHistory } from './peer-history.ts'

let now = 1_000
const clock = { wall: () => now, monotonic: () => now }
const peer = 'ab'.repeat(32)
const link = (bytesIn: number, bytesOut: number): Link => ({ peer, bytesIn, bytesOut }) as Link

test('a device was there until its last link ended, and its bytes add up', () => {
  const history = new PeerHistory(clock)
  const first = link(5, 7)
  history.linked(first)
  expect(history.of(peer)).toMatchObject({ since: 1_000, endedAt: undefined, bytesIn: 0 })

  now = 2_000
  history.unlinked(first, 'the other end hung up')
  history.unlinked(first, 'told twice')
  expect(history.of(peer)).toEqual({
    since: 1_000,
    endedAt: 2_000,
    reason: 'the other end hung up',
    bytesIn: 5,
    bytesOut: 7,
  })
  expect(history.totals).toEqual({ opened: 1, dialFailures: 0, bytesIn: 5, bytesOut: 7 })
})

test('who is linked anew while the old link ends is not away', () => {
  const history = new PeerHistory(clock)
  const old = link(1, 1)
  history.linked(old)
  now = 3_000
  history.linked(link(10, 20))
  history.unlinked(old, 'duplicate')

  expect(history.of(peer)).toMatchObject({ since: 3_000, endedAt: undefined, reason: undefined, bytesIn: 1 })
  expect(history.totals).toEqual({ opened: 2, dialFailures: 0, bytesIn: 11, bytesOut: 21 })
})

test('who never let us in has said so', () => {
  const history = new PeerHistory(clock)
  history.refusedBy(peer)

  expect(history.of(peer)).toMatchObject({ reason: 'no member', since: undefined })
})
