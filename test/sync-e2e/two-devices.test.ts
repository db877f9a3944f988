import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderName, Pair } from './support/pair.ts'

describe('two devices that are always on', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({
      prepare(annRoot) {
        mkdirSync(join(annRoot, 'music', 'album'), { recursive: true })
        mkdirSync(join(annRoot, 'nothing in it'))
        writeFileSync(join(annRoot, 'empty'), '')
        writeFileSync(join(annRoot, 'run.sh'), '#!/bin/sh\n')
        chmodSync(join(annRoot, 'run.sh'), 0o755)
        writeFileSync(join(annRoot, 'old.txt'), 'from long ago')
        utimesSync(join(annRoot, 'old.txt'), 86_400, 86_400.123456)
        for (let number = 0; number < 50; number++) {
          writeFileSync(join(annRoot, 'music', 'album', `${number}.txt`), `song ${number}`)
        }
        writeFileSync(join(annRoot, 'large.bin'), pseudoRandom(5 * 1024 * 1024))
        symlinkSync('music/album/1.txt', join(annRoot, 'favourite'))
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
    expect(tree['old.txt']).toMatch(/ - 86400123\.456$/)
    expect(tree['favourite']).toBe('symlink to music/album/1.txt')
    const { files, bytes, needFiles, needBytes, etaSeconds } = await pair.bob.folder(folderName)
    expect({ files, needFiles, needBytes, etaSeconds }).toEqual({ files: 54, needFiles: 0, needBytes: 0, etaSeconds: 0 })
    expect(bytes).toBeGreaterThan(5 * 1024 * 1024)
  })

  it('carries edits both ways', async () => {
    writeFileSync(join(pair.annRoot, 'by-ann.txt'), 'ann')
    writeFileSync(join(pair.bobRoot, 'by-bob.txt'), 'bob')
    await pair.converge((tree) => 'by-ann.txt' in tree && 'by-bob.txt' in tree)
    writeFileSync(join(pair.bobRoot, 'by-ann.txt'), 'ann, and bob')
    rmSync(join(pair.annRoot, 'by-bob.txt'))
    await pair.converge((tree) => !('by-bob.txt' in tree) && (tree['by-ann.txt'] ?? '').startsWith('file 12 '))
    expect(readFileSync(join(pair.annRoot, 'by-ann.txt'), 'utf8')).toBe('ann, and bob')
  })
})

function pseudoRandom(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}
void renameSync
