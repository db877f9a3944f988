import { beforeEach, describe, expect, test } from 'vitest'
import { allBatches, LogPeer } from '../../../test/sync/support/log-peer.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { decodeBatch, encodeBatch, trimBatch } from '../format/batch-codec.ts'
import { clockAheadMs } from './intake.ts'

let anna: LogPeer
let ben: LogPeer

beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  anna.found()
  anna.admit(ben)
})

const hashes = (outcome: { accepted: readonly { entry: { hash: string } }[] }) =>
  outcome.accepted.map(({ entry }) => entry.hash)

describe('I9 authenticity: a batch that was changed on its way', () => {
  test('every changed byte is refused, and nothing is kept of it', () => {
    const bytes = ben.write(ben.operation('a'), ben.operation('b'))
    const { size } = anna.log
    const taken: number[] = []
    for (let index = 0; index < bytes.length; index++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[index]! ^= change
        const { refused, accepted, pending, held } = anna.receive(changed)
        if (refused === undefined || accepted.length + pending + held.length > 0) taken.push(index)
      }
    }
    expect(taken).toEqual([])
    expect([anna.log.size, anna.log.pending.entries, anna.log.held.entries]).toEqual([size, 0, 0])
    expect(anna.receive(bytes).accepted).toHaveLength(2)
  })

  test('a shortened or lengthened one is refused', () => {
    const bytes = ben.write(ben.operation())
    for (let length = 0; length < bytes.length; length++) {
      expect(anna.receive(bytes.subarray(0, length)).refused).toBeDefined()
    }
    expect(anna.receive(Uint8Array.of(...bytes, 0)).refused?.reason).toBe('malformed')
  })

  test('entries taken off the end leave nothing that is signed', () => {
    const batch = decodeBatch(ben.suite, ben.write(ben.operation('a'), ben.operation('b')))
    const cut = encodeBatch({ ...batch, entries: batch.entries.slice(0, 1) })
    expect(anna.receive(cut).refused).toMatchObject({ reason: 'signature', deviceId: ben.id })
  })

  test('a signature for one batch is none for another', () => {
    const one = decodeBatch(ben.suite, ben.forge([ben.operation('a')]))
    const other = decodeBatch(ben.suite, ben.forge([ben.operation('b')]))
    const mixed = encodeBatch({ ...one, signature: other.signature })
    expect(anna.receive(mixed).refused?.reason).toBe('signature')
  })

  test('nobody is “me” by calling itself so', () => {
    const batch = decodeBatch(ben.suite, ben.forge([ben.operation()]))
    const unsigned = encodeBatch({ ...batch, signature: new Uint8Array(64) })
    expect(anna.receive(unsigned, 'me').refused?.reason).toBe('signature')
  })

  test('a batch object of another is checked like its bytes', () => {
    const batch = decodeBatch(ben.suite, ben.forge([ben.operation('a')]))
    const entry = { ...batch.entries[0]!, body: new Uint8Array(batch.entries[0]!.body.length) }
    expect(anna.log.accept({ ...batch, entries: [entry] }, 'ben', anna.now).refused?.reason).toBe('hash')
  })

  test('the real suite refuses and accepts alike', () => {
    const [founder, member] = [new LogPeer(1, { suite: nodeSuite }), new LogPeer(2, { suite: nodeSuite })]
    founder.found()
    founder.admit(member)
    const bytes = member.write(member.operation())
    const changed = bytes.slice()
    changed[bytes.length - 1]! ^= 1
    expect(founder.receive(changed).refused?.reason).toBe('signature')
    expect(founder.receive(bytes).accepted).toHaveLength(1)
    expect(founder.log.frontier()).toEqual(member.log.frontier())
  })
})

describe('I15 idempotence', () => {
  test('a batch again changes nothing', () => {
    const bytes = ben.write(ben.operation('a'), ben.operation('b'))
    anna.receive(bytes)
    const records = [...anna.store.records()].length
    expect(anna.receive(bytes)).toMatchObject({ accepted: [], known: 2, refused: undefined })
    expect([...anna.store.records()]).toHaveLength(records)
  })

  test('of a batch whose beginning is known only the rest is taken', () => {
    const contents = ['a', 'b', 'c'].map((name) => ben.operation(name))
    const clock = ben.tick()
    const parents = ben.parents()
    const short = ben.forge(contents.slice(0, 2), clock, parents)
    const long = ben.forge(contents, clock, parents)
    expect(anna.receive(short).accepted).toHaveLength(2)
    expect(anna.receive(long)).toMatchObject({ known: 2, refused: undefined })
    expect(anna.log.size).toBe(5)
    expect(anna.receive(short)).toMatchObject({ known: 2, accepted: [] })
    const again = new LogPeer(7)
    again.join(anna)
    expect(again.log.frontier()).toEqual(anna.log.frontier())
  })

  test('a batch without its known beginning is taken', () => {
    const batch = decodeBatch(
      ben.suite,
      ben.write(ben.operation('a'), ben.operation('b'), ben.operation('c')),
    )
    const tail = encodeBatch(trimBatch(batch, 2))
    expect(anna.receive(tail)).toMatchObject({ pending: 1, missing: [batch.entries[1]!.hash] })
    expect(hashes(anna.receive(encodeBatch(batch)))).toEqual(batch.entries.map(({ hash }) => hash))
    expect(anna.log.pending.entries).toBe(0)
  })
})

