import { describe, expect, test } from 'vitest'
import { ReplicaDevice, digests, meet } from '../../../test/sync/support/replica-device.ts'
import { folderScope, wrapEpochKey } from '../crypto/epoch-keys.ts'
import { EvilDevice } from '../../../test/sync/support/evil-device.ts'

const notAllowed = expect.objectContaining({ code: 'SYNC_NOT_ALLOWED' })

/** Rekeys in the log of a device. */
function rekeys({ replica }: ReplicaDevice): number {
  return replica.log.memberships().filter(({ kind }) => kind === 'rekey').length
}

describe('grants beside rekeys', () => {
  test('a reader granted while another revoked and rekeyed reads all with the next write', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    const dora = new ReplicaDevice()
    anna!.replica.grant(dora.keys.record, 'read', anna!.tick())
    ben!.replica.revoke(cleo!.id, ben!.tick())
    ben!.put('after', 1)
    meet(anna!, ben!, dora)
    expect(dora.replica.closed).toBe(1)
    anna!.put('next', 2)
    dora.hear(anna!)
    expect(dora.replica.closed).toBe(0)
    expect(dora.shown()).toEqual(['after 1', 'next 2'])
    expect(digests(anna!, dora)).toHaveLength(1)
  })

  test('also if nobody was revoked, and the epochs before may still be used', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const dora = new ReplicaDevice()
    anna!.replica.grant(dora.keys.record, 'read', anna!.tick())
    ben!.replica.rekey(ben!.tick())
    ben!.put('after', 1)
    meet(anna!, ben!, dora)
    expect(dora.replica.closed).toBe(1)
    anna!.put('next', 2)
    meet(dora, anna!, ben!)
    expect(dora.shown()).toEqual(['after 1', 'next 2'])
    const count = rekeys(anna!)
    ben!.put('more', 3)
    anna!.hear(ben!)
    anna!.put('still more', 4)
    expect(rekeys(anna!)).toBe(count)
  })

  test('two rekeys side by side: a reader who was given one of them gets the other', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    anna!.replica.rekey(anna!.tick())
    anna!.put('a', 1)
    ben!.replica.rekey(ben!.tick())
    ben!.put('b', 2)
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'write')
    meet(anna!, ben!, cleo!, dora)
    expect(dora.shown()).toEqual(['a 1'])
    cleo!.put('c', 3)
    dora.hear(cleo!)
    expect(dora.shown()).toEqual(['a 1', 'b 2', 'c 3'])
  })
})

describe('revoking', () => {
  test('a revoked device writes nothing and reads nothing that is written later', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.put('before', 1)
    anna!.replica.revoke(ben!.id, anna!.tick())
    anna!.put('after', 2)
    ben!.hear(anna!)
    expect(ben!.replica).toMatchObject({ role: undefined, closed: 1 })
    expect(ben!.shown()).toEqual(['before 1'])
    expect(() => ben!.put('mine', 3)).toThrow(notAllowed)
    expect(ben!.replica.log.size).toBe(anna!.replica.log.size)
  })

  test('granted again, it reads what was written meanwhile', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.replica.revoke(ben!.id, anna!.tick())
    anna!.put('after', 2)
    anna!.replica.grant(ben!.keys.record, 'write', anna!.tick())
    ben!.hear(anna!)
    ben!.put('mine', 3)
    anna!.hear(ben!)
    expect(ben!.shown()).toEqual(['after 2', 'mine 3'])
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect(anna!.replica.fencedOut).toEqual([])
  })

  test('two at once, each with a rekey: the next writer joins both, and nobody revoked reads on', () => {
    const [anna, ben, cleo, dora, emil] = ReplicaDevice.folder(5)
    anna!.replica.revoke(dora!.id, anna!.tick())
    anna!.put('a', 1)
    ben!.replica.revoke(emil!.id, ben!.tick())
    ben!.put('b', 2)
    meet(anna!, ben!, cleo!, dora!, emil!)
    // Each of them was still a reader for who revoked the other.
    expect(dora!.replica.closed + emil!.replica.closed).toBe(2)
    cleo!.put('c', 3)
    meet(cleo!, anna!, ben!, dora!, emil!)
    expect(digests(anna!, ben!, cleo!)).toHaveLength(1)
    expect(cleo!.shown()).toEqual(['a 1', 'b 2', 'c 3'])
    for (const gone of [dora!, emil!]) {
      expect(gone.shown()).not.toContain('c 3')
      expect(gone.replica.role).toBeUndefined()
    }
    expect(rekeys(cleo!)).toBe(3)
  })

  test('of who is no member, or who revokes without the right: nothing is written', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3, 'write')
    const before = anna!.replica.log.size
    const stranger = new ReplicaDevice()
    expect(() => anna!.replica.revoke(stranger.id, anna!.tick())).toThrow(
      expect.objectContaining({ code: 'SYNC_NO_MEMBER' }),
    )
    expect(() => ben!.replica.revoke(cleo!.id, ben!.tick())).toThrow(notAllowed)
    expect(anna!.replica.log.size).toBe(before)
  })

  test('who leaves makes no epoch; the next writer does', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.replica.revoke(ben!.id, ben!.tick())
    anna!.hear(ben!)
    anna!.put('a', 1)
    ben!.hear(anna!)
    expect(ben!.replica.closed).toBe(1)
  })
})

