import { isChunk } from '../content/chunk-seal.ts'
import type { DeviceId } from '../ids.ts'
import type { ChunkTaker } from '../transfer/chunk-fetcher.ts'
import type { DeliverResult, PutOutcome } from '../work/job.ts'
import { idOf, idText, sealedLength, type Download } from './download.ts'
import type { DownloadParts } from './downloads.ts'
import { HeldChunks } from './held-chunks.ts'
import type { Placement } from './placing.ts'

/** What the downloads hear of their kinds. */
export interface DownloadOwner {
  placed(placement: Placement, outcome: PutOutcome): void
  drop(download: Download): void
  fail(download: Download, code: string, message: string): void
  /** Bytes of plaintext that are here now. */
  arrived(bytes: number): void
  /** A device gave something of it: it is not missing altogether. */
  given(download: Download): void
}

const filesAtOnce = 256
const bytesAtOnce = 8 * 1024 * 1024
/** Content of files that are being put together. */
const bytesHeld = 64 * 1024 * 1024
/** How long a file waits for its content before others have its place; and where all devices said no. */
const patienceMs = 20_000
const missingMs = 1_000
/** Deliveries under way in threads, so that no thread waits for the bookkeeping of the one before. */
const deliveriesAtOnce = 2
const deliveriesInARow = 4

interface Waiting {
  readonly download: Download
  readonly row: number
}

/** For one chunk; those that were given up are swept out when there may be many of them. */
interface Waiters {
  list: Waiting[]
  sweepAt: number
}

const firstSweep = 16

/** Small files and symlinks: whole in memory, many in one delivery, so that none costs a round trip or a job of its own. */
export class SmallDownloads implements ChunkTaker {
  readonly #parts: DownloadParts
  readonly #owner: DownloadOwner
  /** By chunk id; equal chunks are fetched once. */
  readonly #waiting = new Map<string, Waiters>()
  /** Chunks of files that wait for others of theirs. */
  readonly #held = new HeldChunks()
  /** Chunks that downloads waited for which are gone. */
  readonly #loose = new Set<string>()
  readonly #queue: Download[] = []
  readonly #active = new Set<Download>()
  #activeBytes = 0
  #ready: Download[] = []
  #run: Promise<void> | undefined
  #isStopped = false

  constructor(parts: DownloadParts, owner: DownloadOwner) {
    this.#parts = parts
    this.#owner = owner
    parts.arriving?.add(this.#held)
  }

  add(download: Download): void {
    download.state = 'queued'
    this.#queue.push(download)
    this.#begin()
  }

  /** As many as fit into memory, whatever comes of each. */
  #begin(): void {
    while (this.#queue.length > 0 && this.#activeBytes < bytesHeld && !this.#isStopped) {
      const download = this.#queue.shift()
      if (download?.state !== 'queued') continue
      this.#active.add(download)
      this.#activeBytes += download.size
      this.#start(download)
    }
  }

