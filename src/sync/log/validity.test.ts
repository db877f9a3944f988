import { beforeEach, describe, expect, test } from 'vitest'
import { LogPeer, type Content } from '../../../test/sync/support/log-peer.ts'
import { encodeGenesis, encodeGrant } from '../format/membership-codec.ts'
import type { Acceptance } from './acceptance.ts'

let anna: LogPeer
let ben: LogPeer
let cleo: LogPeer

beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  cleo = new LogPeer(3)
  anna.found()
})

/** What Anna's log says to bytes, which changes nothing there if they are refused. */
function refusal(bytes: Uint8Array): string | undefined {
  const before = snapshot()
  const outcome = anna.receive(bytes)
  expect(outcome.refused === undefined ? before : snapshot()).toEqual(before)
  return verdict(outcome)
}

function verdict({ refused, pending, accepted }: Acceptance): string | undefined {
  if (refused !== undefined) return refused.reason
  return pending > 0 ? 'pending' : accepted.length > 0 ? 'accepted' : undefined
}

function snapshot() {
  const { log, store } = anna
  return {
    size: log.size,
    heads: log.heads(),
    frontier: log.frontier(),
    branches: log.branchHeads().length,
    memberships: log.memberships().length,
    members: log.membership.members(log.heads()),
    epochs: log.membership.epochs(log.heads()),
    forks: [...log.equivocations()],
    records: [...store.records()].length,
    latest: log.latestHlc,
  }
}

describe('I9 authenticity: roles', () => {
  test('who is no member writes nothing', () => {
    ben.join(anna)
    expect(refusal(ben.forge([ben.operation()]))).toBe('role')
    expect(refusal(ben.forge([ben.grant(ben.record, 'admin')]))).toBe('role')
  })

  test('no past, no role', () => {
    ben.join(anna)
    expect(refusal(ben.forge([ben.operation()], ben.tick(), []))).toBe('role')
  })

  test.each(['cache', 'read'] as const)('a member with role %s writes nothing', (role) => {
    anna.admit(ben, role)
    for (const content of [
      ben.operation(),
      ben.rekey(),
      ben.grant(cleo.record, 'read'),
      ben.revoke(anna.id),
    ]) {
      expect(refusal(ben.forge([content]))).toBe('role')
    }
  })

  test('a writer writes and makes epochs, and neither grants nor revokes', () => {
    anna.admit(ben, 'write')
    expect(refusal(ben.forge([ben.grant(cleo.record, 'cache')]))).toBe('role')
    expect(refusal(ben.forge([ben.revoke(anna.id)]))).toBe('role')
    expect(refusal(ben.forge([ben.rekey()]))).toBe('accepted')
  })

  test('a role counts from the grant on, not before', () => {
    ben.join(anna)
    const before = ben.forge([ben.operation()])
    anna.admit(ben)
    expect(refusal(before)).toBe('role')
    expect(refusal(ben.forge([ben.operation()]))).toBe('accepted')
  })

  test('an admin who makes itself a reader is one for the rest of its batch', () => {
    anna.admit(ben, 'admin')
    const before = [ben.operation(), ben.operation(), ben.operation()]
    const contents = [...before, ben.grant(ben.record, 'read'), ben.operation()]
    expect(refusal(ben.forge(contents))).toBe('role')
  })

  test('the authority of a folder may write from the start', () => {
    const carl = new LogPeer(8)
    const server = new LogPeer(9)
    carl.found(server)
    server.join(carl)
    expect(
      carl.log.membership
        .members(carl.log.heads())
        .map(({ role }) => role)
        .toSorted(),
    ).toEqual(['admin', 'write'])
    expect(verdict(carl.receive(server.forge([server.operation()])))).toBe('accepted')
  })

  test('a creator who is the authority stays admin', () => {
    const carl = new LogPeer(8)
    carl.found(carl)
    expect(carl.log.membership.roleOf(carl.id, carl.log.heads())).toBe('admin')
  })
})

