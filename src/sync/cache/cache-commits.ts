import type { Clock } from '../../base/clock.ts'
import { cacheLimits as limits, cacheTimes as times } from './cache-limits.ts'

export interface CacheCommitsParts {
  readonly chunks: { commit(): void }
  readonly index: { commit(): void }
  readonly clock: Pick<Clock, 'monotonic'>
}

/** When what changed becomes durable: every two seconds, and sooner if much was stored. */
export class CacheCommits {
  readonly #parts: CacheCommitsParts
  #dirtyBytes = 0
  #isDirty = false
  #next = 0

  constructor(parts: CacheCommitsParts) {
    this.#parts = parts
  }

  changed(): void {
    this.#isDirty = true
  }

  stored(bytes: number): void {
    this.#isDirty = true
    this.#dirtyBytes += bytes
    if (this.#dirtyBytes >= limits.dirtyBytes) this.commit()
  }

  tick(): void {
    if (this.#parts.clock.monotonic() >= this.#next) this.commit()
  }

  /** Packs first: the index of the cache is the one that is put right if they do not agree. */
  commit(): void {
    if (!this.#isDirty) return
    this.#parts.chunks.commit()
    this.#parts.index.commit()
    this.#isDirty = false
    this.#dirtyBytes = 0
    this.#next = this.#parts.clock.monotonic() + times.commitMs
  }
}
