import { discoveryTimes as times } from './discovery-limits.ts'

export interface BeatOptions {
  readonly everyMs: number
  /** From 0 to 1. */
  readonly random: () => number
  /** `isBeginning`: one of the first, after which more follow soon. */
  readonly run: (isBeginning: boolean) => void
}

/** At once, again after a second and after three, then at its leisure; and all over when there is something new. */
export class Beats {
  readonly #options: BeatOptions
  #timer: NodeJS.Timeout | undefined
  #step = 0
  #isStopped = false

  constructor(options: BeatOptions) {
    this.#options = options
  }

  /** The first run is in a moment, never before this returns. */
  begin(): void {
    this.#step = 0
    this.#wait(0)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    this.#timer = setTimeout(() => this.#beat(), ms)
    this.#timer.unref()
  }

  #beat(): void {
    const { everyMs, random, run } = this.#options
    const next = times.beginMs[this.#step]
    const isBeginning = this.#step <= times.beginMs.length
    this.#step = Math.min(this.#step + 1, times.beginMs.length + 1)
    this.#wait(next ?? everyMs * (1 - times.jitter + 2 * times.jitter * random()))
    run(isBeginning)
  }
}
