import type { DatabaseSync } from 'node:sqlite'
import { prefixOf } from '../chunks/chunk-schema.ts'
import { isSpoilt, setAside } from '../store/sqlite-damage.ts'
import { SqliteFile } from '../store/sqlite-file.ts'
import { askedFor, cacheKind, notTried } from './cache-schema.ts'
import { heatAfterUses, heatOfNews } from './heat.ts'

/** A chunk that is wanted. `ageMs`: minus the clock of its newest entry. */
export interface WantedChunk {
  readonly number: number
  readonly id: Uint8Array
  readonly age: number
  readonly isAskedFor: boolean
}

export interface HeldChunk {
  readonly number: number
  readonly id: Uint8Array
  readonly heat: number
}

export interface ChunkCounts {
  /** Here. */
  held: number
  /** Not here, and not known to be with nobody. */
  wanted: number
  /** Not here, and nobody had it. */
  missing: number
}

interface Row {
  readonly number: number
  readonly age: number
  readonly tried: number
  readonly heat: number | null
}

type RowColumns = readonly [number: number, age: number, tried: number, heat: number | null]
type WantedColumns = readonly [number: number, id: Uint8Array, age: number, tried: number]

const findRow = 'SELECT number, age, tried, heat FROM chunks WHERE prefix = ? AND id = ?'
const insertRow = 'INSERT INTO chunks (prefix, id, age, tried, heat) VALUES (?, ?, ?, ?, ?)'
const setRow = 'UPDATE chunks SET age = ?, tried = ?, heat = ? WHERE number = ?'
const rowOfNumber = 'SELECT number, age, tried, heat FROM chunks WHERE number = ?'
const firstWanted = `SELECT number, id, age, tried FROM chunks WHERE heat IS NULL AND tried < ?
  ORDER BY tried, age, number LIMIT ?`
const coldest = `SELECT number, id, heat FROM chunks WHERE heat IS NOT NULL AND heat < ?
  ORDER BY heat LIMIT ?`
const held = 'SELECT number, id FROM chunks WHERE heat IS NOT NULL AND number > ? ORDER BY number LIMIT ?'
const countHeld = 'SELECT count(*) FROM chunks WHERE heat IS NOT NULL'
const countWanted = 'SELECT count(*), total(tried > 0) FROM chunks WHERE heat IS NULL'

/** The chunks that the log names: which are here, how much they are worth, and which to fetch next. */
export class CacheIndex {
  readonly file: SqliteFile
  #counts: ChunkCounts = { held: 0, wanted: 0, missing: 0 }

