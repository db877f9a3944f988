import { beforeEach, expect, test } from 'vitest'
import { readFile, treeOf, writeFile } from '../../../test/sync/support/disk-files.ts'
import { ModelFileSystem } from '../../../test/sync/support/model-file-system.ts'
import { pieceOf, sealContent, testKeys, variedBytes } from '../../../test/sync/support/sealed-content.ts'
import type { ChunkSource, FillJob } from '../work/job.ts'
import { runFill } from './fill-job.ts'
import { runPlace } from './place-job.ts'

const path = '/tmp/version'
const content = sealContent(variedBytes(23_456, 1))
const none = content.sealed.map(() => undefined)
let fs: ModelFileSystem
beforeEach(() => {
  fs = new ModelFileSystem()
  fs.makeDirectory('/tmp')
})

const fill = (change: Partial<FillJob> = {}) =>
  runFill(fs, { path, keys: testKeys, rows: content.rows, sources: none, isResumed: false, ...change })
const place = (...rows: number[]) =>
  runPlace(fs, { path, keys: testKeys, pieces: rows.map((row) => pieceOf(content, row)) })

function inFile(at: string, row: number, offset: number): ChunkSource {
  const { key, length } = pieceOf(content, row)
  return { in: 'file', path: at, offset, length, key }
}
/** All chunks, sealed, one after the other. */
function pack(at: string): ChunkSource[] {
  const whole = content.sealed.flatMap((sealed) => [...sealed])
  writeFile(fs, at, Uint8Array.from(whole))
  let offset = 0
  return content.sealed.map((sealed) => {
    const source: ChunkSource = { in: 'pack', path: at, offset, sealedLength: sealed.length }
    offset += sealed.length
    return source
  })
}

test('a new file has its size, and everything is missing', () => {
  expect(fill()).toEqual({ missing: [0, 1, 2, 3, 4], fault: undefined })
  expect(fs.stat(path)?.size).toBe(23_456)
})

test('an empty file is whole at once', () => {
  expect(fill({ rows: sealContent('').rows, sources: [] })).toEqual({ missing: [], fault: undefined })
  expect(readFile(fs, path)).toEqual(new Uint8Array(0))
})

test('what comes from other devices is put where it belongs, in any order', () => {
  fill()
  expect(place(4, 0, 2)).toEqual({ states: ['placed', 'placed', 'placed'], fault: undefined })
  expect(place(1, 3)).toEqual({ states: ['placed', 'placed'], fault: undefined })
  expect(readFile(fs, path)).toEqual(content.bytes)
})

test('going on finds what is in place, also after a part was damaged', () => {
  fill()
  place(0, 1, 4)
  expect(fill({ isResumed: true })).toEqual({ missing: [2, 3], fault: undefined })
  const file = fs.open(path, 'update')
  fs.write(file, new Uint8Array([1, 2, 3]), 5_001)
  fs.close(file)
  expect(fill({ isResumed: true })).toEqual({ missing: [1, 2, 3], fault: undefined })
})

test('going on with a file that was cut, is too long, or is not there', () => {
  expect(fill({ isResumed: true }).missing).toHaveLength(5)
  place(0, 1, 2, 3, 4)
  for (const size of [12_000, 30_000]) {
    const file = fs.open(path, 'update')
    fs.truncate(file, size)
    fs.close(file)
    expect(fill({ isResumed: true }).missing).toEqual(size === 12_000 ? [2, 3, 4] : [])
    expect(fs.stat(path)?.size).toBe(23_456)
    place(2, 3, 4)
  }
  expect(readFile(fs, path)).toEqual(content.bytes)
})

test('chunks are copied from files, wherever they are in them, and from packs', () => {
  writeFile(fs, '/old', Uint8Array.from([9, ...content.bytes.subarray(0, 15_000)]))
  const packed = pack('/pack')
  const sources = [
    inFile('/old', 0, 1),
    inFile('/old', 1, 5_001),
    inFile('/old', 2, 10_001),
    packed[3],
    packed[4],
  ]
  expect(fill({ sources })).toEqual({ missing: [], fault: undefined })
  expect(readFile(fs, path)).toEqual(content.bytes)
  fs.unlink(path)
  expect(fill({ sources: packed })).toEqual({ missing: [], fault: undefined })
  expect(readFile(fs, path)).toEqual(content.bytes)
})

