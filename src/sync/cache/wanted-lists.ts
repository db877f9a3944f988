import { notTried } from './cache-schema.ts'
import type { SqliteFile } from '../store/sqlite-file.ts'

/** A list of chunk ids that is too long for its entry. */
export interface LongList {
  readonly number: number
  readonly hash: string
  readonly count: number
  readonly entryMs: number
  /** Ids that have been read from it; undefined as long as it is not here. */
  readonly learned: number | undefined
}

type ListColumns = readonly [number: number, hash: string, count: number, age: number, learned: number | null]

const columns = 'number, lower(hex(hash)), count, age, learned'
const insert = 'INSERT INTO lists (hash, count, age, tried, learned) VALUES (unhex(?), ?, ?, ?, NULL)'
const nextWanted = `SELECT ${columns} FROM lists WHERE learned IS NULL AND tried < ?
  ORDER BY tried, age LIMIT 1`
const nextUnread = `SELECT ${columns} FROM lists WHERE learned IS NOT NULL AND learned < count
  ORDER BY age LIMIT 1`
const sumHere = 'SELECT total(count) FROM lists WHERE learned IS NOT NULL'
const countWanted = 'SELECT count(*) FROM lists WHERE learned IS NULL AND tried < ?'
/** What is known of its chunks is older now than it should be: it is read again. */
const renewed = 'age = ?, tried = min(tried, 0), learned = CASE WHEN learned IS NULL THEN NULL ELSE 0 END'
const bytesOfId = 32

/** Long lists that entries name: which are here, and how much of them is known. */
export class WantedLists {
  readonly #file: SqliteFile
  #bytes: number

  constructor(file: SqliteFile) {
    this.#file = file
    this.#bytes = this.#sum()
  }

  /** Of those that are here. */
  get bytes(): number {
    return this.#bytes
  }

  learn(hash: string, count: number, entryMs: number): void {
    this.#file.write(() => {
      const text = 'SELECT number, age FROM lists WHERE hash = unhex(?)'
      const known = this.#file.rows<readonly [number: number, age: number]>(text).get(hash)
      if (known === undefined) this.#file.sql(insert).run(hash, count, -entryMs, notTried)
      else if (known[1] > -entryMs) this.#update(renewed, -entryMs, known[0])
    })
  }

  /** To be fetched next, newest first. */
  wanted(round: number): LongList | undefined {
    return this.#file.read(() => listOf(this.#file.rows<ListColumns>(nextWanted).get(round)))
  }

  wantedCount(round: number): number {
    return this.#file.read(() => this.#file.rows<readonly [number]>(countWanted).get(round)?.[0] ?? 0)
  }

  /** Here, and not all of its ids are known. */
  unread(): LongList | undefined {
    return this.#file.read(() => listOf(this.#file.rows<ListColumns>(nextUnread).get()))
  }

  /** Nobody had it, or there is no room for it. */
  missed(list: LongList, round: number): void {
    this.#file.write(() => this.#update('tried = ?', round, list.number))
  }

  /** It is here, and so many of its ids are known. */
  read(list: LongList, learned: number): void {
    this.#file.write(() => this.#update('learned = ?', learned, list.number))
    if (list.learned === undefined) this.#bytes += list.count * bytesOfId
  }

  /** It should be here and is not. */
  lost(list: LongList): void {
    this.#file.write(() => this.#update('learned = ?', null, list.number))
    this.#bytes -= list.count * bytesOfId
  }

  #update(change: string, value: number | null, number: number): void {
    this.#file.sql(`UPDATE lists SET ${change} WHERE number = ?`).run(value, number)
  }

  #sum(): number {
    return this.#file.read(() => (this.#file.rows<readonly [number]>(sumHere).get()?.[0] ?? 0) * bytesOfId)
  }
}

function listOf(row: ListColumns | undefined): LongList | undefined {
  if (row === undefined) return undefined
  const [number, hash, count, age, learned] = row
  return { number, hash, count, entryMs: -age, learned: learned ?? undefined }
}
