import type { Arriving } from './arriving-chunks.ts'
import { idOf, idText, type Download } from './download.ts'

/** Sealed chunks of small files that wait for others of theirs, in memory. */
export class HeldChunks implements Arriving {
  readonly #chunks = new Map<string, { readonly download: Download; readonly row: number }>()

  add(key: string, download: Download, row: number): void {
    this.#chunks.set(key, { download, row })
  }

  remove(download: Download): void {
    const { rows } = download
    if (rows === undefined || rows.lengths.length < 2 || this.#chunks.size === 0) return
    for (let row = 0; row < rows.lengths.length; row++) {
      const key = idText(idOf(rows, row))
      if (this.#chunks.get(key)?.download === download) this.#chunks.delete(key)
    }
  }

  /** Until the file is delivered: then it is in a thread, and in its place a moment later. */
  held(id: Uint8Array): Uint8Array | undefined {
    const { download, row } = this.#chunks.get(idText(id)) ?? {}
    if (row === undefined || (download?.state !== 'fetching' && download?.state !== 'ready')) return undefined
    const sealed = download.sealed[row]
    // Equal chunks of two files share their memory, and it goes to a thread with the first.
    return sealed === undefined || sealed.length === 0 ? undefined : sealed.slice()
  }

  has(id: Uint8Array): boolean {
    return this.#chunks.has(idText(id))
  }

  find(): undefined {
    return undefined
  }

  forget(): void {
    // What is found is always what it should be: it was checked when it came.
  }
}
