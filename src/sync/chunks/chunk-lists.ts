import type { SqliteFile } from '../store/sqlite-file.ts'

/** So that no single row is large. */
const pieceBytes = 1024 * 1024

/** Chunk lists that are too long for their entries. */
export class ChunkLists {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  add(hash: string, list: Uint8Array): void {
    const known = 'SELECT 1 FROM lists WHERE hash = unhex(?) LIMIT 1'
    if (this.#file.rows(known).get(hash) !== undefined) return
    const statement = this.#file.sql('INSERT INTO lists VALUES (unhex(?), ?, ?)')
    for (let number = 0; number === 0 || number * pieceBytes < list.length; number++) {
      statement.run(hash, number, list.subarray(number * pieceBytes, (number + 1) * pieceBytes))
    }
  }

  get(hash: string): Uint8Array | undefined {
    const text = 'SELECT bytes FROM lists WHERE hash = unhex(?) ORDER BY number'
    const pieces = this.#file
      .rows<readonly [Uint8Array]>(text)
      .all(hash)
      .map(([bytes]) => bytes)
    if (pieces.length <= 1) return pieces[0]
    return new Uint8Array(Buffer.concat(pieces))
  }
}
