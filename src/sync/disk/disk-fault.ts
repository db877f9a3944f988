import { errorCode, errorMessage } from '../../base/errors.ts'
import type { DiskFault } from '../work/job.ts'
import type { FileSystem } from './file-system.ts'

export function faultOf(error: unknown): DiskFault {
  return { code: errorCode(error), message: errorMessage(error) }
}

/** Nothing can be at such a path: a step of it is missing, or no directory, or a symlink that leads in a circle. */
export function isNowhere(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP'
}

/** For what is only tidied up: whoever finds it later does it again. */
export function unlinkQuietly(fs: FileSystem, path: string): void {
  try {
    fs.unlink(path)
  } catch {
    // Gone, or not ours to remove.
  }
}

/** The directory of an absolute path. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}
