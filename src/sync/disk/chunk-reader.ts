import { chunkKeyOf, openChunk } from '../content/chunk-seal.ts'
import { chunkIdLength, sealedOverhead } from '../content/content.ts'
import type { ChunkRows, ContentKeys } from '../content/content.ts'
import { sameBytes } from '../format/cbor.ts'
import type { ChunkSource } from '../work/job.ts'
import type { FileSystem } from './file-system.ts'

/** Rows that lie together where they come from and where they go, so that one read gets them. */
export interface Run {
  readonly source: ChunkSource
  readonly first: number
  readonly count: number
  /** To read. */
  readonly bytes: number
}

export const runBytes = 4 * 1024 * 1024
const maximumOpen = 16

let scratch = new Uint8Array(0)

/** Memory of this thread for one read, used again by the next. */
export function scratchBytes(length: number): Uint8Array {
  if (scratch.length < length) scratch = new Uint8Array(Math.max(length, runBytes))
  return scratch.subarray(0, length)
}

export function rowId(rows: ChunkRows, row: number): Uint8Array {
  return rows.ids.subarray(row * chunkIdLength, (row + 1) * chunkIdLength)
}

export function rowKey(rows: ChunkRows, row: number): Uint8Array {
  return rows.keys.subarray(row * chunkIdLength, (row + 1) * chunkIdLength)
}

/** Whether this is the plaintext of the row. */
export function isRow(keys: ContentKeys, rows: ChunkRows, row: number, plaintext: Uint8Array): boolean {
  return plaintext.length === rows.lengths[row] && sameBytes(chunkKeyOf(keys, plaintext), rowKey(rows, row))
}

/** Reads chunks that are on this device and believes nothing: what is not the row any more is not there. */
export class ChunkReader {
  readonly #fs: FileSystem
  readonly #keys: ContentKeys
  readonly #open = new Map<string, number | undefined>()

  constructor(fs: FileSystem, keys: ContentKeys) {
    this.#fs = fs
    this.#keys = keys
  }

  /** The plaintexts of a run's rows, in order; good until the next read of this thread. */
  read(rows: ChunkRows, run: Run): (Uint8Array | undefined)[] {
    const { source } = run
    const into = scratchBytes(run.bytes)
    const got = this.#readFrom(source, into)
    const found: (Uint8Array | undefined)[] = []
    let at = 0
    for (let row = run.first; row < run.first + run.count; row++) {
      const length = storedLength(rows, row, source)
      const bytes = into.subarray(at, at + length)
      at += length
      found.push(at <= got ? this.#take(rows, row, source, bytes) : undefined)
    }
    return found
  }

  close(): void {
    for (const file of this.#open.values()) if (file !== undefined) this.#fs.close(file)
    this.#open.clear()
  }

  #take(rows: ChunkRows, row: number, source: ChunkSource, bytes: Uint8Array): Uint8Array | undefined {
    if (source.in === 'file') return isRow(this.#keys, rows, row, bytes) ? bytes : undefined
    const opened = openChunk(this.#keys, rowId(rows, row), rowKey(rows, row), bytes, bytes)
    if (opened === 'bad' || opened === 'wrong') return undefined
    return opened.length === rows.lengths[row] ? opened : undefined
  }

  #readFrom(source: ChunkSource, into: Uint8Array): number {
    try {
      const file = this.#file(source.path)
      return file === undefined ? 0 : this.#fs.read(file, into, source.offset)
    } catch {
      return 0
    }
  }

  #file(path: string): number | undefined {
    if (this.#open.has(path)) return this.#open.get(path)
    if (this.#open.size >= maximumOpen) this.close()
    const file = this.#openFile(path)
    this.#open.set(path, file)
    return file
  }

  #openFile(path: string): number | undefined {
    try {
      return this.#fs.open(path, 'read')
    } catch {
      return undefined
    }
  }
}

/** Cuts rows into runs; those that a test leaves out, and those without a source, are in none. */
export function* runsOf(
  rows: ChunkRows,
  sources: readonly (ChunkSource | undefined)[],
  isLeftOut: (row: number) => boolean,
): Generator<Run> {
  const count = rows.lengths.length
  for (let row = 0; row < count;) {
    const source = sources[row]
    if (source === undefined || isLeftOut(row) || !fits(rows, row, source)) {
      row++
      continue
    }
    const first = row
    let bytes = storedLength(rows, row, source)
    for (row++; row < count; row++) {
      const next = sources[row]
      if (next === undefined || isLeftOut(row) || !fits(rows, row, next)) break
      const more = storedLength(rows, row, next)
      if (next.in !== source.in || next.path !== source.path) break
      if (next.offset !== source.offset + bytes || bytes + more > runBytes) break
      bytes += more
    }
    yield { source, first, count: row - first, bytes }
  }
}

function storedLength(rows: ChunkRows, row: number, source: ChunkSource): number {
  const length = rows.lengths[row] ?? 0
  return source.in === 'file' ? length : length + sealedOverhead
}

/** A source of another length is not this row. */
function fits(rows: ChunkRows, row: number, source: ChunkSource): boolean {
  const length = source.in === 'file' ? source.length : source.sealedLength
  return length === storedLength(rows, row, source)
}
