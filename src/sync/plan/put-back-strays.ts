import { join } from 'node:path'
import { privatePaths } from '../disk/private-directory.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { stashItem, type Item } from '../items/item.ts'
import { isUntouched } from './disk-steps.ts'
import type { DownParts } from './down-parts.ts'
import { giveBack, keepOrDrop } from './keep-removed.ts'
import { isSystemError } from './turn.ts'

const pattern = /^(moving|removing)-(\d{1,15})$/

/**
 * After a crash the private directory may hold things whose items say that they are still in their places. A scan would
 * take them for deleted by the user.
 */
export function putBackStrays(parts: DownParts): void {
  const { root, fs, items } = parts
  const directory = join(root, privatePaths.temporary)
  if (fs.stat(directory)?.kind !== 'directory') return
  let hasChanged = false
  for (const { name, isText } of fs.list(directory)) {
    const [, what, number] = (isText ? pattern.exec(name) : null) ?? []
    const item = what === undefined ? undefined : items.get(Number(number))
    if (item === undefined || item.parent === stashItem) continue
    try {
      putBack(parts, item, join(directory, name), what === 'moving')
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
    hasChanged = true
  }
  if (hasChanged) fs.syncDirectory(directory)
  items.commit()
}

function putBack(parts: DownParts, item: Item, path: string, isMoving: boolean): void {
  const { root, fs, items, chunks } = parts
  const stat = fs.stat(path)
  const names = items.path(item.id)
  if (stat === undefined || names === undefined || stat.ino !== item.print.ino) return
  const place = join(root, ...names)
  const there = fs.stat(place)
  if (there?.ino === stat.ino) return
  if (isMoving) {
    const print =
      item.kind === 'directory' || isUntouched(stat, item.print) ? fingerprintOf(stat) : item.print
    items.update(item.id, { parent: stashItem, name: `moving-${item.id}`, print })
  } else if (isSameContent(item, stat)) {
    keepOrDrop(parts, item, path)
    chunks.removeFile(item.id)
    items.remove(item.id)
  } else giveBack(fs, path, place)
}

function isSameContent(item: Item, stat: FileStat): boolean {
  return stat.kind === item.kind && item.kind !== 'directory' && isUntouched(stat, item.print)
}