test('what is in place is not copied again', () => {
  fill()
  place(0, 1, 2)
  const packed = pack('/pack')
  fs.record()
  expect(fill({ sources: packed, isResumed: true }).missing).toEqual([])
  expect(fs.operations).toEqual([`write 15000+5000 ${path}`, `write 20000+3456 ${path}`])
})

test('a source that is not the chunk any more counts as nothing', () => {
  const edited = content.bytes.slice()
  edited[7_000]! ^= 1
  writeFile(fs, '/edited', edited)
  fs.makeSymlink('/edited', '/symlink')
  fs.addOther('/pipe')
  writeFile(fs, '/short', content.bytes.subarray(0, 4_999))
  const damaged = pack('/pack')
  const file = fs.open('/pack', 'update')
  fs.write(file, new Uint8Array(10), 3 * 5_016 + 100)
  fs.close(file)
  const edits = [0, 1, 2].map((row) => inFile('/edited', row, row * 5_000))
  expect(fill({ sources: [...edits, damaged[3], damaged[4]] })).toEqual({ missing: [1, 3], fault: undefined })
  for (const from of ['/short', '/symlink', '/pipe', '/missing', '/tmp']) {
    expect(fill({ sources: [inFile(from, 0, 0), ...none.slice(1)] }).missing).toEqual([0, 1, 2, 3, 4])
  }
  const long = { ...inFile('/edited', 0, 0), length: 6_000 }
  expect(fill({ sources: [long, ...none.slice(1)] }).missing).toHaveLength(5)
})

test('chunks of others are verified before they touch the disk', () => {
  fill()
  const good = pieceOf(content, 0)
  const bent = good.sealed.slice()
  bent[17]! ^= 1
  const other = pieceOf(sealContent('something else entirely'), 0)
  const pieces = [
    { ...good, sealed: bent },
    { ...good, sealed: other.sealed },
    { ...other, key: good.key },
    { ...good, length: good.length - 1 },
    { ...good, sealed: new Uint8Array(3) },
  ]
  fs.record()
  expect(runPlace(fs, { path, keys: testKeys, pieces })).toEqual({
    states: ['bad', 'bad', 'wrong', 'wrong', 'bad'],
    fault: undefined,
  })
  expect(fs.operations).toEqual([])
})

test('a file that was put in its place already is not written to by its second name', () => {
  fill()
  place(0, 1, 2, 3, 4)
  fs.link(path, '/placed')
  const file = fs.open('/placed', 'update')
  fs.write(file, new TextEncoder().encode('edited by the user'), 0)
  fs.close(file)
  const before = readFile(fs, '/placed').slice()

  expect(place(0).fault).toMatchObject({ code: 'ESTALE' })
  expect(fill({ isResumed: true, sources: pack('/pack') })).toEqual({ missing: [], fault: undefined })
  expect(readFile(fs, path)).toEqual(content.bytes)
  expect(readFile(fs, '/placed')).toEqual(before)
})

test.each([true, false])('a symlink in its place is removed, never followed (resumed: %s)', (isResumed) => {
  writeFile(fs, '/victim', 'mine')
  fs.makeSymlink('/victim', path)
  expect(place(0).fault).toMatchObject({ code: 'ELOOP' })
  expect(fill({ isResumed })).toEqual({ missing: [0, 1, 2, 3, 4], fault: undefined })
  expect(treeOf(fs, '')['/victim']).toBe('mine')
  expect(fs.stat(path)?.kind).toBe('file')
})

test('a directory in its place, a missing one around it and no permission are faults', () => {
  fs.makeDirectory(path)
  expect(fill().fault).toMatchObject({ code: 'EISDIR' })
  expect(fill({ isResumed: true }).fault).toMatchObject({ code: 'EISDIR' })
  expect(fill({ path: '/none/version' }).fault).toMatchObject({ code: 'ENOENT' })
  expect(runPlace(fs, { path: '/none', keys: testKeys, pieces: [] }).fault).toMatchObject({ code: 'ENOENT' })
  fs.denied.add('/tmp')
  expect(fill().fault).toMatchObject({ code: 'EACCES' })
})

test('a full disk ends it, and what is done stays done', () => {
  const packed = pack('/pack')
  fs.room = 12_000
  expect(fill({ sources: packed })).toMatchObject({ missing: [2, 3, 4], fault: { code: 'ENOSPC' } })
  expect(place(3).fault).toMatchObject({ code: 'ENOSPC' })
  fs.room = 100_000
  expect(place(2, 3, 4).fault).toBeUndefined()
  expect(fill({ isResumed: true }).missing).toEqual([])
})
