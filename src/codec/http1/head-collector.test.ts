import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Http1Error } from './errors.ts'
import { HeadCollector } from './head-collector.ts'
import { defaultHttp1Limits } from './limits.ts'

const limits = { ...defaultHttp1Limits, maxHeadBytes: 200 }
const head = 'POST /a?b HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n'

interface Collected {
  readonly text: string
  /** Offset in the whole stream after the head. */
  readonly end: number
}

/** Feeds the pieces until a head is complete; null when they end before it. */
function collect(pieces: readonly Buffer[], collector = new HeadCollector(limits)): Collected | null {
  let before = 0
  for (const piece of pieces) {
    const end = collector.feed(piece, 0)
    if (end !== -1) return { text: collector.take(), end: before + end }
    before += piece.length
  }
  return null
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function cut(stream: Buffer, ...cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts.toSorted((one, other) => one - other), stream.length]
  return edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge))
}

function everyByte(stream: Buffer): Buffer[] {
  return Array.from(stream, (_byte, at) => stream.subarray(at, at + 1))
}

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof Http1Error) return error.code
    throw error
  }
  return 'accepted'
}

describe('pieces', () => {
  const streams = {
    'a head alone': `${head}\r\n`,
    'a head and a body': `${head}\r\nbody\nwith\n\rline\r\n\r\nends`,
    'an ignored empty line, a head and a body': `\r\n${head}\r\nbody`,
  }
  for (const [name, text] of Object.entries(streams)) {
    const stream = bytes(text)
    const expected = { text: head, end: text.indexOf('\r\n\r\n', 2) + 4 }

    test(`${name}: any two cuts give the same head and the same end`, () => {
      for (let first = 0; first <= stream.length; first++) {
        for (let second = first; second <= stream.length; second++) {
          expect(collect(cut(stream, first, second))).toEqual(expected)
        }
      }
    })

    test(`${name}: byte by byte gives the same head and the same end`, () => {
      expect(collect(everyByte(stream))).toEqual(expected)
    })

    test(`${name}: no truncation of the head completes`, () => {
      for (let length = 0; length < expected.end; length++) {
        const part = stream.subarray(0, length)
        expect(collect([part])).toBeNull()
        expect(collect(everyByte(part))).toBeNull()
      }
    })
  }

  test('the start offset is honoured, so pipelined heads come out of one piece', () => {
    const collector = new HeadCollector(limits)
    const stream = bytes(`${head}\r\n\r\n${head}\r\nGET`)
    const first = collector.feed(stream, 0)
    expect(collector.take()).toBe(head)
    const second = collector.feed(stream, first)
    expect(collector.take()).toBe(head)
    expect(collector.isPartial).toBe(false)
    expect(collector.feed(stream, second)).toBe(-1)
    expect(collector.isPartial).toBe(true)
  })

  test('the start offset is honoured in the middle of a head as well', () => {
    const collector = new HeadCollector(limits)
    expect(collector.feed(bytes(`junk${head.slice(0, 9)}`), 4)).toBe(-1)
    expect(collector.feed(bytes(`\n\n\n${head.slice(9)}\r\nbody`), 3)).toBe(3 + head.length - 9 + 2)
    expect(collector.take()).toBe(head)
  })
})

describe('the ignored empty line', () => {
  test('may come before each request of a connection', () => {
    const collector = new HeadCollector(limits)
    for (let request = 0; request < 4; request++) {
      expect(collect([bytes(`\r\n${head}\r\n`)], collector)?.text).toBe(head)
      expect(collect(everyByte(bytes(`\r\n${head}\r\n`)), collector)?.text).toBe(head)
    }
  })

  test('does not make an idle connection look as if a request had begun', () => {
    const collector = new HeadCollector(limits)
    collector.feed(bytes('\r'), 0)
    expect(collector.isPartial).toBe(true)
    collector.feed(bytes('\n'), 0)
    expect(collector.isPartial).toBe(false)
  })

  test('is ignored once per request; a second one is part of the head, which no parser takes', () => {
    expect(collect([bytes(`\r\n\r\n${head}\r\n`)])?.text).toBe(`\r\n${head}`)
    expect(collect(everyByte(bytes(`\r\n\r\n${head}\r\n`)))?.text).toBe(`\r\n${head}`)
  })

  test('is a CRLF: a bare CR or a bare LF in its place is refused', () => {
    for (const lead of ['\r', '\n', '\r\r\n', '\n\r\n']) {
      const text = `${lead}${head}\r\n`
      expect(refusal(() => collect(everyByte(bytes(text))))).toBe('HTTP_FIELD')
    }
  })
})

