import { expect, test, vi } from 'vitest'
import { LogPeer, noon } from '../../../test/sync/support/log-peer.ts'
import { bareReplica, countMessages, SessionLink } from '../../../test/sync/support/session-link.ts'
import type * as Limits from '../format/limits.ts'
import type { ChainHead } from '../format/statement.ts'
import { Consumer } from './consumer.ts'
import { PeerKnowledge } from './peer-knowledge.ts'

vi.mock('../format/limits.ts', async (original) => {
  const { limits } = await original<typeof Limits>()
  return { limits: { ...limits, frontier: 4 } }
})

/** A log of many chains, each of which has seen the one before. */
function ofChains(count: number): LogPeer {
  const anna = new LogPeer(1)
  anna.found()
  const members = Array.from({ length: count }, (_, index) => new LogPeer(index + 10))
  anna.write(...members.map((peer) => anna.grant(peer.record, 'write')))
  const [epoch = ''] = anna.epochKeys.keys()
  let before = anna.lastEntry().hash
  for (const peer of members) {
    peer.writer.folderId = anna.log.folderId
    peer.epochKeys.set(epoch, anna.epochKeys.get(epoch)!)
    const batch = peer.writer.write([peer.operation('one', epoch)], anna.tick(), [before])
    anna.log.accept(batch, 'x', noon)
    before = batch.entries.at(-1)!.hash
  }
  return anna
}

test.each([
  [3, 0],
  [4, 2],
  [17, 20],
])('%i chains and one, of which 4 wait to be asked for, come in at most %i more rounds', (count, rounds) => {
  const anna = ofChains(count)
  const ben = new LogPeer(2)
  ben.log.expectFolder(anna.log.folderId!)
  const link = SessionLink.between(anna, ben).run(noon)
  expect(ben.log.frontier()).toEqual(anna.log.frontier())
  expect(link.idle).toBe(true)
  expect(countMessages(link.right)['ask'] ?? 0).toBeLessThanOrEqual(rounds)
})

test('a log of more chains than that is compared with one that lacks little', () => {
  const anna = ofChains(17)
  const ben = new LogPeer(2)
  ben.log.expectFolder(anna.log.folderId!)
  SessionLink.between(anna, ben).run(noon)
  anna.write(anna.grant(ben.record, 'write'))
  const link = SessionLink.between(anna, ben).run(noon)
  expect(ben.log.size).toBe(anna.log.size)
  expect(countMessages(link.right)['ask']).toBeUndefined()
})

test.each([
  ['nothing, is asked for once from front to end', false, 3],
  ['something, is asked for once more, as what came early may have been let go', true, 6],
])('a frontier that is longer than what waits, and brings %s', (_, isFruitful, expected) => {
  const replica = bareReplica(new LogPeer(1))
  const consumer = new Consumer(replica, new PeerKnowledge(replica.log))
  const heads = Array.from({ length: 10 }, (__, index): ChainHead => {
    return {
      deviceId: 'ab'.repeat(32),
      incarnation: 'cd'.repeat(16),
      seq: index,
      hash: `${index}`.repeat(64),
    }
  })
  const asked: string[] = []
  let rounds = 0
  consumer.compareAgain()
  for (; consumer.needsRound; rounds++) {
    consumer.begin()
    expect(consumer.takeFrontier({ type: 'frontier', heads, last: true })).toBeUndefined()
    for (const { head } of consumer.nextWant()?.items ?? []) asked.push(head)
    if (isFruitful && rounds === 1) consumer.fruitful()
    consumer.takeDone()
  }
  const all = heads.map(({ hash }) => hash)
  expect(asked.sort()).toEqual((isFruitful ? [...all, ...all] : all).sort())
  expect(rounds).toBe(expected)
})
