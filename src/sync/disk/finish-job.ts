import { nodeContentSuite } from '../content/content-suite.ts'
import type { FinishJob, FinishResult } from '../work/job.ts'
import { runBytes, scratchBytes } from './chunk-reader.ts'
import { faultOf } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'
import { putInPlace } from './put-in-place.ts'

/** Puts a whole temporary file in its place. After a fault it is still there, to be tried again. */
export function runFinish(fs: FileSystem, job: FinishJob): FinishResult {
  const { temporary, target } = job
  try {
    const file = fs.open(temporary, 'update')
    try {
      const { kind, links, size } = fs.statFile(file)
      if (kind !== 'file' || links !== 1 || size !== job.size) return { state: 'wrong-content' }
      if (job.hash !== undefined && hashFile(fs, file) !== job.hash) return { state: 'wrong-content' }
      if (target.exec !== fs.statFile(file).exec) fs.setExec(temporary, target.exec)
      fs.setTime(temporary, target.mtimeMs)
      if (job.isDurable) fs.sync(file)
    } finally {
      fs.close(file)
    }
  } catch (error) {
    return { state: 'failed', fault: faultOf(error) }
  }
  return putInPlace(fs, temporary, target, job.isDurable)
}

function hashFile(fs: FileSystem, file: number): string {
  const hasher = nodeContentSuite.hasher()
  for (let at = 0, count = runBytes; count === runBytes; at += count) {
    const block = scratchBytes(runBytes)
    count = fs.read(file, block, at)
    hasher.update(block.subarray(0, count))
  }
  return hasher.digest()
}
