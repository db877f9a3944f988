import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noise, read, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'
import { asNobody, giveToNobody, makeForNobody, remount, withDiskAt } from './support/privileges.ts'
import { snapshot } from './support/tree-snapshot.ts'

const mib = 1024 * 1024
const patient = { timeout: 40_000 }

describe('a folder that needs a person', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({
      prepare(root) {
        for (let number = 0; number < 30; number++) write(root, `photos/${number}.jpg`, `photo ${number}`)
        write(root, 'notes.txt', 'notes')
      },
    })
    await pair.converge((tree) => 'photos/29.jpg' in tree && 'notes.txt' in tree)
  })

  afterAll(() => pair.dispose())

  it('is blocked when very many files are gone, and tells nobody', async () => {
    renameSync(join(pair.annRoot, 'photos'), join(pair.place, 'photos'))
    const blocked = await pair.ann.until(folderName, 'blocked', ({ state }) => state === 'blocked')
    expect(blocked.errors).toMatchObject([{ code: 'FOLDER_MASS_DELETION', path: '' }])
    expect(Object.keys(snapshot(pair.bobRoot))).toHaveLength(32)
  })

  it('goes on when the files are back', async () => {
    renameSync(join(pair.place, 'photos'), join(pair.annRoot, 'photos'))
    expect((await pair.ann.cli('folder', 'resume', folderName, '--json')).code).toBe(0)
    write(pair.annRoot, 'mark.txt', 'resumed')
    const tree = await pair.converge((found) => 'mark.txt' in found)
    expect(Object.keys(tree)).toHaveLength(33)
  })

  it('tells the deletion when it was meant', async () => {
    rmSync(join(pair.annRoot, 'photos'), { recursive: true })
    await pair.ann.until(folderName, 'blocked', ({ state }) => state === 'blocked')
    const resumed = await pair.ann.cli('folder', 'resume', folderName, '--accept-deletions', '--json')
    expect(resumed.code).toBe(0)
    await pair.converge((tree) => !('photos' in tree))
    const deleted = await pair.bob.api.call('deleted', { folder: folderName })
    expect(deleted).toMatchObject([{ path: 'photos', kind: 'directory' }])
  })

  it('reads nothing as deleted while its disk is missing, and goes on by itself', async () => {
    renameSync(pair.annRoot, `${pair.annRoot} away`)
    mkdirSync(pair.annRoot)
    await pair.ann.api.call('resume', { folder: folderName })
    await pair.ann.untilError(folderName, 'FOLDER_DISK_MISSING', '')
    expect((await pair.ann.folder(folderName)).state).toBe('blocked')
    expect(existsSync(join(pair.annRoot, '.harp'))).toBe(false)
    expect(read(pair.bobRoot, 'notes.txt')).toBe('notes')
    rmSync(pair.annRoot, { recursive: true })
    renameSync(`${pair.annRoot} away`, pair.annRoot)
    write(pair.annRoot, 'back.txt', 'the disk is back')
    const tree = await pair.converge((found) => 'back.txt' in found)
    expect(Object.keys(tree)).toEqual(['back.txt', 'mark.txt', 'notes.txt'])
  })
})

