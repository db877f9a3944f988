import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { namesIn } from '../../../test/sync/support/disk-files.ts'
import { ModelFileSystem } from '../../../test/sync/support/model-file-system.ts'
import { LocalNames, probeDisk } from './local-names.ts'
import type { DiskNames } from './local-names.ts'
import { escapeReserved, unescapeReserved } from './reserved-names.ts'

const plain: DiskNames = { isCaseSensitive: true, forms: 'exact', isReserving: false }
const placed = (names: string[], disk: Partial<DiskNames>) =>
  Object.fromEntries(new LocalNames({ ...plain, ...disk }).placeNames(names))

describe('names of one directory', () => {
  test('are their own where the disk can hold them', () => {
    expect(placed(['b', 'A', 'a', 'a:b', 'e\u0301', '\u00e9'], {})).toEqual({
      b: 'b',
      A: 'A',
      a: 'a',
      'a:b': 'a:b',
      'e\u0301': 'e\u0301',
      '\u00e9': '\u00e9',
    })
  })

  test('that differ in case are told apart where the disk does not', () => {
    expect(placed(['a', 'README', 'readme', 'ReadMe', 'A~case2'], { isCaseSensitive: false })).toEqual({
      a: 'a',
      'A~case2': 'A~case2',
      README: 'README',
      ReadMe: 'ReadMe~case2',
      readme: 'readme~case3',
    })
    expect(placed(['a', 'A', 'a~case2'], { isCaseSensitive: false })).toEqual({
      A: 'A',
      a: 'a~case3',
      'a~case2': 'a~case2',
    })
  })

  test('that differ in form as well', () => {
    expect(placed(['\u00e9', 'e\u0301'], { forms: 'same' })).toEqual({
      'e\u0301': 'e\u0301',
      '\u00e9': '\u00e9~case2',
    })
    expect(placed(['\u00e9'], { forms: 'decomposed' })).toEqual({ '\u00e9': 'e\u0301' })
  })

  test('ours is nobody’s', () => {
    expect(placed(['.harp', '.HARP'], {})).toEqual({ '.harp': '.harp~case2', '.HARP': '.HARP' })
    expect(placed(['.HARP'], { isCaseSensitive: false })).toEqual({ '.HARP': '.HARP~case2' })
  })

  test('that Windows reserves are escaped', () => {
    expect(placed(['a:b', 'con', 'nul.txt', 'end.', 'a%3Ab', '100%'], { isReserving: true })).toEqual({
      'a:b': 'a%3Ab',
      'a%3Ab': 'a%253Ab',
      con: '%63on',
      'nul.txt': '%6Eul.txt',
      'end.': 'end%2E',
      '100%': '100%',
    })
  })

  test('stay within 255 bytes, however they grow', () => {
    const [long, upper] = ['é'.repeat(127), 'É'.repeat(127)]
    const names = new LocalNames({ isCaseSensitive: false, forms: 'same', isReserving: true }).placeNames([
      long,
      upper,
      `${':'.repeat(254)}a`,
    ])
    const local = [...names.values()]
    expect(new Set(local).size).toBe(3)
    for (const name of local) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
    expect(names.get(long)).toMatch(/é~case2$/)
  })

  const name = fc.oneof(
    fc.constantFrom(
      'a',
      'A',
      '\u00e9',
      'e\u0301',
      '.harp',
      'con',
      'a~case2',
      'A~case2',
      'x:',
      'x%3A',
      'ß',
      'SS',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => !/[/\0]/.test(text)),
  )
  const disks: fc.Arbitrary<DiskNames> = fc.record({
    isCaseSensitive: fc.boolean(),
    forms: fc.constantFrom('exact', 'same', 'decomposed'),
    isReserving: fc.boolean(),
  })
  test('are all held by such a disk, as they are listed, and do not depend on the order given', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 12 }), disks, (names, disk) => {
        const refuses = disk.isReserving ? { refuses: /[<>:"|?*\\\u0001-\u001f]|[. ]$/ } : {}
        const fs = new ModelFileSystem({ ...disk, ...refuses })
        fs.makeDirectory('/.harp')
        const local = new LocalNames(disk).placeNames(names)
        expect([...local.keys()].toSorted()).toEqual(names.toSorted())
        for (const at of local.values()) {
          if (at !== '.' && at !== '..') fs.makeDirectory(`/${at}`)
        }
        const listed = [...local.values()].filter((at) => at !== '.' && at !== '..')
        expect(namesIn(fs, '/')).toEqual([...listed, '.harp'].toSorted())
        expect(new LocalNames(disk).placeNames(names.toReversed())).toEqual(local)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a name that was made on this disk', () => {
  test('is composed, and unescaped where names are escaped', () => {
    expect(new LocalNames(plain).logName('e\u0301 a%3Ab')).toBe('\u00e9 a%3Ab')
    const reserving = new LocalNames({ ...plain, isReserving: true })
    expect(reserving.logName('a%3Ab')).toBe('a:b')
    expect(reserving.logName('100%41')).toBe('100%41')
  })

  test('escaping is undone exactly', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.string({
        unit: fc.constantFrom('%', '2', '5', '3', 'A', 'c', 'o', 'n', ':', '.', ' '),
        minLength: 1,
      }),
    )
    fc.assert(
      fc.property(texts, (text) => {
        expect(unescapeReserved(escapeReserved(text))).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  test('is compared as the disk does', () => {
    expect(new LocalNames(plain).isSame('a', 'A')).toBe(false)
    expect(new LocalNames({ ...plain, isCaseSensitive: false }).isSame('a', 'A')).toBe(true)
    expect(new LocalNames({ ...plain, forms: 'same' }).isSame('\u00e9', 'e\u0301')).toBe(true)
  })
})

describe('a disk tells what it can hold', () => {
  const disks: DiskNames[] = [
    plain,
    { isCaseSensitive: false, forms: 'same', isReserving: false },
    { isCaseSensitive: false, forms: 'decomposed', isReserving: false },
    { isCaseSensitive: false, forms: 'exact', isReserving: true },
  ]
  test.each(disks)('%o', (disk) => {
    const fs = new ModelFileSystem({ ...disk, ...(disk.isReserving ? { refuses: /:/ } : {}) })
    fs.makeDirectory('/private')
    expect(probeDisk(fs, '/private')).toEqual(disk)
    expect(probeDisk(fs, '/private')).toEqual(disk)
    expect(namesIn(fs, '/private')).toEqual([])
  })
})
