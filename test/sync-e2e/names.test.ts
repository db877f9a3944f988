import { mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { move, read, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'

const composed = 'caf\u00e9'
const decomposed = 'cafe\u0301'

describe('names', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({ prepare: (root) => write(root, 'a.txt', 'a') })
    await pair.converge((tree) => 'a.txt' in tree)
  })

  afterAll(() => pair.dispose())

  it('of every kind that a disk takes arrive as they are', async () => {
    const names = [
      ' leading and trailing ',
      '-rf',
      '~',
      'name~2',
      '...',
      'con',
      'a:b|c?*"<>\\d',
      'new\nline',
      '日本語 🎵',
      'x'.repeat(255),
      `${'é'.repeat(127)}x`,
    ]
    for (const name of names) write(pair.annRoot, join('odd', name), name)
    await pair.converge((tree) => names.every((name) => join('odd', name) in tree))
    expect(readdirSync(join(pair.bobRoot, 'odd')).toSorted()).toEqual(names.toSorted())
  })

  it('that differ in case are two where the disk can hold two', async () => {
    write(pair.annRoot, 'case/readme', 'small')
    write(pair.bobRoot, 'case/README', 'large')
    await pair.converge((tree) => 'case/readme' in tree && 'case/README' in tree)
    move(pair.annRoot, 'case/readme', 'case/Readme')
    const tree = await pair.converge((found) => 'case/Readme' in found && !('case/readme' in found))
    expect(Object.keys(tree)).toEqual(expect.arrayContaining(['case/README', 'case/Readme']))
  })

  it('that differ in how accents are encoded are one: a second one beside it is reported and left alone', async () => {
    mkdirSync(join(pair.annRoot, 'forms'))
    writeFileSync(join(pair.annRoot, 'forms', composed), 'first')
    await pair.converge((tree) => `forms/${composed}` in tree)
    writeFileSync(join(pair.annRoot, 'forms', decomposed), 'second')
    await pair.ann.untilError(folderName, 'FOLDER_BAD_NAME')
    expect(readdirSync(join(pair.bobRoot, 'forms'))).toEqual([composed])
    expect(read(pair.annRoot, `forms/${decomposed}`)).toBe('second')
    unlinkSync(join(pair.annRoot, 'forms', decomposed))
    await pair.ann.until(folderName, 'no errors', ({ errors }) => errors.length === 0)
  })

  it('in the other encoding alone are synced', async () => {
    writeFileSync(join(pair.bobRoot, `${decomposed}.txt`), 'by bob')
    await expect.poll(() => readdirSync(pair.annRoot), { timeout: 30_000 }).toContain(`${composed}.txt`)
    write(pair.annRoot, `${composed}.txt`, 'changed by ann')
    // A disk may have either spelling, and has one of the two.
    const theirs = () =>
      readdirSync(pair.bobRoot)
        .filter((name) => name.normalize('NFC') === `${composed}.txt`)
        .map((name) => deepRead(pair.bobRoot, name))
    await expect.poll(theirs, { timeout: 30_000 }).toEqual(['changed by ann'])
  })

  it('that are no text are reported, and everything else goes on', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${pair.bobRoot}/`), Buffer.of(0xff, 0xfe)]), 'no UTF-8')
    await pair.bob.untilError(folderName, 'FOLDER_BAD_NAME')
    write(pair.bobRoot, 'after.txt', 'after')
    await expect.poll(() => readdirSync(pair.annRoot), { timeout: 30_000 }).toContain('after.txt')
    unlinkSync(Buffer.concat([Buffer.from(`${pair.bobRoot}/`), Buffer.of(0xff, 0xfe)]))
  })

  it('of deep directories arrive', async () => {
    const path = `${Array.from({ length: 40 }, (_, depth) => `level ${depth} ${'y'.repeat(60)}`).join('/')}/leaf`
    write(pair.annRoot, path, 'deep')
    await expect.poll(() => deepRead(pair.bobRoot, path), { timeout: 30_000 }).toBe('deep')
  })
})

function deepRead(root: string, path: string): string | undefined {
  try {
    return read(root, path)
  } catch {
    return undefined
  }
}
