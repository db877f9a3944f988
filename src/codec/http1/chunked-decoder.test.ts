import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { Http1Error } from './errors.ts'
import type { Fields } from './fields.ts'
import { defaultHttp1Limits, type Http1Limits } from './limits.ts'

const limits: Http1Limits = { maxHeadBytes: 100, maxFields: 3, maxChunkExtensionBytes: 20 }

interface Decoded {
  readonly data: string
  /** What may go on as it came: framing and data, without the trailer section. */
  readonly raw: string
  readonly trailers: Fields
  readonly isDone: boolean
  /** Offset in the whole stream after the body. */
  readonly end: number
}

function decode(pieces: readonly Buffer[], decoder = new ChunkedDecoder(limits)): Decoded {
  let data = ''
  let raw = ''
  let end = 0
  for (const piece of pieces) {
    const taken = decoder.feed(piece, 0, (from, to) => {
      data += piece.toString('latin1', from, to)
    })
    raw += piece.toString('latin1', 0, decoder.rawEnd)
    end += taken
    if (decoder.isDone) break
  }
  return { data, raw, trailers: decoder.trailers, isDone: decoder.isDone, end }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function everyByte(stream: Buffer): Buffer[] {
  return Array.from(stream, (_byte, at) => stream.subarray(at, at + 1))
}

/** `done`, `open`, or the code of the refusal; the same in one piece and byte by byte. */
function outcome(text: string): string {
  const outcomes = [[bytes(text)], everyByte(bytes(text))].map((pieces) => {
    try {
      return decode(pieces).isDone ? 'done' : 'open'
    } catch (error) {
      if (error instanceof Http1Error) return error.code
      throw error
    }
  })
  expect(outcomes[1]).toBe(outcomes[0])
  return outcomes[0] ?? ''
}

describe('pieces', () => {
  const raw = '5\r\nhello\r\n00a;x=y;z="\\"\xe9"\r\n0\r\n\r\nGET /\r\n0\r\n'
  const data = 'hello0\r\n\r\nGET /'
  const stream = bytes(`${raw}X-Sum: 1\r\nY:\r\n\r\nGET / HTTP/1.1\r\n`)
  const expected: Decoded = {
    data,
    raw,
    trailers: ['x-sum', '1', 'y', ''],
    isDone: true,
    end: raw.length + 'X-Sum: 1\r\nY:\r\n\r\n'.length,
  }

  test('any two cuts give the same data, forwarded bytes, trailers and end', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const pieces = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]
        expect(decode(pieces)).toEqual(expected)
      }
    }
  })

  test('byte by byte gives the same data, forwarded bytes, trailers and end', () => {
    expect(decode(everyByte(stream))).toEqual(expected)
  })

  test('no truncation completes, and none forwards a byte that is not there', () => {
    for (let length = 0; length < expected.end; length++) {
      const part = decode([stream.subarray(0, length)])
      expect(part.isDone).toBe(false)
      expect(part.trailers).toEqual([])
      expect(raw.startsWith(part.raw)).toBe(true)
      expect(data.startsWith(part.data)).toBe(true)
    }
  })

  test('the start offset is honoured and what follows the body is left alone', () => {
    const decoder = new ChunkedDecoder(limits)
    const framed = bytes('head0\r\n\r\nnext')
    expect(decoder.feed(framed, 4)).toBe(9)
    expect(decoder.feed(framed, 9)).toBe(9)
    expect(decoder.isDone).toBe(true)
  })

  test('what is framed in chunks comes out as it was, for any data and any pieces', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 })
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(chunks, sizes, (parts, cuts) => {
        const framed = parts.map((part) => [
          bytes(`${part.length.toString(16)}\r\n`),
          Buffer.from(part),
          bytes('\r\n'),
        ])
        const whole = Buffer.concat([...framed.flat(), bytes('0\r\n\r\n')])
        const pieces: Buffer[] = []
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1
          pieces.push(whole.subarray(at, at + size))
          at += size
        }
        const decoded = decode(pieces)
        expect(decoded.isDone).toBe(true)
        expect(bytes(decoded.data)).toEqual(Buffer.concat(parts))
        expect(bytes(decoded.raw)).toEqual(whole.subarray(0, -2))
      }),
      { numRuns: 300 },
    )
  })
})

