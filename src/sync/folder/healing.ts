import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { DamagedChunk } from '../chunks/damage-table.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { ItemStore } from '../items/item.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { WorkPool } from '../work/job.ts'
import { PackFetch, storeSealed } from './pack-fetch.ts'

export interface HealingParts {
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly fetcher: ChunkFetcher
  readonly pool: WorkPool
  readonly clock: Clock
  readonly log: Logger
  readonly onFault: (error: unknown) => void
  /** What is damaged now, and not healed. */
  readonly onProblems: (problems: readonly FolderProblem[]) => void
}

const chunksAtOnce = 64
const bytesAtOnce = 32 * 1024 * 1024
const firstLookMs = 1_000
const lookMs = 15_000
/** Nobody connected has it: asked again when somebody comes, or after this. */
const patienceMs = 30_000
const restMs = 10 * 60_000
const shownFiles = 50
const noId = new Uint8Array(0)

/**
 * Brings back what the disk lost. Chunks of packs and kept versions: sealed anew from another place on this device, or
 * fetched. Files are put in place again by the plan, as their items say that no version is there; here they are only
 * followed until that is so. What nobody has stays named.
 */
export class Healing {
  readonly #parts: HealingParts
  readonly #fetch: PackFetch
  #isRunning = false
  #nextAt = 0
  #waitsSince = 0
  #restsUntil = 0
  #after: Uint8Array = noId
  #healedChunks = 0
  #healedFiles = 0
  #shown = ''
  #isStored = true

  constructor(parts: HealingParts) {
    this.#parts = parts
    this.#fetch = new PackFetch(parts, (id) => this.#healed(id))
    this.#nextAt = parts.clock.monotonic() + firstLookMs
  }

  /** Since the start. */
  get healed(): { readonly chunks: number; readonly files: number } {
    return { chunks: this.#healedChunks, files: this.#healedFiles }
  }

  get isAtWork(): boolean {
    return this.#fetch.size > 0
  }

  /** Somebody came who may have what is missing; or something was just found damaged. */
  retry(): void {
    this.#restsUntil = 0
    this.#nextAt = 0
  }

  /** Costs nothing as long as nothing is damaged. */
  async tick(): Promise<void> {
    const { chunks, clock } = this.#parts
    if (this.#isRunning) return
    if (!this.#isStored) chunks.commit()
    this.#isStored = true
    if (chunks.damage.chunks + chunks.damage.files === 0) {
      this.#show([])
      return
    }
    const now = clock.monotonic()
    if (this.#fetch.size > 0 && now - this.#waitsSince > patienceMs) {
      this.#fetch.cancel()
      this.#restsUntil = now + restMs
    }
    if (now < this.#nextAt) return
    this.#nextAt = now + lookMs
    this.#isRunning = true
    try {
      this.#followFiles()
      if (this.#fetch.size === 0 && now >= this.#restsUntil) await this.#healChunks()
      this.#showDamage()
    } finally {
      this.#isRunning = false
    }
  }

  stop(): void {
    this.#fetch.cancel()
  }

  /** Those whose items have a version again, or that are gone. */
  #followFiles(): void {
    const { chunks, items, log } = this.#parts
    for (let after = 0; ;) {
      const files = chunks.damagedFiles(after, 256)
      for (const id of files) {
        const item = items.get(id)
        if (item?.kind === 'file' && item.version === undefined) continue
        chunks.setFileDamaged(id, false)
        this.#isStored = false
        if (item?.version === undefined) continue
        this.#healedFiles++
        log.info({ path: items.path(id)?.join('/') }, 'a damaged file is what it was again')
      }
      const last = files.at(-1)
      if (last === undefined) return
      after = last
    }
  }

  async #healChunks(): Promise<void> {
    const { chunks, clock } = this.#parts
    const damaged = chunks.damagedChunks(this.#after, chunksAtOnce)
    this.#after = damaged.length < chunksAtOnce ? noId : new Uint8Array(damaged.at(-1)?.id ?? noId)
    const missing = await this.#sealAnew(damaged)
    let bytes = 0
    for (const { id, length } of missing) {
      if (bytes > 0 && bytes + length > bytesAtOnce) {
        this.#after = noId
        break
      }
      this.#fetch.want(id, length)
      bytes += length
    }
    this.#waitsSince = clock.monotonic()
    // More of them are looked at as soon as these are here.
    if (missing.length === 0 && this.#after.length > 0) this.#nextAt = 0
  }

  /** From other places on this device. Returns those that it has nowhere. */
  async #sealAnew(damaged: readonly DamagedChunk[]): Promise<DamagedChunk[]> {
    const { chunks, pool } = this.#parts
    const missing: DamagedChunk[] = []
    for (const chunk of damaged) {
      const source = chunks.find(chunk.id)
      if (source?.in === 'pack') {
        this.#healed(chunk.id)
        continue
      }
      const [sealed] =
        source === undefined ? [] : (await pool.run('serve', { chunks: [{ id: chunk.id, source }] })).sealed
      if (sealed !== undefined) {
        storeSealed(chunks, chunk.id, sealed)
        this.#healed(chunk.id)
      } else {
        if (source !== undefined) chunks.forget(chunk.id, source)
        missing.push(chunk)
      }
    }
    return missing
  }

  #healed(id: Uint8Array): void {
    this.#parts.chunks.forgetDamage(id)
    this.#isStored = false
    this.#healedChunks++
    if (this.#fetch.size === 0) this.#nextAt = 0
  }

  #showDamage(): void {
    const { chunks, items } = this.#parts
    const problems: FolderProblem[] = chunks.damagedFiles(0, shownFiles).map((id) => ({
      code: 'FOLDER_CONTENT_DAMAGED',
      path: items.path(id)?.join('/') ?? '',
      message: 'its bytes changed without being written: damage on the disk; it is put in place again',
      fix: 'connect a device that has this version, and look at the disk: it loses data',
    }))
    const count = chunks.damage.chunks
    if (count > 0) {
      const what = count === 1 ? 'a stored chunk is damaged' : `${count} stored chunks are damaged`
      problems.push({
        code: 'FOLDER_AUDIT_CHUNK',
        path: '',
        message: `${what}, and no connected device has given ${count === 1 ? 'it' : 'them'} yet`,
        fix: 'connect a device that has them, and look at the disk: it loses data',
      })
    }
    this.#show(problems)
  }

  #show(problems: readonly FolderProblem[]): void {
    const text = problems.map(({ path, message }) => `${path} ${message}`).join('\n')
    if (text === this.#shown) return
    this.#shown = text
    this.#parts.onProblems(problems)
  }
}
