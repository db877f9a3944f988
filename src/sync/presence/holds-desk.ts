import { hashLength } from '../ids.ts'
import type { Timers } from '../transfer/timers.ts'
import { presenceLimits as limits, presenceTimes as times } from './presence-limits.ts'

export interface HoldsDeskParts {
  readonly timers: Timers
  /** The one who asks may drop its own on the strength of the answer. */
  keeps(id: Uint8Array): boolean
  answer(number: number, bits: Uint8Array): void
}

interface Question {
  readonly number: number
  readonly ids: Uint8Array
  readonly bits: Uint8Array
  /** Looked up. */
  done: number
}

/** Says which chunks are here, some at a time: nobody's questions may take the time of others. */
export class HoldsDesk {
  readonly #parts: HoldsDeskParts
  readonly #questions: Question[] = []
  #isWaiting = false
  #isClosed = false

  constructor(parts: HoldsDeskParts) {
    this.#parts = parts
  }

  /** Why it is not answered, if so. */
  ask(number: number, ids: Uint8Array): string | undefined {
    if (this.#questions.length >= limits.openQuestions) return 'too many questions'
    const bits = new Uint8Array(Math.ceil(ids.length / hashLength / 8))
    this.#questions.push({ number, ids, bits, done: 0 })
    this.#lookLater()
    return undefined
  }

  close(): void {
    this.#isClosed = true
    this.#questions.length = 0
  }

  #lookLater(): void {
    if (this.#isWaiting || this.#questions.length === 0) return
    this.#isWaiting = true
    this.#parts.timers.after(times.lookMs, () => {
      this.#isWaiting = false
      if (this.#isClosed) return
      this.#look()
      this.#lookLater()
    })
  }

  #look(): void {
    const [question] = this.#questions
    if (question === undefined) return
    const { number, ids, bits } = question
    const end = Math.min(ids.length / hashLength, question.done + times.lookIds)
    for (let index = question.done; index < end; index++) {
      const isHere = this.#parts.keeps(ids.subarray(index * hashLength, (index + 1) * hashLength))
      if (isHere) bits[index >> 3] = (bits[index >> 3] ?? 0) | (0x80 >> (index & 7))
    }
    question.done = end
    if (end < ids.length / hashLength) return
    this.#questions.shift()
    this.#parts.answer(number, bits)
  }
}
