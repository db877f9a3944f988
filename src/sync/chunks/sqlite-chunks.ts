import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { nodeContentSuite } from '../content/content-suite.ts'
import { sealedOverhead } from '../content/content.ts'
import type { ChunkRows } from '../content/content.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import type { EntryHash } from '../ids.ts'
import { isSpoilt, setAside } from '../store/sqlite-damage.ts'
import { SqliteFile } from '../store/sqlite-file.ts'
import type { ChunkSource } from '../work/job.ts'
import { adoptPacks } from './adopt-packs.ts'
import { ChunkLists } from './chunk-lists.ts'
import { ChunkPlaces, type Stretch } from './chunk-places.ts'
import { assertId, assertRows, chunkKind, idAt } from './chunk-schema.ts'
import type { ChunkStore, FilePlaces } from './chunk-store.ts'
import { Collector } from './collector.ts'
import { DamageTable, type DamagedChunk } from './damage-table.ts'
import { MemoryDisk } from './memory-disk.ts'
import { PackFiles } from './pack-files.ts'
import type { PackDisk } from './pack-files.ts'
import { PackTable } from './pack-table.ts'
import type { ChunkHash } from './read-sealed.ts'
import { Scrubber } from './scrubber.ts'
import type { ScrubReader, ScrubStep } from './scrubber.ts'
import { SealedChunks } from './sealed-chunks.ts'

export interface SqliteChunksOptions {
  /** Holds `chunks.sqlite` and `packs`. */
  readonly directory: string
  readonly places: FilePlaces
  /** Told in a line what was found damaged or made anew. */
  readonly onProblem?: (message: string) => void
  /** Told instead when the index was damaged; what a crash leaves behind is none. */
  readonly onRebuilt?: (message: string) => void
  readonly hash?: ChunkHash
  /** Where packs are: this machine's disk, a model of one, or memory. */
  readonly packs?: PackDisk | 'memory'
  /** The index, instead of a file: in memory, and outliving the store. */
  readonly database?: DatabaseSync
  /** Pages of 4 KiB that the index may grow to. */
  readonly maxPages?: number
  /** Of a monotonic clock, in milliseconds. */
  readonly now?: () => number
  /** Packs end when they have grown to this. */
  readonly packBytes?: number
}

const usualPackBytes = 64 * 1024 * 1024
const completeFact = 'complete'
const largestChunk = 32 * 1024 * 1024

/**
 * The chunks of one folder: an index in SQLite, and packs. A commit syncs the pack before the index, so that the index
 * never points at bytes that a loss of power takes away. If a write fails, in the index or in a pack, nothing since the
 * last commit counts, and the store takes no more until it is opened again. An index that is missing or damaged is made
 * anew from the packs; what lay in files has to be told again then, see `isComplete`.
 */
export class SqliteChunks implements ChunkStore {
  readonly #onProblem: (message: string) => void
  readonly #hash: ChunkHash
  readonly #file: SqliteFile
  readonly #files: PackFiles
  readonly #packs: PackTable
  readonly #sealed: SealedChunks
  readonly #places: ChunkPlaces
  readonly #lists: ChunkLists
  readonly #collector: Collector
  readonly #scrubber: Scrubber
  readonly #damage: DamageTable
  /** More was written than where content lies in files, which is found again. */
  #mustLast = false
  #closed = false

