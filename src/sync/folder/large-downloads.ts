import { Assembly } from './assembly.ts'
import type { Download } from './download.ts'
import type { DownloadParts } from './downloads.ts'
import type { DownloadOwner } from './small-downloads.ts'

/** Files that are put together at a time. */
const filesAtOnce = 3
/** How long a file waits for its content before another one has its place; and where all devices said no. */
const patienceMs = 20_000
const missingMs = 1_000

/** Large files: a temporary file that is filled from what this device has, then chunk by chunk from others. */
export class LargeDownloads {
  readonly #parts: DownloadParts
  readonly #owner: DownloadOwner
  readonly #queue: Download[] = []
  readonly #active = new Map<Download, LargeDownload>()
  #isStopped = false

  constructor(parts: DownloadParts, owner: DownloadOwner) {
    this.#parts = parts
    this.#owner = owner
  }

  add(download: Download): void {
    download.state = 'queued'
    this.#queue.push(download)
    this.#begin()
  }

  /** What nobody connected has must not hold up what they have. */
  tick(now: number): void {
    const { wantedIds, missingIds } = this.#parts.fetcher.stats()
    if (missingIds > 0 && wantedIds > 0) {
      for (const [download, active] of this.#active) {
        const patience = active.isLacking ? missingMs : patienceMs
        if (download.state !== 'fetching' || now - download.progressAt < patience) continue
        this.#owner.fail(download, 'FOLDER_CONTENT_MISSING', 'no connected device has its content')
      }
    }
    this.#begin()
  }

  #begin(): void {
    while (this.#active.size < filesAtOnce && !this.#isStopped) {
      const download = this.#queue.shift()
      if (download === undefined) return
      if (download.state !== 'queued') continue
      const active = new LargeDownload(download, this.#parts, this.#owner)
      this.#active.set(download, active)
      active
        .run()
        .catch((error: unknown) => this.#parts.onFault(error))
        .finally(() => {
          if (this.#active.get(download) === active) this.#active.delete(download)
          this.#begin()
        })
        .catch(() => undefined)
    }
  }

  forget(download: Download): void {
    this.#active.get(download)?.cancel()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const running = [...this.#active.values()]
    for (const active of running) active.cancel()
    await Promise.all(running.map((active) => active.ended))
  }
}

/** One of them. */
class LargeDownload {
  readonly ended: Promise<void>
  readonly #download: Download
  readonly #parts: DownloadParts
  readonly #owner: DownloadOwner
  readonly #temporary: string
  readonly #end = Promise.withResolvers<void>()
  #assembly: Assembly | undefined
  #isCancelled = false

  constructor(download: Download, parts: DownloadParts, owner: DownloadOwner) {
    this.#download = download
    this.#parts = parts
    this.#owner = owner
    this.#temporary = parts.placing.temporaryOf(download)
    this.ended = this.#end.promise
  }

  /** No connected device has any of what is still to come. */
  get isLacking(): boolean {
    return this.#assembly !== undefined && this.#parts.fetcher.lacks(this.#assembly)
  }

  async run(): Promise<void> {
    const download = this.#download
    const { rows } = download
    try {
      if (rows === undefined || this.#isCancelled) return
      const { clock } = this.#parts
      download.state = 'fetching'
      download.progressAt = clock.monotonic()
      let isOwn = true
      const onArrived = (bytes: number): void => {
        // What this device has comes first, and at once.
        if (!isOwn) this.#owner.given(download)
        isOwn = false
        download.present += bytes
        download.progressAt = clock.monotonic()
        this.#owner.arrived(bytes)
      }
      const { placing, pool, chunks, fs, fetcher } = this.#parts
      const parts = { pool, chunks, fs, fetcher, keys: placing.keys }
      this.#assembly = new Assembly(parts, { temporary: this.#temporary, rows, onArrived })
      this.#parts.arriving?.add(this.#assembly)
      const result = await this.#assembly.run()
      if (this.#isCancelled || result === 'cancelled') return
      if (result === 'complete') await this.#finish()
      else this.#owner.fail(download, result.code, result.message)
    } finally {
      if (this.#assembly !== undefined) this.#parts.arriving?.remove(this.#assembly)
      this.#end.resolve()
    }
  }

  cancel(): void {
    this.#isCancelled = true
    this.#assembly?.cancel()
  }

  async #finish(): Promise<void> {
    const { lock, placing, items, chunks, pool } = this.#parts
    const download = this.#download
    await lock.run(async () => {
      if (this.#isCancelled) return
      const placement = placing.prepare(download)
      if (placement === undefined) {
        this.#owner.drop(download)
        return
      }
      download.state = 'applying'
      items.addIntents([placing.intentOf(placement)])
      items.commit()
      const outcome = await pool.run('finish', {
        temporary: this.#temporary,
        size: download.size,
        hash: undefined,
        target: placement.target,
        isDurable: false,
      })
      this.#owner.placed(placement, outcome)
      items.clearIntents([placement.temporaryName])
      chunks.commit()
      items.commit()
    })
  }
}
