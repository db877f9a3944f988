import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { storeCompliance } from '../../../test/sync/support/store-compliance.ts'
import { SqliteStore } from './sqlite-store.ts'

/** In memory where there is such a place: syncing a disk takes most of the time, and proves nothing here. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let directory: string
let path: string
const opened: SqliteStore[] = []

beforeEach(() => {
  directory = mkdtempSync(join(base, 'harp-store-'))
  path = join(directory, 'log.sqlite')
})

afterEach(() => {
  for (const store of opened.splice(0)) store.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(file = path, maxPages?: number): SqliteStore {
  const store = new SqliteStore(file, maxPages === undefined ? {} : { maxPages })
  opened.push(store)
  return store
}

function errorOf(act: () => unknown): { code: string; message: string; fix: string } {
  try {
    act()
  } catch (error) {
    return error as { code: string; message: string; fix: string }
  }
  throw new Error('nothing thrown')
}

/** The files as they lie on the disk while the store is open: what a crash now would leave. */
function snapshotOf(file: string, name: string): string {
  const copy = join(directory, name)
  copyFileSync(file, copy)
  copyFileSync(`${file}-wal`, `${copy}-wal`)
  return copy
}

const fileOf = new WeakMap<object, string>()
let copies = 0

function openAs(file: string): SqliteStore {
  const store = open(file)
  fileOf.set(store, file)
  return store
}

storeCompliance('SQLite store', {
  open: () => openAs(path),
  crash: (store) => openAs(snapshotOf(fileOf.get(store)!, `crashed-${copies++}`)),
  reopen: (store) => openAs(fileOf.get(store)!),
})

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)

/** Commits of one to three records, the fact `count` saying how many there are. Answers the counts after each commit. */
function fill(store: SqliteStore, commits: number): number[] {
  const counts = [[...store.records()].length]
  for (let commit = 0; commit < commits; commit++) {
    let count = counts.at(-1)!
    for (let record = 0; record <= commit % 3; record++) {
      store.append('batch', new Uint8Array(300 + commit).fill(count))
      count++
    }
    store.setFact('count', bytes(count))
    store.commit()
    counts.push(count)
  }
  return counts
}

function expectWhole(store: SqliteStore, counts: readonly number[]): number {
  const records = [...store.records()]
  expect(counts).toContain(records.length)
  for (const { number, bytes: content } of records) {
    expect(content.every((byte) => byte === number)).toBe(true)
  }
  expect(store.fact('count')?.[0] ?? 0).toBe(records.length)
  return records.length
}

describe('a SQLite store on the disk', () => {
  test('is for its owner only, in a directory for its owner only', () => {
    const file = join(directory, 'new', 'deep', 'log.sqlite')
    const store = open(file)
    store.append('batch', bytes(1))
    store.commit()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'new', 'deep')).mode & 0o777).toBe(0o700)
  })

  test('leaves one file behind when it is closed', () => {
    const store = open()
    fill(store, 3)
    store.close()
    expect(readdirSync(directory)).toEqual(['log.sqlite'])
  })

  test('a second opening is refused while the first is open, whatever that one does', () => {
    const first = open()
    expect(errorOf(() => open())).toMatchObject({ code: 'SYNC_STORE_LOCKED', retryable: true })
    first.append('batch', bytes(1))
    expect(errorOf(() => open()).code).toBe('SYNC_STORE_LOCKED')
    first.commit()
    expect(errorOf(() => open()).message).toContain(path)
    first.close()
    expect([...open().records()]).toHaveLength(1)
  })

  test('an older copy that was put back opens and goes on from there', () => {
    const store = open()
    const before = fill(store, 5).at(-1)!
    store.close()
    copyFileSync(path, `${path}.backup`)
    const later = open()
    fill(later, 5)
    later.close()
    copyFileSync(`${path}.backup`, path)
    const restored = open()
    expect([...restored.records()]).toHaveLength(before)
    expect(restored.append('batch', bytes(1))).toBe(before)
  })

  test('torn or spoilt ends of the write-ahead log cost whole commits and nothing else', () => {
    const store = open()
    fill(store, 2)
    store.close()
    const again = open()
    const counts = fill(again, 12)
    const size = statSync(`${path}-wal`).size
    const seen = new Set<number>()
    for (let cut = 0; cut <= 24; cut++) {
      const copy = snapshotOf(path, `torn-${cut}`)
      const at = Math.floor((size * cut) / 24)
      if (cut % 2 === 0) truncateSync(`${copy}-wal`, at)
      else spoil(`${copy}-wal`, at)
      const torn = open(copy)
      seen.add(expectWhole(torn, counts))
      torn.close()
    }
    expect(seen.size).toBeGreaterThan(5)
  })

  test('memory and file do not grow with what comes between two commits', () => {
    const store = open()
    for (let record = 0; record < 40; record++) store.append('batch', new Uint8Array(1024 * 1024))
    expect(store.read(39)).toHaveLength(1024 * 1024)
    // A crash now leaves nothing of it.
    expect([...open(snapshotOf(path, 'crashed')).records()]).toHaveLength(0)
  })
})

