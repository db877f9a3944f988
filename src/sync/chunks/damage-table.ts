import type { SqliteFile } from '../store/sqlite-file.ts'

export interface DamagedChunk {
  readonly id: Uint8Array
  /** Of plaintext. */
  readonly length: number
}

/** More are forgotten: a disk that has lost so much is replaced. */
const mostChunks = 100_000
const mostFiles = 10_000
const schema = [
  `CREATE TABLE IF NOT EXISTS damaged_chunks (id BLOB PRIMARY KEY, length INTEGER NOT NULL)
   STRICT, WITHOUT ROWID`,
  'CREATE TABLE IF NOT EXISTS damaged_files (item INTEGER PRIMARY KEY) STRICT',
] as const

/** What the disk did not give back as it was written, until it is healed or nobody wants it: outlives a restart. */
export class DamageTable {
  readonly #file: SqliteFile
  #chunks = 0
  #files = 0
  #found = 0

  /** Makes the tables in an index of an earlier version. */
  constructor(file: SqliteFile) {
    this.#file = file
    file.write(() => {
      for (const text of schema) file.sql(text).run()
    })
  }

  load(): void {
    const count = (table: string): number =>
      this.#file.read(
        () => this.#file.rows<readonly [number]>(`SELECT count(*) FROM ${table}`).get()?.[0] ?? 0,
      )
    this.#chunks = count('damaged_chunks')
    this.#files = count('damaged_files')
  }

  get chunks(): number {
    return this.#chunks
  }

  get files(): number {
    return this.#files
  }

  /** Since the store was opened. */
  get found(): number {
    return this.#found
  }

  addChunk(id: Uint8Array, length: number): void {
    if (this.#chunks >= mostChunks || length < 1) return
    const { changes } = this.#file.sql('INSERT OR IGNORE INTO damaged_chunks VALUES (?, ?)').run(id, length)
    this.#chunks += Number(changes)
    this.#found += Number(changes)
  }

  removeChunk(id: Uint8Array): void {
    const { changes } = this.#file.sql('DELETE FROM damaged_chunks WHERE id = ?').run(id)
    this.#chunks -= Number(changes)
  }

  /** By id, behind one of them. */
  chunksAfter(id: Uint8Array, limit: number): DamagedChunk[] {
    const text = 'SELECT id, length FROM damaged_chunks WHERE id > ? ORDER BY id LIMIT ?'
    const rows = this.#file.rows<readonly [Uint8Array, number]>(text).all(id, limit)
    return rows.map(([found, length]) => ({ id: found, length }))
  }

  addFile(item: number): void {
    if (this.#files >= mostFiles) return
    const { changes } = this.#file.sql('INSERT OR IGNORE INTO damaged_files VALUES (?)').run(item)
    this.#files += Number(changes)
    this.#found += Number(changes)
  }

  removeFile(item: number): void {
    const { changes } = this.#file.sql('DELETE FROM damaged_files WHERE item = ?').run(item)
    this.#files -= Number(changes)
  }

  clearFiles(): void {
    this.#file.sql('DELETE FROM damaged_files').run()
    this.#files = 0
  }

  filesAfter(item: number, limit: number): number[] {
    const text = 'SELECT item FROM damaged_files WHERE item > ? ORDER BY item LIMIT ?'
    return this.#file
      .rows<readonly [number]>(text)
      .all(item, limit)
      .map(([found]) => found)
  }
}
