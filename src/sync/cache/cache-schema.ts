import type { SqliteKind } from '../store/sqlite-file.ts'

/**
 * What a cache knows of a folder's chunks beside the packs themselves. All of it is found again, from the log and the
 * packs, except for the heat.
 *
 * `prefix`: the first 48 bits of the id. `age`: minus the clock of the newest entry that names the chunk, so that newest
 * is first. `tried`: -1 somebody asked for it, 0 not asked for yet, else the round in which nobody had it. `heat`: NULL
 * for what is not here.
 */
export const cacheKind: SqliteKind = {
  /** "HaCa". */
  applicationId: 0x48614361,
  formatVersion: 1,
  schema: `
    CREATE TABLE chunks (
      number INTEGER PRIMARY KEY, prefix INTEGER NOT NULL, id BLOB NOT NULL, age INTEGER NOT NULL,
      tried INTEGER NOT NULL, heat REAL
    ) STRICT;
    CREATE INDEX chunks_by_prefix ON chunks (prefix);
    CREATE INDEX wanted_chunks ON chunks (tried, age) WHERE heat IS NULL;
    CREATE INDEX held_chunks ON chunks (heat) WHERE heat IS NOT NULL;
    CREATE TABLE lists (
      number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, count INTEGER NOT NULL, age INTEGER NOT NULL,
      tried INTEGER NOT NULL, learned INTEGER
    ) STRICT;
    CREATE INDEX wanted_lists ON lists (tried, age) WHERE learned IS NULL;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  words: {
    name: 'an index of a cache of Harp',
    repair: 'open the folder again: it is set aside and made anew from the log and the packs',
  },
  synchronous: 'NORMAL',
  cacheKiB: 16_384,
}

export const askedFor = -1
export const notTried = 0