describe('a full disk', () => {
  test('ends the writing with what the last commit held, until there is room and the file is opened again', () => {
    const store = open(path, 64)
    const held: number[] = []
    let failure: { code: string } | undefined
    for (let commit = 0; commit < 200 && failure === undefined; commit++) {
      try {
        for (let record = 0; record < 2; record++) store.append('batch', new Uint8Array(3_000).fill(commit))
        store.setFact('count', bytes(commit))
        store.commit()
        held.push(commit, commit)
      } catch (error) {
        failure = error as { code: string }
      }
    }
    expect(failure).toMatchObject({ code: 'SYNC_STORE_FULL', retryable: true })
    expect(held.length).toBeGreaterThan(10)
    for (const act of [
      () => store.append('batch', bytes(1)),
      () => store.setFact('a', bytes(1)),
      () => store.commit(),
    ]) {
      expect(errorOf(act).code).toBe('SYNC_STORE_FULL')
    }
    expect([...store.records()].map((record) => record.bytes[0])).toEqual(held)
    expect(store.fact('count')).toEqual(bytes(held.at(-1)!))
    store.close()
    const roomy = open()
    expect([...roomy.records()].map((record) => record.bytes[0])).toEqual(held)
    expect(roomy.append('batch', new Uint8Array(100_000))).toBe(held.length)
    roomy.commit()
  })
})

describe('a file that must not be used', () => {
  test('of a newer version, of another program, or no database: refused, named, and left as it is', () => {
    open().close()
    const newer = new DatabaseSync(path)
    newer.exec('PRAGMA user_version = 2')
    newer.close()
    const foreign = join(directory, 'foreign.sqlite')
    const other = new DatabaseSync(foreign)
    other.exec('CREATE TABLE theirs (a)')
    other.close()
    const text = join(directory, 'text')
    writeFileSync(
      text,
      'what somebody wrote down, and longer than the head of a database would be'.repeat(20),
    )
    for (const [file, says] of [
      [path, 'has format 2, this Harp knows 1'],
      [foreign, 'is not a log of Harp'],
      [text, 'is not a log of Harp'],
    ] as const) {
      const before = readFileSync(file)
      const error = errorOf(() => open(file))
      expect(error).toMatchObject({ code: 'SYNC_STORE_FORMAT' })
      expect(error.message).toBe(`${file} ${says}`)
      expect(error.fix.length).toBeGreaterThan(20)
      expect(readFileSync(file)).toEqual(before)
    }
  })

  test('a damaged one says so and is not taken for an empty one', () => {
    const store = open()
    fill(store, 60)
    store.close()
    const content = readFileSync(path)
    content.fill(0x5a, 4_096, 12_288)
    writeFileSync(path, content)
    expect(errorOf(() => [...open().records()]).code).toBe('SYNC_STORE_CORRUPT')
  })

  test('a record that is missing in the middle', () => {
    const store = open()
    fill(store, 6)
    store.close()
    const database = new DatabaseSync(path)
    database.exec('DELETE FROM records WHERE number = 4')
    database.close()
    const holed = open()
    expect(errorOf(() => [...holed.records()])).toMatchObject({ code: 'SYNC_STORE_CORRUPT' })
  })

  test.each([
    ['a bit of a record that flipped', (bits: Uint8Array) => `bytes = x'${flipped(bits)}'`],
    ['a record of another type', () => 'type = 1'],
    ['a checksum that is another', () => 'checksum = checksum + 1'],
  ])('%s: the record is named, and neither served nor loaded', (_what, spoilt) => {
    const store = open()
    fill(store, 3)
    const whole = store.read(2)
    store.close()
    const database = new DatabaseSync(path)
    database.exec(`UPDATE records SET ${spoilt(whole)} WHERE number = 2`)
    database.close()
    const damaged = open()
    expect(damaged.read(1)).toHaveLength(whole.length)
    for (const act of [() => damaged.read(2), () => [...damaged.records()]]) {
      const error = errorOf(act)
      expect(error).toMatchObject({ code: 'SYNC_STORE_CORRUPT' })
      expect(error.message).toContain('record 2')
    }
  })

  test('a directory in its place, or none that can be written', () => {
    expect(errorOf(() => open(directory)).code).toBe('SYNC_STORE_IO')
    writeFileSync(join(directory, 'file'), '')
    expect(errorOf(() => open(join(directory, 'file', 'log.sqlite')))).toMatchObject({
      code: 'SYNC_STORE_IO',
    })
  })
})

/** As hex, with one of the last bits another: in a batch that is its signature, which no hash covers. */
function flipped(whole: Uint8Array): string {
  const copy = Buffer.from(whole)
  copy[copy.length - 3]! ^= 1
  return copy.toString('hex')
}

function spoil(file: string, at: number): void {
  const content = readFileSync(file)
  for (let index = Math.max(0, at - 8); index < Math.min(content.length, at + 8); index++) {
    content[index]! ^= 0xff
  }
  writeFileSync(file, content)
}
