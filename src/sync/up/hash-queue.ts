import { join } from 'node:path'
import type { HashedFile } from '../work/job.ts'
import type { ScanRun } from './scan-run.ts'
import type { FileTask } from './uploader.ts'

/** Of one job: many small files, or one large one. */
const filesAtOnce = 1_024
const bytesAtOnce = 8 * 1024 * 1024
/** Two threads read, and find the next ones when they are done. */
const jobsAtOnce = 4
/** Sealed chunks of files up to this size are stored, so that versions survive being overwritten in place. */
const keptBytes = 1024 * 1024

/** Files to be read, in jobs of bounded size, a few at a time. */
export class HashQueue {
  readonly #run: ScanRun
  readonly #take: (task: FileTask, file: HashedFile, since: number) => void
  readonly #jobs = new Set<Promise<void>>()
  #tasks: FileTask[] = []
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  constructor(run: ScanRun, take: (task: FileTask, file: HashedFile, since: number) => void) {
    this.#run = run
    this.#take = take
  }

  add(task: FileTask): void {
    if (this.#tasks.length > 0 && this.#bytes + task.size > bytesAtOnce) this.#start()
    this.#tasks.push(task)
    this.#bytes += task.size
    if (this.#tasks.length >= filesAtOnce || this.#bytes >= bytesAtOnce) this.#start()
  }

  /** Waits until more may be added. Throws what went wrong in a job. */
  async room(): Promise<void> {
    while (this.#jobs.size >= jobsAtOnce) await Promise.race(this.#jobs)
    this.#throw()
  }

  async drain(): Promise<void> {
    this.#start()
    while (this.#jobs.size > 0) await Promise.race(this.#jobs)
    this.#throw()
  }

  #start(): void {
    if (this.#tasks.length === 0) return
    const tasks = this.#tasks
    this.#tasks = []
    this.#bytes = 0
    if (this.#failure !== undefined) return
    const job = this.#work(tasks)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#jobs.delete(job))
    this.#jobs.add(job)
  }

  async #work(tasks: readonly FileTask[]): Promise<void> {
    const { root, items, pool, keys, chunker, keep, clock, halted } = this.#run.parts
    const since = clock.wall()
    const files = tasks.map(({ parent, name }) => ({ path: join(root, ...(items.path(parent) ?? []), name) }))
    const keepUpTo = keep === 'current' ? 0 : keptBytes
    const result = await pool.run('hash', { keys, chunker, files, keepUpTo, halted })
    for (const [index, task] of tasks.entries()) {
      const file = result.files[index]
      if (file !== undefined && this.#failure === undefined) this.#take(task, file, since)
    }
  }

  #throw(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
