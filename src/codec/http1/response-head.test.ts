import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Http1Error } from './errors.ts'
import { defaultHttp1Limits as limits } from './limits.ts'
import { parseResponseHead, type ResponseHead } from './response-head.ts'

function parse(method: string, ...lines: readonly string[]): ResponseHead {
  return parseResponseHead(lines.map((line) => `${line}\r\n`).join(''), method, limits)
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

test('a response head is read with names in lower case, order and duplicates kept', () => {
  const head = parse(
    'GET',
    'HTTP/1.1 404 Not Found \xe9',
    'Set-Cookie: a=b',
    'set-cookie: c=d',
    'Content-Length: 3',
    'Connection: X-A, keep-alive',
    'Keep-Alive: max=9, timeout = 5',
  )
  expect(head).toEqual({
    status: 404,
    reason: 'Not Found \xe9',
    minorVersion: 1,
    fields: [
      ['set-cookie', 'a=b'],
      ['set-cookie', 'c=d'],
      ['content-length', '3'],
      ['connection', 'X-A, keep-alive'],
      ['keep-alive', 'max=9, timeout = 5'],
    ].flat(),
    framing: { kind: 'length', bytes: 3 },
    keepAlive: true,
    connectionOptions: ['x-a'],
    upgrade: null,
    keepAliveSeconds: 5,
  })
})

describe('status line', () => {
  test('has a version, three digits, and a reason that may be missing', () => {
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.0 200 OK', 'HTTP/1.1 999 a\tb']) {
      expect(refusal(() => parse('GET', line))).toBe('accepted')
    }
    const wrong = [
      'HTTP/1.1',
      'HTTP/1.1  200',
      'HTTP/1.1\t200',
      'HTTP/1.1 20',
      'HTTP/1.1 2000',
      'HTTP/1.1 099 x',
      'HTTP/1.1 000',
      'HTTP/1.1 +20',
      'HTTP/1.1 2x0',
      'HTTP/1.1 200OK',
      'HTTP/2 200',
      'HTTP/1.2 200',
      'http/1.1 200',
      'ICY 200 OK',
      '',
      ' HTTP/1.1 200',
    ]
    for (const line of wrong) expect(refusal(() => parse('GET', line))).toBe('HTTP_START_LINE')
  })

  test('an interim response in HTTP/1.0 is refused; 101 is none', () => {
    expect(refusal(() => parse('GET', 'HTTP/1.0 100 Continue'))).toBe('HTTP_START_LINE')
    expect(parse('GET', 'HTTP/1.0 101 Switching Protocols', 'Upgrade: websocket').upgrade).toBe('websocket')
  })

  test('a control character in the reason is refused', () => {
    for (const control of ['\0', '\x0b', '\x1b', '\x7f', '\r', '\n']) {
      expect(refusal(() => parse('GET', `HTTP/1.1 200 a${control}b`))).toBe('HTTP_FIELD')
    }
  })
})

describe('framing', () => {
  const framing = (method: string, status: string, ...lines: readonly string[]): ResponseHead['framing'] =>
    parse(method, `HTTP/1.1 ${status}`, ...lines).framing

  test('is by length, by chunks, or by the end of the connection', () => {
    expect(framing('GET', '200', 'Content-Length: 0')).toEqual({ kind: 'length', bytes: 0 })
    expect(framing('GET', '200', 'Transfer-Encoding: Chunked')).toEqual({ kind: 'chunked' })
    expect(framing('GET', '200')).toEqual({ kind: 'close' })
    expect(framing('GET', '101')).toEqual({ kind: 'none' })
  })

  test('there is no body after HEAD, nor with 1xx, 204 and 304, whatever was announced', () => {
    for (const line of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'X: y']) {
      expect(framing('HEAD', '200', line)).toEqual({ kind: 'none' })
      for (const status of ['100', '101', '103', '199', '204', '304']) {
        expect(framing('GET', status, line)).toEqual({ kind: 'none' })
      }
    }
    // Methods are case-sensitive: `head` is another one.
    expect(framing('head', '200', 'Content-Length: 5')).toEqual({ kind: 'length', bytes: 5 })
  })

  test('both lengths, two lengths, and a coding other than chunked are refused, also where no body follows', () => {
    const ambiguous = [
      ['Content-Length: 5', 'Transfer-Encoding: chunked'],
      ['Content-Length: 5', 'Content-Length: 5'],
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: identity'],
      ['Transfer-Encoding: gzip, chunked'],
      ['Transfer-Encoding: chunked\t'],
      ['Transfer-Encoding:'],
      ['Content-Length: +5'],
      ['Content-Length: 5, 5'],
      ['Content-Length:'],
    ]
    for (const lines of ambiguous) {
      for (const [method, status] of [
        ['GET', '200'],
        ['HEAD', '200'],
        ['GET', '204'],
        ['GET', '304'],
      ] as const) {
        expect(refusal(() => framing(method, status, ...lines))).toBe('HTTP_FRAMING')
      }
    }
    expect(refusal(() => parse('GET', 'HTTP/1.0 200', 'Transfer-Encoding: chunked'))).toBe('HTTP_FRAMING')
  })
})

