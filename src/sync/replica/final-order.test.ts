import { describe, expect, test } from 'vitest'
import { EvilDevice } from '../../../test/sync/support/evil-device.ts'
import {
  batchesOf,
  digests,
  meet,
  ReplicaDevice,
  statementsOf,
} from '../../../test/sync/support/replica-device.ts'
import { decodeAuthorityStatement } from '../format/statement-codec.ts'
import type { Statement } from '../format/statement.ts'
import { noHash } from '../ids.ts'

/** A server that is the authority, and a member, with one published statement over what both have. */
function served(): [server: ReplicaDevice, anna: ReplicaDevice] {
  const server = new ReplicaDevice()
  const anna = new ReplicaDevice().found('server_authoritative', server)
  server.hear(anna)
  publish(server, anna)
  return [server, anna]
}

function publish(server: ReplicaDevice, ...hearers: ReplicaDevice[]): Uint8Array {
  const bytes = server.replica.publish(server.tick())
  for (const hearer of hearers) hearer.hear(server)
  if (bytes === undefined) throw new Error('nothing to publish')
  return bytes
}

function outcome(device: ReplicaDevice, bytes: Uint8Array): string {
  return device.replica.receiveStatement(bytes, 'other', device.now).outcome
}

/** Everything that a refused statement must leave as it is. */
function state({ replica }: ReplicaDevice) {
  const { statements, finalLength } = replica
  return { ...replica.digest(), finalLength, count: statements.count, last: statements.lastHash }
}

describe('a chain of statements', () => {
  test('grows with what is published; what is known is known', () => {
    const [server, anna] = served()
    anna.put('a', 1)
    server.hear(anna)
    const bytes = publish(server)
    expect(outcome(anna, bytes)).toBe('accepted')
    expect(outcome(anna, bytes)).toBe('known')
    expect(anna.replica.statements.count).toBe(2)
    expect(anna.replica.finalLength).toBe(2)
    expect(decodeAuthorityStatement(bytes).changedHeads).toHaveLength(1)
  })

  test('one whose entries are not all here waits, and can be asked for again', () => {
    const [server, anna] = served()
    server.put('a', 1)
    const bytes = publish(server)
    const before = state(anna)
    expect(outcome(anna, bytes)).toBe('waiting')
    expect(state(anna)).toEqual(before)
    anna.hear(server)
    expect(outcome(anna, bytes)).toBe('known')
    expect(anna.replica.finalLength).toBe(2)
  })

  test('one after a gap cannot be taken yet', () => {
    const [server, anna] = served()
    server.put('a', 1)
    const second = publish(server)
    server.put('b', 1)
    const third = publish(server)
    expect(outcome(anna, third)).toBe('gap')
    anna.hear(server)
    expect([second, third].map((bytes) => outcome(anna, bytes))).toEqual(['known', 'known'])
  })

  test('before the first entry nothing can be judged', () => {
    const [server, anna] = served()
    const ben = new ReplicaDevice().open(anna.replica.folderId)
    expect(outcome(ben, statementsOf(server)[0]!)).toBe('waiting')
  })

  test('in peer mode there is no authority', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const evil = new EvilDevice(anna!)
    const { statement } = anna!.replica.sign(anna!.tick())
    expect(outcome(ben!, evil.statement(statement, []))).toBe('refused-issuer')
  })

  test('offline work lands behind what is published, whatever its clock says', () => {
    const [server, anna] = served()
    const ben = new ReplicaDevice()
    anna.admit(ben, 'write')
    server.hear(anna)
    publish(server, anna, ben)
    ben.now -= 200_000
    anna.put('first', 1)
    ben.put('offline', 2)
    server.hear(anna)
    publish(server, anna)
    const published = anna.replica.order.slice(0, anna.replica.finalLength)
    meet(server, anna, ben)
    publish(server, anna, ben)
    expect(anna.replica.order.slice(0, published.length)).toEqual(published)
    expect(anna.replica.order.at(-1)?.deviceId).toBe(ben.id)
    expect(digests(server, anna, ben)).toHaveLength(1)
  })

  test('without the authority everybody writes on, and nothing more is final', () => {
    const [server, anna] = served()
    const ben = new ReplicaDevice()
    anna.admit(ben, 'write')
    anna.put('a', 1)
    ben.put('b', 2)
    meet(anna, ben)
    expect(anna.replica.finalLength).toBe(1)
    expect(digests(anna, ben)).toHaveLength(1)
    server.hear(ben)
    publish(server, anna, ben)
    expect(anna.replica.finalLength).toBe(anna.replica.log.size)
    expect(digests(server, anna, ben)).toHaveLength(1)
  })

  test('opened again from the store: the same digest, the same final length', () => {
    const [server, anna] = served()
    const ben = new ReplicaDevice()
    anna.admit(ben, 'write')
    for (let round = 0; round < 5; round++) {
      ben.put(`b${round}`, round)
      anna.put(`a${round}`, round)
      server.hear(round % 2 === 0 ? ben : anna)
      publish(server, anna)
    }
    ben.hear(anna)
    for (const device of [server, anna, ben]) {
      device.replica.commit()
      const before = state(device)
      device.crash()
      expect(state(device)).toEqual(before)
      expect(before.count).toBe(6)
    }
    expect(outcome(server.crash(), statementsOf(anna)[3]!)).toBe('known')
  })
})

