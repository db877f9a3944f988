import type { ChunkRows } from '../content/content.ts'
import type { EntryHash } from '../ids.ts'
import type { SqliteFile } from '../store/sqlite-file.ts'
import type { ChunkSource } from '../work/job.ts'
import { idAt, prefixOf } from './chunk-schema.ts'
import type { FilePlaces } from './chunk-store.ts'

type PlaceRow = readonly [holder: number, number: number, offset: number, length: number, key: Uint8Array]
type KeptRow = readonly [version: string, size: number]
type FileSource = Extract<ChunkSource, { in: 'file' }>

const findPlace = `SELECT holder, number, offset, length, key FROM places WHERE prefix = ? AND id = ?
  ORDER BY holder, number`
/** How long a place in a user's file is passed over that was found wrong. */
const doubtMs = 10_000
const mostDoubts = 4_096
const samePlaces = 'SELECT holder, number FROM places WHERE prefix = ? AND id = ? AND offset = ?'

/** Chunks as plaintext in files: those of items, and kept versions. */
export class ChunkPlaces {
  readonly #file: SqliteFile
  readonly #places: FilePlaces
  readonly #now: () => number
  /**
   * Places in users' files that were found wrong, and until when they are passed over. A file may just have been moved or
   * written to, and be there again before anybody has scanned it; what stands in it is for the scan to say.
   */
  readonly #doubts = new Map<string, number>()
  #keptBytes = 0

  constructor(file: SqliteFile, places: FilePlaces, now: () => number) {
    this.#file = file
    this.#places = places
    this.#now = now
  }

  load(): void {
    const row = this.#file.read(() =>
      this.#file.rows<readonly [number]>('SELECT total(size) FROM kept').get(),
    )
    this.#keptBytes = row?.[0] ?? 0
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  set(holder: number, rows: ChunkRows): void {
    this.clear(holder)
    const statement = this.#file.sql('INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?)')
    let offset = 0
    for (let row = 0; row < rows.lengths.length; row++) {
      const id = idAt(rows.ids, row)
      const length = rows.lengths[row] ?? 0
      statement.run(holder, row, offset, length, prefixOf(id), id, idAt(rows.keys, row))
      offset += length
    }
  }

  clear(holder: number): void {
    this.#file.sql('DELETE FROM places WHERE holder = ?').run(holder)
  }

  setKept(version: EntryHash, rows: ChunkRows, size: number): void {
    this.clearKept(version)
    const { lastInsertRowid } = this.#file
      .sql('INSERT INTO kept (version, size) VALUES (unhex(?), ?)')
      .run(version, size)
    this.#keptBytes += size
    this.set(-Number(lastInsertRowid), rows)
  }

  clearKept(version: EntryHash): void {
    const text = 'SELECT number, size FROM kept WHERE version = unhex(?)'
    const row = this.#file.rows<readonly [number: number, size: number]>(text).get(version)
    if (row === undefined) return
    this.clear(-row[0])
    this.#file.sql('DELETE FROM kept WHERE number = ?').run(row[0])
    this.#keptBytes -= row[1]
  }

  kept(): { readonly version: EntryHash; readonly size: number }[] {
    const text = 'SELECT lower(hex(version)), size FROM kept ORDER BY version'
    const rows = this.#file.rows<KeptRow>(text).all()
    return rows.map(([version, size]) => ({ version, size }))
  }

  isKept(version: EntryHash): boolean {
    return this.#file.rows('SELECT 1 FROM kept WHERE version = unhex(?)').get(version) !== undefined
  }

  has(id: Uint8Array): boolean {
    const text = 'SELECT 1 FROM places WHERE prefix = ? AND id = ? LIMIT 1'
    return this.#file.rows(text).get(prefixOf(id), id) !== undefined
  }

  /** What is said of items that are gone is removed on the way. */
  find(id: Uint8Array): FileSource | undefined {
    const statement = this.#file.rows<PlaceRow>(findPlace)
    const gone: number[] = []
    let found: FileSource | undefined
    for (const [holder, number, offset, length, key] of statement.iterate(prefixOf(id), id)) {
      if (this.#isDoubted(holder, number)) continue
      const path = this.#path(holder)
      if (path !== undefined) {
        found = { in: 'file', path, offset, length, key }
        break
      }
      gone.push(holder)
    }
    if (gone.length > 0 && this.#file.isWritable) {
      this.#file.write(() => gone.forEach((holder) => this.clear(holder)))
    }
    return found
  }

  forget(id: Uint8Array, source: FileSource): void {
    const rows = this.#file.rows<readonly [holder: number, number: number]>(samePlaces)
    let found: readonly [number, number] | undefined
    for (const row of rows.iterate(prefixOf(id), id, source.offset)) {
      if (this.#path(row[0]) !== source.path) continue
      found = row
      break
    }
    if (found === undefined) return
    const [holder, number] = found
    // Nobody writes to what is kept: that is damage, and stays so.
    if (holder < 0) this.#file.sql('DELETE FROM places WHERE holder = ? AND number = ?').run(holder, number)
    else this.#doubt(`${holder}/${number}`)
  }

  #doubt(place: string): void {
    this.#doubts.delete(place)
    this.#doubts.set(place, this.#now() + doubtMs)
    for (const oldest of this.#doubts.keys()) {
      if (this.#doubts.size <= mostDoubts) break
      this.#doubts.delete(oldest)
    }
  }

  #isDoubted(holder: number, number: number): boolean {
    if (this.#doubts.size === 0) return false
    const place = `${holder}/${number}`
    const until = this.#doubts.get(place)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#doubts.delete(place)
    return false
  }

  #path(holder: number): string | undefined {
    if (holder > 0) return this.#places.itemPath(holder)
    const text = 'SELECT lower(hex(version)) FROM kept WHERE number = ?'
    const version = this.#file.rows<readonly [string]>(text).get(-holder)?.[0]
    return version === undefined ? undefined : this.#places.keptPath(version)
  }
}
