import { sameBytes } from '../format/cbor.ts'
import type { ChunkRows } from '../content/content.ts'
import { idOf } from './download.ts'

/** Which rows of a version are in its temporary file, and where a chunk id stands among them: nine bytes a row. */
export class PlacedRows {
  readonly #rows: ChunkRows
  readonly #placed: Uint8Array
  /** Rows by the first bits of their ids, one more than the number; 0 is free. Made when it is needed first. */
  #table: Int32Array | undefined

  constructor(rows: ChunkRows) {
    this.#rows = rows
    this.#placed = new Uint8Array(rows.lengths.length)
  }

  set(row: number, isPlaced: boolean): void {
    this.#placed[row] = isPlaced ? 1 : 0
  }

  setAll(): void {
    this.#placed.fill(1)
  }

  /** Undefined if it is not in the file. */
  find(id: Uint8Array): number | undefined {
    this.#table ??= this.#index()
    const mask = this.#table.length - 1
    for (let at = startOf(id) & mask; ; at = (at + 1) & mask) {
      const row = (this.#table[at] ?? 0) - 1
      if (row < 0) return undefined
      if (sameBytes(idOf(this.#rows, row), id)) return this.#placed[row] === 1 ? row : undefined
    }
  }

  #index(): Int32Array {
    const count = this.#rows.lengths.length
    let size = 16
    while (size < 2 * count) size *= 2
    const table = new Int32Array(size)
    for (let row = 0; row < count; row++) {
      const id = idOf(this.#rows, row)
      let at = startOf(id) & (size - 1)
      // Of equal chunks the first is as good as any; many of them would make a long way.
      while (table[at] !== 0 && !sameBytes(idOf(this.#rows, (table[at] ?? 0) - 1), id)) {
        at = (at + 1) & (size - 1)
      }
      if (table[at] === 0) table[at] = row + 1
    }
    return table
  }
}

function startOf(id: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = id
  return (a << 24) | (b << 16) | (c << 8) | d
}
