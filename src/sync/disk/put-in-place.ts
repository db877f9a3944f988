import { errorCode } from '../../base/errors.ts'
import type { PutOutcome, Target } from '../work/job.ts'
import { faultOf, parentOf, unlinkQuietly } from './disk-fault.ts'
import { samePrint } from './file-system.ts'
import type { FileStat, FileSystem, Fingerprint } from './file-system.ts'
import { isWithoutLinks, setAside, settleAside, takeBack } from './set-aside.ts'
import type { Aside } from './set-aside.ts'

const changed: PutOutcome = { state: 'target-changed' }

/**
 * Gives a finished temporary its place. At every moment, and after a crash, the path has the old or the new content,
 * and nothing goes that is not what was expected:
 *
 * - Where nothing is expected, by a second name and the removal of the first: a second name never replaces anything.
 * - Otherwise what stands there gets a second name first, so that its bytes outlive the rename over it. Whoever saved
 *   into that file up to the rename is found by its stat afterwards, and gets the place back.
 *
 * What remains is one gap: a program that saves by renaming its own new file to this path, exactly between our last
 * look and our rename, two calls in a row. Only exchanging two names in one call would close it, which Node cannot.
 */
export function putInPlace(
  fs: FileSystem,
  temporary: string,
  target: Target,
  isDurable: boolean,
): PutOutcome {
  try {
    const made = fs.stat(temporary)
    if (made === undefined) return failed('ENOENT', 'the temporary file is gone')
    // A directory has one place, so its inode says more than any look at the steps of the path.
    const parent = fs.stat(parentOf(target.path))
    if (parent?.kind !== 'directory' || parent.ino !== target.parentIno) return changed

    const { expected } = target
    const outcome =
      expected === 'nothing'
        ? putWhereNothingIs(fs, temporary, target.path, made)
        : replace(fs, { temporary, made, target, print: expected.print, isDurable })
    if (isDurable && outcome.state === 'done') fs.syncDirectory(parentOf(target.path))
    return outcome
  } catch (error) {
    return { state: 'failed', fault: faultOf(error) }
  }
}

function putWhereNothingIs(fs: FileSystem, temporary: string, path: string, made: FileStat): PutOutcome {
  try {
    fs.link(temporary, path)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return changed
    if (!isWithoutLinks(error)) throw error
    if (fs.stat(path) !== undefined) return changed
    fs.rename(temporary, path)
    return done(fs, path, made)
  }
  unlinkQuietly(fs, temporary)
  return done(fs, path, made)
}

interface Replacement {
  readonly temporary: string
  readonly made: FileStat
  readonly target: Target
  readonly print: Fingerprint
  readonly isDurable: boolean
}

function replace(fs: FileSystem, replacement: Replacement): PutOutcome {
  const { temporary, target, print, isDurable } = replacement
  const { path, keepAt } = target
  const before = fs.stat(path)
  if (before === undefined || !samePrint(before, print)) return changed
  if (before.kind !== 'file' && before.kind !== 'symlink') return changed
  const made = withAccessOf(fs, before, replacement)

  const aside = setAside(fs, path, before, keepAt, `${temporary}.old`)
  try {
    if (isDurable && !aside.isDropped) settleAside(fs, aside)
    const still = fs.stat(path)
    if (still === undefined || !isUntouched(before, still)) {
      takeBack(fs, aside)
      return changed
    }
    fs.rename(temporary, path)
  } catch (error) {
    takeBack(fs, aside)
    throw error
  }

  if (aside.state === 'linked') {
    const displaced = fs.stat(aside.path)
    if (displaced !== undefined && !isUntouched(before, displaced)) {
      return giveBack(fs, { temporary, path, made, aside })
    }
    if (aside.isDropped) unlinkQuietly(fs, aside.path)
  }
  return done(fs, path, made)
}

/** Another version of a file is for the same eyes as the one before. */
function withAccessOf(
  fs: FileSystem,
  before: FileStat,
  { temporary, made }: Pick<Replacement, 'temporary' | 'made'>,
): FileStat {
  if (before.kind !== 'file' || made.kind !== 'file' || before.access === made.access) return made
  fs.setAccess(temporary, before.access)
  return fs.stat(temporary) ?? made
}

interface Displaced {
  readonly temporary: string
  readonly path: string
  readonly made: FileStat
  readonly aside: Aside
}

/** Somebody saved into the old file in the last moment: it is put back, and becomes a version first. */
function giveBack(fs: FileSystem, { temporary, path, made, aside }: Displaced): PutOutcome {
  const now = fs.stat(path)
  if (now === undefined || !isUntouched(made, now)) {
    // And has changed or removed ours by now: that stands, and the earlier bytes stay under a name that says so.
    const rescued = `${aside.path}.edited`
    fs.rename(aside.path, rescued)
    return { state: 'target-changed', rescued }
  }
  try {
    fs.link(path, temporary)
  } catch {
    // Then it is put together anew.
  }
  fs.rename(aside.path, path)
  return changed
}

/**
 * The stat of what was put there. If somebody has changed or removed it since, then how it was: so that the next scan
 * finds a change of this version.
 */
function done(fs: FileSystem, path: string, made: FileStat): PutOutcome {
  const placed = fs.stat(path)
  return { state: 'done', stat: placed !== undefined && isUntouched(made, placed) ? placed : made }
}

/** The same, as far as a stat tells: without what our own links and renames change. */
function isUntouched(before: FileStat, now: FileStat): boolean {
  return (
    now.ino === before.ino &&
    now.dev === before.dev &&
    now.kind === before.kind &&
    now.size === before.size &&
    now.mtimeMs === before.mtimeMs &&
    now.exec === before.exec
  )
}

function failed(code: string, message: string): PutOutcome {
  return { state: 'failed', fault: { code, message } }
}
