import type { DatabaseSync } from 'node:sqlite'
import { privatePaths } from '../disk/private-directory.ts'
import type { NodeId } from '../ids.ts'
import { SqliteFile } from '../store/sqlite-file.ts'
import type { SqliteFileOptions } from '../store/sqlite-file.ts'
import {
  blobOf,
  changedGroups,
  columnGroups,
  directoryKind,
  intentColumns,
  intentOf,
  intentValues,
  itemColumns,
  itemKind,
  itemOf,
  itemValues,
  sortedNodes,
} from './item-rows.ts'
import type { IntentRow, ItemRow, Value } from './item-rows.ts'
import { itemStates, rootItem, stashItem } from './item.ts'
import type { ApplyIntent, Item, ItemState, ItemStore, NewItem } from './item.ts'

const select = `SELECT ${itemColumns} FROM items WHERE`
const byId = `${select} id = ?`
const byPlace = `${select} parent = ? AND name = ? LIMIT 1`
const byParent = `${select} parent = ? ORDER BY name, stashed`
const byNode = `${select} node = ?`
const byMoreNodes = `${select} id IN (SELECT item FROM more_nodes WHERE node = ?)`
const byIno = `${select} ino = ? AND ino <> 0`
const byState = `${select} state = ? AND state <> 0 LIMIT ?`
const bySynced = `${select} state = ? LIMIT ?`
const placeById = 'SELECT parent, name, kind FROM items WHERE id = ?'
const insertItem = 'INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
/** UNION, not UNION ALL: a damaged file must not make it run for ever. */
const below = `WITH RECURSIVE below (id) AS
  (VALUES (?) UNION SELECT items.id FROM items JOIN below ON items.parent = below.id)`
const sumBelow = `${below} SELECT count(*), total(kind <> ${directoryKind}),
  total(CASE WHEN kind <> ${directoryKind} THEN size END) FROM items WHERE id IN below`

/** Longer than any path of names with a slash between can be. */
const deepestPath = 4_096
const stashPath = privatePaths.temporary.split('/')

type CounterRow = readonly [next: number, files: number, bytes: number, hasUnions: number]
type PlaceRow = readonly [parent: number, name: string, kind: number]

/**
 * The items of one folder in one SQLite file. The folder itself is there from the beginning, as `rootItem`, with a
 * fingerprint of zeros until it is updated. After a write that failed the store takes no more writes, and reads see what
 * the last commit left.
 */
export class SqliteItems implements ItemStore {
  readonly #file: SqliteFile
  #next = 0
  #files = 0
  #bytes = 0
  #countersChanged = false
  /** Whether there may be any item with several nodes: hardly ever. */
  #hasUnions = false
  /** Items are asked for their paths one directory after the other. */
  #lastPath: { readonly directory: number; readonly names: readonly string[] } | undefined

  constructor(place: string | DatabaseSync, options: SqliteFileOptions = {}) {
    this.#file = new SqliteFile(place, itemKind, options)
    this.#file.whenRolledBack(() => this.#load())
    try {
      this.#load()
    } catch (error) {
      this.#file.close()
      throw error
    }
  }

  get(id: number): Item | undefined {
    return this.#one(byId, id)
  }

