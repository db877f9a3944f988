import { beforeEach, describe, expect, test } from 'vitest'
import { allBatches, LogPeer } from '../../../test/sync/support/log-peer.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import type { Revoke } from '../format/membership.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { compareHeads } from '../format/statement-codec.ts'
import { Log } from './log.ts'

let anna: LogPeer
let ben: LogPeer

beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  anna.found()
  anna.admit(ben)
})

test('a log begins with genesis and grows by what members write', () => {
  expect(anna.log.folderId).toBe(anna.log.chainEntries(0, 0)[0]!.hash)
  expect(anna.log.genesis).toMatchObject({ mode: 'peer', authority: undefined })
  ben.write(ben.operation('c'))
  anna.pull(ben)
  expect(anna.log.frontier()).toEqual(ben.log.frontier())
  expect(anna.log.heads().map(({ hash }) => hash)).toEqual([ben.lastEntry().hash])
})

test('the frontier has the head of each chain, sorted', () => {
  ben.write(ben.operation())
  anna.pull(ben)
  const frontier = anna.log.frontier()
  expect(frontier).toEqual(frontier.toSorted(compareHeads))
  expect(frontier.map(({ hash }) => hash).toSorted()).toEqual([anna.writer.prev, ben.writer.prev].toSorted())
})

test('the joint past of unknown entries is unknown', () => {
  expect(anna.log.closure(['ab'.repeat(32)])).toBeUndefined()
  expect(anna.log.closure([])).toEqual([])
})

test('bodies of memberships are read back, those of operations are sealed', () => {
  anna.write(anna.revoke(ben.id))
  const revoke = anna.lastEntry()
  expect((anna.log.body(revoke) as Revoke).deviceId).toBe(ben.id)
  expect(anna.log.memberships().map(({ kind }) => kind)).toEqual(['genesis', 'grant', 'revoke'])
  anna.write(anna.rekey(), anna.operation('x', [...anna.epochKeys.keys()].at(-1)))
  expect(() => anna.log.body(anna.lastEntry())).toThrow(RangeError)
})

test('bodies of many memberships are all found again', () => {
  for (let count = 0; count < 100; count++) anna.write(anna.revoke(count.toString(16).padStart(64, '0')))
  const named = () =>
    anna.log.memberships().flatMap((entry) => {
      const body = anna.log.body(entry)
      return entry.kind === 'revoke' && 'deviceId' in body ? [body.deviceId] : []
    })
  expect(named()).toEqual(Array.from({ length: 100 }, (_, count) => count.toString(16).padStart(64, '0')))
  expect(named()).toHaveLength(100)
})

test('a device’s keys are those of its last grant', () => {
  expect(anna.log.membership.recordOf(ben.id, anna.log.heads())).toEqual(ben.record)
  expect(anna.log.membership.recordOf('ab'.repeat(32), anna.log.heads())).toBeUndefined()
  expect(anna.log.membership.recordOf(ben.id, [anna.log.chainEntries(0, 0)[0]!])).toBeUndefined()
  expect(anna.log.membership.devices()).toEqual([anna.id, ben.id].toSorted())
})

