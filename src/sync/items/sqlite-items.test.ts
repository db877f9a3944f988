import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ItemModel, noPrint } from '../../../test/sync/support/item-model.ts'
import { compare, operation, run } from '../../../test/sync/support/item-steps.ts'
import { rootItem, stashItem } from './item.ts'
import type { NewItem } from './item.ts'
import { SqliteItems } from './sqlite-items.ts'

const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let directory: string
let path: string
const opened: SqliteItems[] = []

beforeEach(() => {
  directory = mkdtempSync(join(base, 'harp-items-'))
  path = join(directory, 'items.sqlite')
})

afterEach(() => {
  for (const store of opened.splice(0)) store.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(place: string | DatabaseSync = path, maxPages?: number): SqliteItems {
  const store = new SqliteItems(place, { maxPages })
  opened.push(store)
  return store
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  throw new Error('nothing thrown')
}

const node = (number: number): string => number.toString(16).padStart(32, '0')
const version = (number: number): string => number.toString(16).padStart(64, '0')

function file(name: string, change: Partial<NewItem> = {}): NewItem {
  const number = Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % 1_000_000, 7)
  return {
    parent: rootItem,
    name,
    logName: name,
    kind: 'file',
    nodes: [node(number)],
    version: version(number),
    print: { ...noPrint, size: 10, ino: number },
    state: 'synced',
    ...change,
  }
}

const folder = (name: string, change: Partial<NewItem> = {}): NewItem =>
  file(name, { kind: 'directory', version: undefined, ...change })

describe('against a model', () => {
  test('any operations, with crashes that take away what was not committed', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const database = new DatabaseSync(':memory:')
        const model = new ItemModel()
        let store = new SqliteItems(database)
        for (const step of operations) {
          run(model, store, step)
          if (step[0] !== 'crash') continue
          store.close()
          store = new SqliteItems(database)
          model.crash()
          compare(model, store)
        }
        compare(model, store)
        expect(store.totals()).toEqual(model.totals())
        database.close()
      }),
      { numRuns: 120 },
    )
  })

  test('the same from a file that is copied as it lies there', () => {
    const model = new ItemModel()
    let place = path
    let store = open(place)
    for (const [index, step] of fc.sample(operation, { numRuns: 600, seed: 4 }).entries()) {
      run(model, store, step)
      if (index % 60 !== 59) continue
      const copy = join(directory, `copy-${index}`)
      for (const end of ['', '-wal']) copyFileSync(place + end, copy + end)
      place = copy
      store = open(place)
      model.crash()
      compare(model, store)
      expect(store.totals()).toEqual(model.totals())
    }
  })
})