  #start(download: Download): void {
    const { rows } = download
    download.state = 'fetching'
    download.progressAt = this.#parts.clock.monotonic()
    download.missing = 0
    if (rows !== undefined) this.#collect(download)
    if (download.missing === 0) this.#isReady(download)
  }

  take(id: Uint8Array, sealed: Uint8Array, _peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' | 'bad' {
    const key = idText(id)
    const waiters = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (waiters === undefined) return 'ok'
    const waiting = waiters.list
    // A file of many chunks would hold up the others until its last one is here: those are judged at once.
    const isAlone = waiting.every(({ download }) => download.rows?.lengths.length === 1)
    if (!isAlone && !isChunk(id, sealed)) {
      this.#waiting.set(key, waiters)
      return 'bad'
    }
    const verdict = Promise.withResolvers<'ok' | 'bad'>()
    let isWaited = false
    for (const { download, row } of waiting) {
      if (download.state !== 'fetching') continue
      if (!isAlone) this.#held.add(key, download, row)
      download.sealed[row] = sealed
      if (isAlone && !isWaited) download.settles.set(row, verdict.resolve)
      isWaited ||= isAlone
      this.#got(download, row)
      this.#owner.given(download)
    }
    return isWaited ? verdict.promise : 'ok'
  }

  /** What nobody connected has must not hold up what they have. */
  tick(now: number): void {
    this.#cancelLoose()
    const { wantedIds, missingIds } = this.#parts.fetcher.stats()
    if (missingIds === 0 || wantedIds === 0) return
    for (const download of this.#active) {
      const waited = now - download.progressAt
      if (download.state !== 'fetching' || waited < missingMs) continue
      if (waited < patienceMs && !this.#isLacking(download)) continue
      // Or they would travel again for the next try.
      this.#parts.placing.storeSealed(download)
      this.#owner.fail(download, 'FOLDER_CONTENT_MISSING', 'no connected device has its content')
    }
  }

  /** Nobody needs it any more: what it waited for is asked for no longer, unless others wait for it as well. */
  drop({ rows, state }: Download): void {
    if (rows === undefined || this.#isStopped || (state !== 'fetching' && state !== 'failed')) return
    for (let row = 0; row < rows.lengths.length; row++) {
      const key = idText(idOf(rows, row))
      if (this.#waiting.has(key)) this.#loose.add(key)
    }
  }

  /** Not at once: what is tried again is dropped and begun in one step, and need not be asked for anew. */
  #cancelLoose(): void {
    if (this.#loose.size === 0) return
    const ids: Uint8Array[] = []
    for (const key of this.#loose) {
      const waiters = this.#waiting.get(key)
      if (waiters === undefined) continue
      waiters.list = waiters.list.filter(({ download }) => download.state !== 'dropped')
      if (waiters.list.length > 0) continue
      this.#waiting.delete(key)
      ids.push(Buffer.from(key, 'latin1'))
    }
    this.#loose.clear()
    this.#parts.fetcher.cancel(this, ids)
  }

  /** No connected device has some chunk of it. */
  #isLacking({ rows, sealed, sources }: Download): boolean {
    if (rows === undefined) return false
    const { fetcher } = this.#parts
    for (let row = 0; row < rows.lengths.length; row++) {
      if (sealed[row] !== undefined || sources[row] !== undefined) continue
      if (fetcher.isMissing(idOf(rows, row))) return true
    }
    return false
  }

  forget(download: Download): void {
    this.#held.remove(download)
    download.sealed = []
    if (!this.#active.delete(download)) return
    this.#activeBytes -= download.size
    queueMicrotask(() => {
      try {
        this.#begin()
      } catch (error) {
        this.#parts.onFault(error)
      }
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#parts.fetcher.cancel(this)
    this.#waiting.clear()
    this.#loose.clear()
    this.#parts.arriving?.remove(this.#held)
    await this.#run
  }

  #collect(download: Download): void {
    const { rows } = download
    if (rows === undefined) return
    const { chunks } = this.#parts
    download.sealed = []
    download.sources = []
    for (let row = 0; row < rows.lengths.length; row++) {
      const source = chunks.find(idOf(rows, row))
      download.sources.push(source)
      download.sealed.push(undefined)
      if (source === undefined) this.#want(download, row)
      else this.#count(download, row)
    }
  }

  #want(download: Download, row: number): void {
    const { rows } = download
    if (rows === undefined) return
    // A copy: the rows of a version may be a view of something large.
    const id = idOf(rows, row)
    const key = idText(id)
    const waiters = this.#waiting.get(key)
    download.missing++
    if (waiters === undefined) {
      this.#waiting.set(key, { list: [{ download, row }], sweepAt: firstSweep })
      this.#parts.fetcher.want(id, sealedLength(rows, row), this)
      return
    }
    waiters.list.push({ download, row })
    if (waiters.list.length < waiters.sweepAt) return
    waiters.list = waiters.list.filter((each) => each.download.state === 'fetching')
    waiters.sweepAt = Math.max(firstSweep, 2 * waiters.list.length)
  }

  #got(download: Download, row: number): void {
    this.#count(download, row)
    download.missing--
    download.progressAt = this.#parts.clock.monotonic()
    if (download.missing === 0) this.#isReady(download)
  }

  #count(download: Download, row: number): void {
    const bytes = download.rows?.lengths[row] ?? 0
    download.present += bytes
    this.#owner.arrived(bytes)
  }

  #isReady(download: Download): void {
    download.state = 'ready'
    this.#ready.push(download)
    this.#run ??= this.#deliverAll()
      .catch((error: unknown) => this.#parts.onFault(error))
      .finally(() => {
        this.#run = undefined
        const next = this.#ready.shift()
        if (next !== undefined && !this.#isStopped) this.#isReady(next)
      })
  }

  async #deliverAll(): Promise<void> {
    await this.#parts.lock.run(async () => {
      const running = new Set<Promise<void>>()
      let begun = 0
      try {
        // A few at a time: the plan, which brings more to fetch, needs the disk as well.
        while (this.#ready.length > 0 && begun++ < deliveriesInARow && !this.#isStopped) {
          const delivery: Promise<void> = this.#deliver(this.#next()).finally(() => running.delete(delivery))
          running.add(delivery)
          if (running.size >= deliveriesAtOnce) await Promise.race(running)
        }
        await Promise.all(running)
      } finally {
        // If one fails, the others still change the disk: the lock is theirs as well.
        await Promise.allSettled(running)
      }
    })
  }

  #next(): Download[] {
    let bytes = 0
    let count = 0
    while (count < this.#ready.length && count < filesAtOnce && bytes < bytesAtOnce) {
      bytes += this.#ready[count]?.size ?? 0
      count++
    }
    return this.#ready.splice(0, count).filter(({ state }) => state === 'ready')
  }

  async #deliver(downloads: readonly Download[]): Promise<void> {
    const { items, chunks, pool, placing } = this.#parts
    const placements: Placement[] = []
    for (const download of downloads) {
      const placement = placing.prepare(download)
      if (placement === undefined) this.#owner.drop(download)
      else {
        download.state = 'applying'
        placements.push(placement)
      }
    }
    if (placements.length === 0) return
    items.addIntents(placements.map((placement) => placing.intentOf(placement)))
    items.commit()
    const files = placements.map(({ download, temporary, target }) => {
      const { operation } = download.wanted
      const content =
        operation.type === 'symlink' || download.rows === undefined
          ? ({ type: 'symlink', target: operation.type === 'symlink' ? operation.target : '' } as const)
          : ({
              type: 'file',
              rows: download.rows,
              sealed: download.sealed,
              sources: download.sources,
              size: operation.content.size,
              hash: operation.content.hash,
            } as const)
      return { temporary, target, content }
    })
    const result = await pool.run('deliver', { keys: placing.keys, files })
    this.#settle(placements, result)
    // What the outcome says of chunks and items belongs together, and the intents end with it.
    items.clearIntents(placements.map(({ temporaryName }) => temporaryName))
    chunks.commit(false)
    items.commit()
  }

  #settle(placements: readonly Placement[], result: DeliverResult): void {
    for (const [index, placement] of placements.entries()) {
      const { download } = placement
      const outcome = result.files[index]
      if (outcome === undefined || download.state === 'dropped') continue
      const bad = outcome.badRows ?? []
      for (const [row, settle] of download.settles) settle(bad.includes(row) ? 'bad' : 'ok')
      download.settles.clear()
      if (bad.length > 0 || (outcome.missingRows ?? []).length > 0) this.#again(download, outcome)
      else this.#owner.placed(placement, outcome)
    }
  }

  /** What others sent was not what it should be, or what this device had is not there any more. */
  #again(download: Download, outcome: DeliverResult['files'][number]): void {
    const { chunks } = this.#parts
    for (const row of outcome.missingRows ?? []) {
      const source = download.sources[row]
      const { rows } = download
      if (source !== undefined && rows !== undefined) chunks.forget(idOf(rows, row), source)
    }
    this.#owner.arrived(-download.present)
    download.present = 0
    this.#start(download)
  }
}
