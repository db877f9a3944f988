import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/sync/disk/file-system.ts'
import { namesIn, readFile, readText, writeFile } from './disk-files.ts'

export interface DiskHarness {
  readonly fs: FileSystem
  /** An empty directory. */
  readonly root: string
  close(): void
}

const bytes = (...values: number[]) => new Uint8Array(values)
const codeOf = (act: () => unknown): unknown => {
  try {
    act()
    return 'nothing thrown'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

/** What every file system promises; run against each. */
export function fileSystemCompliance(name: string, open: () => DiskHarness): void {
  describe(`${name} keeps the promises of a file system`, () => {
    let harness: DiskHarness
    let fs: FileSystem
    let at: (path: string) => string
    beforeEach(() => {
      harness = open()
      fs = harness.fs
      at = (path) => `${harness.root}/${path}`
    })
    afterEach(() => harness.close())

    test('stat tells what is there, and nothing where nothing can be', () => {
      writeFile(fs, at('file'), 'four')
      fs.makeDirectory(at('directory'))
      fs.makeSymlink('file', at('symlink'))
      expect(fs.stat(at('file'))).toMatchObject({ kind: 'file', size: 4, links: 1, exec: false })
      expect(fs.stat(at('directory'))?.kind).toBe('directory')
      expect(fs.stat(at('symlink'))).toMatchObject({ kind: 'symlink', size: 4 })
      expect(fs.stat(at('missing'))).toBeUndefined()
      expect(fs.stat(at('missing/below'))).toBeUndefined()
      expect(fs.stat(at('file/below'))).toBeUndefined()
      expect(fs.stat(at('file'))?.ino).not.toBe(fs.stat(at('directory'))?.ino)
      expect(fs.stat(at('file'))?.dev).toBe(fs.stat(at('directory'))?.dev)
    })

    test('opening creates only what is not there, and follows no symlink', () => {
      writeFile(fs, at('file'), 'x')
      fs.makeSymlink('file', at('symlink'))
      fs.makeSymlink('nowhere', at('dangling'))
      fs.makeDirectory(at('directory'))
      expect(codeOf(() => fs.open(at('file'), 'create'))).toBe('EEXIST')
      expect(codeOf(() => fs.open(at('symlink'), 'create'))).toBe('EEXIST')
      expect(codeOf(() => fs.open(at('dangling'), 'create'))).toBe('EEXIST')
      expect(codeOf(() => fs.open(at('symlink'), 'read'))).toBe('ELOOP')
      expect(codeOf(() => fs.open(at('symlink'), 'update'))).toBe('ELOOP')
      expect(codeOf(() => fs.open(at('directory'), 'update'))).toBe('EISDIR')
      expect(codeOf(() => fs.open(at('missing'), 'update'))).toBe('ENOENT')
      expect(codeOf(() => fs.open(at('missing/below'), 'create'))).toBe('ENOENT')
      expect(codeOf(() => fs.open(at('file/below'), 'create'))).toBe('ENOTDIR')
      expect(fs.stat(at('nowhere'))).toBeUndefined()
    })

    test('bytes are read and written anywhere, holes are zeros, what is cut off is gone', () => {
      const file = fs.open(at('file'), 'create')
      fs.write(file, bytes(1, 2, 3), 2)
      const into = new Uint8Array(8)
      expect(fs.read(file, into, 0)).toBe(5)
      expect(into).toEqual(bytes(0, 0, 1, 2, 3, 0, 0, 0))
      expect(fs.read(file, into.subarray(0, 2), 3)).toBe(2)
      expect(into.subarray(0, 2)).toEqual(bytes(2, 3))
      expect(fs.read(file, into, 5)).toBe(0)
      fs.truncate(file, 3)
      fs.truncate(file, 6)
      expect(fs.statFile(file)).toMatchObject({ kind: 'file', size: 6 })
      fs.sync(file)
      fs.close(file)
      expect(readFile(fs, at('file'))).toEqual(bytes(0, 0, 1, 0, 0, 0))
      const reading = fs.open(at('file'), 'read')
      expect(codeOf(() => fs.write(reading, bytes(1), 0))).toBe('EBADF')
      fs.close(reading)
    })

    test('an open file outlives its name', () => {
      writeFile(fs, at('file'), 'still here')
      const file = fs.open(at('file'), 'read')
      fs.unlink(at('file'))
      const into = new Uint8Array(10)
      fs.read(file, into, 0)
      fs.close(file)
      expect(new TextDecoder().decode(into)).toBe('still here')
    })

    test('a rename keeps the inode and replaces a file or symlink', () => {
      writeFile(fs, at('from'), 'new')
      writeFile(fs, at('to'), 'old')
      fs.makeSymlink('to', at('symlink'))
      const ino = fs.stat(at('from'))?.ino
      fs.rename(at('from'), at('to'))
      expect(fs.stat(at('to'))?.ino).toBe(ino)
      expect(fs.stat(at('from'))).toBeUndefined()
      fs.rename(at('to'), at('symlink'))
      expect(namesIn(fs, harness.root)).toEqual(['symlink'])
      expect(readText(fs, at('symlink'))).toBe('new')
    })

    test('a rename refuses what would lose something', () => {
      writeFile(fs, at('file'), 'x')
      fs.makeDirectory(at('empty'))
      fs.makeDirectory(at('full'))
      writeFile(fs, at('full/inside'), 'y')
      expect(codeOf(() => fs.rename(at('missing'), at('file')))).toBe('ENOENT')
      expect(codeOf(() => fs.rename(at('file'), at('empty')))).toBe('EISDIR')
      expect(codeOf(() => fs.rename(at('empty'), at('file')))).toBe('ENOTDIR')
      expect(['ENOTEMPTY', 'EEXIST']).toContain(codeOf(() => fs.rename(at('empty'), at('full'))))
      expect(codeOf(() => fs.rename(at('full'), at('full/below')))).toBe('EINVAL')
      fs.rename(at('full'), at('empty'))
      expect(readText(fs, at('empty/inside'))).toBe('y')
    })

    test('a second name is the same file, and replaces nothing', () => {
      writeFile(fs, at('one'), 'x')
      writeFile(fs, at('other'), 'y')
      fs.makeDirectory(at('directory'))
      fs.link(at('one'), at('two'))
      expect(fs.stat(at('two'))).toMatchObject({ ino: fs.stat(at('one'))?.ino ?? 0, links: 2 })
      expect(codeOf(() => fs.link(at('one'), at('other')))).toBe('EEXIST')
      expect(codeOf(() => fs.link(at('missing'), at('three')))).toBe('ENOENT')
      expect(codeOf(() => fs.link(at('directory'), at('three')))).toBe('EPERM')
      fs.rename(at('one'), at('two'))
      expect(namesIn(fs, harness.root)).toEqual(['directory', 'one', 'other', 'two'])
      fs.unlink(at('one'))
      expect(readText(fs, at('two'))).toBe('x')
      expect(fs.stat(at('two'))?.links).toBe(1)
    })

    test('a symlink is an object of its own', () => {
      writeFile(fs, at('file'), 'x')
      fs.makeSymlink('file', at('symlink'))
      expect(fs.readSymlink(at('symlink'))).toBe('file')
      expect(codeOf(() => fs.makeSymlink('else', at('symlink')))).toBe('EEXIST')
      fs.link(at('symlink'), at('second'))
      expect(fs.readSymlink(at('second'))).toBe('file')
      fs.unlink(at('symlink'))
      expect(readText(fs, at('file'))).toBe('x')
      expect(codeOf(() => fs.readSymlink(at('file')))).toBe('EINVAL')
    })

    test('symlinks on the way are followed', () => {
      fs.makeDirectory(at('real'))
      fs.makeSymlink('real', at('way'))
      writeFile(fs, at('way/file'), 'x')
      expect(readText(fs, at('real/file'))).toBe('x')
      expect(fs.stat(at('way'))?.kind).toBe('symlink')
    })

    test('nothing is where symlinks lead in a circle', () => {
      fs.makeSymlink('circle', at('circle'))
      expect(fs.stat(at('circle'))?.kind).toBe('symlink')
      expect(fs.stat(at('circle/below'))).toBeUndefined()
      expect(codeOf(() => fs.list(at('circle/below')))).toBe('ELOOP')
    })

    test('directories go when they are empty', () => {
      writeFile(fs, at('file'), 'x')
      fs.makeDirectory(at('directory'))
      writeFile(fs, at('directory/inside'), 'x')
      expect(codeOf(() => fs.makeDirectory(at('directory')))).toBe('EEXIST')
      expect(codeOf(() => fs.makeDirectory(at('file')))).toBe('EEXIST')
      expect(codeOf(() => fs.removeDirectory(at('directory')))).toBe('ENOTEMPTY')
      expect(codeOf(() => fs.removeDirectory(at('file')))).toBe('ENOTDIR')
      expect(['EISDIR', 'EPERM']).toContain(codeOf(() => fs.unlink(at('directory'))))
      expect(codeOf(() => fs.unlink(at('missing')))).toBe('ENOENT')
      fs.unlink(at('directory/inside'))
      fs.removeDirectory(at('directory'))
      expect(namesIn(fs, harness.root)).toEqual(['file'])
    })

    test('a listing has every name, whatever characters it has', () => {
      const names = ['plain', 'with space', 'ä€😀', 'really \uFFFD', '.hidden', 'line\nbreak']
      for (const name of names) writeFile(fs, at(name), name)
      expect(fs.list(harness.root).toSorted((left, right) => (left.name < right.name ? -1 : 1))).toEqual(
        names.toSorted().map((name) => ({ name, isText: true })),
      )
      expect(codeOf(() => fs.list(at('missing')))).toBe('ENOENT')
      expect(codeOf(() => fs.list(at('plain')))).toBe('ENOTDIR')
      expect(codeOf(() => fs.stat(at('n'.repeat(256))))).toBe('ENAMETOOLONG')
    })

    const times = [0, 1_700_000_000_123.456, 1_763_750_000_999.999, -1_500.25, 4_102_444_800_000]
    test.each(times)(
      'the time %d is kept to the microsecond, of files and of symlinks themselves',
      (time) => {
        writeFile(fs, at('file'), 'x')
        fs.makeSymlink('file', at('symlink'))
        const before = fs.stat(at('file'))
        fs.setTime(at('symlink'), time)
        expect(fs.stat(at('file'))).toEqual(before)
        expect(Math.abs((fs.stat(at('symlink'))?.mtimeMs ?? NaN) - time)).toBeLessThan(0.001)
        fs.setTime(at('file'), time)
        expect(Math.abs((fs.stat(at('file'))?.mtimeMs ?? NaN) - time)).toBeLessThan(0.001)
        expect(readText(fs, at('file'))).toBe('x')
      },
    )

    test('writing changes the times', () => {
      writeFile(fs, at('file'), 'x')
      fs.setTime(at('file'), 1_000_000)
      writeFile(fs, at('file'), 'y')
      expect(fs.stat(at('file'))?.mtimeMs).toBeGreaterThan(1_000_000)
    })

    test('the execute bit is set, cleared, and never through a symlink', () => {
      writeFile(fs, at('file'), 'x')
      fs.makeSymlink('file', at('symlink'))
      fs.setExec(at('file'), true)
      expect(fs.stat(at('file'))?.exec).toBe(true)
      fs.setExec(at('file'), false)
      expect(fs.stat(at('file'))?.exec).toBe(false)
      expect(codeOf(() => fs.setExec(at('symlink'), true))).toBe('ELOOP')
    })

    test('directories are synced, and there is room', () => {
      fs.syncDirectory(harness.root)
      expect(codeOf(() => fs.syncDirectory(at('missing')))).toBe('ENOENT')
      expect(fs.free(harness.root)).toBeGreaterThan(0)
    })
  })
}