describe('items', () => {
  test('the folder itself is there, and cannot be moved or removed', () => {
    const store = open()
    expect(store.get(rootItem)).toMatchObject({ kind: 'directory', name: '', nodes: ['0'.repeat(32)] })
    store.update(rootItem, { print: { ...noPrint, ino: 77 } })
    expect(store.ofInode(77).map(({ id }) => id)).toEqual([rootItem])
    expect(() => store.update(rootItem, { name: 'other' })).toThrow(RangeError)
    expect(() => store.remove(rootItem)).toThrow(RangeError)
    expect(store.path(rootItem)).toEqual([])
  })

  test('children come in the order of their bytes', () => {
    const store = open()
    for (const name of ['b', 'a', '😀', '\uFB01', 'B', 'ä']) store.add(file(name))
    expect(store.children(rootItem).map(({ name }) => name)).toEqual(['B', 'a', 'b', 'ä', '\uFB01', '😀'])
  })

  test('moving a directory moves what is in it; below itself it cannot go', () => {
    const store = open()
    const outer = store.add(folder('outer'))
    const inner = store.add(folder('inner', { parent: outer.id }))
    const leaf = store.add(file('leaf', { parent: inner.id }))
    const elsewhere = store.add(folder('elsewhere'))
    expect(store.path(leaf.id)).toEqual(['outer', 'inner', 'leaf'])
    store.update(outer.id, { parent: elsewhere.id, name: 'moved' })
    expect(store.path(leaf.id)).toEqual(['elsewhere', 'moved', 'inner', 'leaf'])
    expect(() => store.update(outer.id, { parent: inner.id })).toThrow(RangeError)
    expect(() => store.update(outer.id, { parent: outer.id })).toThrow(RangeError)
    expect(() => store.update(leaf.id, { parent: 12_345 })).toThrow(RangeError)
    expect(() => store.add(file('under a file', { parent: leaf.id }))).toThrow(RangeError)
    expect(() => store.update(inner.id, { kind: 'file' })).toThrow(RangeError)
    expect(store.path(leaf.id)).toEqual(['elsewhere', 'moved', 'inner', 'leaf'])
  })

  test('in the stash names may be the same, and paths are those of the private directory', () => {
    const store = open()
    const one = store.add(folder('one'))
    const same = [store.add(file('x', { parent: one.id })), store.add(file('x'))]
    for (const { id } of same) store.update(id, { parent: stashItem })
    store.update(one.id, { parent: stashItem, name: 'x' })
    const inside = store.add(file('inside', { parent: one.id }))
    expect(store.children(stashItem).map(({ id }) => id)).toEqual([one.id, ...same.map(({ id }) => id)])
    expect(store.path(same[1]!.id)).toEqual(['.harp', 'tmp', `moving-${same[1]!.id}`])
    expect(store.path(inside.id)).toEqual(['.harp', 'tmp', `moving-${one.id}`, 'inside'])
    store.update(one.id, { parent: rootItem })
    expect(store.path(inside.id)).toEqual(['x', 'inside'])
    expect(() => store.update(same[0]!.id, { parent: rootItem })).toThrow(RangeError)
    expect(store.get(same[0]!.id)!.parent).toBe(stashItem)
  })

  test('what breaks a rule is refused, changes nothing, and the store goes on', () => {
    const store = open()
    store.add(file('a'))
    for (const bad of [
      file('a'),
      file('b', { nodes: [] }),
      file('b', { nodes: ['00', node(1)] }),
      file('b', { version: 'ab' }),
      file('b', { print: { ...noPrint, size: Number.NaN } }),
    ]) {
      expect(() => store.add(bad)).toThrow(RangeError)
    }
    expect(() => store.update(999, { name: 'b' })).toThrow(RangeError)
    expect(store.totals()).toEqual({ files: 1, bytes: 10 })
    expect(store.add(file('b')).name).toBe('b')
    store.commit()
    store.close()
    expect(
      open()
        .children(rootItem)
        .map(({ name }) => name),
    ).toEqual(['a', 'b'])
  })

  test('numbers are not given out again while the store is open, nor after a commit', () => {
    const store = open()
    const { id } = store.add(file('a'))
    expect(store.remove(id)).toBe(1)
    expect(store.add(file('a')).id).toBeGreaterThan(id)
    const last = store.add(file('b')).id
    store.remove(last)
    store.commit()
    store.close()
    expect(open().add(file('c')).id).toBeGreaterThan(last)
  })
})

describe('the file', () => {
  test('is for its owner only, and for one process', () => {
    const store = open()
    store.add(file('a'))
    store.commit()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    expect(codeOf(() => open())).toBe('SYNC_STORE_LOCKED')
  })

  test('of a log, of a newer version, or of others is refused and left as it is', () => {
    open().close()
    const newer = new DatabaseSync(path)
    newer.exec('PRAGMA user_version = 9')
    newer.close()
    const text = join(directory, 'text')
    writeFileSync(text, 'not a database at all, but long enough to have a head'.repeat(30))
    for (const place of [path, text]) {
      const before = readFileSync(place)
      expect(codeOf(() => open(place))).toBe('SYNC_STORE_FORMAT')
      expect(readFileSync(place)).toEqual(before)
    }
  })

  test('on a full disk: the last commit counts, in memory as well, and no write is taken', () => {
    const store = open(path, 40)
    for (let number = 0; number < 60; number++) store.add(file(`file ${number}`))
    store.commit()
    const committed = store.totals()
    const code = codeOf(() => {
      for (let number = 60; ; number++) store.add(file(`file ${number}`))
    })
    expect(code).toBe('SYNC_STORE_FULL')
    expect(store.totals()).toEqual(committed)
    expect(store.children(rootItem)).toHaveLength(committed.files)
    expect(codeOf(() => store.add(file('x')))).toBe('SYNC_STORE_FULL')
    expect(codeOf(() => store.commit())).toBe('SYNC_STORE_FULL')
    store.close()
    const roomy = open()
    roomy.add(file('x'))
    roomy.commit()
    expect(roomy.totals().files).toBe(committed.files + 1)
  })

  test('closed: nothing more', () => {
    const store = open()
    store.close()
    store.close()
    expect(codeOf(() => store.get(1))).toBe('SYNC_STORE_CLOSED')
    expect(codeOf(() => store.commit())).toBe('SYNC_STORE_CLOSED')
  })
})
