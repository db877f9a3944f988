import { describe, expect, test } from 'vitest'
import { exchangeLimits } from '../../src/sync/exchange/exchange-limits.ts'
import { ExchangeSession } from '../../src/sync/exchange/exchange-session.ts'
import { decodeMessage, encodeMessage } from '../../src/sync/exchange/message-codec.ts'
import type { Message } from '../../src/sync/exchange/message.ts'
import type { Acceptance } from '../../src/sync/log/acceptance.ts'
import { noHash } from '../../src/sync/ids.ts'
import { byzantineWorld, expectHonest, stateOf } from './support/byzantine-world.ts'
import { EvilDevice } from './support/evil-device.ts'
import { digests, meet, ReplicaDevice } from './support/replica-device.ts'
import { SessionLink } from './support/session-link.ts'

type Session = ExchangeSession<Acceptance>

function session(device: ReplicaDevice, peer: string): Session {
  const { suite, replica } = device
  return new ExchangeSession(replica, { suite, folderId: replica.folderId, peer })
}

/** Two replicas connected until neither has anything to say. */
function connect(left: ReplicaDevice, right: ReplicaDevice): SessionLink {
  const { folderId } = left.replica
  return new SessionLink(left.replica, right.replica, folderId).run(Math.max(left.now, right.now))
}

/** The messages that one of two replicas sends the other until both have the same. */
function conversation(from: ReplicaDevice, to: ReplicaDevice): Uint8Array[] {
  const [sender, taker] = [session(from, 'taker'), session(to, 'sender')]
  const sent: Uint8Array[] = []
  for (;;) {
    const message = sender.next(from.now)
    if (message !== undefined) {
      sent.push(message)
      taker.receive(message, to.now)
    }
    const answer = taker.next(to.now)
    if (answer !== undefined) sender.receive(answer, from.now)
    if (message === undefined && answer === undefined) return sent
  }
}

