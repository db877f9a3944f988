import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Http1Error } from './errors.ts'
import { defaultHttp1Limits as limits } from './limits.ts'
import { parseContentLength, parseRequestHead, type RequestHead } from './request-head.ts'

function parse(...lines: readonly string[]): RequestHead {
  return parseRequestHead(lines.map((line) => `${line}\r\n`).join(''), limits)
}

/** A request with these extra field lines. */
function withFields(...lines: readonly string[]): RequestHead {
  return parse('POST / HTTP/1.1', 'Host: a', ...lines)
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

test('a request head is read with names in lower case, order and duplicates kept, and values trimmed', () => {
  const head = parse(
    'PROPFIND /a/%2e?b=c&"<>^`{|}\\ HTTP/1.1',
    'HOST: example.org:8780',
    'X-One:\t two  words \t',
    'x-one:',
    'Content-Length: 12',
    'Connection: TE , X-One',
  )
  expect(head).toEqual({
    method: 'PROPFIND',
    target: '/a/%2e?b=c&"<>^`{|}\\',
    minorVersion: 1,
    fields: [
      ['host', 'example.org:8780'],
      ['x-one', 'two  words'],
      ['x-one', ''],
      ['content-length', '12'],
      ['connection', 'TE , X-One'],
    ].flat(),
    framing: { kind: 'length', bytes: 12 },
    keepAlive: true,
    connectionOptions: ['te', 'x-one'],
    upgrade: null,
    expectsContinue: false,
  })
})

test('any method token, target and fields come out as they went in', () => {
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/)
  const target = fc.stringMatching(/^\/[!"$-~\x80-\xff]{0,20}$/)
  const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,10}[!-~\x80-\xff])?)?$/)
  const name = token.map((each) => `x-${each.toLowerCase()}`)
  const fields = fc.array(fc.tuple(name, value), { maxLength: 20 })
  const method = token.filter((each) => each !== 'CONNECT' && each !== 'PRI')
  fc.assert(
    fc.property(method, target, fields, (sentMethod, sentTarget, sent) => {
      const head = parse(
        `${sentMethod} ${sentTarget} HTTP/1.1`,
        'Host: a',
        ...sent.map(([each, text]) => `${each.toUpperCase()}: ${text}`),
      )
      expect([head.method, head.target]).toEqual([sentMethod, sentTarget])
      expect(head.fields).toEqual(['host', 'a', ...sent.flat()])
    }),
    { numRuns: 500 },
  )
})

describe('start line', () => {
  test('only HTTP/1.0 and HTTP/1.1 are spoken', () => {
    expect(parse('GET / HTTP/1.0').minorVersion).toBe(0)
    const wrong = [
      'HTTP/0.9',
      'HTTP/1.2',
      'HTTP/2.0',
      'HTTP/1.01',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/1,1',
      'HTTP/11',
      '',
    ]
    for (const version of wrong) {
      expect(refusal(() => parse(`GET / ${version}`, 'Host: a'))).toBe('HTTP_START_LINE')
    }
    expect(refusal(() => parse('GET /', 'Host: a'))).toBe('HTTP_START_LINE')
    expect(refusal(() => parse('', 'Host: a'))).toBe('HTTP_START_LINE')
    expect(refusal(() => parse(' HTTP/1.1', 'Host: a'))).toBe('HTTP_START_LINE')
  })

  test('exactly one space stands between its three parts', () => {
    const wrong = [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      ' GET / HTTP/1.1',
      'GET/ HTTP/1.1',
      'GET / a HTTP/1.1',
    ]
    for (const line of wrong) expect(refusal(() => parse(line, 'Host: a'))).toBe('HTTP_START_LINE')
  })

  test('a method is a token', () => {
    for (const method of ['G(T', 'G:T', 'G/T', 'G"T', 'G\xcbT', 'G,T', '[GET]']) {
      expect(refusal(() => parse(`${method} / HTTP/1.1`, 'Host: a'))).toBe('HTTP_START_LINE')
    }
    expect(parse("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", 'Host: a').method).toBe("!#$%&'*+-.^_`|~09azAZ")
  })

  test('CONNECT and the preface of HTTP/2 are refused: what follows them is no HTTP/1.1', () => {
    expect(refusal(() => parse('CONNECT a:443 HTTP/1.1', 'Host: a:443'))).toBe('HTTP_START_LINE')
    expect(refusal(() => parse('CONNECT / HTTP/1.1', 'Host: a'))).toBe('HTTP_START_LINE')
    expect(refusal(() => parse('PRI / HTTP/1.1', 'Host: a'))).toBe('HTTP_START_LINE')
    expect(refusal(() => parse('PRI * HTTP/2.0'))).toBe('HTTP_START_LINE')
  })

  test('a target is a path, an http URL, or `*` for OPTIONS', () => {
    expect(parse('OPTIONS * HTTP/1.1', 'Host: a').target).toBe('*')
    expect(parse('GET //a/b HTTP/1.1', 'Host: a').target).toBe('//a/b')
    for (const target of ['*', 'a', 'a:443', '?x', '/a#b', 'ftp://a/', 'http:/a', 'file:///a', '/\x7f']) {
      const wanted = target === '/\x7f' ? 'HTTP_FIELD' : 'HTTP_START_LINE'
      expect(refusal(() => parse(`GET ${target} HTTP/1.1`, 'Host: a'))).toBe(wanted)
    }
  })

  test('bytes above 0x7F in a target are kept for the gateway to encode', () => {
    expect(parse('GET /\xc3\xa9 HTTP/1.1', 'Host: a').target).toBe('/\xc3\xa9')
  })
})

