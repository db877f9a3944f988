import { join } from 'node:path'
import { fingerprintOf, type FileSystem } from '../disk/file-system.ts'
import { LocalNames, probeDisk } from '../disk/local-names.ts'
import { privatePaths } from '../disk/private-directory.ts'
import { rootItem, type ItemStore } from '../items/item.ts'

/**
 * The root's own item says which directory it is, so that nothing is ever written through a link in its place. Where the
 * marker is missing the folder's disk is not there, and nothing is made.
 */
export function prepareRoot(fs: FileSystem, root: string, items: ItemStore): void {
  const stat = fs.stat(root)
  if (stat?.kind !== 'directory' || fs.stat(join(root, privatePaths.marker)) === undefined) return
  items.update(rootItem, { print: fingerprintOf(stat) })
  for (const directory of [privatePaths.temporary, privatePaths.kept]) {
    if (fs.stat(join(root, directory)) === undefined) fs.makeDirectory(join(root, directory))
  }
}

/** What names this disk can hold, found by trying; where it is not there, as most can. */
export function namesOf(fs: FileSystem, root: string): LocalNames {
  const probed = join(root, privatePaths.temporary)
  const usual = { isCaseSensitive: true, forms: 'exact', isReserving: false } as const
  return new LocalNames(fs.stat(probed)?.kind === 'directory' ? probeDisk(fs, probed) : usual)
}
