import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { LogPeer, noon } from '../../../test/sync/support/log-peer.ts'
import { bareReplica, countMessages, SessionLink } from '../../../test/sync/support/session-link.ts'
import { fakeSuite } from '../../../test/sync/support/fake-suite.ts'
import { encodeBatch } from '../format/batch-codec.ts'
import type { Batch } from '../format/entry.ts'
import { noHash } from '../ids.ts'
import { exchangeLimits } from './exchange-limits.ts'
import { ExchangeSession } from './exchange-session.ts'
import { decodeMessage, encodeMessage } from './message-codec.ts'
import type { Message } from './message.ts'

/** What `anna` founds, each time. */
const folderId = founded().log.folderId!

function founded(): LogPeer {
  const peer = new LogPeer(1)
  peer.found()
  return peer
}

let anna: LogPeer
let ben: LogPeer

beforeEach(() => {
  anna = founded()
  ben = new LogPeer(2)
  anna.write(anna.grant(ben.record, 'write'))
  ben.join(anna)
})

function open(peer = anna): ExchangeSession {
  return new ExchangeSession(bareReplica(peer), {
    suite: fakeSuite,
    folderId: peer.log.folderId!,
    peer: 'other',
  })
}

const nothing = { count: 0, lastHash: noHash, split: false }

function hello(folder = folderId): Message {
  return { type: 'hello', folderId: folder, frontierHash: noHash, size: 0, statements: nothing }
}

function batchOf(batch: Batch): Message {
  return { type: 'batch', head: batch.entries.at(-1)!.hash, bytes: encodeBatch(batch) }
}

/** Takes all that the session has to say. */
function drain(session: ExchangeSession): Message[] {
  const messages: Message[] = []
  for (;;) {
    const bytes = session.next(noon)
    if (bytes === undefined) return messages
    messages.push(decodeMessage(bytes))
  }
}