describe('chunk sizes', () => {
  test('hexadecimal digits of either case, with leading zeros', () => {
    for (const size of ['a', 'A', '0a', '000000000000a']) {
      expect(outcome(`${size}\r\n0123456789\r\n0\r\n\r\n`)).toBe('done')
    }
    expect(outcome('000\r\n\r\n')).toBe('done')
  })

  test('a sign, a prefix, an underscore, a blank, a fraction or nothing at all is refused', () => {
    for (const size of [
      '+5',
      '-5',
      '0x5',
      '5_0',
      ' 5',
      '5 ',
      '\t5',
      '5\t',
      '5.0',
      '',
      'g',
      '5g',
      '5\0',
      '"5"',
      '5,5',
    ]) {
      expect(outcome(`${size}\r\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })

  test('13 digits pass and 14 are refused: no size can overflow', () => {
    expect(outcome('fffffffffffff\r\nx')).toBe('open')
    expect(outcome('0000000000005\r\nhello\r\n0\r\n\r\n')).toBe('done')
    expect(outcome('00000000000005\r\nhello\r\n0\r\n\r\n')).toBe('HTTP_CHUNK')
    expect(outcome('10000000000000005\r\nhello\r\n0\r\n\r\n')).toBe('HTTP_CHUNK')
  })

  test('a size line ends in CRLF and nothing else', () => {
    for (const end of ['\n', '\n\n', '\r', '\r\r\n', '\r \n', '\n\r']) {
      expect(outcome(`5${end}hello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })

  test('data longer or shorter than its size is refused', () => {
    expect(outcome('5\r\nhello!\r\n0\r\n\r\n')).toBe('HTTP_CHUNK')
    expect(outcome('5\r\nhell\r\n0\r\n\r\n')).toBe('HTTP_CHUNK')
    for (const end of ['\n', '\r', '', '\r\r\n', 'XX']) {
      expect(outcome(`5\r\nhello${end}0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })
})

describe('chunk extensions', () => {
  test('names with and without a value are ignored', () => {
    for (const extension of [';a', ';a=b', ';a="b c"', ';a="\\"\\\\;\t"', ';a=""', ';a;b=c;d="e"']) {
      expect(decode([bytes(`5${extension}\r\nhello\r\n0\r\n\r\n`)]).data).toBe('hello')
    }
  })

  test('anything outside the grammar is refused', () => {
    const malformed = [
      ';',
      ';;',
      '; a',
      ';a ',
      ' ;a',
      ';=b',
      ';a=',
      ';a= b',
      ';a =b',
      ';a="b',
      ';a="b"c',
      ';a=b"',
      ';\xe9',
      ';a=\xe9',
    ]
    for (const extension of [
      ...malformed,
      ';a;',
      ';"a"',
      ';a\0',
      ';a="\0"',
      ';a="\x7f"',
      ';a="\\\n"',
      ';a=b=c',
    ]) {
      expect(outcome(`5${extension}\r\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })

  test('a bare LF or CR ends no extension, quoted or not', () => {
    for (const extension of [
      ';a\n',
      ';a\n\n',
      ';a=b\n',
      ';a=b\n\n',
      ';a="b\n"',
      ';a="b\r\n"',
      ';\n',
      ';a\rb',
      ';a="\\\r\n"',
    ]) {
      expect(outcome(`5${extension}\r\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })

  test('two bare LF end no extension either', () => {
    for (const extension of [';a', ';a=b', ';a="b"']) {
      expect(outcome(`5${extension}\n\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    }
  })

  test('all extensions of a body together may have the limit and not a byte more', () => {
    const at = `5;${'a'.repeat(9)}\r\nhello\r\n0;${'a'.repeat(9)}\r\n\r\n`
    const over = `5;${'a'.repeat(9)}\r\nhello\r\n0;${'a'.repeat(10)}\r\n\r\n`
    expect(outcome(at)).toBe('done')
    expect(outcome(over)).toBe('HTTP_CHUNK')
    expect(outcome(`5;${'a'.repeat(19)}\r\n`)).toBe('open')
    expect(outcome(`5;${'a'.repeat(20)}\r\n`)).toBe('HTTP_CHUNK')
  })
})

describe('trailers', () => {
  const trailer = (size: number): string => `X: ${'x'.repeat(size - 5)}\r\n`

  test('a section at the limit passes and one byte more is refused', () => {
    expect(outcome(`0\r\n${trailer(limits.maxHeadBytes)}\r\n`)).toBe('done')
    expect(outcome(`0\r\n${trailer(limits.maxHeadBytes + 1)}\r\n`)).toBe('HTTP_HEAD_TOO_LARGE')
    expect(outcome(`0\r\n${trailer(limits.maxHeadBytes + 2)}\r\n`)).toBe('HTTP_HEAD_TOO_LARGE')
    expect(outcome(`0\r\n${'A:\r\n'.repeat(3)}\r\n`)).toBe('done')
    expect(outcome(`0\r\n${'A:\r\n'.repeat(4)}\r\n`)).toBe('HTTP_HEAD_TOO_LARGE')
  })

  test('an endless section is refused two bytes after the limit, so no more is ever kept', () => {
    const decoder = new ChunkedDecoder(limits)
    decoder.feed(bytes('0\r\n'), 0)
    let fed = 0
    expect(() => {
      for (; fed < 10_000; fed++) decoder.feed(bytes('x'), 0)
    }).toThrow(Http1Error)
    expect(fed).toBe(limits.maxHeadBytes + 2)
  })

  test('a bare CR or LF, a folded line, a blank before the colon and control characters are refused', () => {
    for (const line of [
      'X: a\nY: b',
      'X: a\rb',
      'X: a\r\n b',
      'X : a',
      ' X: a',
      'X',
      ': a',
      'X: a\0',
      'X: \x7f',
    ]) {
      expect(outcome(`0\r\n${line}\r\n\r\n`)).toBe('HTTP_FIELD')
    }
    expect(outcome('0\r\n\n')).toBe('HTTP_FIELD')
    expect(outcome('0\r\nX: a\r\n\n')).toBe('HTTP_FIELD')
  })

  test('a field that decides framing, routing or the connection is refused there', () => {
    for (const name of [
      'Content-Length',
      'TRANSFER-ENCODING',
      'host',
      'Connection',
      'Upgrade',
      'Trailer',
      'TE',
    ]) {
      expect(outcome(`0\r\n${name}: 5\r\n\r\n`)).toBe('HTTP_FIELD')
    }
  })
})

describe('refusals', () => {
  test('after a refusal nothing is accepted any more', () => {
    const decoder = new ChunkedDecoder(limits)
    expect(() => decoder.feed(bytes('x'), 0)).toThrow(Http1Error)
    expect(() => decoder.feed(bytes('0\r\n\r\n'), 0)).toThrow(Http1Error)
    expect(decoder.isDone).toBe(false)
  })

  test('random bytes in random pieces end in data, in need of more, or in an Http1Error', () => {
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 10 }),
      fc.constantFrom('5\r\n', 'hello', '\r\n', '0\r\n', '0\r\n\r\n', ';a=b', 'X: y\r\n').map(bytes),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const decoder = new ChunkedDecoder(limits)
        try {
          for (const each of pieces) {
            const end = decoder.feed(Buffer.from(each), 0, (from, to) => {
              expect(to).toBeGreaterThan(from)
              expect(to).toBeLessThanOrEqual(each.length)
            })
            expect(end === each.length || decoder.isDone).toBe(true)
            expect(decoder.rawEnd).toBeLessThanOrEqual(end)
          }
        } catch (error) {
          if (!(error instanceof Http1Error)) throw error
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

test('the default limits are the original gateway’s', () => {
  expect(defaultHttp1Limits).toEqual({ maxHeadBytes: 15_360, maxFields: 101, maxChunkExtensionBytes: 4_096 })
})