describe('batches that come before their causes', () => {
  test('wait, and come in at once when these are here', () => {
    const cleo = new LogPeer(3)
    anna.admit(cleo)
    const batches = [ben.write(ben.operation()), ben.write(ben.operation())]
    cleo.pull(ben)
    batches.push(cleo.write(cleo.operation()))
    const dora = new LogPeer(4)
    dora.join(anna)
    const [first, second, third] = batches
    expect(dora.receive(third!)).toMatchObject({ pending: 1, accepted: [] })
    expect(dora.log.pending.missing).toEqual([ben.lastEntry().hash])
    expect(dora.receive(second!)).toMatchObject({ pending: 1 })
    expect(dora.receive(second!)).toMatchObject({ pending: 1 })
    expect(dora.log.pending.entries).toBe(2)
    expect(dora.receive(first!).accepted).toHaveLength(3)
    expect(dora.log.pending).toEqual({ entries: 0, missing: [] })
    expect(dora.log.frontier()).toEqual(cleo.log.frontier())
  })

  test('are kept as they came, whatever becomes of the memory that they came in', () => {
    const first = ben.write(ben.operation())
    const second = Buffer.from(ben.write(ben.operation()))
    anna.receive(second)
    second.fill(0)
    expect(anna.receive(first).accepted).toHaveLength(2)
  })

  test('name what they need next, once each, and nothing that is here', () => {
    const cleo = new LogPeer(3)
    anna.admit(cleo)
    const first = ben.write(ben.operation())
    const other = cleo.write(cleo.operation())
    const lost = ben.write(ben.operation())
    cleo.pull(ben)
    const third = cleo.write(cleo.operation())
    const dora = new LogPeer(4)
    dora.join(anna)
    for (const bytes of [third, lost]) dora.receive(bytes)
    const outcomes = [other, first].map((bytes) => dora.receive(bytes))
    const needed = decodeBatch(ben.suite, lost).entries[0]!
    expect(outcomes.map(({ missing }) => missing)).toEqual([[needed.hash], []])
    expect(dora.log.frontier()).toEqual(cleo.log.frontier())
  })

  test('and are not valid in the end are charged to their sender', () => {
    const missing = anna.write(anna.grant(ben.record, 'read'))
    ben.pull(anna)
    const bad = ben.forge([ben.operation()])
    const cleo = new LogPeer(3)
    cleo.log.expectFolder(anna.log.folderId!)
    for (const bytes of allBatches(anna.log)) if (bytes.length !== missing.length) cleo.receive(bytes)
    const records = [...anna.store.records()]
    cleo.receive(bad, 'ben')
    const late = records.flatMap(({ bytes }) => cleo.receive(bytes, 'anna').refusedLater)
    expect(late).toMatchObject([{ source: 'ben', reason: 'role', deviceId: ben.id }])
    expect(cleo.log.frontier()).toEqual(anna.log.frontier())
  })

  test('I13: are dropped and named when one sender has too many', () => {
    const waiting = { sourceEntries: 3, sourceBytes: 1e6, allEntries: 100, allBytes: 1e6 }
    const cleo = new LogPeer(3, { waiting })
    cleo.log.expectFolder(anna.log.folderId!)
    const sent = ['a', 'b', 'c', 'd'].map((name) => ben.write(ben.operation(name)))
    const dropped = sent.flatMap((bytes) => cleo.receive(bytes, 'ben').dropped)
    expect(dropped).toEqual([{ source: 'ben', deviceId: ben.id, entries: 1 }])
    cleo.pull(anna)
    expect(cleo.log.pending.entries).toBe(3)
    expect(cleo.receive(sent[0]!).accepted).toHaveLength(4)
  })

  test('are verified before they are kept', () => {
    const cleo = new LogPeer(3)
    cleo.log.expectFolder(anna.log.folderId!)
    const bytes = ben.write(ben.operation())
    bytes[bytes.length - 1]! ^= 1
    expect(cleo.receive(bytes)).toMatchObject({ pending: 0, refused: { reason: 'signature' } })
  })
})

describe('clocks far ahead', () => {
  const ahead = (ms: number) => {
    ben.now = anna.now + ms
    return ben.write(ben.operation())
  }

  test('five minutes are let in', () => {
    expect(anna.receive(ahead(clockAheadMs)).accepted).toHaveLength(1)
  })

  test('one millisecond more is held, named, and let in when its time has come', () => {
    const bytes = ahead(clockAheadMs + 1)
    const { now } = anna
    expect(anna.receive(bytes)).toMatchObject({ accepted: [], held: [{ deviceId: ben.id, ms: now + 1 }] })
    expect(anna.receive(bytes).held).toHaveLength(1)
    expect(anna.log.held).toEqual({ entries: 1, next: now + 1 })
    expect(anna.log.settle(now).accepted).toEqual([])
    expect(anna.log.settle(now + 1).accepted).toHaveLength(1)
    expect(anna.log.held).toEqual({ entries: 0, next: undefined })
  })

  test('a held one that still lacks its causes goes on waiting for them', () => {
    const causes = ben.write(ben.operation())
    const bytes = ahead(clockAheadMs + 5)
    anna.receive(bytes, 'ben')
    const settled = anna.log.settle(anna.now + 5)
    expect(settled.missing).toHaveLength(1)
    expect(anna.receive(causes).accepted).toHaveLength(2)
  })

  test('own entries are never held: a clock that was set back must not stop its user', () => {
    ahead(10 * clockAheadMs)
    ben.now = anna.now
    ben.write(ben.operation())
    expect(ben.log.held.entries).toBe(0)
    expect(ben.lastEntry().hlc.ms).toBeGreaterThan(anna.now + clockAheadMs)
  })

  test('a clock far behind only counts on from what it has seen', () => {
    ben.now = 0
    expect(anna.receive(ben.write(ben.operation())).accepted).toHaveLength(1)
  })
})