  /** A file that is damaged is set aside and begun anew. */
  constructor(place: string | DatabaseSync, onProblem: (message: string) => void = () => {}) {
    this.file = openIndex(place, onProblem)
    try {
      this.#load()
      this.file.whenRolledBack(() => this.#load())
    } catch (error) {
      this.file.close()
      if (this.file.isDamaged) setAside(this.file.path)
      throw error
    }
  }

  get counts(): Readonly<ChunkCounts> {
    return this.#counts
  }

  /** An entry of that time names it. `isHere`: is it in a pack? Asked only of what was not known. */
  learn(id: Uint8Array, entryMs: number, nowMs: number, isHere: () => boolean): void {
    this.file.write(() => {
      const row = this.#find(id)
      const age = -entryMs
      if (row === undefined) {
        const heat = isHere() ? heatOfNews(entryMs, nowMs) : null
        this.file.sql(insertRow).run(prefixOf(id), id, age, notTried, heat)
        this.#count(notTried, heat, 1)
        return
      }
      if (row.age <= age) return
      const heat = row.heat === null ? null : Math.max(row.heat, heatOfNews(entryMs, nowMs))
      // Whoever wrote the new entry has it, so it is asked for anew.
      this.#set(row, { ...row, age, heat, tried: Math.min(row.tried, notTried) })
    })
  }

  /** To be fetched, in that order: what somebody asked for, then by the time of the entry, newest first. */
  wanted(round: number, limit: number): WantedChunk[] {
    return this.file.read(() => {
      const rows = this.file.rows<WantedColumns>(firstWanted).all(round, limit)
      return rows.map(([number, id, age, tried]) => ({ number, id, age, isAskedFor: tried === askedFor }))
    })
  }

  /** It is in a pack now. */
  stored(number: number, heat: number): void {
    this.#change(number, (row) => ({ ...row, tried: notTried, heat }))
  }

  /** It is not in a pack any more, and may be fetched again. */
  gone(number: number): void {
    this.#change(number, (row) => ({ ...row, heat: null }))
  }

  /** The same for one that is known by its id; `isAskedFor`: somebody needs it right now. */
  goneId(id: Uint8Array, isAskedFor: boolean): void {
    this.file.write(() => {
      const row = this.#find(id)
      if (row === undefined || row.heat === null) return
      this.#set(row, { ...row, heat: null, tried: isAskedFor ? askedFor : row.tried })
    })
  }

  /** Nobody connected has it. */
  missed(number: number, round: number): void {
    this.#change(number, (row) => ({ ...row, tried: round }))
  }

  /**
   * Others asked for it so many times. What is not here and named by an entry goes to the front: true if
   * it was not there yet.
   */
  used(id: Uint8Array, uses: number, nowMs: number, round: number): boolean {
    return this.file.write(() => {
      const row = this.#find(id)
      if (row === undefined) return false
      if (row.heat !== null) this.#set(row, { ...row, heat: heatAfterUses(row.heat, uses, nowMs) })
      if (row.heat !== null || row.tried >= round || row.tried === askedFor) return false
      this.#set(row, { ...row, tried: askedFor })
      return true
    })
  }

  /** Those worth least, below a limit, coldest first. */
  coldest(below: number, limit: number): HeldChunk[] {
    return this.file.read(() => {
      const rows = this.file.rows<readonly [number, Uint8Array, number]>(coldest).all(below, limit)
      return rows.map(([number, id, heat]) => ({ number, id, heat }))
    })
  }

  /** All that are said to be here, in order, behind a number. */
  held(behind: number, limit: number): { readonly number: number; readonly id: Uint8Array }[] {
    return this.file.read(() => {
      const rows = this.file.rows<readonly [number, Uint8Array]>(held).all(behind, limit)
      return rows.map(([number, id]) => ({ number, id }))
    })
  }

  /** Named by an entry, not here, and not known to be with nobody: somebody asks for it now. */
  lacking(id: Uint8Array, round: number): WantedChunk | undefined {
    const row = this.file.read(() => this.#find(id))
    if (row === undefined || row.heat !== null || row.tried >= round) return undefined
    return { number: row.number, id: id.slice(), age: row.age, isAskedFor: true }
  }

  knows(id: Uint8Array): boolean {
    return this.file.read(() => this.#find(id) !== undefined)
  }

  fact(name: string): string | undefined {
    return this.file.read(() => {
      const text = 'SELECT value FROM facts WHERE name = ?'
      return this.file.rows<readonly [string]>(text).get(name)?.[0]
    })
  }

  setFact(name: string, value: string): void {
    this.file.write(() => this.file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value))
  }

  commit(): void {
    this.file.commit()
  }

  close(): void {
    this.file.close()
    if (this.file.isDamaged) setAside(this.file.path)
  }

  #load(): void {
    this.#counts = this.file.read(() => {
      const [here] = this.file.rows<readonly [number]>(countHeld).get() ?? [0]
      const [open, missing] = this.file.rows<readonly [number, number]>(countWanted).get() ?? [0, 0]
      return { held: here, wanted: open - missing, missing }
    })
  }

  #find(id: Uint8Array): Row | undefined {
    return rowOf(this.file.rows<RowColumns>(findRow).get(prefixOf(id), id))
  }

  #change(number: number, act: (row: Row) => Row): void {
    this.file.write(() => {
      const row = rowOf(this.file.rows<RowColumns>(rowOfNumber).get(number))
      if (row !== undefined) this.#set(row, act(row))
    })
  }

  #set(before: Row, { number, age, tried, heat }: Row): void {
    this.#count(before.tried, before.heat, -1)
    this.file.sql(setRow).run(age, tried, heat, number)
    this.#count(tried, heat, 1)
  }

  #count(tried: number, heat: number | null, change: number): void {
    if (heat !== null) this.#counts.held += change
    else if (tried > notTried) this.#counts.missing += change
    else this.#counts.wanted += change
  }
}

function rowOf(columns: RowColumns | undefined): Row | undefined {
  if (columns === undefined) return undefined
  const [number, age, tried, heat] = columns
  return { number, age, tried, heat }
}

function openIndex(place: string | DatabaseSync, onProblem: (message: string) => void): SqliteFile {
  try {
    return new SqliteFile(place, cacheKind)
  } catch (error) {
    if (typeof place !== 'string' || !isSpoilt(error)) throw error
    onProblem(`${place} is damaged: it is set aside as ${setAside(place)}, and made anew`)
    return new SqliteFile(place, cacheKind)
  }
}
