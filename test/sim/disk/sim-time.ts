import type { Clock } from '../../../src/base/clock.ts'
import type { Timers } from '../../../src/sync/transfer/timers.ts'
import { Killed, type Life } from './life.ts'

interface Task {
  readonly at: number
  readonly run: () => void
  readonly life: Life | undefined
  isOff: boolean
}

const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  random: Math.random,
}

/** What a timer is for whoever set it. */
class SimTimer {
  task: Task | undefined
  unref(): this {
    return this
  }
  ref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
}

/**
 * Time for a world of real folders: the process's own timers run on it while `install` holds, in the order of their
 * times, and between two of them everything that waits for promises. What a dead process has set never runs.
 */
export class SimTime implements Clock, Timers {
  readonly #tasks: Task[] = []
  #now = 1_000
  /** Whose code runs now. */
  life: Life | undefined
  steps = 0
  /** Days that went by while all machines slept. */
  #sleptMs = 0
  fault: Error | undefined

  monotonic(): number {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#sleptMs + this.#now
  }

  /** All clocks on walls go on, nothing else does. */
  sleep(ms: number): void {
    this.#sleptMs += ms
  }

  after(ms: number, run: () => void): void {
    this.#add(ms, run, undefined)
  }

  /** Runs code of a process: its timers are known as its own. */
  as<T>(life: Life | undefined, act: () => T): T {
    const before = this.life
    this.life = life
    try {
      return act()
    } finally {
      this.life = before
    }
  }

  /** Until `uninstall` the process's timers and chance are those of this world. */
  install(random: () => number): void {
    const set = (run: () => void, ms = 0): SimTimer => {
      const timer = new SimTimer()
      timer.task = this.#add(Number(ms), run, this.life)
      return timer
    }
    const repeat = (run: () => void, ms: number): SimTimer => {
      const timer = new SimTimer()
      const arm = (): void => {
        timer.task = this.#add(ms, () => (arm(), run()), this.life)
      }
      arm()
      return timer
    }
    const clear = (timer: SimTimer | undefined): void => {
      if (timer?.task !== undefined) timer.task.isOff = true
    }
    const immediate = (run: () => void): SimTimer => set(run, 0)
    Object.assign(globalThis, {
      setTimeout: set,
      setInterval: repeat,
      setImmediate: immediate,
      clearTimeout: clear,
      clearInterval: clear,
    })
    Math.random = random
    process.on('unhandledRejection', this.#rejected)
  }

  uninstall(): void {
    const { random, ...timers } = real
    Object.assign(globalThis, timers)
    Math.random = random
    process.off('unhandledRejection', this.#rejected)
  }

  async run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const end = this.#now + ms
    while (!isOver() && (await this.#step(end)));
    if (!isOver()) this.#now = end
  }

  async #step(end: number): Promise<boolean> {
    await new Promise<void>((resolve) => {
      real.setImmediate(resolve)
    })
    this.life = undefined
    if (this.fault !== undefined) throw this.fault
    for (;;) {
      const [task] = this.#tasks
      if (task === undefined || task.at > end) return false
      this.#tasks.shift()
      if (task.isOff || task.life?.isDead === true) continue
      this.#now = Math.max(this.#now, task.at)
      this.steps++
      this.life = task.life
      try {
        task.run()
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
      return true
    }
  }

  #add(ms: number, run: () => void, life: Life | undefined): Task {
    const task: Task = { at: this.#now + Math.max(0, ms), run, life, isOff: false }
    let index = this.#tasks.length
    while (index > 0 && (this.#tasks[index - 1]?.at ?? 0) > task.at) index--
    this.#tasks.splice(index, 0, task)
    return task
  }

  readonly #rejected = (error: unknown): void => {
    if (!(error instanceof Killed)) this.fault ??= error instanceof Error ? error : new Error(String(error))
  }
}
