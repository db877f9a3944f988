import { describe, expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { listMembers } from './member-list.ts'

/** By whom, in the order in which the devices are given. */
function listed(at: ReplicaDevice, ...devices: ReplicaDevice[]) {
  const members = listMembers(at.suite, at.replica.log)
  const nameOf = (id: string): number => devices.findIndex((device) => device.id === id)
  return devices.map((device) => {
    const found = members.find(({ deviceId }) => deviceId === device.id)
    if (found === undefined) return undefined
    const { state, role, granted, revoked } = found
    return [
      state,
      role,
      nameOf(granted.deviceId),
      revoked === undefined ? undefined : nameOf(revoked.deviceId),
    ]
  })
}

describe('members as a log has them', () => {
  test('who began the folder, who was let in, and by whom', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const cleo = new ReplicaDevice()
    ben!.admit(cleo, 'read')
    anna!.hear(ben!)
    for (const at of [anna!, ben!, cleo]) {
      expect(listed(at, anna!, ben!, cleo)).toEqual([
        ['member', 'admin', 0, undefined],
        ['member', 'admin', 0, undefined],
        ['member', 'read', 1, undefined],
      ])
    }
    expect(listMembers(anna!.suite, anna!.replica.log).map(({ granted }) => granted.kind)).toContain(
      'genesis',
    )
  })

  test.each([true, false])('an authority, which may be the one who began the folder: %s', (isOwn) => {
    const anna = new ReplicaDevice()
    const server = isOwn ? anna : new ReplicaDevice()
    anna.found('server_authoritative', server)
    expect(listed(anna, anna, server)).toEqual([
      ['member', 'admin', 0, undefined],
      ['member', isOwn ? 'admin' : 'write', 0, undefined],
    ])
  })

  test('a revoked device keeps the role that it had, and is a member once it is let in again', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    anna!.replica.revoke(ben!.id, anna!.tick())
    expect(listed(anna!, ben!, anna!)[0]).toEqual(['revoked', 'write', 1, 1])
    anna!.admit(ben!, 'read')
    expect(listed(anna!, ben!, anna!)[0]).toEqual(['member', 'read', 1, undefined])
  })

  test('who was let in by an admin that was revoked at the same time is out because of that', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const cleo = new ReplicaDevice()
    ben!.admit(cleo, 'write')
    anna!.replica.revoke(ben!.id, anna!.tick())
    meet(anna!, ben!, cleo)
    for (const at of [anna!, cleo]) {
      expect(listed(at, anna!, ben!, cleo).slice(1)).toEqual([
        ['revoked', 'admin', 0, 0],
        ['revoked', 'write', 1, 0],
      ])
    }
  })

  test('two histories of one device', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    const clone = ben!.clone()
    ben!.put('a', 1)
    clone.put('b', 1)
    meet(anna!, ben!, clone)
    expect(listed(anna!, ben!, anna!)[0]).toEqual(['forked', 'read', 1, undefined])
  })

  test('a device that was revoked and never let in is not there', () => {
    const [anna] = ReplicaDevice.folder(1)
    expect(listed(anna!, new ReplicaDevice())).toEqual([undefined])
  })
})
