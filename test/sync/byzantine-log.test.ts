import { describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src/sync/format/batch-codec.ts'
import type { Role } from '../../src/sync/format/membership.ts'
import { rootNode, toHex } from '../../src/sync/ids.ts'
import { waitingLimits } from '../../src/sync/log/waiting.ts'
import { byzantineWorld, expectHonest, refusal, verdict } from './support/byzantine-world.ts'
import { EvilDevice } from './support/evil-device.ts'
import { batchesOf, digests, meet, ReplicaDevice } from './support/replica-device.ts'

let nodes = 0

function mkdir(name: string) {
  const node = (++nodes).toString(16).padStart(32, 'd')
  return { type: 'mkdir', node, parent: rootNode, name } as const
}

describe('I9 entries that belong elsewhere', () => {
  test('of another folder, named so or hidden in this one', () => {
    const { anna, ben, mallory } = byzantineWorld()
    const theirs = new ReplicaDevice().found('peer')
    theirs.put('x', 1)
    for (const bytes of batchesOf(theirs)) expect(refusal(anna, bytes)).toBe('foreign-folder')
    const evil = new EvilDevice(mallory)
    const { folderId } = theirs.replica
    expect(refusal(anna, evil.batch([evil.operation(mkdir('x'))], { folderId }))).toBe('foreign-folder')
    const again = new EvilDevice(mallory)
    const parents = theirs.replica.log.heads().map(({ hash }) => hash)
    const bytes = again.batch([again.operation(mkdir('x'))], { parents })
    expect(refusal(anna, bytes)).toBe('pending')
    expectHonest(anna, ben)
  })

  test('replayed: known, and nothing else', () => {
    const { anna, ben } = byzantineWorld()
    for (const bytes of [...batchesOf(ben), ...batchesOf(anna)]) {
      for (let times = 0; times < 2; times++) expect(refusal(anna, bytes)).toBe('known')
    }
    expectHonest(anna, ben)
  })

  test('of an honest device, signed by the evil one, under its name or under the honest one', () => {
    const { anna, ben, evil, mallory } = byzantineWorld('admin')
    const forged = new EvilDevice(mallory, anna.keys)
    const operation = forged.operation(mkdir('x'), evil.epochKey())
    const bytes = forged.batch([operation], { signer: evil.keys })
    expect(refusal(ben, bytes)).toBe('signature')
    const record = { ...anna.keys.record, signingKey: mallory.keys.record.signingKey }
    const named = new EvilDevice(mallory, { ...anna.keys, record })
    expect(refusal(ben, named.batch([operation], { signer: evil.keys }))).toBe('key')
    expectHonest(anna, ben)
  })

  test('a batch that goes on from the chain of another', () => {
    const { anna, ben, evil } = byzantineWorld()
    const [honest] = anna.ownEntries().slice(-1)
    const place = { seq: honest!.seq + 1, prev: honest!.hash, incarnation: honest!.incarnation }
    expect(refusal(ben, evil.batch([evil.operation(mkdir('x'))], place))).toBe('sequence')
    expectHonest(anna, ben)
  })
})

describe('I9 a chain with something wrong', () => {
  test('a number left out, given twice over, or begun in the middle', () => {
    const { anna, ben, evil } = byzantineWorld()
    expect(verdict(anna.receive(evil.batch([evil.operation(mkdir('a'))])))).toBe('accepted')
    const place = { seq: evil.seq, prev: evil.prev! }
    for (const [seq, prev] of [
      [place.seq + 1, place.prev],
      [place.seq - 1, place.prev],
      [2 ** 53 - 1, place.prev],
    ] as const) {
      Object.assign(evil, place)
      expect(refusal(anna, evil.batch([evil.operation(mkdir('x'))], { seq, prev }))).toMatch(/sequence|chain/)
    }
    Object.assign(evil, { seq: 5, prev: 'ab'.repeat(32) })
    expect(refusal(anna, evil.batch([evil.operation(mkdir('x'))]))).toBe('pending')
    expectHonest(anna, ben)
  })

  test('parents that are redundant, its own past, itself, or nobody’s', () => {
    const { anna, ben, evil } = byzantineWorld()
    const [head] = anna.replica.log.heads()
    const genesis = anna.replica.folderId
    const parentsOf = (parents: string[]) => {
      Object.assign(evil, { seq: 0, prev: undefined })
      return refusal(anna, evil.batch([evil.operation(mkdir('x'))], { parents }))
    }
    expect(parentsOf([head!.hash, genesis])).toBe('parents')
    expect(parentsOf([])).toBe('role')
    expect(parentsOf([head!.hash, 'ab'.repeat(32)])).toBe('pending')
    expectHonest(anna, ben)
  })

  test('a clock that is not above what it follows', () => {
    const { anna, ben, evil } = byzantineWorld()
    const { hlc } = anna.replica.log.heads()[0]!
    for (const wrong of [hlc, { ms: hlc.ms, counter: Math.max(0, hlc.counter - 1) }, { ms: 0, counter: 0 }]) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([evil.operation(mkdir('x'))], { hlc: wrong }))).toBe('clock-order')
    }
    expectHonest(anna, ben)
  })

  test('I13 a clock far ahead is held, by name, and only so much of it', () => {
    const { anna, ben, evil } = byzantineWorld()
    const year = 31_536_000_000
    const dropped: string[] = []
    for (let index = 0; index < 12; index++) {
      const chain = new EvilDevice(evil.eyes)
      const contents = Array.from({ length: 1_000 }, () => chain.revoke(anna.id))
      const hlc = { ms: index === 0 ? 2 ** 48 - 1 : anna.now + year, counter: 0 }
      const outcome = anna.receive(chain.batch(contents, { hlc }), 'mallory')
      expect(outcome.held.map(({ deviceId }) => deviceId)).toEqual([evil.id])
      dropped.push(...outcome.dropped.map(({ source }) => source))
    }
    expect(anna.replica.log.held.entries).toBeLessThanOrEqual(waitingLimits.sourceEntries)
    expect(dropped).toEqual(['mallory', 'mallory'])
    expectHonest(anna, ben)
  })

  test('I13 entries whose causes never come wait, and only so many of them', () => {
    const { anna, ben, evil } = byzantineWorld()
    let dropped = 0
    for (let index = 0; index < 12; index++) {
      const chain = new EvilDevice(evil.eyes)
      const contents = Array.from({ length: 1_000 }, () => chain.revoke(anna.id))
      const parents = [toHex(chain.random(32))]
      const outcome = anna.receive(chain.batch(contents, { parents }), 'mallory')
      expect(outcome.pending).toBe(1_000)
      dropped += outcome.dropped.length
    }
    expect(anna.replica.log.pending.entries).toBeLessThanOrEqual(waitingLimits.sourceEntries)
    expect(dropped).toBe(2)
    expectHonest(anna, ben)
  })
})

