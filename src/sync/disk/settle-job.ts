import { errorCode } from '../../base/errors.ts'
import type { DiskFault, SettleJob, SettleResult } from '../work/job.ts'
import { faultOf } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'

/** Not there any more, or something else by now: somebody else's business. */
const goneCodes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'])

/** Contents first, then the names that show them. Goes on after a fault, and tells the first. */
export function runSettle(fs: FileSystem, job: SettleJob): SettleResult {
  let fault: DiskFault | undefined
  const attempt = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      if (!goneCodes.has(errorCode(error))) fault ??= faultOf(error)
    }
  }
  for (const path of job.files) attempt(() => syncFile(fs, path))
  for (const path of job.directories) attempt(() => fs.syncDirectory(path))
  return { fault }
}

function syncFile(fs: FileSystem, path: string): void {
  const file = fs.open(path, 'read')
  try {
    fs.sync(file)
  } finally {
    fs.close(file)
  }
}
