import type { Clock } from '../../base/clock.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { CacheIndex } from './cache-index.ts'
import { cacheLimits as limits, cacheTimes as times } from './cache-limits.ts'

export interface CacheUpkeepParts {
  readonly index: CacheIndex
  readonly chunks: Pick<SqliteChunks, 'scrub' | 'stats' | 'damage' | 'damagedChunks' | 'forgetDamage' | 'has'>
  readonly clock: Clock
  /** What is missing since the last time went on purpose. */
  readonly hasFreed: boolean
  /** Something is to be committed, and to be fetched again. */
  readonly onChange: () => void
}

const cleanFact = 'clean'
const firstId = new Uint8Array(0)

/** Looks whether packs and index agree: after a crash, and all packs through within a month. */
export class CacheUpkeep {
  readonly #parts: CacheUpkeepParts
  #comparedTo: number | undefined
  #nextScrub: number
  #found: number
  #lost = 0
  #lostAt = 0

  constructor(parts: CacheUpkeepParts) {
    this.#parts = parts
    const { index, clock, chunks, hasFreed } = parts
    this.#comparedTo = index.fact(cleanFact) === 'yes' ? undefined : 0
    index.setFact(cleanFact, 'no')
    this.#nextScrub = clock.monotonic() + times.scrubMs
    this.#found = hasFreed ? chunks.damage.found : 0
  }

  /** Chunks that were found damaged in the last hour; they are fetched again. */
  get problems(): readonly FolderProblem[] {
    const { clock } = this.#parts
    if (this.#lost === 0 || clock.monotonic() - this.#lostAt > times.damageShownMs) return []
    const message = `${this.#lost} stored chunks were damaged; they are fetched again`
    const fix = 'look at the disk, it loses data'
    return [{ code: 'FOLDER_AUDIT_CHUNK', path: '', message, fix }]
  }

  /** Nothing of it is left open. */
  setClean(): void {
    if (this.#comparedTo === undefined) this.#parts.index.setFact(cleanFact, 'yes')
  }

  /** Once a second; reads packs only if the folder has nothing else to do. */
  tick(isIdle: boolean): void {
    const { clock } = this.#parts
    if (this.#comparedTo !== undefined) this.#compare(this.#comparedTo)
    this.takeLost()
    if (!isIdle || clock.monotonic() < this.#nextScrub) return
    this.#nextScrub = clock.monotonic() + times.scrubMs
    this.#scrub()
  }

  /** What the store found damaged or missing is not here any more. */
  takeLost(): void {
    const { chunks, index, clock, onChange } = this.#parts
    const { damage } = chunks
    if (damage.chunks === 0) return
    for (const { id } of chunks.damagedChunks(firstId, limits.dropAtOnce)) {
      if (!chunks.has(id)) index.goneId(id, false)
      chunks.forgetDamage(id)
    }
    if (damage.found > this.#found) {
      this.#lost += damage.found - this.#found
      this.#lostAt = clock.monotonic()
      this.#found = damage.found
    }
    onChange()
  }

  /** The last moments before a crash may be in one file and not in the other. */
  #compare(behind: number): void {
    const { index, chunks, onChange } = this.#parts
    const held = index.held(behind, limits.idsAtOnce)
    for (const { id } of held) if (!chunks.has(id)) index.goneId(id, false)
    this.#comparedTo = held.at(-1)?.number
    onChange()
  }

  #scrub(): void {
    const { chunks, onChange } = this.#parts
    const { packBytes } = chunks.stats()
    if (packBytes === 0) return
    const share = (packBytes * times.scrubMs) / times.scrubAllMs
    chunks.scrub(Math.max(limits.scrubBytes, share))
    this.takeLost()
    onChange()
  }
}
