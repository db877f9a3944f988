import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Http1Error, http1Errors } from './errors.ts'
import {
  isToken,
  lastValue,
  listOptions,
  nominatedFields,
  parseFields,
  refuseControlCharacters,
  serializeFields,
} from './fields.ts'
import { defaultHttp1Limits as limits } from './limits.ts'

describe('writing fields', () => {
  test('one line each, in order', () => {
    expect(serializeFields(['a', 'b', 'a', '', 'c', '\xe9\t'])).toBe('a: b\r\na: \r\nc: \xe9\t\r\n')
    expect(serializeFields([])).toBe('')
  })

  test('what was read is written back so that it reads the same', () => {
    const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,12}$/)
    const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,10}[!-~\x80-\xff])?)?$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 50 }), (pairs) => {
        const text = serializeFields(pairs.flat())
        refuseControlCharacters(text)
        expect(parseFields(text, 0, text.length, limits)).toEqual(pairs.flat())
      }),
    )
  })

  test('a value that would end its line is refused, not written', () => {
    for (const value of ['a\r\nSet-Cookie: x=y', 'a\n', '\r', 'a\0b', '\x0b', '\x7f']) {
      expect(() => serializeFields(['x', value])).toThrow(Http1Error)
    }
  })

  test('a value that becomes a line end only as bytes is refused as well', () => {
    for (const value of ['a\u010d\u010aSet-Cookie: x=y', 'a\u560a', '\u2028', '😀']) {
      expect(() => serializeFields(['x', value])).toThrow(Http1Error)
    }
  })
})

describe('reading fields', () => {
  test('known names in any spelling and unknown names come out in lower case', () => {
    const text = 'Content-Length: 1\r\nCONTENT-LENGTH: 2\r\ncOnTeNt-LeNgTh: 3\r\nX-Über: 4\r\n'.replace(
      'Ü',
      'U',
    )
    expect(parseFields(text, 0, text.length, limits)).toEqual(
      [
        ['content-length', '1'],
        ['content-length', '2'],
        ['content-length', '3'],
        ['x-uber', '4'],
      ].flat(),
    )
  })

  test('names that mean something to JavaScript are names like others', () => {
    const text = '__proto__: a\r\nconstructor: b\r\n'
    expect(parseFields(text, 0, text.length, limits)).toEqual(['__proto__', 'a', 'constructor', 'b'])
  })

  test('only the part asked for is read', () => {
    const text = 'GET / HTTP/1.1\r\nA: b\r\nC: d\r\n'
    expect(parseFields(text, 16, 22, limits)).toEqual(['a', 'b'])
    expect(parseFields(text, text.length, text.length, limits)).toEqual([])
  })

  test('lines must be complete and free of control characters', () => {
    for (const text of [
      'a',
      'a\n',
      'a\r',
      '\n',
      'a\r\r\n',
      'a\r\n\n',
      'a\0\r\n',
      'a\x7f\r\n',
      'a\u0100\r\n',
    ]) {
      expect(() => refuseControlCharacters(text)).toThrow(Http1Error)
    }
    for (const text of ['', '\r\n', 'a\tb \xff\r\n\r\n']) refuseControlCharacters(text)
  })
})

describe('looking up values', () => {
  const fields = ['a', '1', 'b', '2', 'a', '3']

  test('the last of several, or all of them joined', () => {
    expect(lastValue(fields, 'a')).toBe('3')
  })

  test('a value is never mistaken for a name', () => {
    expect(lastValue(['x', 'a', 'y', 'z'], 'a')).toBeUndefined()
  })
})

describe('lists of options', () => {
  test('are split at commas, trimmed of spaces and tabs only, in lower case, without empty ones', () => {
    expect(listOptions('')).toEqual([])
    expect(listOptions('Close')).toEqual(['close'])
    expect(listOptions(' ,TE\t, x y ,, close\xa0,')).toEqual(['te', 'x y', 'close\xa0'])
  })

  test('name fields that a hop drops, but not those every hop needs', () => {
    const options = ['close', 'keep-alive', 'content-length', 'transfer-encoding', 'host', 'te', 'x-a']
    expect(nominatedFields(options)).toEqual(['te', 'x-a'])
  })
})

test('a token has at least one character and no separator', () => {
  expect(isToken("!#$%&'*+-.^_`|~09azAZ")).toBe(true)
  for (const text of ['', ' ', 'a b', 'a:', '"a"', 'a/b', '\xe9', 'a\n']) expect(isToken(text)).toBe(false)
})

test('every refusal carries the fix from the catalogue', () => {
  for (const [code, entry] of Object.entries(http1Errors)) {
    expect(new Http1Error(code as keyof typeof http1Errors, 'why')).toMatchObject({ code, fix: entry.fix })
  }
})
