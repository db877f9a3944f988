import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ChunkSource } from '../work/job.ts'

/** Content on its way to its place: chunks of it are here already. */
export interface Arriving {
  /** In a temporary file. */
  find(id: Uint8Array): ChunkSource | undefined
  /** Sealed, in memory; a copy. */
  held(id: Uint8Array): Uint8Array | undefined
  has(id: Uint8Array): boolean
  /** Something else was found there. */
  forget(id: Uint8Array): void
}

/** The parts of a store that serving needs, with what is on its way: neighbours need not wait for whole files. */
export class ArrivingChunks implements Pick<ChunkStore, 'find' | 'has' | 'forget' | 'list'> {
  readonly #chunks: ChunkStore
  readonly #arriving = new Set<Arriving>()

  constructor(chunks: ChunkStore) {
    this.#chunks = chunks
  }

  add(arriving: Arriving): void {
    this.#arriving.add(arriving)
  }

  remove(arriving: Arriving): void {
    this.#arriving.delete(arriving)
  }

  find(id: Uint8Array): ChunkSource | undefined {
    const stored = this.#chunks.find(id)
    if (stored !== undefined) return stored
    for (const arriving of this.#arriving) {
      const source = arriving.find(id)
      if (source !== undefined) return source
    }
    return undefined
  }

  held(id: Uint8Array): Uint8Array | undefined {
    for (const arriving of this.#arriving) {
      const sealed = arriving.held(id)
      if (sealed !== undefined) return sealed
    }
    return undefined
  }

  has(id: Uint8Array): boolean {
    if (this.#chunks.has(id)) return true
    for (const arriving of this.#arriving) if (arriving.has(id)) return true
    return false
  }

  forget(id: Uint8Array, source: ChunkSource): void {
    for (const arriving of this.#arriving) {
      if (arriving.find(id)?.path !== source.path) continue
      arriving.forget(id)
      return
    }
    this.#chunks.forget(id, source)
  }

  list(hash: string): Uint8Array | undefined {
    return this.#chunks.list(hash)
  }
}