describe('I9, I13 a peer that says what it should not', () => {
  test('any byte of any message changed: nothing is taken that nobody signed, and nothing throws', () => {
    const [anna, ben] = ReplicaDevice.folder(2) as [ReplicaDevice, ReplicaDevice]
    const copy = ben.store.copy()
    anna.put('a', 1)
    anna.mkdir('d')
    const sent = conversation(anna, ben)
    expect(sent.map((message) => decodeMessage(message).type)).toEqual(
      expect.arrayContaining(['hello', 'frontier', 'batch', 'done']),
    )
    let tried = 0
    for (const [index, message] of sent.entries()) {
      const step = Math.max(1, Math.floor(message.length / 16))
      for (let at = 0; at < message.length; at += step) {
        const victim = new ReplicaDevice()
        Object.assign(victim, { keys: ben.keys, now: ben.now })
        victim.rollBack(copy.copy(), false, anna.replica.folderId)
        const taker = session(victim, 'mallory')
        for (const [turn, honest] of sent.entries()) {
          const bytes = honest.slice()
          if (turn === index) bytes[at]! ^= 1 << (at % 8)
          taker.receive(bytes, victim.now)
          taker.next(victim.now)
        }
        for (const { hash } of victim.replica.order) expect(anna.replica.log.entry(hash)).toBeDefined()
        connect(anna, victim)
        expect(digests(anna, victim)).toHaveLength(1)
        tried++
      }
    }
    expect(tried).toBeGreaterThan(60)
  })

  test('noise and messages in any order end the session, and nothing else', () => {
    const { anna, ben } = byzantineWorld()
    const before = stateOf(anna)
    const taker = session(anna, 'mallory')
    taker.next(anna.now)
    const noise = [
      new Uint8Array(0),
      new Uint8Array(1_000_000).fill(0x81),
      new Uint8Array(exchangeLimits.messageBytes + 1),
      encodeMessage({ type: 'done' }),
      encodeMessage({ type: 'want', items: [], last: true }),
      encodeMessage({ type: 'batch', head: noHash, bytes: new Uint8Array(10) }),
    ]
    const strikes = noise.map((bytes) => taker.receive(bytes, anna.now).strike?.reason)
    expect(strikes.slice(0, 3)).toEqual(['malformed', 'malformed', 'too-large'])
    expect(taker.fault).toMatchObject({ by: 'us' })
    expect(stateOf(anna)).toEqual(before)
    expectHonest(anna, ben)
  })

  test('withheld entries: what is built on them waits, and comes in from who has them', () => {
    const { anna, ben, mallory } = byzantineWorld()
    const first = anna.put('a', 1)
    anna.put('b', 2)
    anna.put('c', 3)
    mallory.hear(anna)
    const { log } = mallory.replica
    const head = log.branchHeads().find(({ deviceId }) => deviceId === anna.id)!
    const batches = [...log.batchesFrom(head.branch, 0)].filter(({ first: { hash } }) => hash !== first)
    for (const { bytes } of batches) expect(ben.receive(bytes, 'mallory').refused).toBeUndefined()
    expect(ben.shown()).toEqual(['anna 1', 'ben 2'])
    expect(ben.replica.log.pending.missing).toContain(first)
    connect(ben, anna)
    expect(ben.replica.log.pending.entries).toBe(0)
    expect(ben.shown()).toEqual(anna.shown())
    expectHonest(anna, ben)
  })

  test('a truncated history is what it is: valid, and not all; an honest peer brings the rest', () => {
    const { anna, ben, mallory } = byzantineWorld()
    for (const mark of [3, 4, 5]) anna.put('anna', mark)
    mallory.hear(anna)
    const cleo = new ReplicaDevice()
    anna.replica.grant(cleo.keys.record, 'write', anna.tick())
    // Mallory gives Cleo what it had before the grant, and says that this is all.
    cleo.open(anna.replica.folderId)
    cleo.hear(mallory)
    expect(cleo.replica.role).toBeUndefined()
    expect(connect(cleo, mallory).idle).toBe(true)
    connect(cleo, anna)
    expect(cleo.versions('anna')).toEqual(anna.versions('anna'))
    expectHonest(anna, ben, cleo)
  })

  test('a frontier of heads that nobody has: a round that brings nothing, and then rest', () => {
    const { anna, ben } = byzantineWorld()
    const taker = session(anna, 'mallory')
    taker.next(anna.now)
    const { folderId } = anna.replica
    const statements = { count: 0, lastHash: noHash, split: false }
    const say = (message: Message) => taker.receive(encodeMessage(message), anna.now)
    say({ type: 'hello', folderId, frontierHash: 'ab'.repeat(32), size: 2 ** 50, statements })
    const heads = Array.from({ length: 1_000 }, (_, index) => ({
      deviceId: 'ab'.repeat(32),
      incarnation: 'cd'.repeat(16),
      seq: index,
      hash: index.toString(16).padStart(64, '0'),
    }))
    say({ type: 'frontier', heads, last: true })
    const answers: Message[] = []
    for (let next = taker.next(anna.now); next !== undefined; next = taker.next(anna.now)) {
      answers.push(decodeMessage(next))
    }
    const wanted = answers.flatMap((message) => (message.type === 'want' ? message.items : []))
    expect(wanted).toHaveLength(1_000)
    expect(say({ type: 'done' }).strike).toBeUndefined()
    expect(taker.next(anna.now)).toBeUndefined()
    expect(taker.fault).toBeUndefined()
    expectHonest(anna, ben)
  })

  test('invalid batches: three strikes, each with what the log said', () => {
    const { anna, ben, evil } = byzantineWorld('read')
    const taker = session(anna, 'mallory')
    taker.next(anna.now)
    const { folderId } = anna.replica
    const statements = { count: 0, lastHash: noHash, split: false }
    const hello = { type: 'hello', folderId, frontierHash: noHash, size: 0, statements } as const
    taker.receive(encodeMessage(hello), anna.now)
    const before = stateOf(anna)
    for (let index = 1; index <= exchangeLimits.strikes; index++) {
      Object.assign(evil, { seq: 0, prev: undefined })
      const bytes = evil.batch([evil.revoke(anna.id)])
      const outcome = taker.receive(encodeMessage({ type: 'batch', head: evil.prev!, bytes }), anna.now)
      expect(outcome.strike).toMatchObject({ reason: 'invalid-batch' })
      expect(outcome.fault !== undefined).toBe(index === exchangeLimits.strikes)
    }
    expect(stateOf(anna)).toEqual(before)
    expectHonest(anna, ben)
  })
})

