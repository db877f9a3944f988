import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { runList } from './list-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'harp-list-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('names and stats of directories; what is wrong with one is said of that one', () => {
  mkdirSync(join(folder, 'a'))
  writeFileSync(join(folder, 'a', 'é'), 'text')
  symlinkSync('nowhere', join(folder, 'a', 'link'))
  mkdirSync(join(folder, 'b'))
  const directories = ['a', 'missing', 'b'].map((name) => join(folder, name))
  const [first, missing, empty] = runList(nodeFileSystem, { directories }).listings
  expect(missing).toMatchObject({ code: 'ENOENT' })
  expect(empty).toEqual({ entries: [], badNames: [] })
  const entries = 'entries' in first! ? [...first.entries] : []
  entries.sort((left, right) => (left.name < right.name ? -1 : 1))
  expect(entries).toMatchObject([
    { name: 'link', stat: { kind: 'symlink' } },
    { name: 'é', stat: { kind: 'file', size: 4 } },
  ])
})

test.skipIf(process.platform !== 'linux')('names that are no text are told apart', () => {
  const directory = join(folder, 'names')
  mkdirSync(directory)
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/x`), Buffer.of(0xff)]), '')
  writeFileSync(join(directory, 'x\uFFFDy'), '')
  const [listing] = runList(nodeFileSystem, { directories: [directory] }).listings
  expect(listing).toMatchObject({ entries: [{ name: 'x\uFFFDy' }], badNames: ['x\uFFFD'] })
})

test('what vanishes between the list and the stat was never there', () => {
  const fs = { ...nodeFileSystem, list: () => [{ name: 'gone', isText: true }] }
  expect(runList(fs, { directories: [folder] }).listings).toEqual([{ entries: [], badNames: [] }])
})