describe('I12 forks', () => {
  test.each([2, 3, 4, 5])('of %i branches, each shown to another victim', (count) => {
    const victims = ReplicaDevice.folder(count)
    const mallory = new ReplicaDevice()
    victims[0]!.admit(mallory, 'write')
    meet(...victims)
    const start = new EvilDevice(mallory)
    const twins = Array.from({ length: count }, () => start.twin())
    for (const [index, victim] of victims.entries()) {
      const twin = twins[index]!
      const bytes = twin.batch([twin.operation(mkdir(`shown to ${index}`))])
      expect(verdict(victim.receive(bytes))).toBe('accepted')
      victim.put(`of ${index}`, index)
    }
    for (let round = 0; round < 2; round++) meet(...victims)
    expect(digests(...victims)).toHaveLength(1)
    const [anna] = victims
    expect(anna!.shown()).toHaveLength(2 * count)
    const { log } = anna!.replica
    expect(log.membership.forkedDevices(log.heads())).toEqual([mallory.id])
    expect([...log.equivocations()]).toHaveLength(1)
    expect(log.membership.roleOf(mallory.id, log.heads())).toBe('read')

    mallory.hear(anna!)
    const more = new EvilDevice(mallory)
    expect(refusal(anna!, more.batch([more.operation(mkdir('more'))]))).toBe('role')
    const late = Object.assign(start.twin(), { eyes: mallory })
    late.batch([late.operation(mkdir('one more branch'))])
    expectHonest(...victims)
  })

  test('at the start of a chain, in its middle, and inside what was one batch', () => {
    const { anna, ben, evil } = byzantineWorld()
    const start = evil.twin()
    const long = [1, 2, 3].map((index) => evil.operation(mkdir(`long ${index}`)))
    const whole = evil.make(long)
    expect(verdict(anna.receive(encodeBatch(whole)))).toBe('accepted')
    const middle = start.twin()
    const first = whole.entries[0]!
    Object.assign(middle, { seq: 1, prev: first.hash, hlc: first.meta.hlc })
    expect(verdict(ben.receive(start.batch([start.operation(mkdir('other start'))])))).toBe('accepted')
    const inside = middle.batch([middle.operation(mkdir('other middle'))], { parents: [] })
    expect(verdict(anna.receive(inside))).toBe('accepted')
    meet(anna, ben)
    expect([...anna.replica.log.equivocations()].length).toBeGreaterThanOrEqual(2)
    expect(anna.shown()).toHaveLength(2 + 5)
    expectHonest(anna, ben)
  })
})

