import type { ChunkRows } from '../content/content.ts'
import type { EntryHash } from '../ids.ts'
import type { SqliteFile } from '../store/sqlite-file.ts'
import type { ChunkSource } from '../work/job.ts'
import { chunkIdLength } from '../content/content.ts'
import { idAt, prefixOf } from './chunk-schema.ts'
import type { FilePlaces } from './chunk-store.ts'
import type { DamageTable } from './damage-table.ts'

type PlaceRow = readonly [holder: number, number: number, offset: number, length: number, key: Uint8Array]
type StretchRow = readonly [
  holder: number,
  number: number,
  offset: number,
  length: number,
  id: Uint8Array,
  key: Uint8Array,
]
type KeptRow = readonly [version: string, size: number]
type FileSource = Extract<ChunkSource, { in: 'file' }>

const findPlace = `SELECT holder, number, offset, length, key FROM places WHERE prefix = ? AND id = ?
  ORDER BY holder, number`
const nextPlaces = `SELECT holder, number, offset, length, id, key FROM places
  WHERE (holder, number) > (?, ?) ORDER BY holder, number LIMIT ?`
const stretchRows = 1_024
/** How long a place in a user's file is passed over that was found wrong. */
const doubtMs = 10_000
const mostDoubts = 4_096
/** A part of one file, as the index has it. */
export interface Stretch {
  /** An item; or the negative number of a kept version. */
  readonly holder: number
  readonly version: EntryHash | undefined
  readonly path: string | undefined
  /** Of the first chunk in its file; those of a file are numbered in order. */
  readonly number: number
  readonly offset: number
  readonly bytes: number
  readonly rows: ChunkRows
}

const samePlaces = 'SELECT holder, number FROM places WHERE prefix = ? AND id = ? AND offset = ?'

/** Chunks as plaintext in files: those of items, and kept versions. */
export class ChunkPlaces {
  readonly #file: SqliteFile
  readonly #places: FilePlaces
  readonly #now: () => number
  readonly #damage: DamageTable
  /**
   * Places in users' files that were found wrong, and until when they are passed over. A file may just have been moved or
   * written to, and be there again before anybody has scanned it; what stands in it is for the scan to say.
   */
  readonly #doubts = new Map<string, number>()
  #keptBytes = 0

  constructor(
    file: SqliteFile,
    places: FilePlaces,
    options: { readonly now: () => number; readonly damage: DamageTable },
  ) {
    this.#file = file
    this.#places = places
    this.#now = options.now
    this.#damage = options.damage
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

  /** Of all items, whose numbers are going to mean others. Kept versions stay. */
  clearItems(): void {
    this.#doubts.clear()
    this.#file.sql('DELETE FROM places WHERE holder > 0').run()
  }

  get hasItems(): boolean {
    return this.#file.rows('SELECT 1 FROM places WHERE holder > 0 LIMIT 1').get() !== undefined
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
    if (holder < 0) this.lose(holder, number)
    else this.#doubt(`${holder}/${number}`)
  }

  /** What stands there is damaged. Of a kept version it is to be had from somebody else; a file is put in place again. */
  lose(holder: number, number: number): void {
    const text = 'SELECT id, length FROM places WHERE holder = ? AND number = ?'
    const row = this.#file.rows<readonly [Uint8Array, number]>(text).get(holder, number)
    if (row === undefined) return
    this.#file.sql('DELETE FROM places WHERE holder = ? AND number = ?').run(holder, number)
    if (holder < 0) this.#damage.addChunk(...row)
  }

  /** What comes behind a place, in one file and without a gap: at least one chunk, and more up to so many bytes. */
  stretchAfter(holder: number, number: number, limitBytes: number): Stretch | undefined {
    const rows: StretchRow[] = []
    let bytes = 0
    for (const row of this.#file.rows<StretchRow>(nextPlaces).iterate(holder, number, stretchRows)) {
      const [of, , offset, length] = row
      const [head] = rows
      const isNext = head === undefined || (of === head[0] && offset === head[2] + bytes)
      if (!isNext || (head !== undefined && bytes + length > limitBytes)) break
      rows.push(row)
      bytes += length
    }
    const [first] = rows
    if (first === undefined) return undefined
    const ids = new Uint8Array(rows.length * chunkIdLength)
    const keys = new Uint8Array(rows.length * chunkIdLength)
    for (const [index, [, , , , id, key]] of rows.entries()) {
      ids.set(id, index * chunkIdLength)
      keys.set(key, index * chunkIdLength)
    }
    const lengths = Uint32Array.from(rows, ([, , , length]) => length)
    const path = this.#path(first[0])
    const version = first[0] < 0 ? this.#version(first[0]) : undefined
    return {
      holder: first[0],
      version,
      path,
      number: first[1],
      offset: first[2],
      bytes,
      rows: { ids, keys, lengths },
    }
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
    const version = this.#version(holder)
    return version === undefined ? undefined : this.#places.keptPath(version)
  }

  #version(holder: number): EntryHash | undefined {
    const text = 'SELECT lower(hex(version)) FROM kept WHERE number = ?'
    return this.#file.rows<readonly [string]>(text).get(-holder)?.[0]
  }
}
