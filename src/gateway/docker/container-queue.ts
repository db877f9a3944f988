/** One change of a container at a time, in the order in which they were asked for. */
export class ContainerQueue {
  readonly #last = new Map<string, { end: Promise<void>; count: number }>()
  readonly #maxWaiting: number

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  /** Resolves as `task` does; null: too many wait already, or `signal` aborted before its turn came. */
  async run<Result>(key: string, signal: AbortSignal, task: () => Promise<Result>): Promise<Result | null> {
    const line = this.#last.get(key) ?? { end: Promise.resolve(), count: 0 }
    if (line.count > this.#maxWaiting) return null
    this.#last.set(key, line)
    line.count += 1
    const before = line.end
    const { promise, resolve } = Promise.withResolvers<void>()
    line.end = promise
    try {
      await before
      return signal.aborted ? null : await task()
    } finally {
      resolve()
      line.count -= 1
      if (line.count === 0) this.#last.delete(key)
    }
  }
}
