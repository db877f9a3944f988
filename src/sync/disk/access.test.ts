import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fingerprintOf, type FileStat } from './file-system.ts'
import { nodeFileSystem as fs } from './node-file-system.ts'
import { putInPlace } from './put-in-place.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-access-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function statOf(path: string): FileStat {
  const stat = fs.stat(path)
  if (stat === undefined) throw new Error(`${path} is not there`)
  return stat
}

test('a new version of a private file stays private, and keeps what may execute it', () => {
  const path = join(root, 'secret')
  const temporary = join(root, 'temporary')
  writeFileSync(path, 'old')
  chmodSync(path, 0o600)
  writeFileSync(temporary, 'new')
  chmodSync(temporary, 0o755)

  const outcome = putInPlace(
    fs,
    temporary,
    {
      path,
      expected: { print: fingerprintOf(statOf(path)) },
      parentIno: statOf(root).ino,
      keepAt: undefined,
      mtimeMs: 0,
      exec: true,
    },
    false,
  )

  expect(outcome.state).toBe('done')
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect((statSync(path).mode & 0o777).toString(8)).toBe('700')
  expect(outcome.state === 'done' && outcome.stat.ctimeMs).toBe(statOf(path).ctimeMs)
})
