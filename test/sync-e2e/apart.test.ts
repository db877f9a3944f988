import { mkdirSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { move, read, saveAtomically, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'
import type { TreeSnapshot } from './support/tree-snapshot.ts'

/** Everything that is done apart is done in one absence, each case in a directory of its own. */
describe('two devices that worked apart', () => {
  let pair: Pair
  let tree: TreeSnapshot

  beforeAll(async () => {
    pair = await Pair.start({ prepare: before })
    await pair.converge((found) => 'cycle/b/2' in found)
    await pair.apart(() => {
      byAnn(pair.annRoot)
      byBob(pair.bobRoot)
    })
    tree = await pair.converge((found) => 'marks/ann' in found && 'marks/bob' in found)
  })

  afterAll(() => pair.dispose())

  it('have one file where both edited it, with both versions', async () => {
    expect(under('edits')).toEqual(['atomic.txt', 'place.txt'])
    for (const name of ['place.txt', 'atomic.txt']) {
      const path = join(pair.annRoot, 'edits', name)
      const { json } = await pair.ann.cli('log', path, '--json')
      const versions = json as {
        version: string
        deviceName: string
        concurrent: boolean
        current: boolean
      }[]
      expect(versions.map(({ concurrent, current }) => ({ concurrent, current }))).toEqual([
        { concurrent: true, current: true },
        { concurrent: true, current: false },
        { concurrent: false, current: false },
      ])
      expect(
        versions
          .map(({ deviceName }) => deviceName)
          .slice(0, 2)
          .toSorted(),
      ).toEqual(['ann', 'bob'])
      const theirs = await pair.bob.api.call('log', { path: join(pair.bobRoot, 'edits', name) })
      expect(theirs).toEqual(versions)
      for (const [index, { version, deviceName }] of versions.entries()) {
        const to = join(pair.place, `${name}-${index}`)
        const restored = await pair.bob.api.call('restore', {
          path: join(pair.bobRoot, 'edits', name),
          version,
          to,
        })
        expect(restored.version).toBe(version)
        expect(read(pair.place, `${name}-${index}`)).toBe(index === 2 ? 'before' : `by ${deviceName}`)
      }
    }
  })

  it('resolve it by the next save', async () => {
    write(pair.annRoot, 'edits/place.txt', 'both together')
    await pair.settle()
    const versions = await pair.bob.api.call('log', { path: join(pair.bobRoot, 'edits/place.txt') })
    expect(versions.map(({ concurrent }) => concurrent)).toEqual([false, false, false, false])
  })

  it('bring the other version back by a restore, as a new version', async () => {
    const path = join(pair.annRoot, 'edits/atomic.txt')
    const [, other] = await pair.ann.api.call('log', { path })
    const { code, json } = await pair.ann.cli(
      'restore',
      path,
      '--version',
      other!.version.slice(0, 12),
      '--json',
    )
    expect(code).toBe(0)
    await pair.converge(() => read(pair.bobRoot, 'edits/atomic.txt') === `by ${other!.deviceName}`)
    const [newest] = await pair.bob.api.call('log', { path: join(pair.bobRoot, 'edits/atomic.txt') })
    expect(newest).toMatchObject({ concurrent: false, current: true, deviceName: 'ann' })
    expect(json).toEqual({ path, version: newest?.version, size: 6 })
  })

  it('agree on one place for what both moved', () => {
    expect(under('moves')).toHaveLength(3)
    const places = under('moves').filter((path) => path.endsWith('it.txt'))
    expect(places).toHaveLength(1)
  })

  it('lose nothing when each moved a directory into the other', () => {
    const paths = under('cycle')
    expect(paths.filter((path) => path.endsWith('/1') || path.endsWith('/2'))).toHaveLength(2)
    expect(paths).toHaveLength(4)
  })

  it('keep an edit against a deletion, and what is new in a deleted directory', () => {
    expect(under('deletes')).toEqual(['directory', 'directory/new.txt', 'edited.txt'])
    expect(read(pair.annRoot, 'deletes/edited.txt')).toBe('edited by bob')
  })

  it('keep what was moved out of a deleted directory', () => {
    expect(under('rescue')).toEqual(['safe.txt'])
  })

  it('have one file where both made one of that name', async () => {
    expect(under('creations').filter((path) => path.startsWith('file'))).toEqual(['file.txt'])
    const versions = await pair.ann.api.call('log', { path: join(pair.annRoot, 'creations/file.txt') })
    expect(versions.map(({ size, concurrent }) => `${size} ${concurrent}`).toSorted()).toEqual([
      '2 true',
      '5 true',
    ])
  })

  it('have one directory with all that is in both of that name', () => {
    expect(under('creations').filter((path) => path.startsWith('both'))).toEqual([
      'both',
      'both/ann.txt',
      'both/bob.txt',
      'both/same.txt',
    ])
  })

  it('show a file beside a directory of its name as name~2', () => {
    const paths = under('creations').filter((path) => path.startsWith('mixed'))
    expect(paths).toEqual(['mixed', 'mixed/inside.txt', 'mixed~2'])
    expect(read(pair.annRoot, 'creations/mixed~2')).toBe('a file')
  })

  it('have what was made alike on both once', async () => {
    const versions = await pair.ann.api.call('log', { path: join(pair.annRoot, 'creations/both/same.txt') })
    expect(tree['creations/both/same.txt']).toMatch(/^file 4 /)
    expect(new Set(versions.map(({ size }) => size))).toEqual(new Set([4]))
  })

  it('agree in log, tree and disk, on both sides', async () => {
    await pair.settle()
    const [[ann], [bob]] = (await Promise.all(
      [pair.ann, pair.bob].map((device) => device.api.call('audit', { folder: folderName })),
    )) as [Awaited<ReturnType<typeof audits>>, Awaited<ReturnType<typeof audits>>]
    expect(ann?.findings).toEqual([])
    expect(bob?.findings).toEqual([])
    expect(bob?.entries).toBe(ann?.entries)
  })

  function under(directory: string): string[] {
    return Object.keys(tree)
      .filter((path) => path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1))
  }

  const audits = () => pair.ann.api.call('audit', {})
})

function before(root: string): void {
  write(root, 'edits/place.txt', 'before')
  write(root, 'edits/atomic.txt', 'before')
  write(root, 'moves/from/it.txt', 'moved by both')
  write(root, 'cycle/a/1', 'one')
  write(root, 'cycle/b/2', 'two')
  write(root, 'deletes/edited.txt', 'to be deleted, or edited')
  write(root, 'deletes/gone.txt', 'to be deleted')
  write(root, 'deletes/directory/old.txt', 'to be deleted')
  write(root, 'rescue/sinking/safe.txt', 'to be saved')
  mkdirSync(join(root, 'creations'))
}

function byAnn(root: string): void {
  write(root, 'edits/place.txt', 'by ann')
  saveAtomically(root, 'edits/atomic.txt', 'by ann')
  mkdirSync(join(root, 'moves/to ann'))
  move(root, 'moves/from/it.txt', 'moves/to ann/it.txt')
  rmSync(join(root, 'moves/from'), { recursive: true })
  move(root, 'cycle/a', 'cycle/b/a')
  unlinkSync(join(root, 'deletes/edited.txt'))
  unlinkSync(join(root, 'deletes/gone.txt'))
  rmSync(join(root, 'deletes/directory'), { recursive: true })
  rmSync(join(root, 'rescue/sinking'), { recursive: true })
  write(root, 'creations/file.txt', 'a1')
  write(root, 'creations/both/ann.txt', 'ann')
  write(root, 'creations/both/same.txt', 'same')
  write(root, 'creations/mixed', 'a file')
  write(root, 'marks/ann', '')
}

function byBob(root: string): void {
  write(root, 'edits/place.txt', 'by bob')
  saveAtomically(root, 'edits/atomic.txt', 'by bob')
  mkdirSync(join(root, 'moves/to bob'))
  move(root, 'moves/from/it.txt', 'moves/to bob/it.txt')
  move(root, 'cycle/b', 'cycle/a/b')
  write(root, 'deletes/edited.txt', 'edited by bob')
  write(root, 'deletes/directory/new.txt', 'unseen by ann')
  move(root, 'rescue/sinking/safe.txt', 'rescue/safe.txt')
  write(root, 'creations/file.txt', 'bobs1')
  write(root, 'creations/both/bob.txt', 'bob')
  write(root, 'creations/both/same.txt', 'same')
  write(root, 'creations/mixed/inside.txt', 'a directory')
  write(root, 'marks/bob', '')
}
