import { faultOf } from '../disk/disk-fault.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { DiskEntry, DiskFault, Listing, ListJob, ListResult } from './job.ts'

export function runList(fs: FileSystem, job: ListJob): ListResult {
  return { listings: job.directories.map((directory) => listDirectory(fs, directory)) }
}

function listDirectory(fs: FileSystem, directory: string): Listing | DiskFault {
  try {
    const entries: DiskEntry[] = []
    const badNames: string[] = []
    for (const { name, isText } of fs.list(directory)) {
      if (!isText) {
        badNames.push(name)
        continue
      }
      const stat = fs.stat(`${directory}/${name}`)
      // What went away since is as if it had never been there.
      if (stat !== undefined) entries.push({ name, stat })
    }
    return { entries, badNames }
  } catch (error) {
    return faultOf(error)
  }
}
