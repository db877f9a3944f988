import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import { isChunk } from '../content/chunk-seal.ts'
import { chunkIdLength, sealedOverhead } from '../content/content.ts'
import type { DeviceId } from '../ids.ts'
import type { ChunkFetcher, ChunkTaker } from '../transfer/chunk-fetcher.ts'
import { idText } from './download.ts'

export interface PackFetchParts {
  readonly chunks: SqliteChunks
  readonly fetcher: ChunkFetcher
  /** A store failed. */
  readonly onFault: (error: unknown) => void
}

/** Sealed chunks that shall lie in packs here, whatever the user's files hold: fetched as far as anybody has them. */
export class PackFetch implements ChunkTaker {
  readonly #parts: PackFetchParts
  readonly #onStored: (id: Uint8Array, bytes: number) => void
  readonly #wanted = new Map<string, number>()

  constructor(parts: PackFetchParts, onStored: (id: Uint8Array, bytes: number) => void) {
    this.#parts = parts
    this.#onStored = onStored
  }

  /** How many are on their way, or waited for. */
  get size(): number {
    return this.#wanted.size
  }

  has(id: Uint8Array): boolean {
    return this.#wanted.has(idText(id))
  }

  want(id: Uint8Array, length: number): void {
    const key = idText(id)
    if (this.#wanted.has(key)) return
    this.#wanted.set(key, length)
    this.#parts.fetcher.want(id, length + sealedOverhead, this)
  }

  /** Nothing more is waited for. */
  cancel(): void {
    if (this.#wanted.size === 0) return
    this.#wanted.clear()
    this.#parts.fetcher.cancel(this)
  }

  take(id: Uint8Array, sealed: Uint8Array, _peer: DeviceId): 'ok' | 'bad' {
    if (!isChunk(id, sealed)) return 'bad'
    if (!this.#wanted.delete(idText(id))) return 'ok'
    try {
      storeSealed(this.#parts.chunks, id, sealed)
      this.#onStored(id, sealed.length - sealedOverhead)
    } catch (error) {
      this.#parts.onFault(error)
    }
    return 'ok'
  }
}

const noKey = new Uint8Array(chunkIdLength)

/** Packs need no key. */
export function storeSealed(chunks: SqliteChunks, id: Uint8Array, sealed: Uint8Array): void {
  const lengths = Uint32Array.of(sealed.length - sealedOverhead)
  chunks.addSealed({ ids: id, keys: noKey, lengths }, sealed)
}
