import { sealedOverhead } from '../content/content.ts'
import type { SqliteFile } from '../store/sqlite-file.ts'
import { prefixOf } from './chunk-schema.ts'
import type { DamageTable } from './damage-table.ts'
import type { PackFiles } from './pack-files.ts'
import { recordHeadLength } from './pack-format.ts'
import type { PackTable } from './pack-table.ts'

/** `offset` and `length` are of the sealed chunk itself, behind the head of its record. */
export interface SealedPlace {
  readonly pack: number
  readonly offset: number
  readonly length: number
}

export interface SealedChunk extends SealedPlace {
  readonly id: Uint8Array
}

type PlaceRow = readonly [pack: number, offset: number, length: number]
type ChunkRow = readonly [pack: number, offset: number, length: number, id: Uint8Array]

const findPlace = 'SELECT pack, offset, length FROM sealed WHERE prefix = ? AND id = ? LIMIT 1'
const insertPlace = 'INSERT INTO sealed VALUES (?, ?, ?, ?, ?)'
const deletePlace = 'DELETE FROM sealed WHERE pack = ? AND offset = ?'
const nextPlaces = `SELECT pack, offset, length, id FROM sealed WHERE (pack, offset) > (?, ?)
  ORDER BY pack, offset LIMIT ?`
const placesOfPack = `SELECT pack, offset, length, id FROM sealed WHERE pack = ? AND offset > ?
  ORDER BY offset LIMIT ?`

/** Chunks in packs: the bytes and what the index says of them, always changed together. */
export class SealedChunks {
  readonly #file: SqliteFile
  readonly #files: PackFiles
  readonly #packs: PackTable
  /** Packs end when they have grown to this. */
  packBytes: number
  readonly #damage: DamageTable

  constructor(
    file: SqliteFile,
    files: PackFiles,
    packs: PackTable,
    options: { readonly packBytes: number; readonly damage: DamageTable },
  ) {
    this.#file = file
    this.#files = files
    this.#packs = packs
    this.packBytes = options.packBytes
    this.#damage = options.damage
  }

  place(id: Uint8Array): SealedPlace | undefined {
    const row = this.#file.rows<PlaceRow>(findPlace).get(prefixOf(id), id)
    return row === undefined ? undefined : { pack: row[0], offset: row[1], length: row[2] }
  }

  has(id: Uint8Array): boolean {
    return this.#file.rows<PlaceRow>(findPlace).get(prefixOf(id), id) !== undefined
  }

  /** To the end of the current pack; `flush` comes before anybody reads it. */
  append(id: Uint8Array, sealed: Uint8Array): void {
    const current = this.#files.current
    const isFull = current !== undefined && current.size + recordHeadLength + sealed.length > this.packBytes
    if (current === undefined || (isFull && (this.#packs.get(current.number)?.chunks ?? 0) > 0)) {
      const number = this.#packs.takeNumber()
      this.#files.begin(number)
      this.#packs.add(number)
    }
    const pack = this.#files.current?.number ?? 0
    const offset = this.#files.append(id, sealed)
    this.point({ pack, offset, length: sealed.length, id })
    this.#packs.grow(pack, offset + sealed.length)
  }

  flush(): void {
    this.#files.flush()
  }

  /** Something that is in a pack already. */
  point({ pack, offset, length, id }: SealedChunk): void {
    this.#file.sql(insertPlace).run(pack, offset, length, prefixOf(id), id)
    this.#packs.count(pack, recordHeadLength + length, 1)
  }

  remove({ pack, offset, length }: SealedPlace): void {
    this.#file.sql(deletePlace).run(pack, offset)
    this.#packs.count(pack, -recordHeadLength - length, -1)
  }

  /** What is there is not the chunk: it is not used any more, and to be had from somebody else. */
  lose(chunk: SealedChunk): void {
    this.remove(chunk)
    this.#damage.addChunk(chunk.id, chunk.length - sealedOverhead)
  }

  /** In the order of packs, behind a place. */
  after(pack: number, offset: number, limit: number): SealedChunk[] {
    return this.#file.rows<ChunkRow>(nextPlaces).all(pack, offset, limit).map(chunkOf)
  }

  ofPack(pack: number, offset: number, limit: number): SealedChunk[] {
    return this.#file.rows<ChunkRow>(placesOfPack).all(pack, offset, limit).map(chunkOf)
  }

  /** What lies behind `size` in a pack is not there. */
  dropBehind(pack: number, size: number): void {
    for (const chunk of this.ofPack(pack, -1, -1)) if (chunk.offset + chunk.length > size) this.lose(chunk)
  }

  /** Bytes of a chunk, and of neighbours that come with it: fewer if they cannot be read. */
  read(pack: number, offset: number, length: number): Uint8Array {
    return this.#files.read(pack, offset, length)
  }
}

function chunkOf([pack, offset, length, id]: ChunkRow): SealedChunk {
  return { pack, offset, length, id }
}