describe('I16 revocation, as far as causes tell', () => {
  test('who has seen its own revocation writes nothing more', () => {
    anna.admit(ben)
    ben.write(ben.operation())
    anna.pull(ben)
    anna.write(anna.revoke(ben.id))
    ben.pull(anna)
    expect(refusal(ben.forge([ben.rekey()]))).toBe('role')
    expect(anna.log.membership.revokesOf(ben.id)).toHaveLength(1)
  })

  test('who has not seen it is still let in: that is for the order to fence', () => {
    anna.admit(ben)
    anna.write(anna.revoke(ben.id))
    expect(refusal(ben.forge([ben.operation()]))).toBe('accepted')
  })

  test('a grant after the revocation gives the role back', () => {
    anna.admit(ben)
    anna.write(anna.revoke(ben.id))
    anna.write(anna.rekey())
    anna.write(anna.grant(ben.record, 'write'))
    ben.pull(anna)
    expect(refusal(ben.forge([ben.operation()]))).toBe('accepted')
  })

  test('a revocation and a grant that do not know of each other: revoked', () => {
    anna.admit(ben)
    anna.admit(cleo, 'admin')
    anna.write(anna.revoke(ben.id))
    cleo.write(cleo.grant(ben.record, 'admin'))
    anna.pull(cleo)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBeUndefined()
    expect(cleo.log.membership.roleOf(ben.id, cleo.log.heads())).toBe('admin')
  })

  test('two grants that do not know of each other: the lesser', () => {
    anna.admit(cleo, 'admin')
    anna.write(anna.grant(ben.record, 'admin'))
    cleo.write(cleo.grant(ben.record, 'read'))
    anna.pull(cleo)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('read')
    anna.write(anna.grant(ben.record, 'write'))
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('write')
  })
})

describe('epochs', () => {
  test('an epoch that nobody founded is not used', () => {
    const content = { ...anna.operation(), epoch: 'ab'.repeat(16) } as Content
    expect(refusal(anna.forge([content]))).toBe('epoch')
  })

  test('after a revocation a new epoch comes first', () => {
    anna.admit(ben)
    anna.admit(cleo)
    const [old] = anna.log.membership.usableEpochs(anna.log.heads())
    anna.write(anna.revoke(ben.id))
    cleo.pull(anna)
    expect(cleo.log.membership.usableEpochs(cleo.log.heads())).toEqual([])
    expect(refusal(cleo.forge([cleo.operation('late', old)]))).toBe('epoch')
    cleo.write(cleo.rekey())
    cleo.write(cleo.operation())
    for (const bytes of cleo.written) expect(refusal(bytes)).toBe('accepted')
    const heads = anna.log.heads()
    expect(anna.log.membership.usableEpochs(heads)).not.toContain(old)
    expect(anna.log.membership.epochs(heads)).toContain(old)
  })

  test('a rekey and what it is used for fit into one batch', () => {
    anna.write(anna.revoke(ben.id))
    const rekey = anna.rekey()
    const [epoch] = [...anna.epochKeys.keys()].slice(-1)
    expect(refusal(anna.forge([rekey, anna.operation('x', epoch)]))).toBe('accepted')
  })

  test('a revocation inside a batch ends the epoch for the rest of it', () => {
    const before = [anna.operation(), anna.operation(), anna.operation()]
    expect(refusal(anna.forge([...before, anna.revoke(ben.id), anna.operation()]))).toBe('epoch')
  })

  test('epochs founded apart, each after its own revocation, are both of no use once joined', () => {
    anna.admit(cleo, 'admin')
    anna.write(anna.revoke(ben.id))
    anna.write(anna.rekey())
    cleo.write(cleo.revoke('0f'.repeat(32)))
    cleo.write(cleo.rekey())
    expect(cleo.log.membership.usableEpochs(cleo.log.heads())).toHaveLength(1)
    anna.pull(cleo)
    expect(anna.log.membership.usableEpochs(anna.log.heads())).toEqual([])
    anna.write(anna.rekey())
    expect(anna.log.membership.usableEpochs(anna.log.heads())).toHaveLength(1)
  })

  test('an epoch is founded once in any past', () => {
    const key = anna.random(32)
    anna.write(anna.rekey(undefined, key))
    expect(refusal(anna.forge([anna.rekey(undefined, key)]))).toBe('epoch')
  })

  test('a new epoch is for exactly those who may read', () => {
    anna.admit(ben, 'read')
    anna.admit(cleo, 'cache')
    const readers = [anna.id, ben.id].toSorted()
    expect(anna.log.membership.readers(anna.log.heads())).toEqual(readers)
    const again = (devices: string[]) => refusal(anna.forge([anna.rekey(devices)]))
    expect(again([anna.id])).toBe('recipients')
    expect(again([...readers, cleo.id].toSorted())).toBe('recipients')
    expect(again([anna.id, 'ff'.repeat(32)])).toBe('recipients')
    expect(again(readers)).toBe('accepted')
  })
})

