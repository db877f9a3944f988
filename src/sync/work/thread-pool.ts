import { errorMessage } from '../../base/errors.ts'
import type { HarpError } from '../../base/errors.ts'
import type { JobName, JobTable, WorkPool } from './job.ts'
import { Thread } from './thread.ts'
import { workError } from './work-errors.ts'

export interface ThreadPoolOptions {
  /** So many files are hashed at once; if all threads hash, one more is started for transfers. */
  readonly threads: number
  /** Jobs that may wait. More is a mistake of the callers, who wait for results before they send more. */
  readonly queueLimit?: number
  /** Threads without work end after this time, so that an idle program is small. */
  readonly idleMs?: number
  /** For jobs that run when the pool is closed; then they are cut off. */
  readonly closeMs?: number
  /** What a thread runs: for tests. */
  readonly entry?: URL
}

/** May take long, and nobody waits for them with an open connection. */
const patient: ReadonlySet<JobName> = new Set<JobName>(['list', 'hash', 'check'])
const defaults = { queueLimit: 4_096, idleMs: 30_000, closeMs: 10_000 } as const

interface Task {
  readonly name: JobName
  readonly job: JobTable[JobName]['job']
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** Runs jobs in worker threads, which are started when there is work: transfers first, then lists and hashes. */
export class ThreadPool implements WorkPool {
  readonly #options: Required<Omit<ThreadPoolOptions, 'entry'>> & Pick<ThreadPoolOptions, 'entry'>
  readonly #threads = new Map<Thread, Task | undefined>()
  readonly #urgentTasks = new TaskQueue()
  readonly #patientTasks = new TaskQueue()
  #idleTimer: NodeJS.Timeout | undefined
  #onQuiet: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(options: ThreadPoolOptions) {
    this.#options = { ...defaults, ...options }
  }

  async run<N extends JobName>(name: N, job: JobTable[N]['job']): Promise<JobTable[N]['result']> {
    if (this.#closing !== undefined) throw workError('WORK_CLOSED', `no more jobs (${name})`)
    if (this.#urgentTasks.length + this.#patientTasks.length >= this.#options.queueLimit) {
      throw workError('WORK_QUEUE_FULL', `${this.#options.queueLimit} jobs are waiting (${name})`)
    }
    const result = new Promise<unknown>((resolve, reject) => {
      const queue = patient.has(name) ? this.#patientTasks : this.#urgentTasks
      queue.push({ name, job, resolve, reject })
    })
    this.#startTasks()
    return (await result) as JobTable[N]['result']
  }

  /** Jobs that run are finished, those that wait are refused. */
  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    clearTimeout(this.#idleTimer)
    for (const queue of [this.#urgentTasks, this.#patientTasks]) {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        task.reject(workError('WORK_CLOSED', `not begun (${task.name})`))
      }
    }
    await this.#quiet()
    const threads = [...this.#threads]
    this.#threads.clear()
    for (const [, task] of threads) task?.reject(workError('WORK_CLOSED', `cut off (${task.name})`))
    await Promise.all(threads.map(([thread]) => thread.end()))
  }

  /** When nothing runs any more, or the deadline has passed. */
  async #quiet(): Promise<void> {
    if (!this.#isAnyBusy()) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onQuiet = resolve
      timer = setTimeout(resolve, this.#options.closeMs)
    })
    clearTimeout(timer)
  }

  #startTasks(): void {
    clearTimeout(this.#idleTimer)
    for (let thread = this.#threadFor('urgent'); thread !== undefined; thread = this.#threadFor('urgent')) {
      this.#start(thread, this.#urgentTasks.shift())
    }
    for (let thread = this.#threadFor('patient'); thread !== undefined; thread = this.#threadFor('patient')) {
      this.#start(thread, this.#patientTasks.shift())
    }
    if (this.#threads.size > 0 && !this.#isAnyBusy()) {
      this.#idleTimer = setTimeout(() => this.#endIdle(), this.#options.idleMs)
      this.#idleTimer.unref()
    }
  }

  /** A free thread for the next task of that sort; undefined if there is no such task, or it has to wait. */
  #threadFor(sort: 'urgent' | 'patient'): Thread | undefined {
    const isUrgent = sort === 'urgent'
    if ((isUrgent ? this.#urgentTasks : this.#patientTasks).length === 0) return undefined
    let free: Thread | undefined
    let busy = 0
    let patientOnes = 0
    for (const [thread, task] of this.#threads) {
      if (task === undefined) {
        free = thread
        continue
      }
      busy++
      if (patient.has(task.name)) patientOnes++
    }
    const { threads } = this.#options
    const allHash = isUrgent && patientOnes === threads
    if (busy >= (allHash ? threads + 1 : threads)) return undefined
    return free ?? this.#newThread()
  }

  #newThread(): Thread {
    const thread: Thread = new Thread(
      {
        onResult: (result) => this.#finish(thread, (task) => task.resolve(result)),
        onFailure: (error) => this.#finish(thread, (task) => task.reject(error)),
        onEnd: (error) => this.#lose(thread, error),
      },
      this.#options.entry,
    )
    this.#threads.set(thread, undefined)
    return thread
  }

  #start(thread: Thread, task: Task | undefined): void {
    if (task === undefined) return
    try {
      thread.run({ name: task.name, job: task.job })
      this.#threads.set(thread, task)
    } catch (error) {
      task.reject(workError('WORK_FAILED', `${task.name}: ${errorMessage(error)}`))
    }
  }

  #finish(thread: Thread, settle: (task: Task) => void): void {
    const task = this.#threads.get(thread)
    if (task === undefined) return
    this.#threads.set(thread, undefined)
    settle(task)
    this.#goOn()
  }

  #lose(thread: Thread, error: HarpError): void {
    const task = this.#threads.get(thread)
    this.#threads.delete(thread)
    task?.reject(error)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#closing === undefined) this.#startTasks()
    else if (!this.#isAnyBusy()) this.#onQuiet?.()
  }

  #endIdle(): void {
    for (const [thread, task] of this.#threads) {
      if (task !== undefined) continue
      this.#threads.delete(thread)
      // Nothing is lost with a thread that has no work, so nobody waits for it.
      thread.end().catch(() => undefined)
    }
  }

  #isAnyBusy(): boolean {
    for (const task of this.#threads.values()) if (task !== undefined) return true
    return false
  }
}

/** First in, first out, without moving the rest for each one that is taken. */
class TaskQueue {
  #tasks: (Task | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#tasks.length - this.#first
  }

  push(task: Task): void {
    this.#tasks.push(task)
  }

  shift(): Task | undefined {
    const task = this.#tasks[this.#first]
    if (task === undefined) return undefined
    this.#tasks[this.#first++] = undefined
    if (this.#first * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#first)
      this.#first = 0
    }
    return task
  }
}
