import { Worker } from 'node:worker_threads'
import { errorMessage } from '../../base/errors.ts'
import type { HarpError } from '../../base/errors.ts'
import type { JobName, JobTable } from './job.ts'
import { messageOf } from './message.ts'
import { workError } from './work-errors.ts'

export interface ThreadJob {
  readonly name: JobName
  readonly job: JobTable[JobName]['job']
}

export type ThreadAnswer = { readonly result: unknown } | { readonly failure: string }

export interface ThreadEvents {
  onResult(result: unknown): void
  /** The job failed, the thread goes on. */
  onFailure(error: HarpError): void
  /** The thread is gone, and its job, if it had one, with it. The last event. */
  onEnd(error: HarpError): void
}

/** The source runs as it is, so the worker is TypeScript beside TypeScript, and JavaScript when built. */
const defaultEntry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

/** Jobs with large arrays that nobody needs afterwards, whatever becomes of the job. */
const givers: ReadonlySet<JobName> = new Set<JobName>(['place'])

/** One worker thread with at most one job. It keeps the process alive only while it has one. */
export class Thread {
  readonly #worker: Worker
  readonly #events: ThreadEvents
  #job: JobName | undefined
  #fault: string | undefined

  constructor(events: ThreadEvents, entry: URL = defaultEntry) {
    this.#events = events
    this.#worker = new Worker(entry, { execArgv: [], name: 'harp' })
    this.#worker.on('message', (answer: ThreadAnswer) => this.#take(answer))
    this.#worker.on('messageerror', (error) => this.#fail(errorMessage(error)))
    this.#worker.on('error', (error) => (this.#fault = errorMessage(error)))
    this.#worker.on('exit', (code) => this.#end(code))
    this.#worker.unref()
  }

  /** Throws if the job is no plain data. */
  run(work: ThreadJob): void {
    const { value, transfer } = messageOf(work, givers.has(work.name))
    this.#worker.postMessage(value, [...transfer])
    this.#worker.ref()
    this.#job = work.name
  }

  /** A job that is running is lost. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #take(answer: ThreadAnswer): void {
    if ('failure' in answer) {
      this.#fail(answer.failure)
      return
    }
    this.#rest()
    this.#events.onResult(answer.result)
  }

  #fail(message: string): void {
    const name = this.#rest()
    this.#events.onFailure(workError('WORK_FAILED', `${name}: ${message}`))
  }

  #end(code: number): void {
    const name = this.#rest() ?? 'without a job'
    const cause = this.#fault ?? `it ended with code ${code}`
    this.#events.onEnd(workError('WORK_THREAD_LOST', `a worker thread was lost (${name}): ${cause}`))
  }

  #rest(): JobName | undefined {
    const name = this.#job
    this.#job = undefined
    this.#worker.unref()
    return name
  }
}