describe('places', () => {
  test('a number left out, with the predecessor known', () => {
    anna.writer.seq++
    expect(refusal(anna.forge([anna.operation()]))).toBe('sequence')
  })

  test('a number given again to a later place is no fork', () => {
    anna.write(anna.operation())
    anna.writer.seq--
    expect(refusal(anna.forge([anna.operation()]))).toBe('sequence')
  })

  test('the chain of another device is not gone on with', () => {
    anna.admit(ben)
    Object.assign(ben.writer, { seq: anna.writer.seq, prev: anna.writer.prev })
    expect(refusal(ben.forge([ben.operation()], ben.tick(), []))).toBe('sequence')
  })

  test('the chain of another incarnation is not gone on with', () => {
    anna.writer.incarnation = 'cd'.repeat(16)
    expect(refusal(anna.forge([anna.operation()]))).toBe('sequence')
  })

  test('a new incarnation begins anew', () => {
    const parents = [anna.lastEntry().hash]
    Object.assign(anna.writer, { incarnation: 'cd'.repeat(16), seq: 0 })
    expect(refusal(anna.forge([anna.operation()], anna.tick(), parents))).toBe('accepted')
  })

  test('the first chain has one start, which is genesis', () => {
    anna.writer.seq = 0
    expect(refusal(anna.forge([anna.operation()]))).toBe('sequence')
  })

  test('a predecessor that nobody has is waited for', () => {
    anna.writer.prev = 'ee'.repeat(32)
    expect(refusal(anna.forge([anna.operation()], anna.tick(), []))).toBe('pending')
  })
})

describe('I5 causality: clocks and parents', () => {
  test('a clock is above that of the predecessor', () => {
    const { hlc } = anna.lastEntry()
    expect(refusal(anna.forge([anna.operation()], hlc))).toBe('clock-order')
  })

  test('a clock is above those of all parents', () => {
    anna.admit(ben)
    ben.now += 1_000
    ben.write(ben.operation())
    anna.pull(ben)
    const { hlc } = ben.lastEntry()
    expect(refusal(anna.forge([anna.operation()], hlc))).toBe('clock-order')
  })

  test('a parent is not in the past of the predecessor', () => {
    anna.admit(ben)
    ben.write(ben.operation())
    anna.pull(ben)
    anna.write(anna.operation())
    expect(refusal(anna.forge([anna.operation()], anna.tick(), [ben.lastEntry().hash]))).toBe('parents')
  })

  test('the predecessor is no parent', () => {
    expect(refusal(anna.forge([anna.operation()], anna.tick(), [anna.lastEntry().hash]))).toBe('parents')
  })

  test('a parent is not in the past of another', () => {
    anna.admit(ben)
    const first = ben.writer.write([ben.operation()], ben.tick(), ben.parents())
    ben.log.accept(first, 'me', ben.now)
    ben.write(ben.operation())
    anna.pull(ben)
    const parents = [first.entries[0]!.hash, ben.lastEntry().hash]
    expect(refusal(anna.forge([anna.operation()], anna.tick(), parents))).toBe('parents')
  })

  test('a parent may have seen the predecessor', () => {
    anna.admit(ben)
    ben.write(ben.operation())
    anna.pull(ben)
    expect(refusal(anna.forge([anna.operation()], anna.tick(), [ben.lastEntry().hash]))).toBe('accepted')
  })
})

