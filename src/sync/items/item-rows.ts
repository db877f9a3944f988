import { compareIds } from '../ids.ts'
import type { NodeId } from '../ids.ts'
import type { SqliteKind } from '../store/sqlite-file.ts'
import { itemStates, rootItem, stashItem } from './item.ts'
import type { ApplyIntent, Item, NewItem } from './item.ts'

/**
 * An item is one row: its first node in it, with an index, the others of a union beside. `stashed` is 0, or the item's
 * own id in the stash, where names may be the same. Times, sizes and inodes are REAL: they come as JavaScript numbers,
 * which may have fractions or be too large for an integer, and whole ones take no more room for it.
 */
export const itemKind: SqliteKind = {
  /** "HaIt". */
  applicationId: 0x48614974,
  formatVersion: 1,
  schema: `
    CREATE TABLE items (
      id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, stashed INTEGER NOT NULL, name TEXT NOT NULL,
      log_name TEXT, more INTEGER NOT NULL, node BLOB NOT NULL CHECK (length(node) = 16),
      state INTEGER NOT NULL, ino REAL NOT NULL, kind INTEGER NOT NULL, exec INTEGER NOT NULL,
      version BLOB CHECK (length(version) = 32), size REAL NOT NULL,
      mtime REAL NOT NULL, ctime REAL NOT NULL, birthtime REAL NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX items_by_place ON items (parent, name, stashed);
    CREATE INDEX items_by_node ON items (node);
    CREATE INDEX items_by_ino ON items (ino) WHERE ino <> 0;
    CREATE INDEX items_by_state ON items (state) WHERE state <> 0;
    CREATE TABLE more_nodes (
      item INTEGER, node BLOB NOT NULL CHECK (length(node) = 16), PRIMARY KEY (item, node)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX more_nodes_by_node ON more_nodes (node);
    CREATE TABLE counters (next INTEGER NOT NULL, files INTEGER NOT NULL, bytes REAL NOT NULL) STRICT;
    CREATE TABLE intents (
      temporary TEXT PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, log_name TEXT NOT NULL,
      kind INTEGER NOT NULL, nodes BLOB NOT NULL, version BLOB NOT NULL CHECK (length(version) = 32)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO items VALUES
      (${rootItem}, 0, 0, '', NULL, 0, zeroblob(16), 0, 0, 1, 0, NULL, 0, 0, 0, 0);
    INSERT INTO counters VALUES (${Math.max(rootItem, stashItem) + 1}, 0, 0)`,
  words: {
    name: "a list of a folder's items",
    repair: 'remove it: the folder is scanned anew, and nothing in it is lost',
  },
  // A scan finds again what the last commits before a loss of power said: the disk itself is what they are about.
  synchronous: 'NORMAL',
  cacheKiB: 16_384,
}

const kinds = ['file', 'directory', 'symlink'] as const
export const directoryKind = kinds.indexOf('directory')

/** Hex is made by SQLite: handing over a blob costs more than handing over twice as much text. */
export const itemColumns = `id, parent, name, log_name, kind, exec, state, more, lower(hex(node)),
  lower(hex(version)), size, mtime, ctime, birthtime, ino`

export type ItemRow = readonly [
  id: number,
  parent: number,
  name: string,
  logName: string | null,
  kind: number,
  exec: number,
  state: number,
  /** Whether there are more nodes beside. */
  more: number,
  node: string,
  version: string,
  size: number,
  mtime: number,
  ctime: number,
  birthtime: number,
  ino: number,
]

export function itemOf(row: ItemRow, nodesOf: (item: number, first: NodeId) => readonly NodeId[]): Item {
  const [id, parent, name, logName, kind, exec, state, more, node, version] = row
  return {
    id,
    parent,
    name,
    logName: logName ?? name,
    kind: kinds[kind] ?? 'file',
    nodes: more === 0 ? [node] : nodesOf(id, node),
    version: version === '' ? undefined : version,
    print: {
      size: row[10],
      mtimeMs: row[11],
      ctimeMs: row[12],
      birthtimeMs: row[13],
      ino: row[14],
      exec: exec === 1,
    },
    state: itemStates[state] ?? 'synced',
  }
}

