/**
 * A map with a hard size and an optional age limit, so that no peer can make it grow without end.
 * Past `maxEntries` the least recently written or used entry goes first.
 */
export interface BoundedMapOptions {
  readonly maxEntries: number
  /** Entries older than this are gone; absent means no age limit. */
  readonly maxAgeMs?: number
  readonly now: () => number
}

interface Slot<V> {
  value: V
  storedAt: number
}

export class BoundedMap<K, V> {
  readonly #slots = new Map<K, Slot<V>>()
  readonly #maxEntries: number
  readonly #maxAgeMs: number
  readonly #now: () => number

  constructor(options: BoundedMapOptions) {
    this.#maxEntries = options.maxEntries
    this.#maxAgeMs = options.maxAgeMs ?? Number.POSITIVE_INFINITY
    this.#now = options.now
  }

  get size(): number {
    return this.#slots.size
  }

  /** The value if present and young enough; reading keeps its place in the queue for the age limit, not its age. */
  get(key: K): V | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    if (this.#now() - slot.storedAt > this.#maxAgeMs) {
      this.#slots.delete(key)
      return undefined
    }
    return slot.value
  }

  set(key: K, value: V): void {
    this.#slots.delete(key)
    this.#slots.set(key, { value, storedAt: this.#now() })
    if (this.#slots.size <= this.#maxEntries) return
    const oldest = this.#slots.keys().next()
    if (oldest.done !== true) this.#slots.delete(oldest.value)
  }

  /** Moves an entry to the young end, for least-recently-used eviction. */
  touch(key: K): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#slots.set(key, slot)
  }

  delete(key: K): boolean {
    return this.#slots.delete(key)
  }

  clear(): void {
    this.#slots.clear()
  }

  entries(): IterableIterator<[K, V]> {
    return this.#liveEntries()
  }

  /** Drops what is too old; call it from a timer so that memory falls without traffic. */
  evictExpired(): void {
    const oldest = this.#now() - this.#maxAgeMs
    for (const [key, slot] of this.#slots) {
      if (slot.storedAt < oldest) this.#slots.delete(key)
    }
  }

  *#liveEntries(): IterableIterator<[K, V]> {
    const oldest = this.#now() - this.#maxAgeMs
    for (const [key, slot] of this.#slots) {
      if (slot.storedAt >= oldest) yield [key, slot.value]
    }
  }
}
