/** Concurrent calls for one key share one run; a failure reaches every waiter and is not kept. */
export class SingleFlight<K, V> {
  readonly #running = new Map<K, Promise<V>>()

  get size(): number {
    return this.#running.size
  }

  run(key: K, task: () => Promise<V>): Promise<V> {
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const started = task().finally(() => this.#running.delete(key))
    this.#running.set(key, started)
    return started
  }
}
