import { gatewayError } from '../errors.ts'

export interface CallLimitOptions {
  /** For error texts: 'calls to the engine on port 24000'. */
  readonly what: string
  readonly maxRunning: number
  readonly maxWaiting: number
}

/** How many calls of one kind run at once; the next ones wait in their order, for a limited time. */
export class CallLimit {
  readonly #options: CallLimitOptions
  readonly #queue = new Set<() => void>()
  #running = 0

  constructor(options: CallLimitOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#queue.size
  }

  /**
   * Gives the function that ends the call; to be called once. Rejects with ENGINE_BUSY where too many wait or it took
   * too long, and with the reason of the signal.
   */
  async enter(maxWaitMs: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#running >= this.#options.maxRunning) await this.#wait(maxWaitMs, signal)
    else this.#running++
    return () => this.#leave()
  }

  /** Resolves when a place was handed over, so that nobody can come in between. */
  async #wait(maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const { what, maxRunning, maxWaiting } = this.#options
    const busy = `${maxRunning} ${what} are under way`
    if (this.#queue.size >= maxWaiting) {
      throw gatewayError('ENGINE_BUSY', `${busy} and ${maxWaiting} wait`, { retryable: true })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = (reason: unknown): void => {
      this.#queue.delete(resolve)
      reject(reason)
    }
    const onAbort = (): void => giveUp(signal.reason)
    const timer = setTimeout(() => {
      giveUp(gatewayError('ENGINE_BUSY', `${busy}; none ended within ${maxWaitMs} ms`, { retryable: true }))
    }, maxWaitMs)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#queue.add(resolve)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #leave(): void {
    const [next] = this.#queue
    if (next === undefined) {
      this.#running--
      return
    }
    this.#queue.delete(next)
    next()
  }
}