/**
 * Columns that change together, in the order of the table, with what goes into them: an index costs something only if
 * its columns are written.
 */
export const columnGroups = [
  {
    columns: 'parent = ?, stashed = ?, name = ?, log_name = ?',
    values: ({ id, parent, name, logName }: Item) => [
      parent,
      parent === stashItem ? id : 0,
      name,
      logName === name ? null : logName,
    ],
  },
  {
    columns: 'more = ?, node = ?',
    values: ({ nodes }: Item) => [nodes.length > 1 ? 1 : 0, blobOf(nodes[0] ?? '')],
  },
  { columns: 'state = ?', values: ({ state }: Item) => [itemStates.indexOf(state)] },
  { columns: 'ino = ?', values: ({ print }: Item) => [print.ino] },
  {
    columns: 'kind = ?, exec = ?, version = ?, size = ?, mtime = ?, ctime = ?, birthtime = ?',
    values: ({ kind, version, print }: Item) => [
      kinds.indexOf(kind),
      print.exec ? 1 : 0,
      version === undefined ? null : blobOf(version),
      print.size,
      print.mtimeMs,
      print.ctimeMs,
      print.birthtimeMs,
    ],
  },
] as const

export type Value = number | string | Uint8Array | null

/** All but the id. */
export function itemValues(item: Item): Value[] {
  return columnGroups.flatMap(({ values }): Value[] => values(item))
}

/** Bit by bit: which groups differ. */
export function changedGroups(before: Item, after: Item): number {
  const { print } = after
  const isMoved =
    before.parent !== after.parent || before.name !== after.name || before.logName !== after.logName
  const isOther =
    before.kind !== after.kind ||
    before.version !== after.version ||
    before.print.exec !== print.exec ||
    before.print.size !== print.size ||
    before.print.mtimeMs !== print.mtimeMs ||
    before.print.ctimeMs !== print.ctimeMs ||
    before.print.birthtimeMs !== print.birthtimeMs
  const nodesDiffer =
    before.nodes.length !== after.nodes.length ||
    before.nodes.some((node, index) => node !== after.nodes[index])
  return (
    (isMoved ? 1 : 0) |
    (nodesDiffer ? 2 : 0) |
    (before.state === after.state ? 0 : 4) |
    (before.print.ino === print.ino ? 0 : 8) |
    (isOther ? 16 : 0)
  )
}

export function sortedNodes(item: NewItem): readonly NodeId[] {
  const nodes = item.nodes.length === 1 ? item.nodes : [...new Set(item.nodes)].toSorted(compareIds)
  if (nodes.length === 0 || !nodes.every((node) => node.length === 32)) {
    throw new RangeError('an item stands for nodes of 16 bytes, at least one')
  }
  return nodes
}

export type IntentRow = readonly [
  temporary: string,
  parent: number,
  name: string,
  logName: string,
  kind: number,
  nodes: string,
  version: string,
]

export const intentColumns = 'temporary, parent, name, log_name, kind, lower(hex(nodes)), lower(hex(version))'

export function intentOf(row: IntentRow): ApplyIntent {
  const [temporaryName, parent, name, logName, kind, nodes, version] = row
  return {
    parent,
    name,
    logName,
    nodes: nodes.match(/.{32}/g) ?? [],
    version,
    kind: kinds[kind] === 'symlink' ? 'symlink' : 'file',
    temporaryName,
  }
}

export function intentValues(intent: ApplyIntent): Value[] {
  return [
    intent.temporaryName,
    intent.parent,
    intent.name,
    intent.logName,
    kinds.indexOf(intent.kind),
    blobOf(intent.nodes.join('')),
    blobOf(intent.version),
  ]
}

export function blobOf(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}
