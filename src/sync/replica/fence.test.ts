import { describe, expect, test } from 'vitest'
import { ReplicaDevice, digests, meet, statementsOf } from '../../../test/sync/support/replica-device.ts'
import { revocationGraceMs } from './fence.ts'

/** A folder with an authority, an admin and somebody who will be revoked, all with the same log. */
function served(): [server: ReplicaDevice, anna: ReplicaDevice, ben: ReplicaDevice] {
  const server = new ReplicaDevice()
  const anna = new ReplicaDevice().found('server_authoritative', server)
  const ben = new ReplicaDevice()
  anna.admit(ben, 'admin')
  meet(server.open(anna.replica.folderId), anna, ben)
  publish(server, anna, ben)
  return [server, anna, ben]
}

/** The authority publishes, and who is there hears it. */
function publish(server: ReplicaDevice, ...hearers: ReplicaDevice[]): void {
  server.replica.publish(server.tick())
  for (const hearer of hearers) hearer.hear(server)
}

describe('I16 in peer mode', () => {
  test('what a revoked device wrote without knowing counts, up to the grace, and not above', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    anna!.now = 1_760_000_100_000
    anna!.replica.revoke(ben!.id, anna!.tick())
    const revoked = anna!.replica.log.membership.revokesOf(ben!.id)[0]!.hlc.ms
    ben!.now = revoked + revocationGraceMs - 1
    ben!.put('within', 1)
    ben!.put('above', 2)
    const [within, above] = ben!.ownEntries().slice(-2)
    expect([within!.hlc.ms, above!.hlc.ms]).toEqual([
      revoked + revocationGraceMs,
      revoked + revocationGraceMs + 1,
    ])
    for (const device of [anna!, cleo!]) device.now = ben!.now
    meet(anna!, ben!, cleo!)
    expect(anna!.shown()).toEqual(['within 1'])
    expect(anna!.replica.fencedOut.map(({ hash }) => hash)).toEqual([above!.hash])
    expect(digests(anna!, cleo!)).toHaveLength(1)
  })

  test('it stays in the log, and is shown when its author is granted a role again: by its next edit', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.replica.revoke(ben!.id, anna!.tick())
    ben!.now += 2 * revocationGraceMs
    ben!.put('late', 1)
    anna!.now = ben!.now
    meet(anna!, ben!)
    expect(anna!.shown()).toEqual([])
    anna!.admit(ben!, 'write')
    ben!.put('late', 2)
    anna!.hear(ben!)
    expect(anna!.shown()).toEqual(['late 2'])
    expect(anna!.replica.fencedOut).toHaveLength(1)
    expect(digests(anna!, ben!)).toHaveLength(1)
  })

  test('the revoke may come after what it fences', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    anna!.replica.revoke(ben!.id, anna!.tick())
    ben!.now += 2 * revocationGraceMs
    ben!.put('late', 1)
    cleo!.now = ben!.now
    cleo!.hear(ben!)
    expect(cleo!.shown()).toEqual(['late 1'])
    cleo!.hear(anna!)
    expect(cleo!.shown()).toEqual([])
    anna!.now = ben!.now
    anna!.hear(cleo!)
    expect(digests(anna!, cleo!)).toHaveLength(1)
  })

  test('only the revoked device is fenced, and only operations', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    anna!.replica.revoke(ben!.id, anna!.tick())
    for (const device of [ben!, cleo!, anna!]) device.now += 2 * revocationGraceMs
    cleo!.put('other', 1)
    ben!.replica.rekey(ben!.tick())
    meet(anna!, ben!, cleo!)
    expect(anna!.shown()).toEqual(['other 1'])
    expect(anna!.replica.fencedOut).toEqual([])
  })
})

describe('I16 with an authority', () => {
  test('what comes after the published revocation is fenced, whatever its clock says', () => {
    const [server, anna, ben] = served()
    anna.replica.revoke(ben.id, anna.tick())
    server.hear(anna)
    ben.now -= 100_000
    ben.put('back-dated', 1)
    publish(server, anna)
    server.hear(ben)
    expect(server.shown()).toEqual([])
    expect(server.replica.fencedOut).toHaveLength(1)
    publish(server, anna)
    expect(anna.shown()).toEqual([])
    expect(digests(server, anna)).toHaveLength(1)
  })

  test('what is published with it, or before it, counts', () => {
    const [server, anna, ben] = served()
    ben.put('before', 1)
    server.hear(ben)
    publish(server)
    ben.put('with', 2)
    anna.replica.revoke(ben.id, anna.tick())
    server.hear(ben)
    server.hear(anna)
    publish(server, anna, ben)
    expect(server.shown()).toEqual(['before 1', 'with 2'])
    expect(server.replica.fencedOut).toEqual([])
    expect(digests(server, anna)).toHaveLength(1)
  })

  test('a statement that has just come fences what already stood behind the revocation', () => {
    const [server, anna, ben] = served()
    anna.replica.revoke(ben.id, anna.tick())
    ben.now = anna.now + 10
    ben.put('late', 1)
    server.hear(anna)
    publish(server)
    anna.hear(ben)
    expect(anna.shown()).toEqual(['late 1'])
    const before = anna.replica.order.map(({ hash }) => hash)
    anna.hear(server)
    expect(anna.replica.order.map(({ hash }) => hash)).toEqual(before)
    expect(anna.shown()).toEqual([])
    expect(anna.replica.fencedOut).toHaveLength(1)
  })

  test('also if the order changes by it', () => {
    const [server, anna, ben] = served()
    ben.now -= 200_000
    ben.put('late', 1)
    anna.replica.revoke(ben.id, anna.tick())
    server.hear(anna)
    publish(server)
    anna.hear(ben)
    anna.hear(server)
    server.hear(ben)
    expect(anna.shown()).toEqual([])
    expect(digests(server, anna)).toHaveLength(1)
  })

  test('the same after a restart', () => {
    const [server, anna, ben] = served()
    anna.replica.revoke(ben.id, anna.tick())
    ben.put('late', 1)
    server.hear(anna)
    publish(server)
    for (const device of [server, anna]) {
      device.hear(ben)
      device.hear(server)
      device.replica.commit()
    }
    const before = digests(server, anna)
    expect(before).toHaveLength(1)
    expect(digests(server.crash(), anna.crash())).toEqual(before)
    expect(anna.replica.fencedOut).toHaveLength(1)
    expect(statementsOf(anna)).toHaveLength(2)
  })

  test('what the revoked device tried to make stays away, what others put below it does not', () => {
    const [server, anna, ben] = served()
    const cleo = new ReplicaDevice()
    anna.admit(cleo, 'write')
    server.hear(anna)
    publish(server)
    for (const device of [anna, ben, cleo]) device.hear(server)
    anna.replica.revoke(ben.id, anna.tick())
    ben.mkdir('theirs')
    ben.mkdir('alone')
    cleo.hear(ben)
    const version = cleo.put('theirs/mine', 7)
    server.hear(anna)
    publish(server)
    server.hear(cleo)
    publish(server, anna, cleo)
    expect(server.versions('theirs/mine')).toEqual([version])
    expect(server.shown()).toEqual(['theirs/', 'theirs/mine 7'])
    expect(digests(server, anna, cleo)).toHaveLength(1)
  })
})
