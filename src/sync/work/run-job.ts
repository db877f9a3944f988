import { runDeliver } from '../disk/deliver-job.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { runFill } from '../disk/fill-job.ts'
import { runFinish } from '../disk/finish-job.ts'
import { runPlace } from '../disk/place-job.ts'
import { runSettle } from '../disk/settle-job.ts'
import { runCheck } from './check-job.ts'
import { runHash } from './hash-job.ts'
import type { JobName, JobTable } from './job.ts'
import { runList } from './list-job.ts'
import { runServe } from './serve-job.ts'

type JobFunctions = {
  readonly [N in JobName]: (fs: FileSystem, job: JobTable[N]['job']) => JobTable[N]['result']
}

const functions: JobFunctions = {
  list: runList,
  hash: runHash,
  check: runCheck,
  serve: runServe,
  fill: runFill,
  place: runPlace,
  finish: runFinish,
  deliver: runDeliver,
  settle: runSettle,
}

export function runJob<N extends JobName>(
  fs: FileSystem,
  name: N,
  job: JobTable[N]['job'],
): JobTable[N]['result'] {
  return functions[name](fs, job)
}
