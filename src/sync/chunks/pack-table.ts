import type { SqliteFile } from '../store/sqlite-file.ts'
import { packHeadLength } from './pack-format.ts'

export interface PackState {
  readonly number: number
  /** Of the file, as far as anything in it counts. */
  size: number
  /** Bytes of records that the index points at. */
  live: number
  chunks: number
  isChanged: boolean
}

type PackRow = readonly [number: number, size: number, live: number, chunks: number, doomed: number]

/** How full the packs are: kept in memory, thousands of packs being little, and written with each commit. */
export class PackTable {
  readonly #file: SqliteFile
  readonly #packs = new Map<number, PackState>()
  /** Numbers are never used again: somebody may still hold a place in the pack that is gone. */
  #next = 1
  #doomed: number[] = []

  constructor(file: SqliteFile) {
    this.#file = file
  }

  load(): void {
    this.#packs.clear()
    this.#doomed = []
    const rows = this.#file.read(() => {
      return this.#file.rows<PackRow>('SELECT number, size, live, chunks, doomed FROM packs').all()
    })
    for (const [number, size, live, chunks, doomed] of rows) {
      this.usedNumber(number)
      if (doomed === 0) this.#packs.set(number, { number, size, live, chunks, isChanged: false })
      else this.#doomed.push(number)
    }
  }

  usedNumber(number: number): void {
    this.#next = Math.max(this.#next, number + 1)
  }

  takeNumber(): number {
    return this.#next++
  }

  get(number: number): PackState | undefined {
    return this.#packs.get(number)
  }

  all(): IterableIterator<PackState> {
    return this.#packs.values()
  }

  add(number: number, size = packHeadLength): PackState {
    const pack = { number, size, live: 0, chunks: 0, isChanged: true }
    this.#packs.set(number, pack)
    return pack
  }

  /** A record came, or went with a negative `chunks`. */
  count(number: number, bytes: number, chunks: number): void {
    const pack = this.#packs.get(number)
    if (pack === undefined) return
    pack.live += bytes
    pack.chunks += chunks
    pack.isChanged = true
  }

  grow(number: number, size: number): void {
    const pack = this.#packs.get(number)
    if (pack === undefined || pack.size === size) return
    pack.size = size
    pack.isChanged = true
  }

  /** Nothing in it is needed: its file goes after the next commit, or when the store is opened. */
  doom(number: number): void {
    this.#packs.delete(number)
    this.#doomed.push(number)
    this.#file.sql('INSERT OR REPLACE INTO packs VALUES (?, 0, 0, 0, 1)').run(number)
  }

  takeDoomed(): number[] {
    const doomed = this.#doomed
    this.#doomed = []
    return doomed
  }

  /** Writes what changed. */
  save(): void {
    for (const pack of this.#packs.values()) {
      if (!pack.isChanged) continue
      this.#file
        .sql('INSERT OR REPLACE INTO packs VALUES (?, ?, ?, ?, 0)')
        .run(pack.number, pack.size, pack.live, pack.chunks)
      pack.isChanged = false
    }
  }

  /** Packs whose file is gone: their numbers stay used while the store is open. */
  forgetDoomed(): void {
    this.#file.sql('DELETE FROM packs WHERE doomed = 1').run()
  }
}
