import type { ChunkRows } from '../../../src/sync/content/content.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import type { DiskDevice } from './disk-device.ts'
import type { DiskWorld } from './disk-run.ts'
import { groupsOf } from './office-groups.ts'

const idLength = 32
/** Of things that were changed on a device that may not write. */
const ownChanges = new Set(['FOLDER_READ_ONLY', 'FOLDER_TARGET_CHANGED'])

/** Those with which a device exchanges the log, itself first. */
export function groupOf(world: DiskWorld, device: DiskDevice): readonly DiskDevice[] {
  const group = groupsOf(world.devices).find((one) => one.includes(device)) ?? []
  return [device, ...group.filter((other) => other !== device)]
}

/** Somebody of the group has each chunk of a version. */
export function isHeld(group: readonly DiskDevice[], version: string): boolean {
  const rows = rowsOf(group, version)
  if (rows === undefined) return false
  for (let row = 0; row < rows.lengths.length; row++) {
    const id = rows.ids.subarray(row * idLength, (row + 1) * idLength)
    if (!group.some(({ folder }) => folder?.chunks.has(id) === true)) return false
  }
  return true
}

function rowsOf(group: readonly DiskDevice[], version: string): ChunkRows | undefined {
  for (const { folder } of group) {
    const rows = folder?.content?.versions.rows(version)
    if (rows !== undefined) return rows
  }
  return undefined
}

/** Nobody has to have it: its author was revoked before anybody did, or all keep what is current, which its user took away. */
export function mayBeLost(group: readonly DiskDevice[], author: DeviceId): boolean {
  if (!group.some(({ id }) => id === author)) return true
  return group.every(({ keep, folder }) => keep === 'current' || folder?.content === undefined)
}

/** Paths whose shown content no disk of its group has, and has to have. */
export function lostPaths(world: DiskWorld, device: DiskDevice): Set<string> {
  const group = groupOf(world, device)
  const lost = new Set<string>()
  for (const { path, shown } of device.folder?.replica.view.walk() ?? []) {
    if (shown.kind === 'directory' || shown.current.operation.type !== 'put') continue
    const { deviceId, hash } = shown.current.entry
    // Large ones are in nothing but the user's file, who took it away before anybody had it.
    const isLarge = shown.current.operation.content.size > 1_048_576
    if ((isLarge || mayBeLost(group, deviceId)) && !isHeld(group, hash)) lost.add(path.join('/'))
  }
  return lost
}

/** It waits for nothing but what nobody has whom it may ask, and what its own user keeps from its place. */
export function hasAllItCan(world: DiskWorld, device: DiskDevice): boolean {
  const { folder } = device
  const { content } = folder ?? {}
  if (folder === undefined || content === undefined || !folder.peers.isIdle) return false
  // A reader's own changes are looked at again and again.
  const isReader = folder.role === 'read' && folder.problems.some(({ code }) => ownChanges.has(code))
  if (content.state !== 'syncing') return isReader && content.state === 'scanning'
  const { files } = content.downloads
  if (files === 0) return false
  const own = folder.problems.filter(({ code }) => ownChanges.has(code)).length
  return files <= own || files <= own + lostPaths(world, device).size
}