  constructor(options: SqliteChunksOptions) {
    this.#onProblem = options.onProblem ?? (() => {})
    this.#hash = options.hash ?? ((sealed) => nodeContentSuite.hash(sealed))
    this.#file = openIndex(options, options.onRebuilt ?? this.#onProblem)
    try {
      const disk = options.packs === 'memory' ? new MemoryDisk() : (options.packs ?? nodeFileSystem)
      this.#files = this.#file.write(() => new PackFiles(disk, join(options.directory, 'packs')))
      this.#packs = new PackTable(this.#file)
      const packBytes = options.packBytes ?? usualPackBytes
      this.#damage = new DamageTable(this.#file)
      const damage = this.#damage
      this.#sealed = new SealedChunks(this.#file, this.#files, this.#packs, { packBytes, damage })
      const now = options.now ?? (() => performance.now())
      this.#places = new ChunkPlaces(this.#file, options.places, { now, damage })
      this.#lists = new ChunkLists(this.#file)
      this.#collector = new Collector(this.#sealed, this.#packs, this.#files, this.#hash)
      this.#scrubber = new Scrubber(this.#file, this.#sealed, this.#hash)
      this.#load()
      this.#bringTogether(packBytes)
      this.#file.whenRolledBack(() => this.#load())
    } catch (error) {
      this.#file.close()
      if (this.#file.isDamaged) setAside(this.#file.path)
      throw error
    }
  }

  /** False for an index made anew, or after `forgetItems`, until who knows the items' contents and what is kept has told it all of that. */
  get isComplete(): boolean {
    const text = 'SELECT 1 FROM facts WHERE name = ?'
    return this.#file.read(() => this.#file.rows(text).get(completeFact) !== undefined)
  }

  setComplete(): void {
    this.#file.write(() => {
      this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(completeFact, 'yes')
    })
  }

  addFile(item: number, rows: ChunkRows): void {
    assertRows(rows)
    if (!Number.isSafeInteger(item) || item < 1) throw new RangeError(`item ${item}`)
    this.#file.write(() => this.#places.set(item, rows))
  }

  removeFile(item: number): void {
    this.#file.write(() => this.#places.clear(item))
  }

  /**
   * There is a new list of items, and the numbers of the old one get other meanings: what was said of them goes. Packs and
   * kept versions stay; then the index is no more complete than one made anew.
   */
  forgetItems(): void {
    const isKnown = this.#file.read(() => this.#places.hasItems || this.#damage.files > 0)
    if (!isKnown) return
    this.#lasting(() => {
      this.#places.clearItems()
      this.#damage.clearFiles()
      this.#file.sql('DELETE FROM facts WHERE name = ?').run(completeFact)
    })
  }

  addKept(version: EntryHash, rows: ChunkRows, size: number): void {
    assertRows(rows)
    this.#lasting(() => this.#places.setKept(version, rows, size))
  }

  removeKept(version: EntryHash): void {
    this.#lasting(() => this.#places.clearKept(version))
  }

  kept(): { readonly version: EntryHash; readonly size: number }[] {
    return this.#file.read(() => this.#places.kept())
  }

  isKept(version: EntryHash): boolean {
    return this.#file.read(() => this.#places.isKept(version))
  }

  addSealed(rows: ChunkRows, sealed: Uint8Array): void {
    assertRows(rows)
    let end = 0
    for (const length of rows.lengths) {
      if (length < 1 || length > largestChunk) throw new RangeError(`a chunk of ${length} bytes`)
      end += length + sealedOverhead
    }
    if (end !== sealed.length) throw new RangeError(`${sealed.length} sealed bytes instead of ${end}`)
    this.#lasting(() => {
      let at = 0
      for (let row = 0; row < rows.lengths.length; row++) {
        const id = idAt(rows.ids, row)
        const length = (rows.lengths[row] ?? 0) + sealedOverhead
        if (!this.#sealed.has(id)) this.#sealed.append(id, sealed.subarray(at, at + length))
        at += length
      }
      this.#sealed.flush()
    })
  }

  addList(hash: string, list: Uint8Array): void {
    this.#lasting(() => this.#lists.add(hash, list))
  }

  list(hash: string): Uint8Array | undefined {
    return this.#file.read(() => this.#lists.get(hash))
  }

  find(id: Uint8Array): ChunkSource | undefined {
    assertId(id)
    return this.#file.read(() => {
      const place = this.#sealed.place(id)
      if (place === undefined) return this.#places.find(id)
      return {
        in: 'pack',
        path: this.#files.path(place.pack),
        offset: place.offset,
        sealedLength: place.length,
      }
    })
  }

  has(id: Uint8Array): boolean {
    assertId(id)
    return this.#file.read(() => this.#sealed.has(id) || this.#places.has(id))
  }

  forget(id: Uint8Array, source: ChunkSource): void {
    assertId(id)
    this.#file.write(() => {
      if (source.in === 'file') {
        this.#places.forget(id, source)
        return
      }
      const place = this.#sealed.place(id)
      if (place === undefined || place.offset !== source.offset) return
      if (this.#files.path(place.pack) === source.path) this.#sealed.lose({ ...place, id })
    })
  }

  commit(isLasting = true): void {
    this.#file.write(() => {
      if (isLasting) this.#files.sync()
      else this.#files.flush()
      this.#packs.save()
    })
    this.#file.commit()
    if (this.#mustLast) this.#file.sync()
    this.#mustLast = false
    for (const number of this.#packs.takeDoomed()) this.#removePack(number)
  }

  /** Packs that are not needed any more go with the next commit. */
  collect(isWanted: (id: Uint8Array) => boolean): { readonly freedBytes: number; readonly done: boolean } {
    return this.#lasting(() => this.#collector.step(isWanted))
  }

  /** Takes one out of its pack. Answers how long it was; its bytes stay until the pack is written anew. */
  drop(id: Uint8Array): number {
    assertId(id)
    return this.#lasting(() => {
      const place = this.#sealed.place(id)
      if (place === undefined) return 0
      this.#sealed.remove(place)
      return place.length
    })
  }

  /** Writes a pack anew of which more than this share is holes, a part at each call. `freedBytes`: of packs that go. */
  compact(holes: number, copyBytes: number): { readonly freedBytes: number; readonly done: boolean } {
    return this.#lasting(() => this.#collector.compact(holes, copyBytes))
  }

  /** Takes out the pack with least in it; answers the ids that went. */
  dropLeastPack(): Uint8Array[] {
    return this.#lasting(() => this.#collector.dropLeast().map(({ id }) => id))
  }

  scrub(limitBytes: number, reader: ScrubReader = 'scrubbed'): ScrubStep {
    return this.#file.write(() => this.#scrubber.step(limitBytes, reader))
  }

  /** Content that lies in files, in the order of who holds it: kept versions, then items. */
  stretchAfter(holder: number, number: number, limitBytes: number): Stretch | undefined {
    return this.#file.read(() => this.#places.stretchAfter(holder, number, limitBytes))
  }

  /** A file was found damaged there. */
  losePlace(holder: number, number: number): void {
    this.#lasting(() => this.#places.lose(holder, number))
  }

  /** What was found damaged and is not healed. `found`: since the store was opened, healed or not. */
  get damage(): { readonly chunks: number; readonly files: number; readonly found: number } {
    const { chunks, files, found } = this.#damage
    return { chunks, files, found }
  }

  damagedChunks(after: Uint8Array, limit: number): DamagedChunk[] {
    return this.#file.read(() => this.#damage.chunksAfter(after, limit))
  }

  /** It is here again, or nobody wants it. */
  forgetDamage(id: Uint8Array): void {
    this.#lasting(() => this.#damage.removeChunk(id))
  }

  /** Items whose files are not what was put there. */
  damagedFiles(after: number, limit: number): number[] {
    return this.#file.read(() => this.#damage.filesAfter(after, limit))
  }

  setFileDamaged(item: number, isDamaged: boolean): void {
    this.#lasting(() => (isDamaged ? this.#damage.addFile(item) : this.#damage.removeFile(item)))
  }

  /** A line that who looks after the store keeps with it; undefined if there is none. */
  note(name: string): string | undefined {
    const text = 'SELECT value FROM facts WHERE name = ?'
    return this.#file.read(() => this.#file.rows<readonly [string]>(text).get(`note ${name}`)?.[0])
  }

  setNote(name: string, value: string): void {
    this.#file.write(() =>
      this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(`note ${name}`, value),
    )
  }

  /** Packs end at this size from now on; those that are there stay as they are. */
  endPacksAt(bytes: number): void {
    this.#sealed.packBytes = bytes
  }

  stats(): {
    readonly packs: number
    readonly packBytes: number
    /** Of it, what is no hole. */
    readonly liveBytes: number
    readonly chunks: number
    readonly keptBytes: number
  } {
    const sums = { packs: 0, packBytes: 0, liveBytes: 0, chunks: 0, keptBytes: this.#places.keptBytes }
    for (const { size, live, chunks } of this.#packs.all()) {
      sums.packs++
      sums.packBytes += size
      sums.liveBytes += live
      sums.chunks += chunks
    }
    return sums
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#files.close()
    this.#file.close()
    if (this.#file.isDamaged) setAside(this.#file.path)
  }

  #lasting<T>(act: () => T): T {
    this.#mustLast = true
    return this.#file.write(act)
  }

  #load(): void {
    this.#packs.load()
    this.#places.load()
    this.#damage.load()
  }

  #bringTogether(packBytes: number): void {
    const parts = {
      files: this.#files,
      packs: this.#packs,
      sealed: this.#sealed,
      hash: this.#hash,
      onProblem: this.#onProblem,
    }
    const adopted = this.#lasting(() => adoptPacks(parts))
    if (adopted > 0) this.#onProblem(`the index of chunks was completed from ${adopted} packs`)
    this.commit()
    let last
    for (const pack of this.#packs.all()) if (last === undefined || pack.number > last.number) last = pack
    if (adopted === 0 && last !== undefined && last.size < packBytes) {
      const { number, size } = last
      this.#file.write(() => this.#files.resume(number, size))
    }
  }

  /** If it cannot be removed now, it is when the store is opened again. */
  #removePack(number: number): void {
    try {
      this.#files.remove(number)
    } catch (error) {
      this.#onProblem(`cannot remove ${this.#files.path(number)}: ${String(error)}`)
    }
  }
}

function openIndex(options: SqliteChunksOptions, onRebuilt: (message: string) => void): SqliteFile {
  const place = options.database ?? join(options.directory, 'chunks.sqlite')
  const limits = { maxPages: options.maxPages }
  try {
    return new SqliteFile(place, chunkKind, limits)
  } catch (error) {
    if (typeof place !== 'string' || !isSpoilt(error)) throw error
    onRebuilt(`${place} was damaged: it is set aside as ${place}.damaged, and made anew from the packs`)
    setAside(place)
    return new SqliteFile(place, chunkKind, limits)
  }
}