describe('a daemon without rights', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({
      bob: { wrap: asNobody },
      prepare(annRoot, bobRoot) {
        write(annRoot, 'd/a.txt', 'a')
        makeForNobody(join(bobRoot, '..'))
        makeForNobody(bobRoot)
      },
    })
    await pair.converge((tree) => 'd/a.txt' in tree)
  })

  afterAll(() => pair.dispose())

  it('names a file that it may not read, and takes it in when it may', async () => {
    write(pair.bobRoot, 'secret.txt', 'of root')
    chmodSync(join(pair.bobRoot, 'secret.txt'), 0o600)
    await pair.bob.untilError(folderName, 'FOLDER_FILE_UNREADABLE', 'secret.txt')
    expect(snapshot(pair.annRoot)['secret.txt']).toBeUndefined()
    giveToNobody(join(pair.bobRoot, 'secret.txt'))
    await expect.poll(() => 'secret.txt' in snapshot(pair.annRoot), patient).toBe(true)
    await pair.bob.until(folderName, 'no error', ({ errors }) => errors.length === 0)
  })

  it('does not take what is in a directory that it may not read for deleted', async () => {
    chmodSync(join(pair.bobRoot, 'd'), 0o000)
    write(pair.bobRoot, 'after.txt', 'x')
    giveToNobody(join(pair.bobRoot, 'after.txt'))
    await pair.bob.scanned(folderName)
    await expect.poll(() => 'after.txt' in snapshot(pair.annRoot), patient).toBe(true)
    await pair.bob.untilError(folderName, 'FOLDER_FILE_UNREADABLE', 'd')
    expect(read(pair.annRoot, 'd/a.txt')).toBe('a')
    chmodSync(join(pair.bobRoot, 'd'), 0o755)
    await pair.bob.scanned(folderName)
    await pair.bob.until(folderName, 'no error', ({ errors }) => errors.length === 0)
  })

  it('says where it may not write, and writes when it may', async () => {
    chmodSync(join(pair.bobRoot, 'd'), 0o555)
    write(pair.annRoot, 'd/new.txt', 'for d')
    write(pair.annRoot, 'elsewhere.txt', 'for the rest')
    const status = await pair.bob.until(folderName, 'an error', ({ errors }) => errors.length > 0)
    expect(status.errors[0]).toMatchObject({
      code: expect.stringMatching(/^FOLDER_(CANNOT_WRITE|DISK_FAULT)$/) as unknown,
      path: 'd/new.txt',
    })
    await expect.poll(() => 'elsewhere.txt' in snapshot(pair.bobRoot), patient).toBe(true)
    chmodSync(join(pair.bobRoot, 'd'), 0o755)
    const tree = await pair.converge((found) => 'd/new.txt' in found, 80_000)
    expect(tree['d/new.txt']).toMatch(/^file 5 /)
    await pair.bob.until(folderName, 'no error', ({ errors }) => errors.length === 0)
  })
})

describe('a disk of few megabytes', () => {
  let pair: Pair
  let bobDisk: string

  beforeAll(async () => {
    pair = await Pair.start({
      bob: (bobRoot) => ({ wrap: withDiskAt(bobRoot, '8m') }),
      prepare: (annRoot) => write(annRoot, 'small.txt', 'small'),
    })
    // As the daemon sees it.
    bobDisk = join('/proc', String(pair.bob.pid), 'root', pair.bobRoot)
    await pair.bob.until(folderName, 'one file', ({ files, state }) => files === 1 && state === 'idle')
  })

  afterAll(() => pair.dispose())

  it('that is full is reported, what fits still comes', async () => {
    write(pair.annRoot, 'large.bin', noise(20 * mib))
    await pair.bob.untilError(folderName, 'FOLDER_DISK_FULL')
    write(pair.annRoot, 'also small.txt', 'fits')
    await expect.poll(() => 'also small.txt' in snapshot(bobDisk), patient).toBe(true)
    expect(snapshot(bobDisk)['large.bin']).toBeUndefined()
  })

  it('that has room again gets the rest by itself', async () => {
    remount(pair.bob.pid, pair.bobRoot, 'size=200m')
    await expect.poll(() => snapshot(bobDisk)['large.bin'], patient).toBe(snapshot(pair.annRoot)['large.bin'])
    await pair.bob.until(folderName, 'no error', ({ errors }) => errors.length === 0)
  })

  it('that is read-only is reported, and written to when it is not', async () => {
    remount(pair.bob.pid, pair.bobRoot, 'ro')
    write(pair.annRoot, 'while read-only.txt', 'waits')
    await pair.bob.until(folderName, 'an error', ({ errors }) => errors.length > 0)
    remount(pair.bob.pid, pair.bobRoot, 'rw')
    await expect.poll(() => 'while read-only.txt' in snapshot(bobDisk), { timeout: 80_000 }).toBe(true)
    await pair.bob.until(folderName, 'no error', ({ errors }) => errors.length === 0)
  })
})

describe('a clock that is 10 minutes ahead', () => {
  let pair: Pair

  beforeAll(async () => {
    const ahead = 'const{now}=Date;Date.now=()=>now.call(Date)+600000'
    pair = await Pair.start({
      bob: { environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}` } },
      prepare: (root) => write(root, 'a.txt', 'a'),
    })
    await pair.bob.until(folderName, 'one file', ({ files }) => files === 1)
  })

  afterAll(() => pair.dispose())

  it('is named, its changes wait, and those of the others do not', async () => {
    write(pair.bobRoot, 'from the future.txt', 'x')
    const { message } = await pair.ann.untilError(folderName, 'FOLDER_CLOCK_AHEAD')
    expect(message).toContain('5 minutes')
    write(pair.annRoot, 'now.txt', 'by ann')
    await expect.poll(() => 'now.txt' in snapshot(pair.bobRoot), patient).toBe(true)
    expect(snapshot(pair.annRoot)['from the future.txt']).toBeUndefined()
  })
})
