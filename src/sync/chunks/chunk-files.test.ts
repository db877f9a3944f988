import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rowsOf, sampleChunk, sealedOf } from '../../../test/sync/support/sample-chunks.ts'
import { SqliteChunks } from './sqlite-chunks.ts'
import type { SqliteChunksOptions } from './sqlite-chunks.ts'

const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const version = (number: number): string => number.toString(16).padStart(64, '0')

let directory: string
let index: string
let packs: string
let problems: string[] = []
const opened: SqliteChunks[] = []

beforeEach(() => {
  directory = mkdtempSync(join(base, 'harp-chunks-'))
  index = join(directory, 'chunks.sqlite')
  packs = join(directory, 'packs')
  problems = []
})

afterEach(() => {
  for (const store of opened.splice(0)) store.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(options: Partial<SqliteChunksOptions> = {}): SqliteChunks {
  const store = new SqliteChunks({
    directory,
    packBytes: 2_000,
    places: { itemPath: (item) => `/files/${item}`, keptPath: (kept) => `/kept/${kept}` },
    onProblem: (message) => problems.push(message),
    ...options,
  })
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

const chunks = Array.from({ length: 40 }, (_, number) => sampleChunk(number))

function fill(store: SqliteChunks, some = chunks): void {
  store.addSealed(rowsOf(some), sealedOf(some))
  store.commit()
}

/** How many are found in packs, each with the right bytes. */
function readable(store: SqliteChunks): number {
  let count = 0
  for (const { id, sealed } of chunks) {
    const source = store.find(id)
    if (source?.in !== 'pack') continue
    const bytes = readFileSync(source.path).subarray(source.offset, source.offset + source.sealedLength)
    if (bytes.equals(sealed)) count++
  }
  return count
}

const packPaths = (): string[] =>
  readdirSync(packs)
    .toSorted()
    .map((name) => join(packs, name))

function spoil(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0xff
  writeFileSync(path, bytes)
}

describe('packs', () => {
  test('of many chunks, with neighbours, each once; what is asked for again comes from where it is', () => {
    const store = open()
    fill(store)
    fill(store)
    expect(readable(store)).toBe(40)
    expect(store.stats().chunks).toBe(40)
    expect(packPaths().length).toBeGreaterThan(2)
    for (const path of packPaths()) expect(statSync(path).size).toBeLessThanOrEqual(2_000)
    expect(store.stats().packBytes).toBe(packPaths().reduce((sum, path) => sum + statSync(path).size, 0))
    store.close()
    const again = open()
    expect(readable(again)).toBe(40)
    again.addSealed(rowsOf([sampleChunk(99)]), sampleChunk(99).sealed)
    again.commit()
    expect(packPaths()).toHaveLength(again.stats().packs)
    expect(problems).toEqual([])
  })

  test('a chunk larger than a pack has one of its own', () => {
    const store = open()
    const large = sampleChunk(7, 70_000)
    fill(store, [chunks[0]!, large, chunks[1]!])
    const source = store.find(large.id)!
    expect(source).toMatchObject({ in: 'pack', sealedLength: 70_016 })
    expect(store.stats()).toMatchObject({ packs: 3, chunks: 3 })
  })

  test('hold no keys and nothing but what was sealed', () => {
    const store = open()
    const one = sampleChunk(3)
    const key = new Uint8Array(32).fill(0xa7)
    store.addSealed({ ...rowsOf([one]), keys: key }, one.sealed)
    store.addFile(5, { ...rowsOf([one]), keys: key })
    store.commit()
    const bytes = readFileSync(packPaths()[0]!)
    expect(bytes.includes(Buffer.from(key))).toBe(false)
    expect(bytes).toHaveLength(16 + 36 + one.sealed.length)
  })

  test('behind the last commit nothing counts: a crash leaves it, the next opening cuts it off', () => {
    const store = open({ packBytes: 1_000_000 })
    fill(store, chunks.slice(0, 10))
    const length = statSync(packPaths()[0]!).size
    store.addSealed(rowsOf(chunks), sealedOf(chunks))
    expect(readable(store)).toBe(40)
    const copy = join(directory, 'copy')
    mkdirSync(join(copy, 'packs'), { recursive: true })
    for (const end of ['', '-wal']) copyFileSync(index + end, join(copy, `chunks.sqlite${end}`))
    copyFileSync(packPaths()[0]!, join(copy, 'packs', '000001.pack'))
    expect(statSync(join(copy, 'packs', '000001.pack')).size).toBeGreaterThan(length)
    const crashed = open({ directory: copy, packBytes: 1_000_000 })
    expect(statSync(join(copy, 'packs', '000001.pack')).size).toBe(length)
    expect([readable(crashed), crashed.stats().chunks]).toEqual([10, 10])
    fill(crashed)
    expect(readable(crashed)).toBe(40)
  })

  test('of all of them what is behind their ends goes, so that they are as long as is said', () => {
    const store = open()
    fill(store)
    store.close()
    const names = readdirSync(packs)
    expect(names.length).toBeGreaterThan(2)
    for (const name of names) appendFileSync(join(packs, name), Buffer.alloc(700, 1))
    const { packBytes } = open().stats()
    const onDisk = readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0)
    expect(packBytes).toBe(onDisk)
  })

  test('that lost their end, or went: what was there is forgotten, what is there is not', () => {
    const store = open()
    fill(store)
    const { packs: before } = store.stats()
    store.close()
    const [first, second] = packPaths()
    truncateSync(first!, 1_200)
    rmSync(second!)
    const damaged = open()
    expect(problems).toHaveLength(2)
    expect(damaged.stats().packs).toBe(before - 1)
    expect(readable(damaged)).toBe(damaged.stats().chunks)
    expect(readable(damaged)).toBeGreaterThan(10)
    expect(damaged.scrub(1e9)).toMatchObject({ damaged: [], done: true })
    fill(damaged)
    expect(readable(damaged)).toBe(40)
  })

  test('that are foreign or newer are left alone', () => {
    mkdirSync(packs)
    const foreign = {
      '000001.pack': 'something of somebody else',
      '000007.pack': 'HARPPACK\0\0\0\x09\0\0\0\0more',
    }
    const all = Object.entries({ ...foreign, 'notes.txt': 'x' })
    for (const [name, text] of all) writeFileSync(join(packs, name), text)
    const store = open()
    fill(store)
    expect(readable(store)).toBe(40)
    expect(problems).toHaveLength(2)
    for (const [name, text] of all) expect(readFileSync(join(packs, name), 'utf8')).toBe(text)
  })

  test('scrubbing finds the damaged chunk, names it once, and goes on where it stopped', () => {
    const store = open()
    fill(store)
    const victim = store.find(chunks[17]!.id)!
    store.close()
    if (victim.in === 'pack') spoil(victim.path, victim.offset + 5)
    let scrubbed = open()
    let checked = 0
    const damaged: Uint8Array[] = []
    for (let calls = 0; ; calls++) {
      const step = scrubbed.scrub(500)
      checked += step.checked
      damaged.push(...step.damaged)
      if (step.done) break
      expect(calls).toBeLessThan(40)
      scrubbed.commit()
      scrubbed.close()
      scrubbed = open()
    }
    expect(checked).toBe(40)
    expect(damaged).toEqual([new Uint8Array(chunks[17]!.id)])
    expect(scrubbed.has(chunks[17]!.id)).toBe(false)
    expect(readable(scrubbed)).toBe(39)
    expect(scrubbed.scrub(1e9)).toMatchObject({ checked: 39, damaged: [], done: true })
    fill(scrubbed)
    expect(readable(scrubbed)).toBe(40)
  })

  test('collecting carries on what is wanted, and nothing that is damaged', () => {
    const store = open()
    fill(store)
    const [kept, spoilt] = [chunks[3]!, chunks[4]!]
    const source = store.find(spoilt.id)!
    if (source.in === 'pack') spoil(source.path, source.offset)
    const wanted = new Set([kept, spoilt].map(({ id }) => Buffer.from(id).toString('hex')))
    let freed = 0
    for (let done = false; !done;) {
      const step = store.collect((id) => wanted.has(Buffer.from(id).toString('hex')))
      freed += step.freedBytes
      done = step.done
    }
    const before = packPaths().length
    store.commit()
    expect(packPaths()).toHaveLength(1)
    expect(before).toBeGreaterThan(1)
    expect(freed).toBeGreaterThan(3_000)
    expect(store.has(spoilt.id)).toBe(false)
    expect(readable(store)).toBe(1)
    store.close()
    expect(readable(open())).toBe(1)
  })
})

describe('the index', () => {
  test('that is gone is made anew from the packs; what lies in files has to be told again', () => {
    const store = open()
    fill(store)
    store.addFile(5, rowsOf(chunks))
    expect(store.isComplete).toBe(false)
    store.setComplete()
    store.commit()
    store.close()
    expect(open().isComplete).toBe(true)
    opened.pop()!.close()
    rmSync(index)
    const again = open()
    expect([readable(again), again.isComplete]).toEqual([40, false])
    expect(problems).toHaveLength(1)
    again.close()
    const later = open()
    expect([readable(later), later.isComplete]).toEqual([40, false])
  })

  test('made anew points at nothing that is damaged', () => {
    const store = open()
    fill(store)
    const victim = store.find(chunks[11]!.id)!
    store.close()
    if (victim.in === 'pack') spoil(victim.path, victim.offset + 3)
    rmSync(index)
    const again = open()
    expect([again.has(chunks[11]!.id), readable(again), again.stats().chunks]).toEqual([false, 39, 39])
  })

  test.each([
    ['its head', 0, 100],
    ['its schema', 100, 2_000],
  ])('that is damaged at %s is set aside and made anew', (_what, from, to) => {
    const store = open()
    fill(store)
    store.close()
    const bytes = readFileSync(index)
    bytes.fill(0x5a, from, to)
    writeFileSync(index, bytes)
    const again = open()
    expect(readable(again)).toBe(40)
    expect(problems[0]).toContain('is set aside')
    expect(readFileSync(`${index}.damaged`)).toEqual(bytes)
  })

  test('that turns out to be damaged while it is used is made anew at the next opening', () => {
    const store = open()
    for (let item = 1; item < 400; item++) store.addFile(item, rowsOf(chunks.slice(0, 3)))
    fill(store)
    store.close()
    const bytes = readFileSync(index)
    bytes.fill(0x5a, 8 * 4_096)
    writeFileSync(index, bytes)
    const code = codeOf(() => {
      const damaged = open()
      for (const { id } of chunks) damaged.find(id)
      for (let item = 1; item < 400; item++) damaged.addFile(item, rowsOf(chunks))
    })
    expect(code).toBe('SYNC_STORE_CORRUPT')
    for (const one of opened.splice(0)) one.close()
    const again = open()
    expect([readable(again), again.isComplete]).toEqual([40, false])
  })

  test('of a newer version, or of another program, is refused and left as it is', () => {
    open().close()
    const newer = new DatabaseSync(index)
    newer.exec('PRAGMA user_version = 2')
    newer.close()
    const before = readFileSync(index)
    expect(codeOf(() => open())).toBe('SYNC_STORE_FORMAT')
    expect(readFileSync(index)).toEqual(before)
    rmSync(index)
    const foreign = new DatabaseSync(index)
    foreign.exec('CREATE TABLE theirs (a)')
    foreign.close()
    expect(codeOf(() => open())).toBe('SYNC_STORE_FORMAT')
  })

  test('is for its owner only, and for one process', () => {
    const store = open()
    fill(store)
    expect(statSync(index).mode & 0o777).toBe(0o600)
    expect(codeOf(() => open())).toBe('SYNC_STORE_LOCKED')
    expect(readable(store)).toBe(40)
  })

  test('on a full disk: what the last commit held, until it is opened again', () => {
    const store = open({ maxPages: 40 })
    fill(store, chunks.slice(0, 20))
    const code = codeOf(() => {
      for (let item = 1; ; item++) store.addFile(item, rowsOf(chunks))
    })
    expect(code).toBe('SYNC_STORE_FULL')
    expect(readable(store)).toBe(20)
    expect(store.stats().chunks).toBe(20)
    expect(codeOf(() => store.commit())).toBe('SYNC_STORE_FULL')
    store.close()
    const roomy = open()
    fill(roomy)
    expect(readable(roomy)).toBe(40)
  })

  test('a directory that cannot be written', () => {
    writeFileSync(join(directory, 'file'), '')
    expect(codeOf(() => open({ directory: join(directory, 'file', 'deep') }))).toBe('SYNC_STORE_IO')
  })
})

describe('content in files', () => {
  test('kept content is found before items, which come in order; a wrong place is passed over alone', () => {
    let now = 0
    const store = open({ now: () => now })
    const rows = rowsOf([chunks[0]!, chunks[1]!, chunks[0]!])
    store.addFile(9, rows)
    store.addFile(4, rows)
    store.addKept(version(1), rows, 100)
    const id = chunks[0]!.id
    const seen: unknown[] = []
    for (let source = store.find(id); source !== undefined; source = store.find(id)) {
      if (source.in === 'file') seen.push([source.path, source.offset])
      store.forget(id, source)
    }
    const second = rows.lengths[0]! + rows.lengths[1]!
    const places = [`/kept/${version(1)}`, '/files/4', '/files/9']
    expect(seen).toEqual(
      places.flatMap((path) => [
        [path, 0],
        [path, second],
      ]),
    )
    expect(store.find(chunks[1]!.id)).toMatchObject({ in: 'file', length: rows.lengths[1]! })
    // A file that was moved is found where it is as soon as a scan has seen it; what is kept does not move.
    now += 10_000
    expect(store.find(id)).toMatchObject({ in: 'file', path: '/files/4', offset: 0 })
  })

  test('ids that begin alike are told apart', () => {
    const store = open()
    const twins = [1, 2].map((end) => ({ ...chunks[end]!, id: new Uint8Array(32).fill(0x88).fill(end, 31) }))
    const third = new Uint8Array(32).fill(0x88)
    fill(store, twins)
    store.addFile(3, { ...rowsOf([chunks[5]!, chunks[6]!]), ids: Buffer.concat([third, third.fill(9, 20)]) })
    const lengths = twins.map(({ id }) => {
      const source = store.find(id)
      return source?.in === 'pack' ? source.sealedLength : 0
    })
    expect(lengths).toEqual(twins.map(({ sealed }) => sealed.length))
    expect(store.find(third)).toMatchObject({ in: 'file' })
    expect(store.find(new Uint8Array(32).fill(0x88).fill(3, 31))).toBeUndefined()
  })

  test('a file of 8,192 chunks, and lists that are longer than a piece', () => {
    const store = open()
    const count = 8_192
    const ids = new Uint8Array(count * 32)
    for (let row = 0; row < count; row++) new DataView(ids.buffer).setUint32(row * 32, row * 2_654_435_761)
    store.addFile(3, { ids, keys: ids, lengths: new Uint32Array(count).fill(1_000_000) })
    const list = new Uint8Array(2_500_000).map((_, at) => at >> 10)
    store.addList(version(5), list)
    store.addList(version(6), new Uint8Array(0))
    store.commit()
    store.close()
    const again = open()
    const at = 5_000
    expect(again.find(ids.subarray(at * 32, at * 32 + 32))).toEqual({
      in: 'file',
      path: '/files/3',
      offset: at * 1_000_000,
      length: 1_000_000,
      key: ids.slice(at * 32, at * 32 + 32),
    })
    expect(Buffer.compare(again.list(version(5))!, list)).toBe(0)
    expect(again.list(version(6))).toEqual(new Uint8Array(0))
    expect(again.list(version(7))).toBeUndefined()
  })

  test('what does not fit together is refused and changes nothing', () => {
    const store = open()
    const rows = rowsOf(chunks.slice(0, 2))
    const sealed = sealedOf(chunks.slice(0, 2))
    for (const act of [
      () => store.addFile(0, rows),
      () => store.addFile(-1, rows),
      () => store.addFile(1, { ...rows, keys: new Uint8Array(32) }),
      () => store.addKept('ab', { ...rows, ids: new Uint8Array(3) }, 1),
      () => store.addKept('not hex', rows, 1),
      () => store.addSealed(rows, sealed.subarray(1)),
      () => store.addSealed({ ...rows, lengths: Uint32Array.of(0, 1) }, new Uint8Array(33)),
      () =>
        store.addSealed({ ...rowsOf([chunks[0]!]), lengths: Uint32Array.of(2 ** 31) }, new Uint8Array(17)),
      () => store.addList('not hex', sealed),
      () => store.find(new Uint8Array(31)),
      () => store.has(new Uint8Array(33)),
    ]) {
      expect(act).toThrow(RangeError)
    }
    fill(store)
    expect(store.stats()).toMatchObject({ chunks: 40, keptBytes: 0 })
    expect(store.kept()).toEqual([])
  })

  test('a store in memory, packs and all', () => {
    const database = new DatabaseSync(':memory:')
    const store = open({ database, packs: 'memory' })
    fill(store)
    expect(store.scrub(1e9)).toMatchObject({ checked: 40, damaged: [], done: true })
    for (let calls = 0; !store.collect(() => false).done; calls++) expect(calls).toBeLessThan(20)
    store.commit()
    expect(store.stats()).toEqual({ packs: 0, packBytes: 0, liveBytes: 0, chunks: 0, keptBytes: 0 })
    expect(readdirSync(directory)).toEqual([])
  })
})
