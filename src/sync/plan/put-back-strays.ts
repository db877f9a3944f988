import { join } from 'node:path'
import { privatePaths } from '../disk/private-directory.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { stashItem, type Item } from '../items/item.ts'
import { isUntouched } from './disk-steps.ts'
import type { DownParts } from './down-parts.ts'

const pattern = /^(moving|removing)-(\d{1,15})$/

/**
 * After a crash the private directory may hold things whose items say that they are still in their places. A scan would
 * take them for deleted by the user.
 */
export function putBackStrays({ root, fs, items, chunks }: DownParts): void {
  const directory = join(root, privatePaths.temporary)
  if (fs.stat(directory)?.kind !== 'directory') return
  for (const { name, isText } of fs.list(directory)) {
    const [, what, number] = (isText ? pattern.exec(name) : null) ?? []
    if (what === undefined) continue
    const path = join(directory, name)
    const item = items.get(Number(number))
    const stat = fs.stat(path)
    if (item === undefined || stat === undefined || item.parent === stashItem) continue
    const own = placeOf(item)
    // Under two names: moved by a second one. The one in its place stands.
    if (stat.ino !== item.print.ino || own === undefined || fs.stat(own)?.ino === stat.ino) continue
    if (what === 'moving') {
      items.update(item.id, { parent: stashItem, name, print: fingerprintOf(stat) })
    } else if (isSameContent(item, stat)) {
      fs.unlink(path)
      chunks.removeFile(item.id)
      items.remove(item.id)
    } else if (fs.stat(own) === undefined) fs.rename(path, own)
  }
  items.commit()

  function placeOf(item: Item): string | undefined {
    const names = items.path(item.id)
    return names === undefined ? undefined : join(root, ...names)
  }
}

function isSameContent(item: Item, stat: FileStat): boolean {
  return stat.kind === item.kind && item.kind !== 'directory' && isUntouched(stat, item.print)
}
