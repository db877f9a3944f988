import { describe, expect, test } from 'vitest'
import { LogPeer, noon } from '../../../test/sync/support/log-peer.ts'
import { countMessages, SessionLink } from '../../../test/sync/support/session-link.ts'
import type { BatchMessage } from './message.ts'

/** Two members of a folder that have the same log. */
function couple(): { anna: LogPeer; ben: LogPeer } {
  const anna = new LogPeer(1)
  const ben = new LogPeer(2)
  anna.found()
  anna.write(anna.grant(ben.record, 'write'))
  ben.join(anna)
  return { anna, ben }
}

function expectSame(...peers: LogPeer[]): void {
  for (const peer of peers) {
    expect(peer.log.frontier()).toEqual(peers[0]!.log.frontier())
    expect(peer.log.size).toBe(peers[0]!.log.size)
    expect(peer.log.pending.entries).toBe(0)
  }
}

describe('two replicas', () => {
  test('with equal logs say one hash each and are at rest', () => {
    const { anna, ben } = couple()
    const link = SessionLink.between(anna, ben)
    expect(link.idle).toBe(false)
    link.run(noon)
    expect(countMessages(link.left)).toEqual({ hello: 1 })
    expect(countMessages(link.right)).toEqual({ hello: 1 })
    expect(link.idle).toBe(true)
    expect(link.left.bytes).toBeLessThan(160)
  })

  test('get what the other one wrote, in both directions', () => {
    const { anna, ben } = couple()
    for (let index = 0; index < 5; index++) {
      anna.write(anna.operation(`a${index}`))
      ben.write(ben.operation(`b${index}`), ben.operation(`c${index}`))
    }
    const link = SessionLink.between(anna, ben).run(noon)
    expectSame(anna, ben)
    expect(anna.log.size).toBe(17)
    expect(link.idle).toBe(true)
    expect(countMessages(link.left)).toEqual({ hello: 1, frontier: 1, want: 1, batch: 5, done: 1 })
  })

  test('know of what was told that it arrived when they compare again', () => {
    const { anna, ben } = couple()
    const link = SessionLink.between(anna, ben).run(noon)
    const peerHasAll = (): boolean => anna.log.branchHeads().every((head) => link.left.session.peerHas(head))
    expect(peerHasAll()).toBe(true)
    anna.write(anna.operation('news'))
    link.left.session.changed()
    link.run(noon)
    expectSame(anna, ben)
    expect(peerHasAll()).toBe(false)
    link.left.session.compareAgain()
    link.run(noon)
    expect(peerHasAll()).toBe(true)
  })

  test('one of them blank: it gets all, causes first, and nothing ever waits', () => {
    const { anna, ben } = couple()
    for (let index = 0; index < 20; index++) {
      anna.write(anna.operation('x'))
      ben.pull(anna)
      ben.write(ben.operation('y'))
      anna.pull(ben)
    }
    const cleo = new LogPeer(3)
    cleo.log.expectFolder(anna.log.folderId!)
    const link = SessionLink.between(anna, cleo)
    let waited = 0
    const receive = link.right.session.receive.bind(link.right.session)
    link.right.session.receive = (bytes, now) => {
      const outcome = receive(bytes, now)
      waited += outcome.received?.pending ?? 0
      return outcome
    }
    link.run(noon)
    expectSame(anna, ben, cleo)
    expect(waited).toBe(0)
    expect(countMessages(link.left)['batch']).toBe(42)
    expect(countMessages(link.right)['batch']).toBeUndefined()
  })

  test('tell each other at once what is new, with one message each and no question', () => {
    const { anna, ben } = couple()
    const link = SessionLink.between(anna, ben).run(noon)
    anna.write(anna.operation('new'))
    link.changed()
    expect(link.idle).toBe(false)
    link.run(noon)
    expectSame(anna, ben)
    expect(countMessages(link.left)).toEqual({ hello: 1, batch: 1 })
    expect(countMessages(link.right)).toEqual({ hello: 1 })
  })

  test('do not send back what came from the other', () => {
    const { anna, ben } = couple()
    const link = SessionLink.between(anna, ben).run(noon)
    for (let index = 0; index < 4; index++) {
      anna.write(anna.operation('from anna'))
      ben.write(ben.operation('from ben'))
      link.changed().run(noon)
    }
    expectSame(anna, ben)
    expect(countMessages(link.left)['batch']).toBe(4)
    expect(countMessages(link.right)['batch']).toBe(4)
  })

  test('what had waited here and was released by the peer goes to the peer too', () => {
    const { anna, ben } = couple()
    const cleo = new LogPeer(3)
    anna.write(anna.grant(cleo.record, 'write'))
    ben.pull(anna)
    cleo.join(anna)
    const link = SessionLink.between(anna, ben).run(noon)
    cleo.receive(anna.write(anna.operation('cause')))
    ben.receive(cleo.write(cleo.operation('effect')), 'cleo')
    expect(ben.log.pending.entries).toBe(1)
    link.left.session.changed()
    link.run(noon)
    expectSame(anna, ben, cleo)
  })

  test('a peer that knows a batch already does not read it', () => {
    const { anna, ben } = couple()
    const link = SessionLink.between(anna, ben).run(noon)
    const bytes = anna.write(anna.operation('new'))
    ben.receive(bytes)
    link.left.session.changed()
    const outcome = link.right.session.receive(link.left.session.next(noon)!, noon)
    expect(outcome).toMatchObject({ received: undefined, changed: false, strike: undefined })
  })
})

