import type { FileSystem } from '../disk/file-system.ts'
import type { JobName, JobTable, WorkPool } from './job.ts'
import { runJob } from './run-job.ts'
import { workError } from './work-errors.ts'

/** Does every job at once, where it is called: for tests and the simulator, on any file system. */
export class InlinePool implements WorkPool {
  readonly #fs: FileSystem
  #isClosed = false

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  async run<N extends JobName>(name: N, job: JobTable[N]['job']): Promise<JobTable[N]['result']> {
    if (this.#isClosed) throw workError('WORK_CLOSED', `no more jobs (${name})`)
    return runJob(this.#fs, name, job)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }
}
