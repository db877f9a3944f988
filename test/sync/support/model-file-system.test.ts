import { beforeEach, describe, expect, test } from 'vitest'
import { namesIn, readFile, readText, treeOf, writeFile } from './disk-files.ts'
import { fileSystemCompliance } from './file-system-compliance.ts'
import { ModelFileSystem } from './model-file-system.ts'

const harness = (fs: ModelFileSystem) => {
  fs.makeDirectory('/root')
  return { fs, root: '/root', close: () => fs.kill() }
}
fileSystemCompliance('the model', () => harness(new ModelFileSystem()))

describe('a loss of power on the model', () => {
  let fs: ModelFileSystem
  beforeEach(() => {
    fs = new ModelFileSystem()
  })
  const outcomes = (look: (after: ModelFileSystem) => unknown) =>
    new Set(Array.from({ length: 200 }, (_, seed) => JSON.stringify(look(fs.crash(seed)))))

  test('what was settled is there, and the model itself is not changed by looking', () => {
    writeFile(fs, '/file', 'whole')
    fs.settle()
    expect(outcomes((after) => treeOf(after, ''))).toEqual(new Set(['{"/file":"whole"}']))
    expect(readText(fs, '/file')).toBe('whole')
  })

  test('content that was not synced is old, new, cut, or zeros; with a sync it is new', () => {
    writeFile(fs, '/file', new Uint8Array(10_000).fill(1))
    fs.settle()
    writeFile(fs, '/file', new Uint8Array(10_000).fill(2))
    const blocks = (after: ModelFileSystem) => {
      const bytes = readFile(after, '/file')
      return [bytes[0], bytes[5000], bytes[9000], bytes.length]
    }
    const seen = outcomes(blocks)
    for (const expected of ['[1,1,1,10000]', '[2,2,2,10000]', '[1,2,1,10000]', '[2,1,2,10000]']) {
      expect(seen).toContain(expected)
    }
    const file = fs.open('/file', 'update')
    fs.sync(file)
    expect(outcomes(blocks)).toEqual(new Set(['[2,2,2,10000]']))
  })

  test('a new file may be there without its content', () => {
    writeFile(fs, '/file', 'content')
    fs.syncDirectory('/')
    expect(outcomes((after) => readText(after, '/file'))).toEqual(
      new Set(['"content"', '""', JSON.stringify('\0'.repeat(7))]),
    )
  })

  test('a rename is whole or lost', () => {
    fs.makeDirectory('/from')
    fs.makeDirectory('/to')
    writeFile(fs, '/from/file', 'new')
    writeFile(fs, '/to/file', 'old')
    fs.settle()
    fs.rename('/from/file', '/to/file')
    expect(outcomes((after) => treeOf(after, ''))).toEqual(
      new Set([
        '{"/from":"dir","/from/file":"new","/to":"dir","/to/file":"old"}',
        '{"/from":"dir","/to":"dir","/to/file":"new"}',
      ]),
    )
    fs.syncDirectory('/to')
    expect(outcomes((after) => namesIn(after, '/from'))).toEqual(new Set(['[]']))
  })

  test('names are lost in any choice, but each has its history', () => {
    writeFile(fs, '/one', '')
    writeFile(fs, '/two', '')
    fs.rename('/one', '/three')
    const seen = outcomes((after) => namesIn(after, '/'))
    expect(seen).toEqual(
      new Set(['[]', '["one"]', '["two"]', '["one","two"]', '["three"]', '["three","two"]']),
    )
  })

  test('what was moved out of a directory that went is somewhere', () => {
    fs.makeDirectory('/directory')
    writeFile(fs, '/directory/file', 'x')
    fs.settle()
    fs.rename('/directory/file', '/file')
    fs.removeDirectory('/directory')
    const seen = outcomes((after) => Object.keys(treeOf(after, '')).filter((path) => path.endsWith('file')))
    expect(seen).toEqual(new Set(['["/file"]', '["/directory/file"]']))
  })

  test('the end of the process alone loses nothing', () => {
    writeFile(fs, '/file', 'x')
    const file = fs.open('/file', 'read')
    fs.kill()
    expect(readText(fs, '/file')).toBe('x')
    expect(() => fs.statFile(file)).toThrow(/EBADF/)
  })
})

describe('faults of the model', () => {
  test('a full disk takes what fits', () => {
    const fs = new ModelFileSystem()
    fs.room = 3
    expect(() => writeFile(fs, '/file', 'four')).toThrow(/ENOSPC/)
    expect(readText(fs, '/file')).toBe('fou')
  })

  test('the chosen call fails, once', () => {
    const fs = new ModelFileSystem()
    fs.failAfter(1, 'EIO')
    expect(fs.stat('/file')).toBeUndefined()
    expect(() => fs.stat('/file')).toThrow(/EIO/)
    expect(fs.stat('/file')).toBeUndefined()
  })

  test('nothing can be done with what is denied', () => {
    const fs = new ModelFileSystem()
    fs.makeDirectory('/secret')
    writeFile(fs, '/secret/file', 'x')
    fs.denied.add('/secret')
    expect(() => fs.list('/secret')).toThrow(/EACCES/)
    expect(() => fs.open('/secret/file', 'read')).toThrow(/EACCES/)
    expect(() => fs.rename('/secret/file', '/file')).toThrow(/EACCES/)
  })

  test('after it stopped nothing has an effect', () => {
    const fs = new ModelFileSystem()
    fs.record()
    fs.stopAfter(1)
    fs.makeDirectory('/one')
    expect(() => fs.makeDirectory('/two')).toThrow(/stopped/)
    expect(fs.operations).toEqual(['makeDirectory /one'])
    fs.kill()
    expect(namesIn(fs, '/')).toEqual(['one'])
  })

  test('names that are one', () => {
    const fs = new ModelFileSystem({ isCaseSensitive: false, forms: 'decomposed' })
    writeFile(fs, '/\u00c9t\u00e9', 'x')
    expect(readText(fs, '/e\u0301T\u00c9')).toBe('x')
    expect(namesIn(fs, '/')).toEqual(['E\u0301te\u0301'])
    fs.rename('/\u00e9t\u00e9', '/\u00e9T\u00e9')
    expect(namesIn(fs, '/')).toEqual(['e\u0301Te\u0301'])
  })

  test('a file system without second names', () => {
    const fs = new ModelFileSystem({ hasLinks: false })
    writeFile(fs, '/file', 'x')
    expect(() => fs.link('/file', '/second')).toThrow(/EPERM/)
  })
})