describe('absolute-form', () => {
  test('becomes a path, and its authority replaces Host whatever Host said', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['http://b/x?y', '/x?y', 'b'],
      ['HTTPS://b:8443/x', '/x', 'b:8443'],
      ['http://b', '/', 'b'],
      ['http://b?q', '/?q', 'b'],
      ['http://[::1]:80/', '/', '[::1]:80'],
    ]
    for (const [target, path, host] of cases) {
      const head = parse(`GET ${target} HTTP/1.1`, 'X: y', 'Host: a')
      expect(head.target).toBe(path)
      expect(head.fields).toEqual(['host', host, 'x', 'y'])
    }
  })

  test('still needs its one Host line in HTTP/1.1', () => {
    expect(refusal(() => parse('GET http://b/ HTTP/1.1'))).toBe('HTTP_HOST')
    expect(refusal(() => parse('GET http://b/ HTTP/1.1', 'Host: b', 'Host: b'))).toBe('HTTP_HOST')
  })

  test('without a host, or with user information or a malformed port, is refused', () => {
    for (const target of [
      'http:///x',
      'http://',
      'http://:80/',
      'http://u@b/',
      'http://b:x/',
      'http://b:80:90/',
      'http://[::1/',
      'http://b\\c/',
    ]) {
      expect(refusal(() => parse(`GET ${target} HTTP/1.1`, 'Host: a'))).toBe('HTTP_START_LINE')
    }
  })
})

describe('Host', () => {
  test('is there once in HTTP/1.1 and at most once in HTTP/1.0', () => {
    expect(refusal(() => parse('GET / HTTP/1.1'))).toBe('HTTP_HOST')
    expect(refusal(() => parse('GET / HTTP/1.1', 'Host: a', 'host: a'))).toBe('HTTP_HOST')
    expect(refusal(() => parse('GET / HTTP/1.0', 'Host: a', 'Host: b'))).toBe('HTTP_HOST')
    expect(parse('GET / HTTP/1.0').fields).toEqual([])
  })

  test('is a host name or address with an optional port', () => {
    for (const host of ['', 'a', 'a_b.example:8780', '192.0.2.1', '[2001:db8::1]:80', '[::1]', 'a:', '%61']) {
      expect(parse('GET / HTTP/1.1', `Host: ${host}`).fields).toEqual(['host', host])
    }
    for (const host of [
      'a b',
      'a/b',
      'a@b',
      'a?b',
      'a#b',
      'a:80:90',
      'a:x',
      '::1',
      '[::1',
      '[::1]x',
      'a"b',
      '\xe9',
      'a\\b',
    ]) {
      expect(refusal(() => parse('GET / HTTP/1.1', `Host: ${host}`))).toBe('HTTP_HOST')
    }
  })
})

