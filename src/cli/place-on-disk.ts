import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * PATH as the daemon wants it, which has another working directory: absolute, with the links above its last part
 * followed. What does not exist, or any more, has a path still.
 */
export function absolutePath(path: string): string {
  const absolute = resolve(path)
  const parent = dirname(absolute)
  return parent === absolute ? absolute : join(realPath(parent), basename(absolute))
}

/** The same for a directory that is to be synced: links are followed to its end. */
export function directoryPath(path: string): string {
  return realPath(resolve(path))
}

/** FOLDER may be a path; a name is left as it is. */
export function folderArgument(text: string): string {
  return /^(?:\.\.?)$|^(?:\.\.?)?\//.test(text) ? directoryPath(text) : text
}

/** Of the part that exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realPath(parent), basename(path))
  }
}
