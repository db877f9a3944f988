import { describe, expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import type { Role } from '../format/membership.ts'
import { grantIn, OwnMembership } from './own-membership.ts'

/** As in a join: what the inviter hands out is there at once, the rest comes later. */
function invites(inviter: ReplicaDevice, device: ReplicaDevice, role: Role): OwnMembership {
  const batches = inviter.replica.grant(device.keys.record, role, inviter.tick())
  if (!device.isOpen) device.open(inviter.replica.folderId)
  const grant = grantIn(device.suite, batches)
  OwnMembership.note(device.store, { by: inviter.id, role, grant })
  const own = new OwnMembership(device.store, device.replica)
  for (const batch of batches) device.receive(batch)
  return own
}

/** Anna's folder with Ben in it, who joined by her invitation. */
function folder(): { anna: ReplicaDevice; ben: ReplicaDevice; own: OwnMembership } {
  const anna = new ReplicaDevice().found('peer')
  const ben = new ReplicaDevice()
  const own = invites(anna, ben, 'write')
  ben.hear(anna)
  return { anna, ben, own }
}

describe('a device that was invited', () => {
  test('has the role that it was promised, and believes its inviter, until the log says so', () => {
    const anna = new ReplicaDevice().found('peer')
    anna.put('a', 1)
    const ben = new ReplicaDevice()
    const own = invites(anna, ben, 'read')
    expect([own.isExpected, own.role, own.trusted, own.exclusion]).toEqual([true, 'read', anna.id, undefined])
    expect(own.isBlank).toBe(true)
    ben.hear(anna)
    expect(own.isBlank).toBe(false)
    expect([own.isExpected, own.role, own.trusted, own.exclusion]).toEqual([
      false,
      'read',
      undefined,
      undefined,
    ])
  })

  test('is out when it hears that it was revoked, and says by whom', () => {
    const { anna, ben, own } = folder()
    anna.replica.revoke(ben.id, anna.tick())
    expect(own.exclusion).toBeUndefined()
    ben.hear(anna)
    expect(own.exclusion?.revocation?.deviceId).toBe(anna.id)
    expect([own.role, own.trusted]).toEqual([undefined, undefined])
  })

  test('stays out when its role comes back without an invitation that it has taken', () => {
    const { anna, ben, own } = folder()
    anna.replica.revoke(ben.id, anna.tick())
    anna.replica.grant(ben.keys.record, 'write', anna.tick())
    ben.hear(anna)
    expect(own.role).toBe('write')
    expect(own.exclusion).toBeDefined()
  })

  test.each([true, false])('is let in again by another invitation, having heard of all: %s', (hasHeard) => {
    const { anna, ben } = folder()
    anna.replica.revoke(ben.id, anna.tick())
    if (hasHeard) ben.hear(anna)
    const own = invites(anna, ben, 'read')
    expect([own.isExpected, own.role]).toEqual([!hasHeard, 'read'])
    // Who knew the folder before asks nobody but members of it.
    expect(own.isBlank).toBe(false)
    expect(own.trusted).toBe(hasHeard ? undefined : anna.id)
    ben.hear(anna)
    expect([own.isExpected, own.role, own.exclusion]).toEqual([false, 'read', undefined])
    // And out again by another revocation.
    anna.replica.revoke(ben.id, anna.tick())
    ben.hear(anna)
    expect(own.exclusion).toBeDefined()
  })

  test('is out if who let it in was revoked at the same time', () => {
    const [anna, cleo] = ReplicaDevice.folder(2)
    const ben = new ReplicaDevice()
    const own = invites(cleo!, ben, 'write')
    ben.hear(cleo!)
    expect(own.role).toBe('write')
    anna!.replica.revoke(cleo!.id, anna!.tick())
    meet(anna!, cleo!, ben)
    expect(own.role).toBeUndefined()
    expect(own.exclusion?.revocation?.deviceId).toBe(anna!.id)
  })

  test('is not out for two histories of its own', () => {
    const { anna, ben, own } = folder()
    ben.replica.commit()
    const clone = ben.clone()
    ben.put('a', 1)
    clone.put('b', 1)
    meet(anna, ben, clone)
    expect([own.role, own.exclusion]).toEqual(['read', undefined])
  })

  test('knows all of it after a restart', () => {
    const { anna, ben } = folder()
    anna.replica.revoke(ben.id, anna.tick())
    ben.hear(anna)
    ben.replica.commit()
    ben.crash()
    expect(new OwnMembership(ben.store, ben.replica).exclusion).toBeDefined()
  })
})

test('who began the folder is in it, until revoked', () => {
  const [anna, ben] = ReplicaDevice.folder(2)
  const own = new OwnMembership(anna!.store, anna!.replica)
  expect([own.role, own.isExpected, own.trusted, own.exclusion]).toEqual([
    'admin',
    false,
    undefined,
    undefined,
  ])
  ben!.replica.revoke(anna!.id, ben!.tick())
  anna!.hear(ben!)
  expect(own.exclusion?.revocation?.deviceId).toBe(ben!.id)
})

test('an inviter that names no grant is believed until there is a role', () => {
  const anna = new ReplicaDevice().found('peer')
  const ben = new ReplicaDevice().open(anna.replica.folderId)
  const junk = [new Uint8Array(0), new Uint8Array([1, 2, 3])]
  for (const batches of [[], junk, anna.replica.rekey(anna.tick())]) {
    expect(grantIn(ben.suite, batches)).toBeUndefined()
  }
  OwnMembership.note(ben.store, { by: anna.id, role: 'write' })
  const own = new OwnMembership(ben.store, ben.replica)
  expect([own.role, own.trusted]).toEqual(['write', anna.id])
  anna.admit(ben, 'read')
  expect([own.role, own.trusted, own.exclusion]).toEqual(['read', undefined, undefined])
})