describe('a statement that is not right', () => {
  /** A true statement of the server that anna has not heard, to be changed. */
  function next() {
    const [server, anna] = served()
    anna.put('a', 1)
    server.hear(anna)
    const before = state(anna)
    const { signed, changedHeads } = decodeAuthorityStatement(publish(server))
    const evil = new EvilDevice(server)
    const tell = (more: Partial<Statement>, heads = changedHeads) =>
      outcome(anna, evil.statement({ ...signed.statement, ...more }, heads))
    return { server, anna, before, tell, statement: signed.statement, changedHeads }
  }

  test.each<[string, (statement: Statement) => Partial<Statement>, string]>([
    ['another root of the log', () => ({ logRoot: 'ab'.repeat(32) }), 'refused-roots'],
    ['another root of the map', () => ({ mapRoot: 'ab'.repeat(32) }), 'refused-roots'],
    ['a smaller size', ({ size }) => ({ size: size - 1 }), 'refused-roots'],
    ['a larger size', ({ size }) => ({ size: size + 1 }), 'refused-roots'],
    ['another frontier', () => ({ frontierHash: 'ab'.repeat(32) }), 'refused-frontier'],
    ['another one before it', () => ({ previous: 'ab'.repeat(32) }), 'refused-chain'],
    ['a clock that is not above', () => ({ hlc: { ms: 1, counter: 0 } }), 'refused-chain'],
    ['another folder', () => ({ folderId: 'ab'.repeat(32) }), 'refused-folder'],
    ['a gap', ({ index }) => ({ index: index + 1 }), 'gap'],
  ])('%s', (_, change, expected) => {
    const { anna, before, tell, statement } = next()
    expect(tell(change(statement))).toBe(expected)
    expect(state(anna)).toEqual(before)
    expect(tell({})).toBe('accepted')
    expect(anna.replica.finalLength).toBe(2)
  })

  test('heads that are left out, or that nobody has', () => {
    const { anna, before, tell, changedHeads } = next()
    expect(tell({}, [])).toBe('refused-frontier')
    const [head] = changedHeads
    expect(tell({}, [{ ...head!, hash: 'ab'.repeat(32) }])).toBe('refused-frontier')
    expect(state(anna)).toEqual(before)
  })

  test('by another member, with its own key or with the name of the authority', () => {
    const { anna, before, statement, changedHeads } = next()
    const ben = new ReplicaDevice()
    const evil = new EvilDevice(anna, ben.keys)
    expect(outcome(anna, evil.statement({ ...statement, issuer: ben.id }, changedHeads))).toBe(
      'refused-issuer',
    )
    expect(outcome(anna, evil.statement(statement, changedHeads))).toBe('refused-signature')
    expect(state(anna)).toEqual(before)
  })

  test('a bit that changed anywhere', () => {
    const { server, anna, before } = next()
    const bytes = statementsOf(server).at(-1)!
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1 << (at % 8)
      expect(outcome(anna, changed)).toMatch(/^refused-/)
    }
    expect(state(anna)).toEqual(before)
    expect(outcome(anna, bytes)).toBe('accepted')
  })

  test('a member without keys cannot see a wrong map, and is not misled about the order', () => {
    const { server, anna, statement, changedHeads } = next()
    const cache = new ReplicaDevice().open(anna.replica.folderId)
    cache.hear(anna)
    const evil = new EvilDevice(server)
    expect(outcome(cache, evil.statement({ ...statement, logRoot: noHash }, changedHeads))).toBe(
      'refused-roots',
    )
    expect(outcome(cache, evil.statement({ ...statement, mapRoot: noHash }, changedHeads))).toBe('accepted')
  })
})

