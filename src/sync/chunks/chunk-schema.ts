import { chunkIdLength } from '../content/content.ts'
import type { ChunkRows } from '../content/content.ts'
import type { SqliteKind } from '../store/sqlite-file.ts'

/**
 * The index of a folder's chunks. Other than the packs it is secret: with the key of a chunk that lies in a file anybody
 * could read that chunk out of another device's pack. So it is for its owner only, as the list of items is.
 *
 * `holder`: an item, or the negative number of a kept version, so that kept content, which nobody edits, is found first.
 * `prefix`: the first 48 bits of an id: two of one prefix are rare, and told apart by the whole id.
 */
export const chunkKind: SqliteKind = {
  /** "HaCh". */
  applicationId: 0x48614368,
  formatVersion: 1,
  schema: `
    CREATE TABLE packs (
      number INTEGER PRIMARY KEY, size INTEGER NOT NULL, live INTEGER NOT NULL, chunks INTEGER NOT NULL,
      doomed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE sealed (
      pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, prefix INTEGER NOT NULL,
      id BLOB NOT NULL, PRIMARY KEY (pack, offset)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sealed_by_prefix ON sealed (prefix);
    CREATE TABLE places (
      holder INTEGER NOT NULL, number INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
      prefix INTEGER NOT NULL, id BLOB NOT NULL, key BLOB NOT NULL, PRIMARY KEY (holder, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX places_by_prefix ON places (prefix);
    CREATE TABLE kept (number INTEGER PRIMARY KEY, version BLOB NOT NULL UNIQUE, size INTEGER NOT NULL) STRICT;
    CREATE TABLE lists (
      hash BLOB NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (hash, number)
    ) STRICT;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  words: {
    name: 'an index of chunks of Harp',
    repair: 'open the folder again: the index is set aside and made anew from the packs and files',
  },
  // Where content lies in files is found again; a commit with anything else in it syncs the file itself.
  synchronous: 'NORMAL',
  cacheKiB: 16_384,
}

/** Signed, so that it takes six bytes. */
export function prefixOf(id: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = id
  return ((a << 24) | (b << 16) | (c << 8) | d) * 0x1_0000 + ((e << 8) | f)
}

export function assertId(id: Uint8Array): void {
  if (id.length !== chunkIdLength) throw new RangeError(`a chunk id of ${id.length} bytes`)
}

export function assertRows(rows: ChunkRows): void {
  const bytes = rows.lengths.length * chunkIdLength
  if (rows.ids.length !== bytes || rows.keys.length !== bytes) {
    throw new RangeError('rows whose ids, keys and lengths are not of one number')
  }
}

export function idAt(bytes: Uint8Array, row: number): Uint8Array {
  return bytes.subarray(row * chunkIdLength, (row + 1) * chunkIdLength)
}
