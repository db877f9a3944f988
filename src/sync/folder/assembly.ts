import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ChunkRows, ContentKeys } from '../content/content.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { DeviceId } from '../ids.ts'
import type { ChunkFetcher, ChunkTaker } from '../transfer/chunk-fetcher.ts'
import type { ChunkSource, DiskFault, PlaceJob, WorkPool } from '../work/job.ts'
import type { Arriving } from './arriving-chunks.ts'
import { idOf, idText, keyOf, sealedLength } from './download.ts'
import { PlacedRows } from './placed-rows.ts'

export interface AssemblyParts {
  readonly pool: WorkPool
  readonly chunks: ChunkStore
  readonly fs: FileSystem
  readonly fetcher: ChunkFetcher
  readonly keys: ContentKeys
}

export interface Assembled {
  /** Absolute, in the private directory. What an earlier try left there is gone on with. */
  readonly temporary: string
  readonly rows: ChunkRows
  /** Bytes of plaintext came. */
  readonly onArrived: (bytes: number) => void
}

interface Piece {
  readonly row: number
  readonly sealed: Uint8Array
  readonly settle: (verdict: 'ok' | 'bad') => void
}

const pieceBytesAtOnce = 4 * 1024 * 1024
const jobsAtOnce = 2

/**
 * Puts one version together in a temporary file: from what this device has, then chunk by chunk from others. The file
 * itself is what a later try goes on from; no list of what was done is kept or believed.
 */
export class Assembly implements ChunkTaker, Arriving {
  readonly #parts: AssemblyParts
  readonly #file: Assembled
  readonly #offsets: Float64Array
  readonly #placed: PlacedRows
  /** Rows by chunk id: one chunk may stand at many places. */
  readonly #wanted = new Map<string, number[]>()
  readonly #end = Promise.withResolvers<'complete' | 'cancelled' | DiskFault>()
  #pieces: Piece[] = []
  #pieceBytes = 0
  #jobs = 0
  #isOver = false
  readonly #halted = new SharedArrayBuffer(1)

  constructor(parts: AssemblyParts, file: Assembled) {
    this.#parts = parts
    this.#file = file
    this.#placed = new PlacedRows(file.rows)
    const { lengths } = file.rows
    this.#offsets = new Float64Array(lengths.length)
    let offset = 0
    for (const [row, length] of lengths.entries()) {
      this.#offsets[row] = offset
      offset += length
    }
  }

  async run(): Promise<'complete' | 'cancelled' | DiskFault> {
    const { pool, chunks, fs, keys, fetcher } = this.#parts
    const { temporary, rows, onArrived } = this.#file
    const sources = Array.from(rows.lengths, (_, row) => chunks.find(idOf(rows, row)))
    const isResumed = fs.stat(temporary) !== undefined
    const job = { path: temporary, keys, rows, sources, isResumed, halted: this.#halted }
    const { missing, fault } = await pool.run('fill', job)
    if (this.#isOver) return 'cancelled'
    if (fault !== undefined) return fault
    let present = 0
    for (const length of rows.lengths) present += length
    this.#placed.setAll()
    for (const row of missing) {
      present -= rows.lengths[row] ?? 0
      this.#placed.set(row, false)
    }
    onArrived(present)
    if (missing.length === 0) return 'complete'
    for (const row of missing) {
      const id = idOf(rows, row)
      const key = idText(id)
      const places = this.#wanted.get(key)
      if (places === undefined) {
        this.#wanted.set(key, [row])
        fetcher.want(id, sealedLength(rows, row), this)
      } else places.push(row)
    }
    return this.#end.promise
  }

  cancel(): void {
    this.#finish('cancelled')
  }

  find(id: Uint8Array): ChunkSource | undefined {
    const { rows, temporary } = this.#file
    const row = this.#placed.find(id)
    if (row === undefined) return undefined
    const place = { offset: this.#offsets[row] ?? 0, length: rows.lengths[row] ?? 0 }
    return { in: 'file', path: temporary, ...place, key: keyOf(rows, row) }
  }

  has(id: Uint8Array): boolean {
    return this.#placed.find(id) !== undefined
  }

  held(): undefined {
    return undefined
  }

  forget(id: Uint8Array): void {
    const row = this.#placed.find(id)
    if (row !== undefined) this.#placed.set(row, false)
  }

  take(id: Uint8Array, sealed: Uint8Array, _peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' {
    const [row] = this.#wanted.get(idText(id)) ?? []
    if (row === undefined || this.#isOver) return 'ok'
    const { promise, resolve } = Promise.withResolvers<'ok' | 'bad'>()
    this.#pieces.push({ row, sealed, settle: resolve })
    this.#pieceBytes += sealed.length
    this.#placeNext()
    return promise
  }

  /** Takes waiting pieces into a job as soon as a thread is free for them. */
  #placeNext(): void {
    while (this.#jobs < jobsAtOnce && this.#pieces.length > 0 && !this.#isOver) {
      if (this.#jobs > 0 && this.#pieceBytes < pieceBytesAtOnce) return
      let bytes = 0
      let count = 0
      while (count < this.#pieces.length && bytes < pieceBytesAtOnce) {
        bytes += this.#pieces[count]?.sealed.length ?? 0
        count++
      }
      const pieces = this.#pieces.splice(0, count)
      this.#pieceBytes -= bytes
      this.#jobs++
      this.#place(pieces)
        .catch((error: unknown) => this.#finish({ code: 'FOLDER_FAULT', message: String(error) }))
        .finally(() => {
          this.#jobs--
          this.#placeNext()
        })
        .catch(() => undefined)
    }
  }

  async #place(taken: readonly Piece[]): Promise<void> {
    const { rows, temporary, onArrived } = this.#file
    const pieces: PlaceJob['pieces'][number][] = []
    const pieceOf: Piece[] = []
    const rowOf: number[] = []
    for (const piece of taken) {
      const id = idOf(rows, piece.row)
      for (const row of this.#wanted.get(idText(id)) ?? []) {
        const offset = this.#offsets[row] ?? 0
        pieces.push({
          id,
          key: keyOf(rows, row),
          offset,
          length: rows.lengths[row] ?? 0,
          sealed: piece.sealed,
        })
        pieceOf.push(piece)
        rowOf.push(row)
      }
    }
    const job = { path: temporary, keys: this.#parts.keys, pieces }
    const { states, fault } = await this.#parts.pool.run('place', job)
    const bad = new Set<Piece>()
    for (const [index, state] of states.entries()) {
      const piece = pieceOf[index]
      if (state === 'placed') {
        onArrived(pieces[index]?.length ?? 0)
        this.#placed.set(rowOf[index] ?? 0, true)
      } else if (state === 'bad' && piece !== undefined) bad.add(piece)
      else this.#finish({ code: 'FOLDER_WRONG_CONTENT', message: 'a chunk is not what its author said' })
    }
    for (const piece of taken) {
      if (fault === undefined && !bad.has(piece)) this.#wanted.delete(idText(idOf(rows, piece.row)))
      piece.settle(bad.has(piece) ? 'bad' : 'ok')
    }
    if (fault !== undefined) this.#finish(fault)
    else if (this.#wanted.size === 0) this.#finish('complete')
  }

  #finish(result: 'complete' | 'cancelled' | DiskFault): void {
    if (this.#isOver) return
    this.#isOver = true
    new Uint8Array(this.#halted).fill(1)
    this.#parts.fetcher.cancel(this)
    for (const { settle } of this.#pieces.splice(0)) settle('ok')
    this.#end.resolve(result)
  }
}