describe('I6, I12 an authority that lies', () => {
  function served(): [server: ReplicaDevice, anna: ReplicaDevice, ben: ReplicaDevice] {
    const server = new ReplicaDevice()
    const anna = new ReplicaDevice().found('server_authoritative', server)
    const ben = new ReplicaDevice()
    anna.admit(ben, 'admin')
    meet(server.open(anna.replica.folderId), anna, ben)
    server.replica.publish(server.tick())
    meet(server, anna, ben)
    return [server, anna, ben]
  }

  test.each([1, 2, 5])('a split view, %i statements long: two who meet once agree', (length) => {
    const [server, anna, ben] = served()
    const other = server.clone()
    for (let index = 0; index < length; index++) {
      for (const [side, member] of [
        [server, anna],
        [other, ben],
      ] as const) {
        member.put(`${member === anna ? 'a' : 'b'}${index}`, index)
        side.hear(member)
        side.replica.publish(side.tick())
        member.hear(side)
      }
    }
    expect([anna, ben].map(({ replica }) => replica.statements.count)).toEqual([length + 1, length + 1])
    expect(connect(anna, ben).idle).toBe(true)
    expect(digests(anna, ben)).toHaveLength(1)
    for (const { replica } of [anna, ben]) {
      expect(replica.statements.count).toBe(1)
      expect(replica.statements.splitEvidence).toHaveLength(2)
    }
    const cleo = new ReplicaDevice()
    anna.replica.grant(cleo.keys.record, 'write', anna.tick())
    cleo.open(anna.replica.folderId)
    connect(anna, cleo)
    expect(cleo.replica.statements.splitEvidence).toHaveLength(2)
    expect(digests(anna, cleo)).toHaveLength(1)
    expectHonest(anna, ben, cleo)
  })

  test('a split of different lengths', () => {
    const [server, anna, ben] = served()
    const other = server.clone()
    for (let index = 0; index < 4; index++) {
      anna.put(`a${index}`, index)
      server.hear(anna)
      server.replica.publish(server.tick())
      anna.hear(server)
    }
    ben.put('b', 1)
    other.hear(ben)
    other.replica.publish(other.tick())
    ben.hear(other)
    connect(ben, anna)
    expect(digests(anna, ben)).toHaveLength(1)
    expect(anna.replica.finalLength).toBe(ben.replica.finalLength)
    expectHonest(anna, ben)
  })

  test('withheld statements: order and tree are those without them, and right when they come', () => {
    const [server, anna, ben] = served()
    ben.now -= 1_000
    ben.put('early', 1)
    anna.put('late', 2)
    server.hear(anna)
    const withheld = server.replica.publish(server.tick())
    anna.hear(server)
    meet(anna, ben)
    ben.replica.receiveStatement(withheld!, 'server', ben.now)
    expect(digests(anna, ben)).toHaveLength(1)
    expectHonest(anna, ben)
  })

  test('statements of others count for nothing, and those who send them are charged', () => {
    const [server, anna, ben] = served()
    const before = stateOf(anna)
    anna.put('new', 1)
    server.hear(anna)
    const { statement } = server.replica.sign(server.tick())
    const evil = new EvilDevice(ben)
    const taker = session(anna, 'ben')
    const link = session(ben, 'anna')
    taker.receive(link.next(ben.now)!, anna.now)
    for (const bytes of [
      evil.statement({ ...statement, issuer: ben.id }, []),
      evil.statement(statement, []),
      evil.statement({ ...statement, index: 0, previous: noHash }, []),
    ]) {
      const outcome = taker.receive(encodeMessage({ type: 'statement', bytes }), anna.now)
      expect(outcome.strike).toMatchObject({ reason: 'invalid-statement' })
    }
    expect(taker.fault).toBeDefined()
    expect(anna.replica.finalLength).toBe(before.final)
    expectHonest(anna, ben)
  })
})