describe('folders and devices', () => {
  test('another folder’s entries are refused, also its genesis', () => {
    const other = new LogPeer(4)
    expect(refusal(other.found())).toBe('foreign-folder')
    expect(refusal(other.write(other.operation()))).toBe('foreign-folder')
  })

  test('a joiner takes no folder but the one that it expects', () => {
    const other = new LogPeer(4)
    ben.log.expectFolder(anna.log.folderId!)
    expect(ben.receive(other.found()).refused?.reason).toBe('foreign-folder')
    expect(() => ben.log.expectFolder('ab'.repeat(32))).toThrow(/of folder/)
  })

  test('a log without a folder takes a genesis and nothing else', () => {
    expect(ben.receive(anna.write(anna.operation())).refused?.reason).toBe('foreign-folder')
    expect(ben.log.folderId).toBeUndefined()
  })

  test('a granted device’s keys belong together', () => {
    const mixed = { ...ben.record, agreementKey: cleo.record.agreementKey }
    const body = encodeGrant({ device: mixed, role: 'write', wraps: [] })
    expect(refusal(anna.forge([{ kind: 'grant', body }]))).toBe('device-record')
  })

  test.each([
    ['no wraps', { wraps: [] }, 'recipients'],
    ['another suite', { suite: 9 }, 'version'],
  ])('a genesis with %s is refused', (_, change, reason) => {
    const genesis = { ...anna.log.genesis!, ...change }
    anna.writer.seq = 0
    const bytes = anna.forge([{ kind: 'genesis', body: encodeGenesis(genesis) }], anna.tick(), [])
    expect(ben.receive(bytes).refused?.reason).toBe(reason)
    expect([ben.log.size, ben.log.folderId, ben.log.genesis]).toEqual([0, undefined, undefined])
  })

  test('a genesis whose creator has another’s agreement key is refused', () => {
    const genesis = {
      ...anna.log.genesis!,
      creator: { ...anna.record, agreementKey: ben.record.agreementKey },
    }
    anna.writer.seq = 0
    const bytes = anna.forge([{ kind: 'genesis', body: encodeGenesis(genesis) }], anna.tick(), [])
    expect(ben.receive(bytes).refused?.reason).toBe('device-record')
  })
})

describe('all of a batch, or nothing', () => {
  test('a bad entry at the end takes the good ones with it', () => {
    anna.admit(ben, 'admin')
    const good = [ben.operation('a'), ben.grant(cleo.record, 'cache'), ben.rekey(), ben.revoke(cleo.id)]
    expect(refusal(ben.forge([...good, ben.operation('b')]))).toBe('epoch')
    expect(refusal(ben.forge(good))).toBe('accepted')
  })

  test('a fork that a refused batch would have made does not stay', () => {
    anna.admit(ben)
    const twin = ben.writer.twin()
    ben.write(ben.operation())
    anna.pull(ben)
    const grant = ben.grant(cleo.record, 'read')
    const forked = twin.write([ben.operation('fork'), grant], ben.tick(), [anna.lastEntry().hash])
    expect(anna.log.accept(forked, 'twin', anna.now).refused?.reason).toBe('role')
    expect(snapshot()).toMatchObject({ forks: [], branches: 2 })
    expect(refusal(ben.forge([ben.operation()]))).toBe('accepted')
  })

  test('a third branch that a refused batch would have made leaves the fork of two', () => {
    anna.admit(ben)
    const twins = [ben.writer.twin(), ben.writer.twin()]
    ben.write(ben.operation())
    anna.pull(ben)
    const parents = ben.log.chainEntries(0, 1).map(({ hash }) => hash)
    const second = twins[0]!.write([ben.operation()], ben.tick(), parents)
    expect(anna.log.accept(second, 'twin', anna.now).accepted).toHaveLength(1)
    const third = twins[1]!.write([ben.operation(), ben.grant(cleo.record, 'read')], ben.tick(), parents)
    expect(anna.log.accept(third, 'twin', anna.now).refused?.reason).toBe('role')
    expect([...anna.log.equivocations()]).toHaveLength(1)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('read')
  })

  test('who names its own other branch as a parent may read only from the entry after on', () => {
    anna.admit(ben)
    const twin = ben.writer.twin()
    ben.write(ben.operation())
    anna.pull(ben)
    const parents = [ben.lastEntry().hash]
    const two = twin.twin().write([ben.operation(), ben.operation()], ben.tick(), parents)
    expect(anna.log.accept(two, 'twin', anna.now).refused).toMatchObject({ reason: 'role' })
    expect([...anna.log.equivocations()]).toEqual([])
    const one = twin.write([ben.operation()], ben.tick(), parents)
    expect(anna.log.accept(one, 'twin', anna.now).accepted).toHaveLength(1)
    expect([...anna.log.equivocations()]).toHaveLength(1)
  })
})