describe('a statement taken without the keys', () => {
  function joiner(map?: string) {
    const [server, anna] = served()
    anna.put('a', 1)
    server.hear(anna)
    const { signed, changedHeads } = decodeAuthorityStatement(publish(server))
    const cleo = new ReplicaDevice().open(anna.replica.folderId)
    cleo.hear(anna)
    const told = { ...signed.statement, ...(map !== undefined && { mapRoot: map }) }
    const bytes = new EvilDevice(server).statement(told, changedHeads)
    expect([cleo.replica.closed, outcome(cleo, bytes)]).toEqual([1, 'accepted'])
    anna.replica.grant(cleo.keys.record, 'write', anna.tick())
    for (const batch of batchesOf(anna, cleo)) cleo.receive(batch)
    expect(cleo.replica.closed).toBe(0)
    return { anna, cleo, bytes }
  }

  test('and true counts on when they come', () => {
    const { anna, cleo, bytes } = joiner()
    expect(outcome(anna, bytes)).toBe('accepted')
    expect(state(cleo)).toEqual(state(anna))
    expect(cleo.replica.finalLength).toBe(2)
  })

  test('and wrong counts no more when they come, as at those who had them', () => {
    const { anna, cleo, bytes } = joiner('ee'.repeat(32))
    expect(outcome(anna, bytes)).toBe('refused-roots')
    expect(state(cleo)).toEqual(state(anna))
    expect(cleo.replica.finalLength).toBe(1)
    cleo.replica.commit()
    expect(state(cleo.crash())).toEqual(state(anna))
    expect(outcome(cleo, bytes)).toBe('refused-roots')
  })
})

describe('I12 an authority that signs two histories', () => {
  /** Two members with the same log, each shown another history after the first `common` statements. */
  function split(common: number, own: number) {
    const [server, anna] = served()
    const ben = new ReplicaDevice()
    anna.admit(ben, 'write')
    meet(server, anna, ben)
    for (let index = 1; index < common; index++) {
      server.put(`common${index}`, index)
      publish(server, anna, ben)
    }
    const other = server.clone()
    const entries: ReplicaDevice[] = [anna, ben]
    for (let index = 0; index < own; index++) {
      for (const [side, hearer] of [
        [server, anna],
        [other, ben],
      ] as const) {
        hearer.put(`${hearer === anna ? 'a' : 'b'}${index}`, index)
        side.hear(hearer)
        publish(side, hearer)
      }
    }
    return { server, other, anna, ben, entries }
  }

  test.each([
    [1, 1],
    [2, 3],
  ])('after %i statements, %i each: who was misled agrees as soon as they meet', (common, own) => {
    const { anna, ben } = split(common, own)
    expect(anna.replica.statements.count).toBe(common + own)
    const published = anna.replica.order.slice(0, common).map(({ hash }) => hash)
    for (let round = 0; round < 2; round++) meet(anna, ben)
    expect(digests(anna, ben)).toHaveLength(1)
    for (const device of [anna, ben]) {
      expect(device.replica.statements.count).toBe(common)
      expect(device.replica.statements.splitEvidence).toHaveLength(2)
      expect(device.replica.order.slice(0, common).map(({ hash }) => hash)).toEqual(published)
      expect(outcome(device, statementsOf(anna)[0]!)).toBe('known')
    }
    expect(anna.shown()).toHaveLength(common - 1 + 2 * own)
  })

  test('nothing is final after it, for who hears of it later too', () => {
    const { anna, ben, server } = split(1, 2)
    for (let round = 0; round < 2; round++) meet(anna, ben)
    server.put('more', 9)
    const more = publish(server)
    anna.hear(server)
    expect(outcome(anna, more)).toBe('split')
    expect(anna.replica.finalLength).toBe(1)
    server.hear(anna)
    expect(() => server.replica.publish(server.tick())).toThrow(
      expect.objectContaining({ code: 'SYNC_AUTHORITY_SPLIT' }),
    )
    const dora = new ReplicaDevice()
    anna.admit(dora, 'read')
    expect(dora.replica.statements.splitEvidence).toHaveLength(2)
    expect(dora.replica.finalLength).toBe(1)
    expect(digests(anna, dora)).toHaveLength(1)
  })

  test('it is remembered', () => {
    const { anna, ben } = split(2, 2)
    for (let round = 0; round < 2; round++) meet(anna, ben)
    for (const device of [anna, ben]) {
      const before = state(device)
      device.replica.commit()
      device.crash()
      expect(state(device)).toEqual(before)
      expect(device.replica.statements.splitEvidence).toHaveLength(2)
    }
    anna.put('after', 1)
    ben.hear(anna)
    expect(digests(anna, ben)).toHaveLength(1)
  })

  test('evidence of an earlier split counts more than of a later one', () => {
    const { anna, ben } = split(1, 3)
    const [, first, , third] = statementsOf(ben)
    for (const bytes of [third!, first!, third!]) expect(outcome(anna, bytes)).toBe('split')
    expect(anna.replica.finalLength).toBe(1)
    expect(anna.replica.statements.splitEvidence?.map(({ signed }) => signed.statement.index)).toEqual([1, 1])
  })
})
