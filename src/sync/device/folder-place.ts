import { lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { errorCode, HarpError } from '../../base/errors.ts'
import { privateName, privatePaths } from '../disk/private-directory.ts'
import type { FolderId } from '../ids.ts'

/**
 * Makes the directory if it is missing. Throws HarpError `SYNC_FOLDER_PLACE` if a folder cannot be there: no directory,
 * within another folder or around it, or marked by another harp as its own.
 */
export function requireFreeDirectory(path: string, folders: readonly string[], id?: FolderId): void {
  try {
    mkdirSync(path, { recursive: true })
    if (!statSync(path).isDirectory()) throw placeError(path, 'it is no directory', 'name a directory')
  } catch (error) {
    if (error instanceof HarpError) throw error
    throw placeError(path, errorCode(error), 'name a directory that this user may write to')
  }
  const real = realpathSync(path) + sep
  for (const folder of folders) {
    const other = realOf(folder) + sep
    if (real.startsWith(other) || other.startsWith(real)) {
      throw placeError(path, `it overlaps with the folder at ${folder}`, 'name a directory of its own')
    }
  }
  const marked = markerOf(path)
  if (marked !== undefined && marked !== id) {
    const fix = `stop the other harp; if there is none, remove ${join(path, privateName)} and try again`
    throw placeError(path, 'it belongs to a folder already', fix)
  }
}

/** The private directory with its marker. */
export function makePrivateDirectory(path: string, id: FolderId): void {
  for (const name of [privateName, privatePaths.temporary, privatePaths.kept]) {
    const directory = join(path, name)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (!lstatSync(directory).isDirectory()) {
      throw placeError(path, `${name} is no directory`, `remove ${directory}`)
    }
  }
  writeFileSync(join(path, privatePaths.marker), `${id}\n`, { mode: 0o600 })
}

/**
 * It is no folder any more. The files stay, and so does what the private directory keeps of old versions. Of a cache,
 * which has no files, all that it held goes.
 */
export function leaveDirectory(path: string, isCache: boolean): void {
  if (isCache) rmSync(join(path, privateName), { recursive: true, force: true })
  else rmSync(join(path, privatePaths.marker), { force: true })
}

function markerOf(path: string): string | undefined {
  try {
    return readFileSync(join(path, privatePaths.marker), 'utf8').trim()
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw placeError(path, errorCode(error), `look at ${dirname(join(path, privatePaths.marker))}`)
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function placeError(path: string, why: string, fix: string): HarpError {
  return new HarpError('SYNC_FOLDER_PLACE', `${path} cannot be a folder: ${why}`, { fix })
}
