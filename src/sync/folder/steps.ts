/** What is done in steps, each of which looks anew at what there is to do. */
export interface StepsParts {
  readonly hasWork: () => boolean
  readonly step: () => Promise<void>
  /** Aborted: no step begins any more. */
  readonly signal: AbortSignal
  /** A step failed. */
  readonly onFault: (error: unknown) => void
}

/** One step after the other, never two at a time, from a call of `wake` until there is no work left. */
export class Steps {
  readonly #parts: StepsParts
  #turn: Promise<void> | undefined

  constructor(parts: StepsParts) {
    this.#parts = parts
  }

  /** The steps that are under way; rejects if one of them fails. */
  get turn(): Promise<void> | undefined {
    return this.#turn
  }

  /** There may be work. */
  wake(): void {
    const { hasWork, signal, onFault } = this.#parts
    if (this.#turn !== undefined || signal.aborted || !hasWork()) return
    const turn = this.#run().finally(() => {
      if (this.#turn === turn) this.#turn = undefined
      this.wake()
    })
    this.#turn = turn
    turn.catch(onFault)
  }

  async #run(): Promise<void> {
    const { hasWork, step, signal } = this.#parts
    while (hasWork() && !signal.aborted) {
      await step()
      // Links and commands have their turn between two steps.
      await new Promise(setImmediate)
    }
  }
}
