import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkFileLimit, checkStateDir } from './machine-checks.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-machine-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a private directory is fine, one that does not exist yet is no problem', () => {
  expect(checkStateDir(directory).status).toBe('ok')
  expect(checkStateDir(join(directory, 'later')).status).toBe('skip')
})

test('a directory that others may write to is a warning with the command', () => {
  chmodSync(directory, 0o777)

  expect(checkStateDir(directory)).toMatchObject({ status: 'warn', fix: `chmod 700 ${directory}` })
})

test('a file in place of the directory is a warning', () => {
  const file = join(directory, 'file')
  writeFileSync(file, '')

  expect(checkStateDir(file)).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('not a directory'),
  })
  expect(checkStateDir(join(file, 'state'))).toMatchObject({ status: 'warn' })
})

test.skipIf(process.platform !== 'linux')('two descriptors per connection must be there', () => {
  expect(checkFileLimit(null, 1).status).toBe('ok')
  expect(checkFileLimit(process.pid, 1_000_000_000)).toMatchObject({
    status: 'warn',
    fix: expect.stringContaining('nofile=2000000256'),
  })
})

test('a limit that cannot be read is skipped', () => {
  expect(checkFileLimit(999_999_999, 1).status).toBe('skip')
})
