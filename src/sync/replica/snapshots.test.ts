import { expect, test } from 'vitest'
import { digests, meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { encodeCbor } from '../format/cbor.ts'
import type { Snapshot } from '../exchange/snapshot.ts'
import { openInvitedSnapshot } from './snapshots.ts'

/** Anna has a folder, and invites somebody: with the grant, which is all that the invited device has. */
function invited() {
  const [anna, ben] = ReplicaDevice.folder(2)
  anna!.mkdir('dir')
  anna!.put('dir/a', 1)
  anna!.replica.revoke(ben!.id, anna!.tick())
  anna!.put('b', 2)
  const dora = new ReplicaDevice()
  const [grant] = anna!.replica.grant(dora.keys.record, 'write', anna!.tick())
  const { folderId } = anna!.replica
  return { anna: anna!, ben: ben!, dora, invitation: { folderId, issuer: anna!.id, grant: grant! } }
}

function names(snapshot: Snapshot | string): string[] {
  return typeof snapshot === 'string' ? [snapshot] : snapshot.rows.map(({ name }) => name).sort()
}

test('an invited device sees the folder at once, and finds later that it was the truth', () => {
  const { anna, dora, invitation } = invited()
  const snapshot = openInvitedSnapshot(dora.suite, dora.keys, anna.replica.snapshot(anna.tick()), invitation)
  expect(names(snapshot)).toEqual(['a', 'b', 'dir'])
  dora.open(invitation.folderId)
  const check = () => dora.replica.checkSnapshot(snapshot as Snapshot, dora.now).verdict
  expect(check()).toBe('incomplete')
  dora.hear(anna)
  expect(check()).toBe('agrees')
  dora.put('dir/a', 3)
  anna.put('c', 4)
  meet(anna, dora)
  expect(check()).toBe('agrees')
  expect(digests(anna, dora)).toHaveLength(1)
})

test('who was invited to something else, or by somebody else, sees nothing', () => {
  const { anna, ben, dora, invitation } = invited()
  const sealed = anna.replica.snapshot(anna.tick())
  const [other] = ben.replica.grant(dora.keys.record, 'write', ben.tick())
  for (const [device, changed] of [
    [ben, invitation],
    [new ReplicaDevice(), invitation],
    [dora, { ...invitation, issuer: ben.id }],
    [dora, { ...invitation, folderId: 'ab'.repeat(32) }],
    [dora, { ...invitation, grant: other! }],
    [dora, { ...invitation, grant: encodeCbor([1, 2, 3]) }],
  ] as const) {
    expect(typeof openInvitedSnapshot(device.suite, device.keys, sealed, changed)).toBe('string')
  }
})

test('who cannot read makes no snapshot', () => {
  const { anna } = invited()
  const cache = new ReplicaDevice()
  anna.admit(cache, 'cache')
  expect(() => cache.replica.snapshot(cache.tick())).toThrow(expect.objectContaining({ code: 'SYNC_NO_KEY' }))
})
