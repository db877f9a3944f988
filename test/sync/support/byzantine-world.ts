import { expect } from 'vitest'
import type { Role } from '../../../src/sync/format/membership.ts'
import type { Acceptance } from '../../../src/sync/log/acceptance.ts'
import { EvilDevice } from './evil-device.ts'
import { digests, meet, ReplicaDevice } from './replica-device.ts'

/** Two honest admins with a file each, and a device of some role that does what it is told. */
export interface ByzantineWorld {
  readonly anna: ReplicaDevice
  readonly ben: ReplicaDevice
  /** An honest replica with the keys of the evil one: what it sees, and how others would see it. */
  readonly mallory: ReplicaDevice
  readonly evil: EvilDevice
}

export function byzantineWorld(role: Role | 'none' = 'write'): ByzantineWorld {
  const [anna, ben] = ReplicaDevice.folder(2) as [ReplicaDevice, ReplicaDevice]
  const mallory = new ReplicaDevice()
  if (role !== 'none') anna.replica.grant(mallory.keys.record, role, anna.tick())
  anna.put('anna', 1)
  ben.put('ben', 2)
  meet(anna, ben, mallory)
  return { anna, ben, mallory, evil: new EvilDevice(mallory) }
}

/** What a replica says to bytes that must change nothing in it; and that it changed nothing. */
export function refusal(device: ReplicaDevice, bytes: Uint8Array): string | undefined {
  const before = stateOf(device)
  const outcome = device.receive(bytes, 'mallory')
  expect(stateOf(device)).toEqual(before)
  return verdict(outcome)
}

export function verdict({ refused, held, pending, accepted, known }: Acceptance): string | undefined {
  if (refused !== undefined) return refused.reason
  if (held.length > 0) return 'held'
  if (pending > 0) return 'pending'
  if (accepted.length > 0) return 'accepted'
  return known > 0 ? 'known' : undefined
}

export function stateOf({ replica, store }: ReplicaDevice) {
  const { log } = replica
  return {
    ...replica.digest(),
    heads: log.heads().map(({ hash }) => hash),
    members: log.membership.members(log.heads()),
    final: replica.finalLength,
    records: [...store.records()].length,
  }
}

/** I1, I3: whoever is honest goes on writing, has everything of everybody honest, and agrees. */
export function expectHonest(...devices: ReplicaDevice[]): void {
  const latest = Math.max(...devices.map(({ now }) => now)) + 1
  const versions = devices.map((device, index) => {
    device.now = latest
    return device.put(`still ${index}`, index)
  })
  for (let round = 0; round < 2; round++) meet(...devices)
  expect(digests(...devices)).toHaveLength(1)
  for (const device of devices) {
    for (const [index, version] of versions.entries()) {
      expect(device.versions(`still ${index}`)).toContain(version)
    }
  }
}