describe('reading back', () => {
  test('an entry is read back as it was taken', () => {
    const batch = decodeBatch(ben.suite, ben.write(ben.operation('a'), ben.operation('b')))
    anna.pull(ben)
    for (const record of batch.entries) expect(anna.log.record(anna.log.entry(record.hash)!)).toEqual(record)
  })

  test('the batches of a chain are sent as they came, the first cut to what is asked', () => {
    const first = ben.write(ben.operation('a'), ben.operation('b'), ben.operation('c'))
    const second = ben.write(ben.operation('d'))
    const { branch } = ben.lastEntry()
    expect([...ben.log.batchesFrom(branch, 0)].map(({ bytes }) => bytes)).toEqual([first, second])
    expect([...ben.log.batchesFrom(branch, 3)].map(({ bytes }) => bytes)).toEqual([second])
    const [cut, rest] = [...ben.log.batchesFrom(branch, 1)]
    expect(decodeBatch(ben.suite, cut!.bytes).entries.map(({ meta }) => meta.seq)).toEqual([1, 2])
    expect(cut!.first.seq).toBe(1)
    expect(rest!.bytes).toEqual(second)
    expect([...ben.log.batchesFrom(branch, 4)]).toEqual([])
    expect([...ben.log.batchesFrom(99, 0)]).toEqual([])
  })

  test('I12: the line to a forked branch leads through the one that it left', () => {
    ben.write(ben.operation('a'))
    const clone = ben.clone()
    const clock = ben.tick()
    const shared = ben.operation('b')
    const parents = ben.parents()
    const long = ben.forge([shared, ben.operation('left')], clock, parents)
    anna.pull(ben)
    anna.receive(long)
    const short = clone.writer.write([shared], clock, parents)
    clone.log.accept(short, 'me', clone.now)
    clone.write(clone.operation('right'))
    anna.pull(clone)
    const head = anna.log.entry(clone.writer.prev)!
    const line = anna.log.chainEntries(head.branch, 0)
    expect(line.map(({ seq }) => seq)).toEqual([0, 1, 2])
    expect(line[1]!.branch).not.toBe(head.branch)
    expect(anna.log.chainEntries(head.branch, 2)).toEqual([head])
    const sent = [...anna.log.batchesFrom(head.branch, 1)]
    expect(sent.map(({ first }) => first.seq)).toEqual([1, 2])
    expect(sent[0]!.bytes).toEqual(long)
    const cleo = new LogPeer(3)
    cleo.join(anna)
    expect(cleo.log.frontier()).toEqual(anna.log.frontier())
  })
})

describe('opening', () => {
  const load = (store: MemoryStore) => {
    const log = new Log(anna.suite, store)
    const loaded = [...store.records()].flatMap((record) => log.load(record))
    return { log, loaded }
  }

  test('gives back all entries with their records, and appends nothing', () => {
    ben.write(ben.operation('a'), ben.operation('b'))
    anna.pull(ben)
    const before = [...anna.store.records()]
    const { log, loaded } = load(anna.store)
    expect(loaded).toHaveLength(anna.log.size)
    expect(loaded.every(({ entry, record }) => entry.hash === record.hash)).toBe(true)
    expect(log.memberships().map(({ hash }) => hash)).toEqual(anna.log.memberships().map(({ hash }) => hash))
    expect([...anna.store.records()]).toEqual(before)
    expect(log.record(log.entry(ben.writer.prev)!)).toEqual(anna.log.record(anna.log.entry(ben.writer.prev)!))
  })

  test('passes over records that are no batches', () => {
    expect(anna.log.load({ number: 9, type: 'statement', bytes: new Uint8Array(3) })).toEqual([])
  })

  test.each([
    ['changed', (bytes: Uint8Array) => bytes.map((byte, index) => (index === 60 ? byte ^ 1 : byte))],
    ['cut short', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ['empty', () => new Uint8Array(0)],
  ])('a record that is %s is named, and what to do', (_, damage) => {
    const store = new MemoryStore()
    for (const { number, bytes } of anna.store.records()) {
      store.append('batch', number === 1 ? damage(bytes) : bytes)
    }
    expect(() => load(store)).toThrow(expect.objectContaining({ code: 'SYNC_LOG_CORRUPT' }))
  })

  test('a record of another folder is named', () => {
    const other = new LogPeer(5)
    other.found()
    other.write(other.operation())
    for (const { bytes } of other.store.records()) {
      const record = { number: 77, type: 'batch', bytes } as const
      expect(() => anna.log.load(record)).toThrow(/record 77 of the log/)
    }
  })

  test('a record whose causes are missing is named too', () => {
    ben.write(ben.operation())
    anna.pull(ben)
    const store = new MemoryStore()
    for (const { number, bytes } of anna.store.records()) if (number !== 1) store.append('batch', bytes)
    expect(() => load(store)).toThrow(/record 1 of the log/)
  })
})

test('a store that takes nothing leaves the log as it was', () => {
  const full = new MemoryStore()
  const log = new Log(anna.suite, full)
  const batches = allBatches(anna.log)
  log.accept(batches[0]!, 'anna', anna.now)
  full.close()
  const before = [log.size, log.heads(), log.frontier()]
  expect(() => log.accept(batches[1]!, 'anna', anna.now)).toThrow(/closed/)
  expect([log.size, log.heads(), log.frontier()]).toEqual(before)
})
