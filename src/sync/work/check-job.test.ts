import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { runCheck } from './check-job.ts'
import { runHash } from './hash-job.ts'
import type { CheckedFile } from './job.ts'

const keys = { content: new Uint8Array(32).fill(1), boundaries: new Uint8Array(32).fill(2) }
const chunker = { minimum: 64, target: 256, maximum: 1_024 }
let directory: string
let path: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-check-'))
  path = join(directory, 'f')
  writeFileSync(path, seededBytes('content')(10_000))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

function check(from = 0, halted?: SharedArrayBuffer): CheckedFile {
  const [file] = runHash(nodeFileSystem, { keys, chunker, files: [{ path }], keepUpTo: 0 }).files
  if (file?.state !== 'hashed') throw new Error('no file')
  return checked(file.rows, from, halted)
}

function checked(
  rows: { readonly keys: Uint8Array; readonly lengths: Uint32Array },
  from = 0,
  halted?: SharedArrayBuffer,
): CheckedFile {
  let offset = 0
  for (const length of rows.lengths.subarray(0, from)) offset += length
  const part = { path, offset, keys: rows.keys.subarray(from * 32), lengths: rows.lengths.subarray(from) }
  return runCheck(nodeFileSystem, { keys, files: [part], halted }).files[0]!
}

function rowsOf(): { readonly keys: Uint8Array; readonly lengths: Uint32Array } {
  const [file] = runHash(nodeFileSystem, { keys, chunker, files: [{ path }], keepUpTo: 0 }).files
  if (file?.state !== 'hashed') throw new Error('no file')
  return file.rows
}

test('what was cut is what is there, from any chunk on', () => {
  expect(check()).toMatchObject({ state: 'read', damaged: [] })
  expect(check(5)).toMatchObject({ state: 'read', damaged: [] })
})

test('chunks with another bit are named, and those behind the end', () => {
  const rows = rowsOf()
  const bytes = seededBytes('content')(10_000)
  const first = rows.lengths[0]!
  bytes[first] = (bytes[first] ?? 0) ^ 1
  writeFileSync(path, bytes)
  expect(checked(rows)).toMatchObject({ state: 'read', damaged: [1] })
  truncateSync(path, 9_999)
  expect(checked(rows)).toMatchObject({ damaged: [1, rows.lengths.length - 1] })
})

test('what is not a file, or not there, is said to be so', () => {
  const rows = rowsOf()
  rmSync(path)
  expect(checked(rows).state).toBe('missing')
  symlinkSync('elsewhere', path)
  expect(checked(rows).state).toBe('changing')
})

test('nothing is read when it is of no use any more', () => {
  const halted = new SharedArrayBuffer(1)
  new Uint8Array(halted).fill(1)
  expect(check(0, halted).state).toBe('changing')
})
