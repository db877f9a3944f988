import { join } from 'node:path'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { VersionSource } from './version-source.ts'

const hash = /^[0-9a-f]{64}$/

/** Removes what earlier runs began in the private directory and nobody goes on with. */
export function removeTemporaries(fs: FileSystem, root: string): void {
  remove(fs, join(root, privatePaths.temporary), (name) => /^[0-9a-f]{64}(?:\.old)?$/.test(name))
}

/** Of restores that were cut short: at the start, when none is under way. */
export function removeRestores(fs: FileSystem, root: string): void {
  remove(fs, join(root, privatePaths.temporary), (name) => name.startsWith('restore-'))
  remove(fs, join(root, privatePaths.kept), (name) => name.endsWith('.part'))
}

/**
 * Content that was kept just before a crash, and not written down any more: it is a version like the others. What the
 * log does not know, or has another size, is of no use to anybody.
 */
export function adoptKept(fs: FileSystem, root: string, chunks: ChunkStore, versions: VersionSource): void {
  const directory = join(root, privatePaths.kept)
  if (fs.stat(directory)?.kind !== 'directory') return
  let adopted = 0
  for (const { name } of fs.list(directory)) {
    if (!hash.test(name) || chunks.isKept(name)) continue
    const path = join(directory, name)
    const stat = fs.stat(path)
    const rows = versions.rows(name)
    let size = 0
    for (const length of rows?.lengths ?? []) size += length
    if (rows === undefined || stat?.kind !== 'file' || stat.size !== size) continue
    chunks.addKept(name, rows, size)
    adopted++
  }
  if (adopted > 0) chunks.commit()
}

/** What a user saved in the very moment in which another version took the place: bytes that no version has. */
export function rescuedEdits(fs: FileSystem, root: string): FolderProblem[] {
  const problems: FolderProblem[] = []
  for (const place of [privatePaths.temporary, privatePaths.kept]) {
    const directory = join(root, place)
    if (fs.stat(directory)?.kind !== 'directory') continue
    for (const { name, isText } of fs.list(directory)) {
      if (isText && name.endsWith('.edited')) problems.push(rescuedEdit(`${place}/${name}`))
    }
  }
  return problems
}

export function rescuedEdit(path: string): FolderProblem {
  return {
    code: 'FOLDER_EDIT_RESCUED',
    path,
    message: 'a file was saved here while another version took its place; what was saved is in this file',
    fix: 'move it to where it belongs, or remove it',
  }
}

function remove(fs: FileSystem, directory: string, isStale: (name: string) => boolean): void {
  if (fs.stat(directory)?.kind !== 'directory') return
  for (const { name, isText } of fs.list(directory)) {
    const path = join(directory, name)
    if (isText && isStale(name) && fs.stat(path)?.kind !== 'directory') fs.unlink(path)
  }
}
