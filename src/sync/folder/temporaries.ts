import { join } from 'node:path'
import { privatePaths } from '../disk/private-directory.ts'
import type { FileSystem } from '../disk/file-system.ts'

/** Removes what earlier runs began in the private directory and nobody goes on with. */
export function removeTemporaries(fs: FileSystem, root: string, isStale: (name: string) => boolean): void {
  const directory = join(root, privatePaths.temporary)
  if (fs.stat(directory)?.kind !== 'directory') return
  for (const { name, isText } of fs.list(directory)) {
    const path = join(directory, name)
    if (isText && isStale(name) && fs.stat(path)?.kind !== 'directory') fs.unlink(path)
  }
}