describe('grants of a revoked admin', () => {
  /** Ben, whom anna revokes at the same time, grants roles to two: to one of them a higher one than it had. */
  function grantedMeanwhile() {
    const [anna, ben, cleo] = ReplicaDevice.folder(3, 'admin')
    anna!.replica.grant(cleo!.keys.record, 'read', anna!.tick())
    ben!.hear(anna!)
    const [early, dora] = [new ReplicaDevice(), new ReplicaDevice()]
    ben!.admit(early, 'write')
    anna!.hear(ben!)
    ben!.admit(dora, 'admin')
    ben!.replica.grant(cleo!.keys.record, 'admin', ben!.tick())
    dora.hear(ben!)
    anna!.replica.revoke(ben!.id, anna!.tick())
    return { anna: anna!, ben: ben!, cleo: cleo!, dora, early }
  }

  test('are void if the revocation had not seen them, and count if it had', () => {
    const { anna, ben, cleo, dora, early } = grantedMeanwhile()
    expect(dora.replica.role).toBe('admin')
    meet(anna, ben, cleo, dora, early)
    const roles = [anna, ben, cleo, dora, early].map(({ replica }) => replica.role)
    expect(roles).toEqual(['admin', undefined, 'read', undefined, 'write'])
    anna.put('secret', 1)
    meet(anna, cleo, dora, early)
    expect(cleo.shown()).toEqual(['secret 1'])
    expect(dora.shown()).toEqual([])
    expect(() => dora.put('x', 1)).toThrow(notAllowed)
    expect(digests(anna, cleo, early)).toHaveLength(1)
  })

  test('can be given again by another', () => {
    const { anna, ben, dora } = grantedMeanwhile()
    meet(anna, ben, dora)
    anna.admit(dora, 'write')
    dora.put('x', 1)
    anna.hear(dora)
    expect(anna.shown()).toEqual(['x 1'])
    expect(digests(anna, dora)).toHaveLength(1)
  })

  test('do nothing for what is written late: it is fenced with them', () => {
    const { anna, ben, dora } = grantedMeanwhile()
    dora.put('early', 1)
    dora.now += 1_000_000
    dora.put('late', 2)
    anna.now = dora.now
    meet(anna, ben)
    anna.hear(dora)
    expect(anna.shown()).toEqual(['early 1'])
    expect(anna.replica.fencedOut).toHaveLength(1)
    const { size } = anna.replica.log
    anna.replica.revoke(dora.id, anna.tick())
    expect(anna.replica.log.size).toBe(size + 2)
    expect(anna.shown()).toEqual(['early 1'])
  })

  test('two who revoke each other are both out', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3, 'admin')
    anna!.replica.revoke(ben!.id, anna!.tick())
    ben!.replica.revoke(anna!.id, ben!.tick())
    meet(anna!, ben!, cleo!)
    expect([anna!, ben!, cleo!].map(({ replica }) => replica.role)).toEqual([undefined, undefined, 'admin'])
    cleo!.put('x', 1)
    expect(digests(cleo!)).toHaveLength(1)
  })

  test('a role that a device gave itself does not mend its two histories, once it is revoked', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3, 'admin')
    const copy = ben!.store.copy()
    ben!.put('b', 1)
    anna!.hear(ben!)
    ben!.rollBack(copy, false)
    ben!.put('c', 2)
    cleo!.hear(ben!)
    meet(anna!, cleo!)
    ben!.hear(anna!)
    ben!.replica.grant(ben!.keys.record, 'admin', ben!.tick())
    anna!.replica.revoke(ben!.id, anna!.tick())
    meet(anna!, ben!, cleo!)
    expect(anna!.replica.log.membership.forkedDevices(anna!.replica.log.heads())).toEqual([ben!.id])
  })
})

