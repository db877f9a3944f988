import type { SqliteFile } from '../store/sqlite-file.ts'
import { readSealed } from './read-sealed.ts'
import type { ChunkHash } from './read-sealed.ts'
import type { SealedChunk, SealedChunks } from './sealed-chunks.ts'

export interface ScrubStep {
  /** Chunks. */
  readonly checked: number
  readonly bytes: number
  readonly damaged: readonly Uint8Array[]
  readonly done: boolean
}

/** Who reads packs through has a place of its own. */
export type ScrubReader = 'scrubbed' | 'audited'

/** Reads packs through, a part at each call, and goes on from there after a restart. */
export class Scrubber {
  readonly #file: SqliteFile
  readonly #sealed: SealedChunks
  readonly #hash: ChunkHash

  constructor(file: SqliteFile, sealed: SealedChunks, hash: ChunkHash) {
    this.#file = file
    this.#sealed = sealed
    this.#hash = hash
  }

  step(limitBytes: number, reader: ScrubReader): ScrubStep {
    let [pack, offset] = this.#place(reader)
    let bytes = 0
    let checked = 0
    const damaged: Uint8Array[] = []
    while (bytes < limitBytes) {
      const chunks = this.#sealed.after(pack, offset, 256)
      if (chunks.length === 0) {
        this.#setPlace(reader, 0, 0)
        return { checked, bytes, damaged, done: true }
      }
      const part = upTo(chunks, limitBytes - bytes)
      for (const { chunk, sealed } of readSealed(part, this.#sealed, this.#hash)) {
        checked++
        bytes += chunk.length
        pack = chunk.pack
        offset = chunk.offset
        if (sealed === undefined) {
          damaged.push(chunk.id)
          this.#sealed.lose(chunk)
        }
      }
    }
    this.#setPlace(reader, pack, offset)
    return { checked, bytes, damaged, done: false }
  }

  #place(reader: ScrubReader): [pack: number, offset: number] {
    const text = 'SELECT value FROM facts WHERE name = ?'
    const value = this.#file.rows<readonly [string]>(text).get(reader)?.[0]
    const [pack = 0, offset = 0] = (value ?? '').split(' ').map(Number)
    return [pack, offset]
  }

  #setPlace(reader: ScrubReader, pack: number, offset: number): void {
    this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(reader, `${pack} ${offset}`)
  }
}

/** One at least; not more, or neighbours would be read for nothing. */
function upTo(chunks: readonly SealedChunk[], limitBytes: number): readonly SealedChunk[] {
  let bytes = 0
  let count = 0
  while (count < chunks.length && (count === 0 || bytes < limitBytes)) bytes += chunks[count++]?.length ?? 0
  return chunks.slice(0, count)
}