describe('limits', () => {
  const headOf = (size: number): string => `GET / HTTP/1.1\r\nX: ${'x'.repeat(size - 21)}\r\n`

  test('a head at the limit passes and one byte more is refused, however it is cut', () => {
    for (const lead of ['', '\r\n']) {
      const fits = bytes(`${lead}${headOf(limits.maxHeadBytes)}\r\nGET / HTTP/1.1\r\n`)
      const over = bytes(`${lead}${headOf(limits.maxHeadBytes + 1)}\r\nGET / HTTP/1.1\r\n`)
      for (let at = 0; at <= fits.length; at++) {
        expect(collect(cut(fits, at))?.text).toBe(headOf(limits.maxHeadBytes))
        expect(refusal(() => collect(cut(over, at)))).toBe('HTTP_HEAD_TOO_LARGE')
      }
      expect(collect(everyByte(fits))?.text).toBe(headOf(limits.maxHeadBytes))
      expect(refusal(() => collect(everyByte(over)))).toBe('HTTP_HEAD_TOO_LARGE')
    }
  })

  test('an endless head is refused two bytes after the limit, so no more is ever kept', () => {
    const collector = new HeadCollector(limits)
    let fed = 0
    const drip = (): void => {
      for (; fed <= 10_000; fed++) collector.feed(bytes('x'), 0)
    }
    expect(refusal(drip)).toBe('HTTP_HEAD_TOO_LARGE')
    expect(fed + 1).toBe(limits.maxHeadBytes + 2)
  })

  test('one huge piece without an end is refused at once', () => {
    expect(refusal(() => collect([Buffer.alloc(1_000_000, 'x')]))).toBe('HTTP_HEAD_TOO_LARGE')
  })

  test('a large body in the piece that ends a head in the limit is no part of it', () => {
    const stream = Buffer.concat([bytes(`${head}\r\n`), Buffer.alloc(100_000, '\n')])
    expect(collect([stream.subarray(0, 10), stream.subarray(10)])?.text).toBe(head)
  })
})

describe('refusals', () => {
  test('a bare LF is refused as soon as it comes, not when the head is complete', () => {
    expect(refusal(() => collect([bytes('GET / HTTP/1.1\n')]))).toBe('HTTP_FIELD')
    expect(refusal(() => collect([bytes('GET / HTTP/1.1\r\nHost: a'), bytes('\n\n')]))).toBe('HTTP_FIELD')
  })

  test('after a refusal nothing is accepted any more', () => {
    const collector = new HeadCollector(limits)
    expect(refusal(() => collector.feed(bytes('GET / HTTP/1.1\n'), 0))).toBe('HTTP_FIELD')
    expect(refusal(() => collector.feed(bytes(`${head}\r\n`), 0))).toBe('HTTP_FIELD')
    expect(collector.isPartial).toBe(false)
    expect(collector.take()).toBe('')
  })

  test('random bytes in random pieces end in a head, in need of more, or in an Http1Error', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom('\r', '\n', '\r\n', '\r\n\r\n', 'GET / HTTP/1.1').map(bytes),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const collector = new HeadCollector(limits)
        for (const each of pieces) {
          const chunk = Buffer.from(each)
          const outcome = refusal(() => {
            const end = collector.feed(chunk, 0)
            if (end === -1) return
            expect(end).toBeGreaterThan(0)
            expect(end).toBeLessThanOrEqual(chunk.length)
            expect(collector.take().length).toBeLessThanOrEqual(limits.maxHeadBytes)
          })
          expect(['accepted', 'HTTP_FIELD', 'HTTP_HEAD_TOO_LARGE']).toContain(outcome)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
