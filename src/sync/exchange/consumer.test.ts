import { expect, test } from 'vitest'
import { LogPeer } from '../../../test/sync/support/log-peer.ts'
import { bareReplica } from '../../../test/sync/support/session-link.ts'
import { Consumer } from './consumer.ts'
import { PeerKnowledge } from './peer-knowledge.ts'

function open(): Consumer {
  const replica = bareReplica(new LogPeer(1))
  return new Consumer(replica, new PeerKnowledge(replica.log))
}

/** A round in which the peer has nothing that is lacking. */
function goRound(consumer: Consumer): void {
  consumer.begin()
  expect(consumer.takeFrontier({ type: 'frontier', heads: [], last: true })).toBeUndefined()
  expect(consumer.nextWant()).toEqual({ type: 'want', items: [], last: true })
  expect(consumer.takeDone()).toBeUndefined()
}

/** How many rounds it takes while a thousand batches come whose causes never do. */
function roundsOf(consumer: Consumer, afterRound: () => void): number {
  let rounds = 0
  for (let batch = 0; batch < 1_000; batch++) {
    consumer.lacks([`${batch}`])
    if (!consumer.needsRound) continue
    rounds++
    goRound(consumer)
    afterRound()
  }
  return rounds
}

test('rounds that bring nothing become rare', () => {
  const rounds = roundsOf(open(), () => undefined)
  expect(rounds).toBeGreaterThan(5)
  expect(rounds).toBeLessThan(12)
})

test('rounds that bring something do not', () => {
  const consumer = open()
  let rounds = 0
  for (let batch = 0; batch < 100; batch++) {
    consumer.lacks([`${batch}`])
    expect(consumer.needsRound).toBe(true)
    rounds++
    consumer.begin()
    consumer.fruitful()
    consumer.takeFrontier({ type: 'frontier', heads: [], last: true })
    consumer.nextWant()
    consumer.takeDone()
  }
  expect(rounds).toBe(100)
  expect(consumer.needsRound).toBe(false)
})

test('another round can be had at any time, also after many that brought nothing', () => {
  const consumer = open()
  roundsOf(consumer, () => undefined)
  expect(consumer.needsRound).toBe(false)
  consumer.compareAgain()
  expect(consumer.needsRound).toBe(true)
  expect(consumer.idle).toBe(false)
  goRound(consumer)
  expect(consumer.idle).toBe(true)
})

test('statements that waited are asked for once each time that something has changed', () => {
  const consumer = open()
  consumer.changed()
  expect(consumer.takeStatementRound()).toBe(false)
  consumer.lacksStatements()
  expect(consumer.takeStatementRound()).toBe(false)
  consumer.changed()
  expect(consumer.idle).toBe(false)
  expect([consumer.takeStatementRound(), consumer.takeStatementRound()]).toEqual([true, false])
  consumer.changed()
  expect(consumer.takeStatementRound()).toBe(false)
})
