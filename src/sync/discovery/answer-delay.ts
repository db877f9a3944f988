import type { Clock } from '../../base/clock.ts'
import type { RandomBytes } from '../crypto/suite.ts'
import { discoveryTimes as times } from './discovery-limits.ts'
import { fraction } from './voice.ts'

/** Answers come a moment after they were asked for, several as one, and at most one a second. */
export class AnswerDelay {
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #answer: () => void
  #timer: NodeJS.Timeout | undefined
  #lastAt = -Infinity
  #isStopped = false

  constructor(clock: Clock, random: RandomBytes, answer: () => void) {
    this.#clock = clock
    this.#random = random
    this.#answer = answer
  }

  ask(): void {
    if (this.#isStopped || this.#timer !== undefined) return
    const { answerFirstMs, answerLastMs, answerGapMs } = times
    const wait = answerFirstMs + (answerLastMs - answerFirstMs) * fraction(this.#random)
    const gap = this.#lastAt + answerGapMs - this.#clock.monotonic()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.spoken()
        this.#answer()
      },
      Math.max(wait, gap),
    )
    this.#timer.unref()
  }

  /** It was said without being asked for. */
  spoken(): void {
    this.#lastAt = this.#clock.monotonic()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}
