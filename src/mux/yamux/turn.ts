export interface TurnItem {
  runDue(): void
}

/**
 * Gathers what follows from one event, so that handlers are never called from inside a call of their owner,
 * and what they write leaves together: the items due run, then `onEnd`. A turn is an event of the wire
 * (`within`), or comes right after the current code (a microtask).
 */
export class Turn {
  readonly #onEnd: () => void
  #due: TurnItem[] = []
  #isRunning = false
  #isScheduled = false

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get hasDue(): boolean {
    return this.#due.length > 0
  }

  defer(item: TurnItem): void {
    this.#due.push(item)
    this.wake()
  }

  wake(): void {
    if (this.#isRunning || this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(this.#runScheduled)
  }

  /** Runs `event` and then the turn; what throws passes through, and the rest of the turn still happens. */
  within(event: () => void): void {
    this.#isRunning = true
    try {
      event()
    } finally {
      this.#finish()
    }
  }

  readonly #runScheduled = (): void => {
    this.#isScheduled = false
    this.#isRunning = true
    this.#finish()
  }

  #finish(): void {
    const due = this.#due
    let next = 0
    let isComplete = false
    try {
      if (due.length > 0) this.#due = []
      while (next < due.length) due[next++]?.runDue()
      this.#onEnd()
      isComplete = true
    } finally {
      if (next < due.length) this.#due = [...due.slice(next), ...this.#due]
      this.#isRunning = false
      if (!isComplete || this.#due.length > 0) this.wake()
    }
  }
}