describe('I9 rights that nobody gave', () => {
  test.each<[Role | 'none', string]>([
    ['none', 'no member'],
    ['cache', 'a cache'],
    ['read', 'a reader'],
    ['write', 'a writer'],
  ])('a grant to itself or a mate, or a revocation, by %s, %s', (role) => {
    const { anna, ben, evil } = byzantineWorld(role)
    const mate = new ReplicaDevice()
    for (const content of [
      evil.grant(evil.keys.record, 'admin'),
      evil.grant(mate.keys.record, 'read'),
      evil.grant(mate.keys.record, 'cache'),
      evil.revoke(anna.id),
      ...(role === 'write' ? [] : [evil.rekey(), evil.operation(mkdir('x'), evil.epochKey())]),
    ]) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([content]))).toBe('role')
    }
    expectHonest(anna, ben)
  })

  test('a grant and its use in one batch, by who has no right to it', () => {
    const { anna, ben, evil } = byzantineWorld('write')
    const contents = [evil.operation(mkdir('x')), evil.grant(evil.keys.record, 'admin'), evil.revoke(anna.id)]
    expect(refusal(anna, evil.batch(contents))).toBe('role')
    expectHonest(anna, ben)
  })

  test('by an admin who was revoked, and knows it', () => {
    const { anna, ben, evil, mallory } = byzantineWorld('admin')
    anna.replica.revoke(evil.id, anna.tick())
    meet(anna, ben, mallory)
    for (const content of [
      evil.grant(evil.keys.record, 'admin'),
      evil.revoke(anna.id),
      evil.operation(mkdir('x')),
    ]) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([content]))).toBe('role')
    }
    expectHonest(anna, ben)
  })

  test('a grant by an admin who was revoked, and acts as if it did not know', () => {
    const { anna, ben, evil, mallory } = byzantineWorld('admin')
    const parents = anna.replica.log.heads().map(({ hash }) => hash)
    anna.replica.revoke(evil.id, anna.tick())
    anna.put('secret', 9)
    ben.hear(anna)
    const mate = new ReplicaDevice()
    const granted = evil.batch([evil.grant(mate.keys.record, 'admin')], { parents })
    for (const device of [anna, ben]) device.receive(granted)
    anna.put('more secret', 10)
    mate.hear(anna)
    mallory.hear(anna)
    expect(mate.replica.role).toBeUndefined()
    expect(mate.shown()).toEqual([])
    expect(mallory.shown().join()).not.toMatch(/secret/)
    const child = new EvilDevice(mate)
    expect(refusal(anna, child.batch([child.grant(child.keys.record, 'admin')]))).toBe('role')
    expectHonest(anna, ben)
  })

  test.each([1, 2, 200])(
    'a line of %i mates, each granted by the one before, of which the first is void',
    (count) => {
      const { anna, ben, evil, mallory } = byzantineWorld('admin')
      let parents = anna.replica.log.heads().map(({ hash }) => hash)
      anna.replica.revoke(evil.id, anna.tick())
      ben.hear(anna)
      const key = evil.epochKey()
      let granter = evil
      for (let index = 0; index < count; index++) {
        const mate = new ReplicaDevice()
        const bytes = granter.batch([granter.grant(mate.keys.record, 'admin')], { parents })
        for (const device of [anna, ben, mallory]) expect(device.receive(bytes).refused).toBeUndefined()
        parents = [granter.prev!]
        granter = new EvilDevice(mallory, mate.keys)
      }
      expect(granter.id).not.toBe(evil.id)
      const { log } = anna.replica
      expect(log.membership.members(log.heads()).map(({ deviceId }) => deviceId)).toEqual(
        [anna.id, ben.id].sort(),
      )
      const late = granter.batch([granter.operation(mkdir('late'), key)], {
        parents,
        hlc: { ms: anna.now + 299_000, counter: 0 },
      })
      expect(verdict(anna.receive(late))).toBe('accepted')
      mallory.hear(anna)
      Object.assign(granter, { seq: 0, prev: undefined })
      expect(refusal(anna, granter.batch([granter.grant(evil.keys.record, 'admin')]))).toBe('role')
      expectHonest(anna, ben)
    },
  )

  test('a device record that is not its own, or has a key of low order', () => {
    const { anna, ben, evil } = byzantineWorld('admin')
    const { record } = new ReplicaDevice().keys
    const { agreementKey } = anna.keys.record
    for (const device of [
      { ...record, agreementKey },
      { ...record, agreementSignature: new Uint8Array(64) },
      { ...record, signingKey: anna.keys.record.signingKey },
      { ...record, agreementKey: new Uint8Array(32) },
    ]) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([evil.grant(device, 'admin')]))).toBe('device-record')
    }
    expectHonest(anna, ben)
  })

  test('a rekey to an attacker, leaving members out, or of an epoch that is there', () => {
    const { anna, ben, evil } = byzantineWorld('write')
    const readers = [anna.id, ben.id, evil.id]
    const stranger = new ReplicaDevice().id
    const [epoch] = anna.replica.log.membership.epochs(anna.replica.log.heads())
    for (const [content, expected] of [
      [evil.rekey({ devices: [...readers, stranger] }), 'recipients'],
      [evil.rekey({ devices: [anna.id, evil.id] }), 'recipients'],
      [evil.rekey({ devices: [] }), 'recipients'],
      [evil.rekey({ devices: [stranger] }), 'recipients'],
      [evil.rekey({ epoch: epoch! }), 'epoch'],
    ] as const) {
      Object.assign(evil, { seq: 0, prev: undefined })
      expect(refusal(anna, evil.batch([content]))).toBe(expected)
    }
    expectHonest(anna, ben)
  })

  test('an operation under an epoch that nobody founded, or one from before a revocation', () => {
    const { anna, ben, evil, mallory } = byzantineWorld('write')
    const cleo = new ReplicaDevice()
    expect(refusal(anna, evil.batch([evil.operation(mkdir('x'), evil.random(32))]))).toBe('epoch')
    const old = evil.epochKey()
    anna.admit(cleo, 'read')
    anna.replica.revoke(cleo.id, anna.tick())
    meet(anna, ben, mallory)
    Object.assign(evil, { seq: 0, prev: undefined })
    expect(refusal(anna, evil.batch([evil.operation(mkdir('x'), old)]))).toBe('epoch')
    expectHonest(anna, ben)
  })

  test('a second genesis, or a second start of the first chain', () => {
    const { anna, ben, evil } = byzantineWorld('admin')
    const other = new ReplicaDevice().found('peer')
    const [genesis] = batchesOf(other)
    expect(refusal(anna, genesis!)).toBe('foreign-folder')
    const own = new EvilDevice(anna)
    const start = anna.replica.log.entry(anna.replica.folderId)!
    const parents = anna.replica.log.heads().map(({ hash }) => hash)
    const bytes = own.batch([own.operation(mkdir('x'))], { incarnation: start.incarnation, parents })
    expect(refusal(ben, bytes)).toBe('sequence')
    expect(evil.id).not.toBe(anna.id)
    expectHonest(anna, ben)
  })
})
