/**
 * Time that passes only when a test says so. Tasks run in the order of their times; between two of them all
 * microtasks run, as between two events of a real loop. Deadlines are swept as `DeadlineSweeper` does it.
 */
import type { Clock } from '../../src/base/clock.ts'
import type { Deadline } from '../../src/base/deadlines.ts'

interface Task {
  readonly at: number
  readonly run: () => void
}

const sweepEveryMs = 250

export class VirtualTime implements Clock {
  readonly #tasks: Task[] = []
  readonly #deadlines = new Set<Deadline>()
  #now = 1_000
  #sweptAt = 0
  #fault: Error | null = null

  monotonic(): number {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now
  }

  /** Runs `task` once `ms` have passed; never at once. */
  after(ms: number, task: () => void): void {
    const at = this.#now + ms
    let index = this.#tasks.length
    while (index > 0 && (this.#tasks[index - 1]?.at ?? 0) > at) index -= 1
    this.#tasks.splice(index, 0, { at, run: task })
  }

  watch(deadline: Deadline): void {
    this.#deadlines.add(deadline)
  }

  unwatch(deadline: Deadline): void {
    this.#deadlines.delete(deadline)
  }

  /** A broken promise found where throwing would hit the wrong one: thrown by the wait that is under way. */
  fail(message: string): void {
    this.#fault ??= new Error(message)
  }

  /** Lets `ms` pass. Without any, what is due now happens, and all that follows from it at once. */
  async advance(ms = 0): Promise<void> {
    const endsAt = this.#now + ms
    while (await this.#step(endsAt));
    this.#now = endsAt
  }

  /** Lets time pass until `probe` is true; throws when it is not after `maxMs`. */
  async until(what: string, probe: () => boolean, maxMs = 600_000): Promise<void> {
    const endsAt = this.#now + maxMs
    for (;;) {
      const isMore = await this.#step(endsAt)
      if (probe()) return
      if (!isMore) throw new Error(`not within ${maxMs} ms of virtual time: ${what}`)
    }
  }

  async #step(endsAt: number): Promise<boolean> {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    if (this.#fault !== null) throw this.#fault
    const [task] = this.#tasks
    const sweepAt = this.#nextSweep()
    const at = Math.min(task?.at ?? Infinity, sweepAt)
    if (at > endsAt) return false
    this.#now = Math.max(this.#now, at)
    if (task !== undefined && task.at <= sweepAt) {
      this.#tasks.shift()
      task.run()
      return true
    }
    this.#sweptAt = this.#now
    for (const deadline of this.#deadlines) {
      if (deadline.deadlineAt <= this.#now) deadline.onDeadline(this.#now)
    }
    return true
  }

  #nextSweep(): number {
    let first = Infinity
    for (const { deadlineAt } of this.#deadlines) first = Math.min(first, deadlineAt)
    const at = Math.max(first, this.#now, this.#sweptAt + 1)
    return Math.ceil(at / sweepEveryMs) * sweepEveryMs
  }
}