describe('sharing keys', () => {
  test('a new epoch is made if a reader lacks one, and none if all have all', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const dora = new ReplicaDevice()
    anna!.replica.grant(dora.keys.record, 'read', anna!.tick())
    ben!.replica.rekey(ben!.tick())
    ben!.put('after', 1)
    meet(anna!, ben!, dora)
    expect(dora.replica.closed).toBe(1)
    expect(dora.replica.shareKeys(dora.tick())).toEqual([])
    expect(anna!.replica.shareKeys(anna!.tick())).toHaveLength(1)
    expect(anna!.replica.shareKeys(anna!.tick())).toEqual([])
    dora.hear(anna!)
    expect(dora.shown()).toEqual(['after 1'])
  })

  test('also behind more heads than an entry can name', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const parents = ben!.replica.log.heads().map(({ hash }) => hash)
    for (let index = 0; index < 40; index++) {
      const chain = new EvilDevice(ben!)
      anna!.receive(chain.batch([chain.operation({ type: 'merge' })], { parents }))
    }
    anna!.replica.rekey(anna!.tick())
    expect(anna!.replica.log.heads()).toHaveLength(1)
  })
})

describe('what others say of keys is not believed', () => {
  test('a rekey that does not hold the keys it names: later members get them all the same', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.put('old', 1)
    ben!.hear(anna!)
    const evil = new EvilDevice(ben!)
    const genesis = anna!.replica.log.membership.epochs(anna!.replica.log.heads())
    const made = evil.rekey({ previous: genesis, sealedKeys: new Uint8Array(16 + 32 * genesis.length) })
    expect(anna!.receive(evil.batch([made]))).toMatchObject({ refused: undefined, accepted: [{}] })
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'read')
    expect(dora.shown()).toEqual(['old 1'])
    expect(dora.replica.closed).toBe(0)
  })

  test('an epoch that is founded twice opens what either of them holds', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.put('old', 1)
    anna!.replica.rekey(anna!.tick())
    anna!.put('new', 2)
    const [epoch] = anna!.replica.log.membership.epochs(anna!.replica.log.heads()).toReversed()
    // Beside the honest one: it knows the key from there, and has not seen it.
    const evil = new EvilDevice(ben!)
    const twice = evil.rekey({ epoch: epoch! })
    expect(anna!.receive(evil.batch([twice]))).toMatchObject({ refused: undefined, accepted: [{}] })
    const dora = new ReplicaDevice()
    anna!.replica.grant(dora.keys.record, 'read', anna!.tick())
    dora.hear(anna!)
    expect(dora.shown()).toEqual(['new 2', 'old 1'])
  })

  test('a wrap that does not open is named, and the next grant mends it', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    const evil = new EvilDevice(ben!)
    const key = evil.random(32)
    const garbage = new Map([[anna!.id, new Uint8Array(80).fill(7)]])
    const made = evil.rekey({ key, wraps: garbage })
    const bytes = evil.batch([
      made,
      evil.operation({ type: 'mkdir', node: 'ab'.repeat(16), parent: '0'.repeat(32), name: 'd' }, key),
    ])
    for (const device of [anna!, cleo!]) expect(device.receive(bytes).refused).toBeUndefined()
    expect(anna!.replica.closed).toBe(1)
    expect(anna!.replica.badWraps.size).toBe(1)
    expect(cleo!.shown()).toEqual(['d/'])
    anna!.put('mine', 1)
    cleo!.hear(anna!)
    cleo!.replica.grant(anna!.keys.record, 'admin', cleo!.tick())
    anna!.hear(cleo!)
    expect(anna!.replica.closed).toBe(0)
    expect(digests(anna!, cleo!)).toHaveLength(1)
  })

  test('a device whose record is not its own is granted nothing', () => {
    const [anna] = ReplicaDevice.folder(1)
    const before = anna!.replica.log.size
    const { record } = new ReplicaDevice().keys
    const wrong = { ...record, agreementKey: anna!.keys.record.agreementKey }
    expect(() => anna!.replica.grant(wrong, 'read', anna!.tick())).toThrow(
      expect.objectContaining({ code: 'SYNC_BAD_DEVICE' }),
    )
    expect(anna!.replica.log.size).toBe(before)
  })

  test('a key wrapped for another folder opens nothing here', () => {
    const [anna] = ReplicaDevice.folder(1)
    const [other] = ReplicaDevice.folder(1)
    const evil = new EvilDevice(anna!)
    const key = evil.random(32)
    const scope = folderScope(other!.replica.folderId)
    const wrapped = wrapEpochKey(evil.suite, evil.random, key, scope, anna!.keys.record)
    const dora = new ReplicaDevice()
    dora.hear(anna!)
    const made = evil.rekey({ key, wraps: new Map([[anna!.id, wrapped]]) })
    expect(dora.receive(evil.batch([made])).refused).toBeUndefined()
    anna!.hear(dora)
    expect(anna!.replica.badWraps.size).toBe(1)
  })
})
