import type { ServedChunks } from '../chunks/chunk-store.ts'
import { sealedOverhead } from '../content/content.ts'
import type { ChunkSource } from '../work/job.ts'
import { cacheLimits as limits } from './cache-limits.ts'

export interface AskedOwner {
  meanBytes(): number
  onMany(): void
  onMiss(): void
  onLost(id: Uint8Array): void
}

/**
 * Stands before the store when others are answered, and counts what they ask for: what a chunk is worth, and which ones
 * are missed. Costs one entry in a table for each chunk, until somebody takes them.
 */
export class AskedChunks implements ServedChunks {
  readonly #store: ServedChunks
  #uses = new Map<string, number>()
  #meanBytes: () => number = () => limits.usualChunk
  #onMany: () => void = () => {}
  #onMiss: () => void = () => {}
  #onLost: (id: Uint8Array) => void = () => {}
  hitBytes = 0
  missBytes = 0

  constructor(store: ServedChunks) {
    this.#store = store
  }

  /**
   * `meanBytes`: of a chunk that is not here. `onMany`: take them. `onMiss`: one is not here. `onLost`: a chunk was not
   * what it should be.
   */
  listen(owner: AskedOwner | undefined): void {
    this.#meanBytes = () => owner?.meanBytes() ?? limits.usualChunk
    this.#onMany = () => owner?.onMany()
    this.#onMiss = () => owner?.onMiss()
    this.#onLost = (id) => owner?.onLost(id)
  }

  find(id: Uint8Array): ChunkSource | undefined {
    const source = this.#store.find(id)
    if (source === undefined) this.missBytes += this.#meanBytes()
    else this.hitBytes += source.in === 'pack' ? source.sealedLength : source.length + sealedOverhead
    const text = textOf(id)
    this.#uses.set(text, (this.#uses.get(text) ?? 0) + 1)
    if (this.#uses.size >= limits.askedIds) this.#onMany()
    // Nobody listens: what was asked for now is worth no memory.
    if (this.#uses.size >= 2 * limits.askedIds) this.#uses.clear()
    if (source === undefined) this.#onMiss()
    return source
  }

  /** A store that has failed and takes nothing more is still good for reading. */
  forget(id: Uint8Array, source: ChunkSource): void {
    try {
      this.#store.forget(id, source)
    } finally {
      this.#onLost(id)
    }
  }

  list(hash: string): Uint8Array | undefined {
    return this.#store.list(hash)
  }

  /** All since the last call, with how often each was asked for. */
  *take(): Generator<readonly [id: Uint8Array, uses: number]> {
    const uses = this.#uses
    this.#uses = new Map()
    for (const [text, count] of uses) yield [new Uint8Array(Buffer.from(text, 'latin1')), count]
  }

  get isEmpty(): boolean {
    return this.#uses.size === 0
  }
}

/** One character for each byte. */
export function textOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}
