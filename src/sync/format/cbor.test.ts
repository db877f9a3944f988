import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../ids.ts'
import { decodeCbor, decodeHlc, encodeCbor, encodeHlc, requireSame, uint64Bytes } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { FormatError, orReason } from './format-error.ts'

const reasonOf = (digits: string) => orReason(() => decodeCbor(fromHex(digits)))

describe('decodeCbor', () => {
  test.each([
    ['nothing', ''],
    ['a tag', 'c001'],
    ['a float', 'f90000'],
    ['a long float', 'fb3ff0000000000000'],
    ['undefined', 'f7'],
    ['a simple value', 'e0'],
    ['a break', 'ff'],
    ['an indefinite list', '9f01ff'],
    ['an indefinite map', 'bf0101ff'],
    ['an indefinite byte string', '5f4100ff'],
    ['an indefinite text', '7f6161ff'],
    ['a longer head than needed', '1801'],
    ['a longer length than needed', '580100'],
    ['an integer beyond 2^53', '1b0020000000000000'],
    ['a reserved head', '1c'],
    ['a key twice', 'a201000100'],
    ['a list cut off', '8201'],
    ['a map cut off', 'a101'],
    ['bytes after the end', '0101'],
    ['text that is not UTF-8', '61ff'],
    ['half a pair', '63eda080'],
    ['a list with more items than bytes', '9b001fffffffffffff'],
    ['a byte string longer than the input', '5affffffff00'],
    ['seven lists in each other', '81818181818180'],
  ])('refuses %s', (_name, digits) => expect(reasonOf(digits)).toBe('malformed'))

  test('deep nesting does not exhaust the stack', () => {
    expect(orReason(() => decodeCbor(new Uint8Array(4_000_000).fill(0x81)))).toBe('malformed')
    expect(orReason(() => decodeCbor(new Uint8Array(4_000_000).fill(0xa1)))).toBe('malformed')
  })

  test('more items than a format can hold are refused before they are built', () => {
    const pairs = encodeCbor([new Map([[1, 2]]), [3]])
    expect(decodeCbor(pairs, 6)).toEqual([new Map([[1, 2]]), [3]])
    expect(orReason(() => decodeCbor(pairs, 5))).toBe('limit')
    // The head of the list is enough: the tags in it would be malformed.
    expect(orReason(() => decodeCbor(fromHex(`8a${'c0'.repeat(10)}`), 10))).toBe('limit')
    expect(orReason(() => decodeCbor(fromHex(`8a${'c0'.repeat(10)}`), 11))).toBe('malformed')
    expect(orReason(() => decodeCbor(fromHex(`a5${'c0'.repeat(10)}`), 10))).toBe('limit')
  })

  test('many lists side by side are not deep', () => {
    const rows: CborValue = Array.from({ length: 500 }, (_, index) => [index, [], new Map([[1, [index]]])])
    expect(decodeCbor(encodeCbor(rows))).toEqual(rows)
  })

  test('six lists in each other are the most', () => {
    expect(reasonOf('818181818180')).toEqual([[[[[[]]]]]])
  })

  test('text stays as it is, with a byte order mark and at every length of head', () => {
    for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536]) {
      for (const value of ['\ufeff' + 'a'.repeat(length), 'é'.repeat(length), '🎉'.repeat(length)]) {
        expect(decodeCbor(encodeCbor([value, 7]))).toEqual([value, 7])
      }
    }
  })

  test('byte strings are copies', () => {
    const bytes = encodeCbor([new Uint8Array(40)])
    const [item] = decodeCbor(bytes) as [Uint8Array]
    bytes.fill(9)
    expect(item).toEqual(new Uint8Array(40))
  })

  test('takes any kind of byte array', () => {
    expect(decodeCbor(Buffer.from([0x01]))).toBe(1)
  })
})

describe('encodeCbor', () => {
  const leaf = fc.oneof(
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 300 }),
  )
  const list = fc.array(leaf, { maxLength: 30 })
  const map = fc
    .uniqueArray(fc.nat(70_000), { maxLength: 30 })
    .chain((keys) => fc.tuple(...keys.sort((a, b) => a - b).map((key) => fc.tuple(fc.constant(key), leaf))))
    .map((entries) => new Map<number, CborValue>(entries as [number, CborValue][]))
  const value = fc.oneof(leaf, list, map, fc.array(map, { maxLength: 3 }))

  test('is the RFC 8949 deterministic encoding, and decodes to the same', () => {
    fc.assert(
      fc.property(value, (item) => {
        const bytes = encodeCbor(item)
        expect(bytes).toEqual(new Uint8Array(encode(item, rfc8949EncodeOptions)))
        expect(decodeCbor(bytes)).toEqual(item)
        expect(bytes.buffer.byteLength).toBe(bytes.length)
      }),
      { numRuns: 150 },
    )
  })
})

test('requireSame tells one changed byte', () => {
  expect(orReason(() => requireSame(new Uint8Array(2), new Uint8Array([0, 1])))).toBe('non-canonical')
  expect(orReason(() => requireSame(new Uint8Array(2), new Uint8Array(3)))).toBe('non-canonical')
  expect(() => requireSame(new Uint8Array(2), new Uint8Array(2))).not.toThrow()
})

test('uint64Bytes is big-endian up to the largest safe integer', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (number) => {
      expect(BigInt(`0x${toHex(uint64Bytes(number))}`)).toBe(BigInt(number))
    }),
  )
})

describe('hlc', () => {
  const largest = { ms: 2 ** 48 - 1, counter: 65_535 }

  test('eight bytes, big-endian, that sort as the clock does', () => {
    expect(toHex(encodeHlc({ ms: 0x0102_0304_0506, counter: 0x0708 }))).toBe('0102030405060708')
    expect(toHex(encodeHlc(largest))).toBe('f'.repeat(16))
    expect(decodeHlc(encodeHlc(largest))).toEqual(largest)
  })

  test.each([
    { ms: 2 ** 48, counter: 0 },
    { ms: 0, counter: 65_536 },
    { ms: -1, counter: 0 },
    { ms: 0.5, counter: 0 },
    { ms: NaN, counter: 0 },
  ])('one above the limit is refused: $ms, $counter', (hlc) => {
    expect(() => encodeHlc(hlc)).toThrow(FormatError)
  })
})