describe('fields', () => {
  test('a blank in or around a name, a folded line or a missing colon is refused', () => {
    for (const line of [
      'X : a',
      ' X: a',
      '\tX: a',
      'X\t: a',
      'X Y: a',
      ': a',
      'X',
      '',
      ' folded',
      '\tfolded: x',
    ]) {
      expect(refusal(() => withFields('Y: z', line))).toBe('HTTP_FIELD')
    }
  })

  test('a name with anything but token characters is refused', () => {
    for (const each of '"(),/;<=>?@[\\]{}\x80\xa0\xe9\xff') {
      expect(refusal(() => withFields(`X${each}: a`))).toBe('HTTP_FIELD')
    }
  })

  test('every control character but the tab is refused wherever it stands', () => {
    for (let code = 0; code < 0x80; code++) {
      if (code === 0x09 || (code >= 0x20 && code !== 0x7f)) continue
      const control = String.fromCharCode(code)
      for (const text of [
        `GET / HTTP/1.1\r\nHost: a\r\nX: a${control}b\r\n`,
        `GET / HTTP/1.1\r\nHost: a\r\nX${control}: b\r\n`,
        `GET /${control} HTTP/1.1\r\nHost: a\r\n`,
        `GET / HTTP/1.1${control}\r\nHost: a\r\n`,
      ]) {
        expect(refusal(() => parseRequestHead(text, limits))).toBe('HTTP_FIELD')
      }
    }
    expect(withFields('X: a\tb').fields).toEqual(['host', 'a', 'x', 'a\tb'])
  })

  test('101 fields pass and 102 are refused', () => {
    const lines = Array.from({ length: 100 }, (_each, index) => `X-${index}: y`)
    expect(withFields(...lines).fields).toHaveLength(202)
    expect(refusal(() => withFields(...lines, 'X: y'))).toBe('HTTP_HEAD_TOO_LARGE')
  })
})