  child(parent: number, name: string): Item | undefined {
    return this.#file.read(() => {
      const row = this.#file.rows<ItemRow>(byPlace).get(parent, name)
      return row === undefined ? undefined : itemOf(row, this.#nodesOf)
    })
  }

  children(parent: number): Item[] {
    return this.#all(byParent, parent)
  }

  hasChildren(parent: number): boolean {
    const text = 'SELECT 1 FROM items WHERE parent = ? LIMIT 1'
    return this.#file.read(() => this.#file.rows(text).get(parent) !== undefined)
  }

  ofNode(node: NodeId): Item[] {
    const blob = blobOf(node)
    const items = this.#all(byNode, blob)
    return this.#hasUnions ? [...items, ...this.#all(byMoreNodes, blob)] : items
  }

  ofInode(ino: number): Item[] {
    return this.#all(byIno, ino)
  }

  path(id: number): readonly string[] | undefined {
    if (id === rootItem) return []
    if (id === stashItem) return stashPath
    return this.#file.read(() => {
      const row = this.#place(id)
      if (row === undefined) return undefined
      const [parent, name] = row
      if (parent === stashItem) return [...stashPath, `moving-${id}`]
      const directory = this.#directoryPath(parent)
      return directory === undefined ? undefined : [...directory, name]
    })
  }

  add(item: NewItem): Item {
    this.#assertDirectory(item.parent)
    const id = this.#next
    const added: Item = { ...item, id, nodes: sortedNodes(item) }
    this.#file.write(() => {
      this.#file.sql(insertItem).run(id, ...itemValues(added))
      this.#addMoreNodes(added)
    })
    this.#next = id + 1
    this.#count(added, 1)
    return added
  }

  update(id: number, change: Partial<NewItem>): void {
    const before = this.get(id)
    if (before === undefined) throw new RangeError(`no item ${id}`)
    const changed: Item = { ...before, ...change, id }
    const after: Item = change.nodes === undefined ? changed : { ...changed, nodes: sortedNodes(changed) }
    const groups = changedGroups(before, after)
    if (groups === 0) return
    this.#assertMovable(before, after)
    this.#file.write(() => {
      const chosen = columnGroups.filter((_, index) => (groups & (1 << index)) !== 0)
      const columns = chosen.map((group) => group.columns).join(', ')
      const values = chosen.flatMap((group): Value[] => group.values(after))
      this.#file.sql(`UPDATE items SET ${columns} WHERE id = ?`).run(...values, id)
      if ((groups & 2) !== 0) {
        if (before.nodes.length > 1) this.#file.sql('DELETE FROM more_nodes WHERE item = ?').run(id)
        this.#addMoreNodes(after)
      }
    })
    if ((groups & 17) !== 0) this.#lastPath = undefined
    this.#count(before, -1)
    this.#count(after, 1)
  }

  remove(id: number): number {
    if (id === rootItem || id === stashItem) throw new RangeError('the folder itself is not removed')
    const item = this.get(id)
    if (item === undefined) return 0
    const [count, files, bytes] = this.#sumsBelow(item)
    this.#file.write(() => {
      const [start, which] = count === 1 ? ['', '= ?'] : [below, 'IN below']
      this.#file.sql(`${start} DELETE FROM more_nodes WHERE item ${which}`).run(id)
      this.#file.sql(`${start} DELETE FROM items WHERE id ${which}`).run(id)
    })
    this.#lastPath = undefined
    this.#files -= files
    this.#bytes -= bytes
    this.#countersChanged = true
    return count
  }

  totals(): { readonly files: number; readonly bytes: number } {
    return { files: this.#files, bytes: this.#bytes }
  }

  inState(state: ItemState, limit: number): Item[] {
    const number = itemStates.indexOf(state)
    return this.#all(number === 0 ? bySynced : byState, number, limit)
  }

  countBelow(id: number): number {
    const sums = this.#file.read(() => this.#file.rows<readonly [number]>(sumBelow).get(id))
    return sums?.[0] ?? 0
  }

  addIntents(intents: readonly ApplyIntent[]): void {
    if (intents.length === 0) return
    this.#file.write(() => {
      const statement = this.#file.sql('INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?, ?)')
      for (const intent of intents) statement.run(...intentValues(intent))
    })
  }

  intents(): ApplyIntent[] {
    const rows = this.#file.read(() => {
      return this.#file.rows<IntentRow>(`SELECT ${intentColumns} FROM intents ORDER BY temporary`).all()
    })
    return rows.map(intentOf)
  }

  clearIntents(temporaryNames: readonly string[]): void {
    if (temporaryNames.length === 0) return
    this.#file.write(() => {
      const statement = this.#file.sql('DELETE FROM intents WHERE temporary = ?')
      for (const name of temporaryNames) statement.run(name)
    })
  }

  fact(name: string): string | undefined {
    const text = 'SELECT value FROM facts WHERE name = ?'
    return this.#file.read(() => this.#file.rows<readonly [string]>(text).get(name)?.[0])
  }

  setFact(name: string, value: string | undefined): void {
    this.#file.write(() => {
      if (value === undefined) this.#file.sql('DELETE FROM facts WHERE name = ?').run(name)
      else this.#file.sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value)
    })
  }

  commit(): void {
    if (this.#countersChanged) {
      this.#file.write(() => {
        const text = 'UPDATE counters SET next = ?, files = ?, bytes = ?'
        this.#file.sql(text).run(this.#next, this.#files, this.#bytes)
      })
    }
    this.#file.commit()
    this.#countersChanged = false
  }

  close(): void {
    this.#file.close()
  }

  #one(text: string, key: number): Item | undefined {
    return this.#file.read(() => {
      const row = this.#file.rows<ItemRow>(text).get(key)
      return row === undefined ? undefined : itemOf(row, this.#nodesOf)
    })
  }

  #all(text: string, ...keys: (number | Uint8Array)[]): Item[] {
    return this.#file.read(() => {
      return this.#file
        .rows<ItemRow>(text)
        .all(...keys)
        .map((row) => itemOf(row, this.#nodesOf))
    })
  }

  readonly #nodesOf = (item: number, first: NodeId): readonly NodeId[] => {
    const text = 'SELECT lower(hex(node)) FROM more_nodes WHERE item = ? ORDER BY node'
    const rows = this.#file.rows<readonly [string]>(text).all(item)
    return [first, ...rows.map(([node]) => node)]
  }

  #addMoreNodes({ id, nodes }: Item): void {
    for (let index = 1; index < nodes.length; index++) {
      this.#hasUnions = true
      this.#file.sql('INSERT INTO more_nodes VALUES (?, ?)').run(id, blobOf(nodes[index] ?? ''))
    }
  }

  #place(id: number): PlaceRow | undefined {
    return this.#file.rows<PlaceRow>(placeById).get(id)
  }

  #directoryPath(id: number): readonly string[] | undefined {
    if (this.#lastPath?.directory === id) return this.#lastPath.names
    const names: string[] = []
    for (let at = id; at !== rootItem;) {
      const row = this.#place(at)
      if (row === undefined || names.length > deepestPath) return undefined
      names.push(row[0] === stashItem ? `moving-${at}` : row[1])
      if (row[0] === stashItem) {
        names.push(...stashPath.toReversed())
        break
      }
      at = row[0]
    }
    names.reverse()
    this.#lastPath = { directory: id, names }
    return names
  }

  #assertDirectory(id: number): void {
    if (id === rootItem || id === stashItem || this.#lastPath?.directory === id) return
    const row = this.#file.read(() => this.#place(id))
    if (row?.[2] !== directoryKind) throw new RangeError(`item ${id} is no directory`)
  }

  #assertMovable(before: Item, after: Item): void {
    if (before.kind === 'directory' && after.kind !== 'directory' && this.hasChildren(before.id)) {
      throw new RangeError(`item ${before.id} is a directory with something in it`)
    }
    if (before.parent === after.parent && (before.id !== rootItem || before.name === after.name)) return
    if (before.id === rootItem) throw new RangeError('the folder itself is not moved')
    this.#assertDirectory(after.parent)
    if (before.kind !== 'directory') return
    for (let at = after.parent, steps = 0; at !== rootItem && at !== stashItem; steps++) {
      const row = this.#file.read(() => this.#place(at))
      if (at === before.id || row === undefined || steps > deepestPath) {
        throw new RangeError(`item ${before.id} cannot be moved below item ${after.parent}`)
      }
      at = row[0]
    }
  }

  #count(item: Item, times: 1 | -1): void {
    this.#countersChanged = true
    if (item.kind === 'directory') return
    this.#files += times
    this.#bytes += times * item.print.size
  }

  #sumsBelow(item: Item): readonly [count: number, files: number, bytes: number] {
    if (item.kind !== 'directory') return [1, 1, item.print.size]
    const row = this.#file.read(() =>
      this.#file.rows<readonly [number, number, number]>(sumBelow).get(item.id),
    )
    return row ?? [1, 0, 0]
  }

  #load(): void {
    const text = 'SELECT next, files, bytes, EXISTS (SELECT 1 FROM more_nodes) FROM counters'
    const row = this.#file.read(() => this.#file.rows<CounterRow>(text).get())
    const [next, files, bytes, hasUnions] = row ?? [stashItem + 1, 0, 0, 0]
    this.#hasUnions = hasUnions !== 0
    this.#next = next
    this.#files = files
    this.#bytes = bytes
    this.#countersChanged = false
    this.#lastPath = undefined
  }
}
