import { errorCode } from '../../base/errors.ts'
import { parentOf, unlinkQuietly } from './disk-fault.ts'
import type { FileStat, FileSystem } from './file-system.ts'

/** What keeps the bytes of something that is about to be replaced. */
export interface Aside {
  /** `linked`: the thing itself has a second name here. `copied`: its content. `nothing`: neither can be done. */
  readonly state: 'linked' | 'copied' | 'nothing'
  readonly path: string
  /** It goes when the replacement is done. */
  readonly isDropped: boolean
}

/** Of file systems without second names, of files of others, and of a file that has too many. */
const noLinkCodes = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
const copyBlock = 1024 * 1024

export function isWithoutLinks(error: unknown): boolean {
  return noLinkCodes.has(errorCode(error))
}

/**
 * Gives what stands at `path`, which is `before`, a second name, while it stays where it is. Not by renaming it away:
 * then a crash could leave the path with nothing. Where links do not work, content that shall be kept is copied.
 */
export function setAside(
  fs: FileSystem,
  path: string,
  before: FileStat,
  keepAt: string | undefined,
  droppedAt: string,
): Aside {
  try {
    if (keepAt !== undefined && linkTo(fs, path, before, keepAt)) {
      return { state: 'linked', path: keepAt, isDropped: false }
    }
    // What is kept there already is this version as well; the second name is only for what happens meanwhile.
    if (!linkTo(fs, path, before, droppedAt)) {
      unlinkQuietly(fs, droppedAt)
      fs.link(path, droppedAt)
    }
    return { state: 'linked', path: droppedAt, isDropped: true }
  } catch (error) {
    if (!isWithoutLinks(error)) throw error
  }
  if (keepAt === undefined || before.kind !== 'file') {
    return { state: 'nothing', path: droppedAt, isDropped: true }
  }
  copyTo(fs, path, keepAt)
  return { state: 'copied', path: keepAt, isDropped: false }
}

/** False if something else has that name, a whole content for all that can be seen. */
function linkTo(fs: FileSystem, path: string, before: FileStat, to: string): boolean {
  try {
    fs.link(path, to)
    return true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  const there = fs.stat(to)
  if (there !== undefined && there.ino === before.ino && there.dev === before.dev) return true
  if (there?.kind === 'file' && there.size === before.size) return false
  fs.unlink(to)
  fs.link(path, to)
  return true
}

/** Whole at its name, or not there. */
function copyTo(fs: FileSystem, from: string, to: string): void {
  const part = `${to}.part`
  unlinkQuietly(fs, part)
  const source = fs.open(from, 'read')
  try {
    const target = fs.open(part, 'create')
    try {
      const block = new Uint8Array(copyBlock)
      for (let at = 0, count = block.length; count === block.length; at += count) {
        count = fs.read(source, block, at)
        fs.write(target, block.subarray(0, count), at)
      }
      fs.sync(target)
    } finally {
      fs.close(target)
    }
    fs.rename(part, to)
  } catch (error) {
    unlinkQuietly(fs, part)
    throw error
  } finally {
    fs.close(source)
  }
}

/** Undoes it. */
export function takeBack(fs: FileSystem, aside: Aside): void {
  if (aside.state !== 'nothing') unlinkQuietly(fs, aside.path)
}

/** The names in the directory of kept content are lasting. */
export function settleAside(fs: FileSystem, aside: Aside): void {
  if (aside.state !== 'nothing') fs.syncDirectory(parentOf(aside.path))
}