describe('framing', () => {
  test('without a length and without a coding there is no body', () => {
    expect(withFields().framing).toEqual({ kind: 'none' })
  })

  test('a length is digits, at most 15 of them', () => {
    expect(withFields('Content-Length: 0').framing).toEqual({ kind: 'length', bytes: 0 })
    expect(withFields('Content-Length: 007').framing).toEqual({ kind: 'length', bytes: 7 })
    expect(parseContentLength('999999999999999')).toBe(999_999_999_999_999)
    const wrong = [
      '1000000000000000',
      '',
      '+5',
      '-5',
      '-0',
      '0x5',
      '5_0',
      '5,5',
      '5, 5',
      '5 5',
      '5;',
      '5.0',
      '5e0',
      '"5"',
      '5\xa0',
      '\xb2',
      'five',
    ]
    for (const length of wrong) {
      expect(refusal(() => withFields(`Content-Length: ${length}`))).toBe('HTTP_FRAMING')
    }
  })

  test('two lengths are refused, also where they agree', () => {
    expect(refusal(() => withFields('Content-Length: 5', 'content-length: 5'))).toBe('HTTP_FRAMING')
  })

  test('chunked, alone and once, in HTTP/1.1, is the only coding', () => {
    expect(withFields('Transfer-Encoding: chunked').framing).toEqual({ kind: 'chunked' })
    expect(withFields('transfer-encoding:  CHUNKED ').framing).toEqual({ kind: 'chunked' })
    const wrong = [
      '',
      'identity',
      'gzip',
      'gzip, chunked',
      'chunked, chunked',
      'chunked, identity',
      'chunked,',
      ',chunked',
      'xchunked',
      '"chunked"',
      'chunked;q=1',
      'chunked\xa0',
      '\tchunked',
      'chunked\t',
    ]
    for (const coding of wrong) {
      expect(refusal(() => withFields(`Transfer-Encoding: ${coding}`))).toBe('HTTP_FRAMING')
    }
    expect(refusal(() => withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'))).toBe(
      'HTTP_FRAMING',
    )
    expect(refusal(() => parse('POST / HTTP/1.0', 'Transfer-Encoding: chunked'))).toBe('HTTP_FRAMING')
  })

  test('a length and a coding together are refused, in either order', () => {
    expect(refusal(() => withFields('Content-Length: 5', 'Transfer-Encoding: chunked'))).toBe('HTTP_FRAMING')
    expect(refusal(() => withFields('Transfer-Encoding: chunked', 'Content-Length: 0'))).toBe('HTTP_FRAMING')
  })
})

describe('connection', () => {
  test('stays open by default in HTTP/1.1 and on request in HTTP/1.0; close always wins', () => {
    const keeps = (version: string, ...lines: readonly string[]): boolean =>
      parse(`GET / HTTP/${version}`, 'Host: a', ...lines).keepAlive
    expect(keeps('1.1')).toBe(true)
    expect(keeps('1.0')).toBe(false)
    expect(keeps('1.0', 'Connection: Keep-Alive')).toBe(true)
    expect(keeps('1.1', 'Connection: x ,\tCLOSE')).toBe(false)
    expect(keeps('1.1', 'Connection: keep-alive', 'Connection: close')).toBe(false)
    expect(keeps('1.1', 'Connection: closed')).toBe(true)
    expect(keeps('1.1', 'Connection: x, close\xa0')).toBe(true)
  })

  test('an option never names a field that decides framing or routing', () => {
    const head = withFields('Connection: X-A, Content-Length, transfer-encoding, HOST, close, keep-alive, ,')
    expect(head.connectionOptions).toEqual(['x-a'])
  })

  test('an upgrade needs its Connection option, a protocol, and HTTP/1.1', () => {
    expect(withFields('Connection: Upgrade', 'Upgrade: websocket').upgrade).toBe('websocket')
    expect(withFields('Connection: x, upgrade', 'Upgrade: a', 'Upgrade: b').upgrade).toBe('a, b')
    expect(withFields('Upgrade: websocket').upgrade).toBeNull()
    expect(withFields('Connection: upgrade').upgrade).toBeNull()
    expect(withFields('Connection: upgrade', 'Upgrade:').upgrade).toBeNull()
    expect(parse('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: x').upgrade).toBeNull()
  })
})

describe('Expect', () => {
  test('one 100-continue is an expectation in HTTP/1.1 and ignored in HTTP/1.0', () => {
    expect(withFields('Expect: 100-Continue').expectsContinue).toBe(true)
    expect(parse('POST / HTTP/1.0', 'Expect: 100-continue').expectsContinue).toBe(false)
  })

  test('any other value, and a second line, is refused', () => {
    for (const value of [
      '',
      '100',
      '200-ok',
      'x 100-continue',
      '100-continue, x',
      '100-continue,100-continue',
      '"100-continue"',
    ]) {
      expect(refusal(() => withFields(`Expect: ${value}`))).toBe('HTTP_EXPECT')
    }
    expect(refusal(() => withFields('Expect: 100-continue', 'Expect: 100-continue'))).toBe('HTTP_EXPECT')
  })
})

test('any text is a head or an Http1Error, in no noticeable time', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }))
  fc.assert(
    fc.property(text, fc.boolean(), (noise, hasStart) => {
      const start = hasStart ? 'GET / HTTP/1.1\r\nHost: a\r\n' : ''
      refusal(() => parseRequestHead(`${start}${noise}\r\n`, limits))
    }),
    { numRuns: 2_000 },
  )
  // Patterns that backtrack would need a minute for these.
  const long = 200_000
  for (const noise of [
    ' '.repeat(long),
    `x${' '.repeat(long)}x`,
    'a'.repeat(long),
    ','.repeat(long),
    '\t,'.repeat(long / 2),
  ]) {
    for (const name of [
      'Connection',
      'Host',
      'Transfer-Encoding',
      'Content-Length',
      'Upgrade',
      'Expect',
      'X',
    ]) {
      const started = performance.now()
      refusal(() => withFields(`${name}: ${noise}\0`))
      refusal(() => withFields(`${name}: ${noise}`))
      expect(performance.now() - started).toBeLessThan(3_000)
    }
  }
})
