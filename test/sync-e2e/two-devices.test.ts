import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { append, move, noise, read, saveAtomically, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'

const mib = 1024 * 1024

describe('two devices that are always on', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({
      prepare(root) {
        mkdirSync(join(root, 'nothing in it'))
        write(root, 'empty', '')
        write(root, 'run.sh', '#!/bin/sh\n')
        chmodSync(join(root, 'run.sh'), 0o755)
        write(root, 'old.txt', 'from long ago')
        utimesSync(join(root, 'old.txt'), 86_400, 86_400.123456)
        for (let number = 0; number < 50; number++) write(root, `music/album/${number}.txt`, `song ${number}`)
        write(root, 'large.bin', noise(5 * mib))
        symlinkSync('music/album/1.txt', join(root, 'favourite'))
      },
    })
  })

  afterAll(() => pair.dispose())

  it('brings everything to the other: contents, empty things, times, exec bits, symlinks', async () => {
    const tree = await pair.converge((found) => 'large.bin' in found)
    expect(Object.keys(tree)).toHaveLength(50 + 8)
    expect(tree['empty']).toMatch(/^file 0 /)
    expect(tree['nothing in it']).toBe('directory')
    expect(tree['run.sh']).toMatch(/ x /)
    expect(tree['old.txt']).toMatch(/ - 86400123$/)
    expect(statSync(join(pair.bobRoot, 'old.txt')).mtimeMs).toBeCloseTo(86_400_123.456, 2)
    expect(tree['favourite']).toBe('symlink to music/album/1.txt')
    const { files, bytes, needFiles, etaSeconds } = await pair.bob.folder(folderName)
    expect({ files, needFiles, etaSeconds }).toEqual({ files: 55, needFiles: 0, etaSeconds: 0 })
    expect(bytes).toBeGreaterThan(5 * mib)
    expect(statSync(join(pair.bobRoot, '.harp')).mode & 0o777).toBe(0o700)
  })

  it('carries edits both ways', async () => {
    write(pair.annRoot, 'by-ann.txt', 'ann')
    write(pair.bobRoot, 'by-bob.txt', 'bob')
    await pair.converge((tree) => 'by-ann.txt' in tree && 'by-bob.txt' in tree)
    write(pair.bobRoot, 'by-ann.txt', 'ann, and bob')
    rmSync(join(pair.annRoot, 'by-bob.txt'))
    await pair.converge(
      (tree) => !('by-bob.txt' in tree) && tree['by-ann.txt']?.startsWith('file 12 ') === true,
    )
    expect(read(pair.annRoot, 'by-ann.txt')).toBe('ann, and bob')
    const versions = await pair.ann.api.call('log', { path: join(pair.annRoot, 'by-ann.txt') })
    expect(versions.map(({ deviceName, concurrent }) => `${deviceName} ${concurrent}`)).toEqual([
      'bob false',
      'ann false',
    ])
  })

  it('takes atomic saves for new versions of the same file', async () => {
    write(pair.annRoot, 'essay.txt', 'one')
    await pair.converge((tree) => 'essay.txt' in tree)
    saveAtomically(pair.annRoot, 'essay.txt', 'two, longer')
    await pair.converge((tree) => tree['essay.txt']?.startsWith('file 11 ') === true)
    saveAtomically(pair.bobRoot, 'essay.txt', 'three, longer still')
    const tree = await pair.converge((found) => found['essay.txt']?.startsWith('file 19 ') === true)
    expect(Object.keys(tree).filter((path) => path.startsWith('essay'))).toEqual(['essay.txt'])
    const versions = await pair.bob.api.call('log', { path: join(pair.bobRoot, 'essay.txt') })
    expect(versions.map(({ size }) => size)).toEqual([19, 11, 3])
  })

  it('sends a change in the middle of a large file, made in place', async () => {
    const file = openSync(join(pair.bobRoot, 'large.bin'), 'r+')
    writeSync(file, 'changed here', 3 * mib)
    closeSync(file)
    await pair.settle()
    expect(read(pair.annRoot, 'large.bin')).toContain('changed here')
    expect(statSync(join(pair.annRoot, 'large.bin')).size).toBe(5 * mib)
  })

  it('comes to rest with the whole of a file that grows while it is read', async () => {
    for (let line = 0; line < 60; line++) {
      append(pair.annRoot, 'server.log', `${line} ${'x'.repeat(1_000)}\n`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    append(pair.annRoot, 'server.log', 'last line\n')
    await pair.settle()
    const text = read(pair.bobRoot, 'server.log')
    expect(text).toBe(read(pair.annRoot, 'server.log'))
    expect(text.endsWith('last line\n')).toBe(true)
  })

  it('passes on the exec bit and the time alone', async () => {
    chmodSync(join(pair.bobRoot, 'run.sh'), 0o644)
    utimesSync(join(pair.bobRoot, 'old.txt'), 172_800, 172_800.654321)
    const tree = await pair.converge((found) => found['run.sh']?.includes(' - ') === true)
    expect(tree['old.txt']).toMatch(/ 172800654$/)
    expect(statSync(join(pair.annRoot, 'old.txt')).mtimeMs).toBeCloseTo(172_800_654.321, 2)
    const versions = await pair.ann.api.call('log', { path: join(pair.annRoot, 'old.txt') })
    expect(versions).toHaveLength(1)
  })

  it('tells the rename of a directory by one operation, and moves no content', async () => {
    const before = await entries(pair)
    move(pair.annRoot, 'music/album', 'music/the album')
    await pair.converge((tree) => 'music/the album/49.txt' in tree && !('music/album' in tree))
    expect(await entries(pair)).toBe(before + 1)
  })

  it('swaps two files and two directories', async () => {
    write(pair.annRoot, 'swap/left/l.txt', 'left')
    write(pair.annRoot, 'swap/right/r.txt', 'right')
    write(pair.annRoot, 'swap/a.txt', 'aaa')
    write(pair.annRoot, 'swap/b.txt', 'bbbbb')
    await pair.converge((tree) => 'swap/b.txt' in tree)
    for (const [one, other] of [
      ['left', 'right'],
      ['a.txt', 'b.txt'],
    ] as const) {
      move(pair.bobRoot, `swap/${one}`, 'swap/aside')
      move(pair.bobRoot, `swap/${other}`, `swap/${one}`)
      move(pair.bobRoot, 'swap/aside', `swap/${other}`)
    }
    await pair.converge(
      (tree) => 'swap/left/r.txt' in tree && tree['swap/a.txt']?.startsWith('file 5') === true,
    )
    expect(read(pair.annRoot, 'swap/b.txt')).toBe('aaa')
  })

  it('replaces a file by a directory and a directory by a file', async () => {
    write(pair.annRoot, 'kind/was-file', 'x')
    write(pair.annRoot, 'kind/was-directory/y', 'y')
    await pair.converge((tree) => 'kind/was-directory/y' in tree)
    unlinkSync(join(pair.annRoot, 'kind/was-file'))
    write(pair.annRoot, 'kind/was-file/inside', 'x')
    rmSync(join(pair.annRoot, 'kind/was-directory'), { recursive: true })
    write(pair.annRoot, 'kind/was-directory', 'y')
    const tree = await pair.settle()
    expect(tree['kind/was-file/inside']).toMatch(/^file 1 /)
    expect(tree['kind/was-directory']).toMatch(/^file 1 /)
  })

  it('keeps symlinks as they are, and makes none that lead out of the folder', async () => {
    symlinkSync('../old.txt', join(pair.annRoot, 'music', 'inside'))
    symlinkSync('nowhere', join(pair.annRoot, 'dangling'))
    symlinkSync('/etc/passwd', join(pair.annRoot, 'absolute'))
    symlinkSync('../../secret', join(pair.annRoot, 'escaping'))
    await pair.bob.untilError(folderName, 'FOLDER_SYMLINK_OUTSIDE', 'absolute')
    await pair.bob.untilError(folderName, 'FOLDER_SYMLINK_OUTSIDE', 'escaping')
    for (const path of ['absolute', 'escaping']) unlinkSync(join(pair.annRoot, path))
    const tree = await pair.settle()
    expect(tree['music/inside']).toBe('symlink to ../old.txt')
    const { errors } = await pair.bob.folder(folderName)
    expect(errors).toEqual([])
  })

  it('leaves alone what .harpignore names', async () => {
    write(pair.annRoot, '.harpignore', 'build/\n*.tmp\n')
    await pair.converge((tree) => '.harpignore' in tree)
    write(pair.annRoot, 'build/out.o', 'object')
    write(pair.annRoot, 'x.tmp', 'temporary')
    write(pair.annRoot, 'x.txt', 'text')
    await pair.ann.scanned(folderName)
    await pair.bob.until(folderName, 'x.txt', ({ files }) => files > 0)
    await pair.ann.untilIdle(folderName)
    await expect.poll(() => safeRead(pair.bobRoot, 'x.txt')).toBe('text')
    expect(safeRead(pair.bobRoot, 'x.tmp')).toBeUndefined()
    expect(safeRead(pair.bobRoot, 'build/out.o')).toBeUndefined()
    rmSync(join(pair.annRoot, 'build'), { recursive: true })
    unlinkSync(join(pair.annRoot, 'x.tmp'))
    await pair.converge()
  })

  it('holds still while a folder is paused, on either side', async () => {
    const paused = await pair.bob.api.call('pause', { folder: folderName })
    expect(paused.state).toBe('paused')
    write(pair.annRoot, 'during.txt', 'the pause')
    write(pair.bobRoot, 'bob-during.txt', 'the pause')
    await pair.ann.scanned(folderName)
    expect((await pair.bob.folder(folderName)).state).toBe('paused')
    expect(safeRead(pair.bobRoot, 'during.txt')).toBeUndefined()
    expect(safeRead(pair.annRoot, 'bob-during.txt')).toBeUndefined()
    await pair.bob.api.call('resume', { folder: folderName })
    await pair.converge((tree) => 'during.txt' in tree && 'bob-during.txt' in tree)
  })

  it('finds nothing wrong in the end', async () => {
    for (const device of [pair.ann, pair.bob]) {
      const [audit] = await device.api.call('audit', { folder: folderName })
      expect(audit?.findings).toEqual([])
    }
  })
})

async function entries(pair: Pair): Promise<number> {
  const [audit] = await pair.ann.api.call('audit', { folder: folderName })
  return audit?.entries ?? -1
}

function safeRead(root: string, path: string): string | undefined {
  try {
    return read(root, path)
  } catch {
    return undefined
  }
}
