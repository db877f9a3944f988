import { join } from 'node:path'
import type { FileStat, Fingerprint } from '../disk/file-system.ts'
import { stashItem, type Item } from '../items/item.ts'
import type { DiskEntry } from '../work/job.ts'
import type { UpParts } from './up-parts.ts'

/** Whether it is the directory that it was. Numbers of inodes are used again; times of birth are not. */
export function isSameDirectory(print: Fingerprint, stat: FileStat): boolean {
  if (stat.kind !== 'directory' || print.ino !== stat.ino) return false
  return print.birthtimeMs === stat.birthtimeMs || (!hasBirth(print) && !hasBirth(stat))
}

/**
 * Whether it is one that was elsewhere. What was made a moment ago looks as if the system knew no times of birth, and
 * the number of what was just removed goes to the next that is made: nothing may have changed in it then.
 */
function isMovedDirectory(print: Fingerprint, stat: FileStat): boolean {
  if (!isSameDirectory(print, stat)) return false
  return print.birthtimeMs === stat.birthtimeMs || print.mtimeMs === stat.mtimeMs
}

/** Systems that do not know it say 0, or the time of the last change. */
function hasBirth({ birthtimeMs, ctimeMs }: Fingerprint): boolean {
  return birthtimeMs > 0 && birthtimeMs !== ctimeMs
}

/** Where the system does not know when it was made, it has to be unchanged to be known again. */
export function isSameFile(print: Fingerprint, stat: FileStat): boolean {
  if (print.ino !== stat.ino) return false
  if (print.birthtimeMs === stat.birthtimeMs && hasBirth(stat)) return true
  const isUnknown = print.birthtimeMs === stat.birthtimeMs || (!hasBirth(print) && !hasBirth(stat))
  return isUnknown && print.size === stat.size && print.mtimeMs === stat.mtimeMs
}

/**
 * The item that was moved to a place, by its inode: one that is gone from its own. A file that still has a file at its
 * old place was not moved but saved by making a new one, or copied by a link: names keep their history.
 */
export function movedItem(
  parts: UpParts,
  to: { readonly parent: number; readonly entry: DiskEntry; readonly hasName: (name: string) => boolean },
  isClaimed: (item: Item) => boolean,
): Item | undefined {
  const { stat } = to.entry
  for (const item of parts.items.ofInode(stat.ino)) {
    if (item.parent === stashItem || item.kind !== stat.kind) continue
    const isSame =
      stat.kind === 'directory' ? isMovedDirectory(item.print, stat) : isSameFile(item.print, stat)
    if (isSame && !isClaimed(item) && isGone(parts, item, to)) return item
  }
  return undefined
}

/** On a disk that takes two spellings for one name, the old one finds the new one: the listing knows better. */
function isGone(
  parts: UpParts,
  item: Item,
  to: { readonly parent: number; readonly hasName: (name: string) => boolean },
): boolean {
  if (item.parent === to.parent && !to.hasName(item.name)) return true
  const path = parts.items.path(item.id)
  if (path === undefined) return true
  const stat = statOr(parts, join(parts.root, ...path))
  if (stat === 'unreadable') return false
  if (item.kind === 'directory') return stat === undefined || !isSameDirectory(item.print, stat)
  return stat === undefined || stat.kind === 'directory' || stat.kind === 'other'
}

/** What stands at a path; what cannot be looked at may be there. */
export function statOr({ fs }: UpParts, path: string): FileStat | 'unreadable' | undefined {
  try {
    return fs.stat(path)
  } catch {
    return 'unreadable'
  }
}
