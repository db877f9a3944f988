import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { makePrivateDirectory, requireFreeDirectory } from '../device/folder-place.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { DiskLock } from './disk-lock.ts'
import { Problems } from './problems.ts'
import { RollbackMark } from './rollback-mark.ts'
import { removeRestores, removeTemporaries, rescuedEdits } from './temporaries.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-folder-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

test('one at a time holds the disk, in the order of asking, and an error lets go of it', async () => {
  const lock = new DiskLock()
  const said: string[] = []
  const first = lock.run(async () => {
    await new Promise(setImmediate)
    said.push('first')
    throw new Error('broken')
  })
  const second = lock.run(() => said.push('second'))
  expect(lock.isFree).toBe(false)
  await expect(first).rejects.toThrow('broken')
  await second
  expect([said, lock.isFree]).toEqual([['first', 'second'], true])
})

test('a look forgets what was found before, where it looked', () => {
  const problems = new Problems()
  const problem = (path: string) => ({ code: 'C', path, message: path, fix: '' })
  problems.replace('scan', [problem('a'), problem('b')], 'everything')
  problems.replace('scan', [problem('c')], (path) => path === 'b')
  problems.add('other', problem('a'))
  expect(problems.all.map(({ path }) => path)).toEqual(['a', 'c', 'a'])
  problems.replace('scan', [], 'everything')
  expect(problems.all.map(({ path }) => path)).toEqual(['a'])
})

test('problems are bounded, whatever is found', () => {
  const problems = new Problems()
  for (let at = 0; at < 1_000; at++) problems.add('scan', { code: 'C', path: `${at}`, message: '', fix: '' })
  expect(problems.all.length).toBe(200)
})

test('a home that is older than what this device noted is seen', () => {
  const [device] = ReplicaDevice.folder(1)
  if (device === undefined) throw new Error('a device')
  mkdirSync(join(root, '.harp'))
  const mark = new RollbackMark(nodeFileSystem, root)
  expect(mark.isRolledBack(device.replica)).toBe(false)
  mark.note(device.replica)
  expect(new RollbackMark(nodeFileSystem, root).isRolledBack(device.replica)).toBe(false)

  const [other] = ReplicaDevice.folder(1)
  if (other === undefined) throw new Error('another')
  other.put('a', 1)
  new RollbackMark(nodeFileSystem, root).note(other.replica)
  expect(new RollbackMark(nodeFileSystem, root).isRolledBack(device.replica)).toBe(true)
})

test('a mark that cannot be read or written is as good as none', () => {
  const [device] = ReplicaDevice.folder(1)
  if (device === undefined) throw new Error('a device')
  const mark = new RollbackMark(nodeFileSystem, join(root, 'not-there'))
  mark.note(device.replica)
  expect(mark.isRolledBack(device.replica)).toBe(false)
  mkdirSync(join(root, '.harp'))
  writeFileSync(join(root, '.harp/head'), 'nonsense')
  expect(new RollbackMark(nodeFileSystem, root).isRolledBack(device.replica)).toBe(false)
})

test('what a crash left is swept, and what a user saved is shown and stays', () => {
  makePrivateDirectory(root, 'f'.repeat(64))
  const tmp = join(root, '.harp/tmp')
  const kept = join(root, '.harp/kept')
  const hash = 'a'.repeat(64)
  const [stale, old, mine] = [hash, `${hash}.old`, `${hash}.edited`]
  for (const name of [stale, old, mine, 'moving-7', 'restore-x']) writeFileSync(join(tmp, name), 'x')
  for (const name of [`${hash}.part`, hash]) writeFileSync(join(kept, name), 'x')

  removeRestores(nodeFileSystem, root)
  removeTemporaries(nodeFileSystem, root)
  expect(readdirSync(tmp).sort()).toEqual([mine, 'moving-7'].sort())
  expect(readdirSync(kept)).toEqual([hash])
  expect(rescuedEdits(nodeFileSystem, root).map(({ path }) => path)).toEqual([`.harp/tmp/${mine}`])
})

test('a folder has a directory of its own', () => {
  mkdirSync(join(root, 'music/inner'), { recursive: true })
  writeFileSync(join(root, 'file'), '')
  const music = join(root, 'music')
  expect(() => requireFreeDirectory(join(root, 'file'), [])).toThrow('cannot be a folder')
  expect(() => requireFreeDirectory(join(music, 'inner'), [music])).toThrow('overlaps')
  expect(() => requireFreeDirectory(root, [music])).toThrow('overlaps')
  requireFreeDirectory(join(root, 'musical'), [music])
  expect(readdirSync(root)).toContain('musical')

  makePrivateDirectory(music, 'a'.repeat(64))
  expect(() => requireFreeDirectory(music, [])).toThrow('belongs to a folder already')
  requireFreeDirectory(music, [], 'a'.repeat(64))
})