describe('a peer that breaks the rules', () => {
  test('gets two strikes, and the session ends with the third, saying why', () => {
    const session = open()
    drain(session)
    const junk = new Uint8Array([1])
    for (let strike = 1; strike < exchangeLimits.strikes; strike++) {
      const outcome = session.receive(junk, noon)
      expect(outcome).toMatchObject({ strike: { reason: 'malformed' }, fault: undefined })
    }
    expect(session.receive(junk, noon).fault).toMatchObject({ by: 'us', reason: 'malformed' })
    expect(session.idle).toBe(false)
    expect(drain(session)).toEqual([{ type: 'fault', reason: 'malformed' }])
    expect(session.idle).toBe(true)
    expect(session.waiting).toBe(false)
    const later = session.receive(encodeMessage(hello()), noon)
    expect(later).toMatchObject({ strike: undefined, fault: { reason: 'malformed' } })
    expect(drain(session)).toEqual([])
  })

  test('another folder or version ends it at once', () => {
    const foreign = open()
    expect(foreign.receive(encodeMessage(hello('ab'.repeat(32))), noon).fault?.reason).toBe('foreign-folder')
    const newer = open()
    // {0: 1, 1: 2}
    expect(newer.receive(new Uint8Array([0xa2, 0, 1, 1, 2]), noon).fault?.reason).toBe('version')
    expect(drain(newer)).toEqual([{ type: 'fault', reason: 'version' }])
  })

  test('the fault of the other side ends it silently', () => {
    const session = open()
    drain(session)
    const outcome = session.receive(encodeMessage({ type: 'fault', reason: 'version' }), noon)
    expect(outcome.fault).toMatchObject({ by: 'peer', reason: 'version' })
    expect(drain(session)).toEqual([])
    expect(session.idle).toBe(true)
  })

  const head = { deviceId: noHash, incarnation: '0'.repeat(32), seq: 0, hash: noHash }
  const page: Message = { type: 'frontier', heads: [head], last: true }
  test.each<[string, Message[], Message]>([
    ['frontier', [], page],
    ['want', [], { type: 'want', items: [], last: true }],
    ['batch', [], { type: 'batch', head: noHash, bytes: new Uint8Array(1) }],
    ['statement', [], { type: 'statement', bytes: new Uint8Array(1) }],
    ['done', [], { type: 'done' }],
    ['ask', [], { type: 'ask', statements: nothing, frontier: true }],
    ['hello', [hello()], hello()],
    ['done', [hello()], { type: 'done' }],
    ['ask', [hello()], { type: 'ask', statements: nothing, frontier: true }],
    ['frontier', [hello(), page], page],
    ['want', [hello(), { type: 'want', items: [], last: true }], { type: 'want', items: [], last: true }],
  ])('%s where it has no place is a strike', (_type, before, message) => {
    const session = open()
    drain(session)
    for (const one of before) expect(session.receive(encodeMessage(one), noon).strike).toBeUndefined()
    drain(session)
    expect(session.receive(encodeMessage(message), noon).strike?.reason).toBe('unexpected')
  })

  test('a frontier out of order', () => {
    const session = open()
    drain(session)
    session.receive(encodeMessage(hello()), noon)
    const twice: Message = { type: 'frontier', heads: [head, head], last: false }
    expect(session.receive(encodeMessage(twice), noon).strike?.reason).toBe('malformed')
  })

  test('asks for a head that was never offered', () => {
    const session = open()
    drain(session)
    session.receive(encodeMessage(hello()), noon)
    const want: Message = { type: 'want', items: [{ head: 'ab'.repeat(32), locator: [] }], last: true }
    expect(session.receive(encodeMessage(want), noon).strike?.reason).toBe('unknown-head')
  })

  test('names entries of others as its own: it gets what it asked for all the same', () => {
    const session = open()
    drain(session)
    session.receive(encodeMessage(hello()), noon)
    const { hash } = anna.lastEntry()
    const foreign = ['ab'.repeat(32), ben.log.branchHeads()[0]!.hash].slice(0, 1)
    session.receive(
      encodeMessage({ type: 'want', items: [{ head: hash, locator: foreign }], last: true }),
      noon,
    )
    expect(drain(session).map(({ type }) => type)).toEqual(['frontier', 'batch', 'batch', 'done'])
  })

  test('asks for more heads than there are', () => {
    const session = open()
    drain(session)
    session.receive(encodeMessage(hello()), noon)
    const item = { head: anna.lastEntry().hash, locator: [] }
    const want = (last: boolean): Message => ({ type: 'want', items: [item], last })
    expect(anna.log.frontier()).toHaveLength(1)
    expect(session.receive(encodeMessage(want(false)), noon).strike).toBeUndefined()
    expect(session.receive(encodeMessage(want(false)), noon).strike?.reason).toBe('too-large')
  })

  test('says anything in any order: nothing throws, nothing of it is taken, and it ends', () => {
    const known = [noHash, 'ab'.repeat(32), ...anna.log.frontier().map(({ hash }) => hash)]
    const hash = fc.constantFrom(...known)
    const statements = fc.record({ count: fc.nat(3), lastHash: hash, split: fc.boolean() })
    const chainHead = fc.record({
      deviceId: hash,
      incarnation: fc.constant('0'.repeat(32)),
      seq: fc.nat(5),
      hash,
    })
    const items = fc.array(fc.record({ head: hash, locator: fc.array(hash, { maxLength: 3 }) }), {
      maxLength: 3,
    })
    const some = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...anna.written))
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({
        type: fc.constant('hello' as const),
        folderId: fc.constant(folderId),
        frontierHash: hash,
        size: fc.nat(),
        statements,
      }),
      fc.record({
        type: fc.constant('frontier' as const),
        heads: fc.array(chainHead, { maxLength: 3 }),
        last: fc.boolean(),
      }),
      fc.record({ type: fc.constant('want' as const), items, last: fc.boolean() }),
      fc.record({ type: fc.constant('batch' as const), head: hash, bytes: some }),
      fc.record({ type: fc.constant('statement' as const), bytes: some }),
      fc.record({ type: fc.constant('done' as const) }),
      fc.record({ type: fc.constant('ask' as const), statements, frontier: fc.boolean() }),
    )
    const { size } = anna.log
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), fc.boolean(), (messages, isEager) => {
        const session = open()
        for (const one of messages) {
          session.receive(encodeMessage(one), noon)
          const said = isEager ? drain(session) : []
          expect(said.length).toBeLessThan(20)
        }
        expect(drain(session).length).toBeLessThan(20)
        expect(session.next(noon)).toBeUndefined()
        expect(anna.log.size).toBe(size)
      }),
      { numRuns: 300 },
    )
  })

  test('asks for one branch of a fork only: it gets what that branch came from, causes first', () => {
    ben.write(ben.operation('common'))
    anna.pull(ben)
    const twin = ben.writer.twin()
    ben.write(ben.operation('left'))
    anna.pull(ben)
    const right = twin.write([ben.operation('right')], ben.tick())
    anna.log.accept(right, 'twin', noon)
    const session = open()
    drain(session)
    session.receive(encodeMessage(hello()), noon)
    const { hash } = right.entries[0]!
    session.receive(encodeMessage({ type: 'want', items: [{ head: hash, locator: [] }], last: true }), noon)
    const heads = drain(session).flatMap((message) => (message.type === 'batch' ? [message.head] : []))
    expect(heads.map((head) => anna.log.entry(head)!.deviceId)).toEqual([ben.id, ben.id, ben.id])
    expect(heads.map((head) => anna.log.entry(head)!.seq)).toEqual([0, 1, 1])
    expect(heads).toContain(hash)
  })

  test('I9: sends invalid batches: nothing is taken, it is charged with the reason of the log', () => {
    const session = open()
    drain(session)
    const outsider = new LogPeer(9)
    outsider.join(anna)
    // Nobody granted the outsider anything.
    const batch = outsider.writer.write([outsider.operation()], outsider.tick(), outsider.parents())
    session.receive(encodeMessage(hello()), noon)
    const size = anna.log.size
    const outcome = session.receive(encodeMessage(batchOf(batch)), noon)
    expect(outcome.strike).toMatchObject({ reason: 'invalid-batch' })
    expect(outcome.strike?.detail).toMatch(/^role: /)
    expect(outcome.changed).toBe(false)
    expect(anna.log.size).toBe(size)
  })

  test('is charged for what proved invalid later, if the replica says so', () => {
    const session = open()
    for (let strike = 0; strike < 2; strike++) expect(session.charge('role: late')).toBeUndefined()
    expect(session.charge('role: late')).toMatchObject({ by: 'us', reason: 'invalid-batch' })
  })
})

