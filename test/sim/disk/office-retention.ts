import { historyOf } from '../../../src/sync/folder/file-history.ts'
import { staggered } from '../../../src/sync/folder/staggered.ts'
import type { EntryHash } from '../../../src/sync/ids.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { headsOf, versionsOf } from '../../../src/sync/tree/versions.ts'
import { demand } from '../violation.ts'
import { restore } from './disk-checks.ts'
import type { DiskDevice } from './disk-device.ts'
import type { DiskWorld } from './disk-run.ts'
import { mayBeLost } from './office-content.ts'

/** I3: what the policy of a member wants can be had from somebody, as soon as all are connected. */
export async function checkRetention(world: DiskWorld, full: readonly DiskDevice[]): Promise<void> {
  const { chance } = world
  const reader = chance.pick(full)
  const replica = reader.folder?.replica
  if (replica === undefined) return
  const wanted = new Map<EntryHash, DiskDevice>()
  // What a clock that is ahead lets go is not wanted a moment later by the others.
  const now = Math.max(...full.map(({ clock }) => clock.wall()))
  for (const device of full) for (const version of wantedBy(device, now)) wanted.set(version, device)
  for (const { path, shown } of replica.view.walk()) {
    if (shown.kind === 'directory') continue
    for (const { version, operation } of historyOf(replica, path)?.versions ?? []) {
      const by = wanted.get(version)
      if (operation.type !== 'put' || by === undefined) continue
      const author = full.find(({ id }) => id === replica.log.entry(version)?.deviceId)
      const result = await restore(world, reader, path, version)
      if (result === operation.content.hash) {
        world.count('versions')
        continue
      }
      // Overwritten in place before anybody had it; or gone with its author.
      const isExcused = operation.content.size > 1_048_576 || mayBeLost(full, author?.id ?? '')
      demand(
        isExcused,
        'I3',
        () =>
          `${reader.name} cannot read ${path.join('/')} ${version.slice(0, 12)} (${operation.content.size} bytes) of ${author?.name}, which ${by.name} wants: ${String(result)}`,
      )
      world.count('unreadable versions')
    }
  }
}

/** What a device has wanted ever since it was written: after it had been let in, and was never out again. */
function wantedBy(device: DiskDevice, now: number): Set<EntryHash> {
  const { folder, keep, id } = device
  const wanted = new Set<EntryHash>()
  if (folder === undefined) return wanted
  const { tree, log } = folder.replica
  if (log.membership.revokesOf(id).length > 0) return wanted
  const counts = (entry: LogEntry): boolean => log.membership.roleOf(id, [entry]) !== undefined
  for (const node of tree.nodes()) {
    if (node.kind !== 'content') continue
    const all = versionsOf(tree.rows, [node])
    const heads = new Set(headsOf(tree.rows, [node]).map(({ entry }) => entry.hash))
    const some = staggered(all, heads, now)
    for (const { entry } of all) {
      const isWanted = keep === 'all' || (keep === 'staggered' ? some : heads).has(entry.hash)
      if (isWanted && counts(entry)) wanted.add(entry.hash)
    }
  }
  return wanted
}
