import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileSystemCompliance } from '../../../test/sync/support/file-system-compliance.ts'
import { nodeFileSystem } from './node-file-system.ts'

const makeRoot = () => mkdtempSync(join(tmpdir(), 'harp-disk-'))

fileSystemCompliance('the file system of this machine', () => {
  const root = makeRoot()
  return { fs: nodeFileSystem, root, close: () => rmSync(root, { recursive: true }) }
})

let root: string
beforeEach(() => {
  root = makeRoot()
})
afterEach(() => rmSync(root, { recursive: true }))

test('a name that is no text is listed as one that cannot be used', () => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), 'x')
  writeFileSync(join(root, 'plain'), 'x')
  const listed = nodeFileSystem.list(root).toSorted((left, right) => (left.name < right.name ? -1 : 1))
  expect(listed).toEqual([
    { name: 'caf\uFFFD', isText: false },
    { name: 'plain', isText: true },
  ])
})

test('who may read may execute, and nobody else', () => {
  const path = join(root, 'file')
  writeFileSync(path, 'x', { mode: 0o640 })
  nodeFileSystem.setExec(path, true)
  expect(statSync(path).mode & 0o777).toBe(0o750)
  nodeFileSystem.setExec(path, false)
  expect(statSync(path).mode & 0o777).toBe(0o640)
})