describe('entries whose causes did not come', () => {
  test('lead to one more round that brings them', () => {
    const link = SessionLink.between(anna, ben).run(noon)
    anna.write(anna.operation('lost'))
    const lost = anna.lastEntry()
    link.left.session.changed()
    // What the link loses without noticing: the message is taken and never arrives.
    link.left.session.next(noon)
    anna.write(anna.operation('after'))
    link.left.session.changed()
    link.run(noon)
    expect(ben.log.entry(lost.hash)).toBeDefined()
    expect(ben.log.frontier()).toEqual(anna.log.frontier())
    expect(ben.log.pending.entries).toBe(0)
    expect(countMessages(link.right)).toEqual({ hello: 1, ask: 1, want: 1 })
    expect(link.idle).toBe(true)
  })

  test('that no round can bring are not asked for for ever', () => {
    // A clock an hour ahead: what follows waits until then.
    const link = SessionLink.between(anna, ben).run(noon)
    ben.now += 3_600_000
    for (let index = 0; index < 50; index++) {
      ben.write(ben.operation('ahead'))
      link.right.session.changed()
      link.run(noon)
    }
    expect(link.idle).toBe(true)
    expect(link.left.session.fault).toBeUndefined()
    expect(countMessages(link.left)['ask'] ?? 0).toBeLessThan(8)
    // Then it is taken, and the two are equal without another word.
    anna.log.settle(noon + 3_700_000)
    link.changed().run(noon + 3_700_000)
    link.left.session.compareAgain()
    link.run(noon + 3_700_000)
    expect(anna.log.frontier()).toEqual(ben.log.frontier())
    expect(link.idle).toBe(true)
  })
})
