import type { Folder } from '../../../src/sync/folder/folder.ts'
import { demand } from '../violation.ts'
import type { DiskDevice } from './disk-device.ts'

/** It takes part, as far as it knows, and not everybody tells it that it does not. */
export function takesPart(device: DiskDevice, devices: readonly DiskDevice[]): boolean {
  const { folder } = device
  if (folder === undefined || folder.isOut || waitsForInviter(folder)) return false
  return !folder.peers.isRefused || devices.some((other) => areLinked(device, other))
}

/** Who let it in was cut off, or has taken it back, before it had the log, or the entry that lets it in. */
function waitsForInviter({ replica, peers, own }: Folder): boolean {
  if (own.isExpected && peers.isRefused) return true
  return replica.log.size === 0 && (peers.isRefused || peers.connected === 0)
}

/** Devices that exchange the log with each other, directly or by others, without those that are out. */
export function groupsOf(devices: readonly DiskDevice[]): DiskDevice[][] {
  const left = new Set(devices.filter((device) => takesPart(device, devices)))
  const groups: DiskDevice[][] = []
  for (const first of left) {
    left.delete(first)
    const group = [first]
    for (const one of group) {
      for (const other of left) {
        if (!areLinked(one, other)) continue
        left.delete(other)
        group.push(other)
      }
    }
    groups.push(group)
  }
  return groups
}

function isTold({ folder }: DiskDevice): boolean {
  return folder === undefined || folder.isOut || folder.peers.isRefused
}

export function areLinked(one: DiskDevice, two: DiskDevice): boolean {
  return one.folder?.peers.linkOf(two.id) !== undefined && two.folder?.peers.linkOf(one.id) !== undefined
}

/** Who takes each other for members has a session; who is not taken for one is told. */
export function checkSessions(devices: readonly DiskDevice[]): void {
  for (const one of devices) {
    for (const two of devices) {
      if (one === two || one.folder === undefined || two.folder === undefined) continue
      const [takes, isTaken] = [one.folder.peers.isMember(two.id), two.folder.peers.isMember(one.id)]
      demand(
        !takes || !isTaken || areLinked(one, two),
        'session',
        () => `${one.name} and ${two.name} take each other for members, and have no session`,
      )
      demand(
        !takes || isTaken || isTold(one) || !takesPart(two, devices),
        'session',
        () => `${two.name} does not take ${one.name} for a member, which does not know it`,
      )
    }
  }
}
