import type { SqliteFile } from '../store/sqlite-file.ts'
import { readSealed } from './read-sealed.ts'
import type { ChunkHash } from './read-sealed.ts'
import type { SealedChunks } from './sealed-chunks.ts'

export interface ScrubStep {
  /** Chunks. */
  readonly checked: number
  readonly damaged: readonly Uint8Array[]
  readonly done: boolean
}

const placeFact = 'scrubbed'

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

  step(limitBytes: number): ScrubStep {
    let [pack, offset] = this.#place()
    let bytes = 0
    let checked = 0
    const damaged: Uint8Array[] = []
    while (bytes < limitBytes) {
      const chunks = this.#sealed.after(pack, offset, 256)
      if (chunks.length === 0) {
        this.#setPlace(0, 0)
        return { checked, damaged, done: true }
      }
      for (const { chunk, sealed } of readSealed(chunks, this.#sealed, this.#hash)) {
        checked++
        bytes += chunk.length
        pack = chunk.pack
        offset = chunk.offset
        if (sealed === undefined) {
          damaged.push(chunk.id)
          this.#sealed.remove(chunk)
        }
        if (bytes >= limitBytes) break
      }
    }
    this.#setPlace(pack, offset)
    return { checked, damaged, done: false }
  }

  #place(): [pack: number, offset: number] {
    const text = 'SELECT value FROM facts WHERE name = ?'
    const value = this.#file.rows<readonly [string]>(text).get(placeFact)?.[0]
    const [pack = 0, offset = 0] = (value ?? '').split(' ').map(Number)
    return [pack, offset]
  }

  #setPlace(pack: number, offset: number): void {
    this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(placeFact, `${pack} ${offset}`)
  }
}