describe('a 1xx or 204 that announces a body', () => {
  test('is passed on without its length or coding', () => {
    for (const line of ['Content-Length: 4', 'Content-Length: 0', 'Transfer-Encoding: chunked']) {
      for (const status of ['100', '101', '204']) {
        expect(parse('GET', `HTTP/1.1 ${status}`, 'A: b', line, 'C: d').fields).toEqual(['a', 'b', 'c', 'd'])
      }
    }
  })

  test('ends the use of its connection, unless the body is empty', () => {
    for (const status of ['100', '204']) {
      expect(parse('GET', `HTTP/1.1 ${status}`, 'Content-Length: 4').keepAlive).toBe(false)
      expect(parse('GET', `HTTP/1.1 ${status}`, 'Transfer-Encoding: chunked').keepAlive).toBe(false)
      expect(parse('GET', `HTTP/1.1 ${status}`, 'Content-Length: 0').keepAlive).toBe(true)
    }
  })

  test('304 and answers to HEAD may tell the length of the body they do not have', () => {
    expect(parse('GET', 'HTTP/1.1 304', 'Content-Length: 4')).toMatchObject({
      fields: ['content-length', '4'],
      keepAlive: true,
    })
    expect(parse('HEAD', 'HTTP/1.1 200', 'Transfer-Encoding: chunked')).toMatchObject({
      fields: ['transfer-encoding', 'chunked'],
      keepAlive: true,
    })
  })
})

describe('connection', () => {
  test('is reusable by version and Connection, never after a body that its end delimits', () => {
    const keeps = (...lines: readonly string[]): boolean =>
      parse('GET', ...lines, 'Content-Length: 0').keepAlive
    expect(keeps('HTTP/1.1 200')).toBe(true)
    expect(keeps('HTTP/1.1 200', 'Connection: x, Close')).toBe(false)
    expect(keeps('HTTP/1.0 200')).toBe(false)
    expect(keeps('HTTP/1.0 200', 'Connection: keep-alive')).toBe(true)
    expect(parse('GET', 'HTTP/1.1 200', 'Connection: keep-alive').keepAlive).toBe(false)
  })

  test('an option never names a field that decides framing or routing', () => {
    const head = parse('GET', 'HTTP/1.1 200', 'Content-Length: 0', 'Connection: X-A, content-length, Host')
    expect(head.connectionOptions).toEqual(['x-a'])
  })

  test('a Keep-Alive without a timeout says nothing', () => {
    for (const value of ['max=5', 'timeout=x', 'notimeout=5', '']) {
      expect(parse('GET', 'HTTP/1.1 200', `Keep-Alive: ${value}`).keepAliveSeconds).toBeNull()
    }
  })
})

test('101 fields pass and 102 are refused', () => {
  const lines = Array.from({ length: 101 }, (_each, index) => `X-${index}: y`)
  expect(parse('GET', 'HTTP/1.1 200', ...lines).fields).toHaveLength(202)
  expect(refusal(() => parse('GET', 'HTTP/1.1 200', ...lines, 'X: y'))).toBe('HTTP_HEAD_TOO_LARGE')
})

test('a folded line, a blank before the colon or a bare line end is refused', () => {
  for (const line of ['X : a', ' folded', '\tX: a', 'X', ': a', 'X: a\nY: b', 'X: a\rY: b', 'X\0: a']) {
    expect(refusal(() => parse('GET', 'HTTP/1.1 200', 'A: b', line))).toBe('HTTP_FIELD')
  }
})

test('any text is a head or an Http1Error, in no noticeable time', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }))
  fc.assert(
    fc.property(text, fc.boolean(), (noise, hasStart) => {
      const start = hasStart ? 'HTTP/1.1 200 OK\r\n' : ''
      refusal(() => parseResponseHead(`${start}${noise}\r\n`, 'GET', limits))
    }),
    { numRuns: 2_000 },
  )
  // Patterns that backtrack would need minutes for these.
  const long = 200_000
  for (const noise of [
    ' '.repeat(long),
    ' timeout'.repeat(long / 8),
    `timeout${' '.repeat(long)}`,
    ','.repeat(long),
  ]) {
    const started = performance.now()
    refusal(() => parse('GET', `HTTP/1.1 200 ${noise}\0`))
    refusal(() => parse('GET', 'HTTP/1.1 200', `Keep-Alive: ${noise}`, `Connection: ${noise}`))
    expect(performance.now() - started).toBeLessThan(3_000)
  }
})
