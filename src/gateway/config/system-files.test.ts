import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemFiles } from './system-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'harp-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('a file is read, also through a link as container secrets are', () => {
  writeFileSync(join(directory, 'key'), 'content\n')
  symlinkSync('key', join(directory, 'link'))

  expect(systemFiles.readFile(join(directory, 'link'))).toBe('content\n')
  expect(systemFiles.exists(join(directory, 'link'))).toBe(true)
})

test.each(['missing', 'key/below-a-file', 'a\0b'])('%j does not exist', (name) => {
  writeFileSync(join(directory, 'key'), 'content\n')

  expect(systemFiles.exists(join(directory, name))).toBe(false)
})

test('a file that is missing is undefined', () => {
  expect(systemFiles.readFile(join(directory, 'missing'))).toBeUndefined()
  expect(systemFiles.readFile(join(directory, 'key', 'below-a-file'))).toBeUndefined()
})

test.each(['/dev/zero', directory])('%s is refused at once, not read for ever', (path) => {
  expect(() => systemFiles.readFile(path)).toThrow(/not a regular file/)
})

test('a file of 64 KiB is read and one byte more is refused', () => {
  writeFileSync(join(directory, 'limit'), 'x'.repeat(65_536))
  writeFileSync(join(directory, 'over'), 'x'.repeat(65_537))

  expect(systemFiles.readFile(join(directory, 'limit'))).toHaveLength(65_536)
  expect(() => systemFiles.readFile(join(directory, 'over'))).toThrow(/at most 65536 bytes/)
})
