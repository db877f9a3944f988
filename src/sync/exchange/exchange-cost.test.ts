import { describe, expect, test } from 'vitest'
import { LogPeer, noon } from '../../../test/sync/support/log-peer.ts'
import { countMessages, SessionLink, type LinkEnd } from '../../../test/sync/support/session-link.ts'
import { exchangeLimits } from './exchange-limits.ts'

const chains = 10
const old = 20_000
const fresh = 100

/** A folder of ten writers whose chains hold 20,000 entries, and two of them with all of it. */
function bigFolder(): { anna: LogPeer; ben: LogPeer } {
  const peers = Array.from({ length: chains }, (_, index) => new LogPeer(index + 1))
  const [anna, ben, ...others] = peers as [LogPeer, LogPeer, ...LogPeer[]]
  anna.found()
  anna.write(...[ben, ...others].map((peer) => anna.grant(peer.record, 'write')))
  for (const peer of [ben, ...others]) peer.join(anna)
  for (const peer of peers) {
    const batch = Array.from({ length: old / chains }, () => peer.operation('old'))
    const bytes = peer.write(...batch)
    if (peer !== anna) anna.receive(bytes)
    if (peer !== ben) ben.receive(bytes)
  }
  return { anna, ben }
}

function total({ left, right }: SessionLink, type: string): number {
  const count = (end: LinkEnd): number => countMessages(end)[type] ?? 0
  return count(left) + count(right)
}

describe('the cost of meeting again follows the difference', () => {
  const { anna, ben } = bigFolder()

  test('equal logs of 20,000 entries: one hash each', () => {
    const link = SessionLink.between(anna, ben).run(noon)
    expect(anna.log.size).toBeGreaterThan(old)
    expect(link.left.sent).toHaveLength(1)
    expect(link.right.sent).toHaveLength(1)
    expect(link.left.bytes + link.right.bytes).toBeLessThan(2 * 160)
  })

  test('100 new entries of 20,000: their own bytes and a little', () => {
    let bytes = 0
    for (let index = 0; index < fresh; index++) bytes += anna.write(anna.operation('new')).length
    const link = SessionLink.between(anna, ben).run(noon)
    expect(ben.log.frontier()).toEqual(anna.log.frontier())
    expect(total(link, 'batch')).toBe(fresh)
    expect(link.left.sent.length + link.right.sent.length).toBeLessThanOrEqual(fresh + 9)
    // Around each batch 40 bytes, and once both frontiers and a locator.
    expect(link.left.bytes + link.right.bytes).toBeLessThan(bytes + fresh * 45 + 2 * chains * 100 + 2_000)
  })

  test('100 new entries in the middle of an old batch: only they travel', () => {
    const first = anna.writer.twin()
    const contents = Array.from({ length: 3 * fresh }, () => anna.operation('same'))
    const hlc = anna.tick()
    const part = first.write(contents.slice(0, 2 * fresh), hlc)
    const bytes = anna.writer.write(contents, hlc)
    anna.log.accept(bytes, 'me', noon)
    ben.log.accept(part, 'me', noon)
    const link = SessionLink.between(anna, ben).run(noon)
    expect(ben.log.frontier()).toEqual(anna.log.frontier())
    expect(total(link, 'batch')).toBe(1)
    expect(link.left.bytes).toBeLessThan(fresh * 500 + 3_000)
    expect(bytes.entries.length).toBe(3 * fresh)
  })

  test('a fork at the end of a long chain: not the chain', () => {
    const twin = ben.writer.twin()
    for (let index = 0; index < 10; index++) ben.write(ben.operation('left'))
    anna.log.accept(twin.write([ben.operation('right')], ben.tick()), 'x', noon)
    const link = SessionLink.between(anna, ben).run(noon)
    expect(ben.log.frontier()).toEqual(anna.log.frontier())
    expect(total(link, 'batch')).toBeLessThanOrEqual(11 + 2)
  })
})

test('frontiers and wants of many chains come in pages', () => {
  const anna = new LogPeer(1)
  anna.found()
  const members = Array.from({ length: 1_100 }, (_, index) => new LogPeer(index + 10))
  anna.write(...members.map((peer) => anna.grant(peer.record, 'write')))
  for (const peer of members) {
    peer.writer.folderId = anna.log.folderId
    const [epoch] = anna.epochKeys.keys()
    peer.epochKeys.set(epoch!, anna.epochKeys.get(epoch!)!)
    const batch = peer.writer.write([peer.operation('one', epoch!)], anna.tick(), [anna.lastEntry().hash])
    anna.log.accept(batch, 'x', noon)
  }
  const ben = new LogPeer(2)
  ben.log.expectFolder(anna.log.folderId!)
  const link = SessionLink.between(anna, ben).run(noon)
  expect(ben.log.size).toBe(1 + 2 * members.length)
  expect(ben.log.frontier()).toEqual(anna.log.frontier())
  expect(countMessages(link.left)['frontier']).toBe(Math.ceil(1_101 / exchangeLimits.pageHeads))
  expect(countMessages(link.right)['want']).toBe(Math.ceil(1_101 / exchangeLimits.wants))
})