describe('I12: a chain that its device wrote twice', () => {
  test('two peers that hold one branch each end with both', () => {
    const { anna, ben } = couple()
    ben.write(ben.operation('1'), ben.operation('2'), ben.operation('3'))
    anna.pull(ben)
    const twin = ben.writer.twin()
    const cleo = new LogPeer(3)
    cleo.join(anna)
    ben.write(ben.operation('left 1'), ben.operation('left 2'))
    const content = ben.operation('right')
    const first = twin.write([content], ben.tick())
    const second = twin.write([ben.operation('right 2')], ben.tick())
    cleo.log.accept(first, 'ben', noon)
    cleo.log.accept(second, 'ben', noon)
    const link = SessionLink.between(ben, cleo).run(noon)
    expectSame(ben, cleo)
    expect(ben.log.branchHeads()).toHaveLength(3)
    expect(link.idle).toBe(true)
    const sizes = link.left.sent.filter((message): message is BatchMessage => message.type === 'batch')
    expect(sizes).toHaveLength(1)
    // A blank device gets both branches too.
    const dora = new LogPeer(4)
    dora.log.expectFolder(ben.log.folderId!)
    SessionLink.between(dora, cleo).run(noon)
    expectSame(ben, cleo, dora)
  })

  test('two chains from their first entries on', () => {
    const { anna, ben } = couple()
    const twin = ben.writer.twin()
    ben.write(ben.operation('left'))
    const cleo = new LogPeer(3)
    cleo.join(anna)
    cleo.log.accept(
      twin.write(
        [ben.operation('right')],
        ben.tick(),
        cleo.log.heads().map(({ hash }) => hash),
      ),
      'x',
      noon,
    )
    SessionLink.between(ben, cleo).run(noon)
    expectSame(ben, cleo)
    expect(ben.log.branchHeads()).toHaveLength(3)
  })

  test('a fork in the middle of a long chain resends little of what is common', () => {
    const { anna, ben } = couple()
    for (let index = 0; index < 300; index++) ben.write(ben.operation('common'))
    const cleo = new LogPeer(3)
    cleo.join(anna)
    cleo.pull(ben)
    const twin = ben.writer.twin()
    for (let index = 0; index < 20; index++) ben.write(ben.operation('left'))
    for (let index = 0; index < 30; index++) {
      cleo.log.accept(twin.write([ben.operation('right')], ben.tick()), 'x', noon)
    }
    const link = SessionLink.between(ben, cleo).run(noon)
    expectSame(ben, cleo)
    expect(countMessages(link.left)['batch']).toBeLessThanOrEqual(20 + 32)
    expect(countMessages(link.right)['batch']).toBeLessThanOrEqual(30 + 32)
  })
})
