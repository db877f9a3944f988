import { join } from 'node:path'
import { errorMessage } from '../../base/errors.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { FolderId } from '../ids.ts'

const mostBytes = 1_024

/**
 * Why this is not the folder's disk; undefined if it is. A disk that is not mounted leaves an empty directory behind,
 * and nothing in it may be read as deleted.
 */
export function whyMissing(fs: FileSystem, root: string, folderId: FolderId): string | undefined {
  try {
    const stat = fs.stat(root)
    if (stat === undefined) return `${root} is not there`
    if (stat.kind !== 'directory') return `${root} is no directory`
    const text = readText(fs, join(root, privatePaths.marker), mostBytes)
    if (text === undefined) return `${join(root, privatePaths.marker)} is not there`
    return text.trim() === folderId ? undefined : `${root} belongs to another folder`
  } catch (error) {
    return `${root} cannot be read: ${errorMessage(error)}`
  }
}

/** Of a small file, as UTF-8; undefined if there is none. Throws what the system says, and for one that is too large. */
export function readText(fs: FileSystem, path: string, most: number): string | undefined {
  if (fs.stat(path) === undefined) return undefined
  const file = fs.open(path, 'read')
  try {
    const bytes = new Uint8Array(most + 1)
    const length = fs.read(file, bytes, 0)
    if (length > most) throw new RangeError(`larger than ${most} bytes`)
    return new TextDecoder().decode(bytes.subarray(0, length))
  } finally {
    fs.close(file)
  }
}
