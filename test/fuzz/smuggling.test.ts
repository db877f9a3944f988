/**
 * One test per published smuggling and desync class, at the level of the codec: what a peer sees is a refusal
 * (400 and close for a client, 502 for an upstream) or the one framing that no parser can read otherwise.
 * Every stream is read whole and byte by byte.
 */
import { describe, expect, test } from 'vitest'
import { http1Errors } from '../../src/codec/http1/errors.ts'
import { serializeFields } from '../../src/codec/http1/fields.ts'
import { seenInRequests, seenInResponse, type SeenByCodec } from './codec-driver.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const smuggledSize = smuggled.length.toString(16)

function inPieces(text: string, read: (pieces: readonly Buffer[]) => SeenByCodec): SeenByCodec {
  const whole = Buffer.from(text, 'latin1')
  const seen = read([whole])
  const split = read(Array.from(whole, (_byte, at) => whole.subarray(at, at + 1)))
  // Which of two faults is named may depend on the pieces; that it is refused may not.
  expect({ ...split, reason: '' }).toEqual({ ...seen, reason: '' })
  return seen
}

/** A POST with these lines after Host, then the bytes of `body` as the attacker wants them read. */
function post(lines: readonly string[], body = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`
}

function chunkedPost(body: string): string {
  return post(['Transfer-Encoding: chunked'], body)
}

function clientSends(stream: string): SeenByCodec {
  return inPieces(stream, (pieces) => seenInRequests(pieces))
}

function upstreamSends(stream: string, method = 'GET'): SeenByCodec {
  return inPieces(stream, (pieces) => seenInResponse(pieces, method))
}

/** The code of the refusal where nothing was accepted before it; else what was made of the stream. */
function refusal(stream: string): string {
  const seen = clientSends(stream)
  return seen.ending === 'rejected' && seen.messages.length === 0 ? seen.reason : describeSeen(stream, seen)
}

function badGateway(stream: string): string {
  const seen = upstreamSends(stream)
  return seen.ending === 'rejected' ? seen.reason : describeSeen(stream, seen)
}

function describeSeen(stream: string, seen: SeenByCodec): string {
  return `accepted: ${JSON.stringify({ stream, seen })}`
}

/** `METHOD target` and body of each request, and a last word where the stream did not end between two. */
function requests(seen: SeenByCodec): string[][] {
  const complete = seen.messages.map((message) => [message.start, message.body])
  return seen.ending === 'idle' || seen.ending === 'closed' ? complete : [...complete, [seen.ending]]
}

describe('two framings in one request', () => {
  test('CL.TE: a length with chunked is refused', () => {
    expect(refusal(post(['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\nG${smuggled}`))).toBe(
      'HTTP_FRAMING',
    )
  })

  test('TE.CL: chunked with a length is refused', () => {
    expect(
      refusal(
        post(
          ['Transfer-Encoding: chunked', 'Content-Length: 4'],
          `${smuggledSize}\r\n${smuggled}\r\n0\r\n\r\n`,
        ),
      ),
    ).toBe('HTTP_FRAMING')
  })

  test('CL.TE with a length of zero, or one that agrees, is refused as well', () => {
    for (const length of ['0', '5']) {
      expect(refusal(post([`Content-Length: ${length}`, 'Transfer-Encoding: chunked'], '0\r\n\r\n'))).toBe(
        'HTTP_FRAMING',
      )
    }
  })

  test('TE.TE: a coding that only some parsers take for chunked is refused', () => {
    const obfuscated = [
      'xchunked',
      'chunkedx',
      '"chunked"',
      "'chunked'",
      'chunked;x=y',
      'chunked, identity',
      'identity, chunked',

      'identity',
      'gzip, chunked',
      'chunked, chunked',
      'chunked,',
      ',chunked',
      'x: chunked',
      'chunk',
      '',
      'cow',
      '\tchunked',
      'chunked\t',
      ' \t chunked',
      'chunked\xa0',
      '\xa0chunked',
      'chun ked',
      'c\xe7unked',
    ]
    for (const coding of obfuscated) {
      expect(refusal(post([`Transfer-Encoding: ${coding}`], `0\r\n\r\n${smuggled}`))).toBe('HTTP_FRAMING')
    }
    for (const coding of [
      '\x0bchunked',
      'chunked\x0b',
      '\x0cchunked',
      'chunked\x0c',
      'chunked\0',
      'chunked\r',
      'chunked\x7f',
    ]) {
      expect(refusal(post([`Transfer-Encoding: ${coding}`], `0\r\n\r\n${smuggled}`))).toBe('HTTP_FIELD')
    }
  })

  test('TE.TE: two coding lines are refused, also where both say chunked', () => {
    for (const second of ['chunked', 'identity', 'x', '']) {
      expect(refusal(post(['Transfer-Encoding: chunked', `Transfer-encoding: ${second}`], '0\r\n\r\n'))).toBe(
        'HTTP_FRAMING',
      )
    }
  })

  test('TE.TE: a coding line with an obfuscated name is refused, whatever the other lines say', () => {
    const names = [
      'Transfer-Encoding ',
      ' Transfer-Encoding',
      '\tTransfer-Encoding',
      'Transfer-Encoding\t',
      'Transfer Encoding',

      'Transfer-Encoding\x0b',
      '\0Transfer-Encoding',
      'Transfer\0-Encoding',
      'Transfer-Encod\xefng',
      '"Transfer-Encoding"',

      'Transfer-Encoding\r',
      'X: y\nTransfer-Encoding',
      'X: y\rTransfer-Encoding',
      'Transfer-Encoding\xa0',
      'Transfer-Encoding;x',
    ]
    for (const name of names) {
      expect(refusal(post(['Content-Length: 5', `${name}: chunked`], `0\r\n\r\n${smuggled}`))).toBe(
        'HTTP_FIELD',
      )
    }
  })

  test('a name that only resembles Transfer-Encoding or Content-Length frames nothing', () => {
    // Underscores become hyphens in CGI variables, never in framing.
    expect(
      requests(clientSends(post(['Content-Length: 5', 'Transfer_Encoding: chunked'], `hello${smuggled}`))),
    ).toEqual([
      ['POST /', 'hello'],
      ['GET /smuggled', ''],
    ])
    expect(requests(clientSends(post(['Content_Length: 5'], smuggled)))).toEqual([
      ['POST /', ''],
      ['GET /smuggled', ''],
    ])
  })

  test('case decides nothing: names and the coding are the same in any', () => {
    expect(requests(clientSends(post(['tRANSFER-eNCODING: ChUnKeD'], `5\r\nhello\r\n0\r\n\r\n`)))).toEqual([
      ['POST /', 'hello'],
    ])
    expect(refusal(post(['CONTENT-LENGTH: 5', 'transfer-ENCODING: CHUNKED'], 'hello'))).toBe('HTTP_FRAMING')
  })

  test('CL.CL: two lengths are refused, equal or not, in two lines or in a list', () => {
    expect(refusal(post(['Content-Length: 5', 'Content-Length: 6'], 'hello'))).toBe('HTTP_FRAMING')
    expect(refusal(post(['Content-Length: 5', 'Content-Length: 5'], 'hello'))).toBe('HTTP_FRAMING')
    expect(refusal(post(['Content-Length: 5, 5'], 'hello'))).toBe('HTTP_FRAMING')
    expect(refusal(post(['Content-Length: 5,6'], 'hello'))).toBe('HTTP_FRAMING')
  })

  test('CL.0: a length counts with every method and target, so its body is never a request', () => {
    for (const start of ['GET /', 'HEAD /', 'DELETE /favicon.ico', 'OPTIONS *', 'TRACE /', 'FOO /']) {
      const stream = `${start} HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`
      expect(requests(clientSends(stream))).toEqual([[start, smuggled]])
    }
  })

  test('0.CL: without a length and a coding the next byte begins the next request', () => {
    expect(requests(clientSends(`${post([])}${smuggled}`))).toEqual([
      ['POST /', ''],
      ['GET /smuggled', ''],
    ])
    expect(requests(clientSends(`${post(['Content-Length: 0'])}${smuggled}`))).toEqual([
      ['POST /', ''],
      ['GET /smuggled', ''],
    ])
  })

  test('0.CL: a length that a parser could miss is refused', () => {
    for (const line of [
      'Content-Length : 36',
      ' Content-Length: 35',
      'Content-Length\0: 36',
      'Content-Length\xa0: 36',
      'Content-Length',
    ]) {
      expect(refusal(post([line], smuggled))).toBe('HTTP_FIELD')
    }
    expect(refusal(post(['X: y\r\n Content-Length: 35'], smuggled))).toBe('HTTP_FIELD')
  })

  test('a hop cannot be made to drop the framing: Connection nominates neither length nor coding', () => {
    const seen = clientSends(
      post(['Connection: Content-Length, Transfer-Encoding, Host', 'Content-Length: 5'], 'hello'),
    )
    expect(requests(seen)).toEqual([['POST /', 'hello']])
    expect(seen.messages[0]?.fields).toContain('content-length')
  })
})

describe('lengths', () => {
  test('a sign, a prefix, an underscore, a blank, an exponent or a foreign digit is refused', () => {
    const malformed = [
      '+5',
      '-5',
      '-0',
      '0x5',
      '5_0',
      '5 5',
      '5e0',
      '5.0',
      '5;',
      '"5"',
      '',
      '5\xa0',
      '\xb2',
      'NaN',
      'Infinity',
      '05h',
    ]
    for (const length of malformed) {
      expect(refusal(post([`Content-Length: ${length}`], `hello${smuggled}`))).toBe('HTTP_FRAMING')
    }
    for (const length of ['5\0', '\x0b5', '5\x0c', '5\r', '5\x7f']) {
      expect(refusal(post([`Content-Length: ${length}`], `hello${smuggled}`))).toBe('HTTP_FIELD')
    }
  })

  test('a length that overflows 32, 53 or 64 bits is refused or taken at its full size, never wrapped', () => {
    for (const length of [
      '1000000000000000',
      '9007199254740993',
      '9223372036854775812',
      '18446744073709551621',
      '9'.repeat(100),
    ]) {
      expect(refusal(post([`Content-Length: ${length}`], `hello${smuggled}`))).toBe('HTTP_FRAMING')
    }
    for (const length of ['4294967301', '999999999999999']) {
      const seen = inPieces(post([`Content-Length: ${length}`], `hello${smuggled}`), (pieces) =>
        seenInRequests(pieces),
      )
      expect(seen.messages).toEqual([])
      expect(seen.open?.body).toBe(`hello${smuggled}`)
    }
  })

  test('leading zeros are decimal, never octal', () => {
    expect(requests(clientSends(post(['Content-Length: 010'], `0123456789${smuggled}`)))).toEqual([
      ['POST /', '0123456789'],
      ['GET /smuggled', ''],
    ])
  })
})

describe('chunks', () => {
  test('a size with a sign, a prefix, an underscore, a blank or nothing is refused', () => {
    for (const size of [
      '+5',
      '-5',
      '0x5',
      '5_0',
      ' 5',
      '5 ',
      '\t5',
      '5\t',
      '',
      '5\0',
      '5\x0b',
      '5h',
      '5.0',
    ]) {
      expect(refusal(chunkedPost(`${size}\r\nhello\r\n0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
    for (const size of ['-0', '+0', '0x0', ' 0', '0 ', '']) {
      expect(refusal(chunkedPost(`${size}\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
  })

  test('a size that overflows 32, 53 or 64 bits is refused or taken at its full size, never wrapped', () => {
    for (const size of ['10000000000000005', 'ffffffffffffffff', '80000000000005', '0'.repeat(14)]) {
      expect(refusal(chunkedPost(`${size}\r\nhello\r\n0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
    const seen = inPieces(chunkedPost(`100000005\r\nhello\r\n0\r\n\r\n${smuggled}`), (pieces) =>
      seenInRequests(pieces),
    )
    expect(seen.messages).toEqual([])
    expect(seen.open?.body).toBe(`hello\r\n0\r\n\r\n${smuggled}`)
  })

  test('TERM.EXT: a bare LF, CR or other line end after a size is refused', () => {
    for (const end of ['\n', '\n\n', '\r', '\n\r', '\r\r\n', '\x0b\r\n', '\x0c\r\n', '\0\r\n']) {
      expect(refusal(chunkedPost(`5${end}hello\r\n0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
      expect(refusal(chunkedPost(`0${end}\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
  })

  test('EXT.TERM: a bare LF or CR inside an extension is refused, whoever takes it for a line end', () => {
    for (const extension of [';\n', ';a\n', ';a=b\n', ';\nxx', ';a\r\r', ';a=b\rc']) {
      for (const end of ['\r\n', '\n', '\n\n', '']) {
        const stream = chunkedPost(`2${extension}${end}xx\r\n${smuggledSize}\r\n${smuggled}\r\n0\r\n\r\n`)
        expect(refusal(stream)).toBe('HTTP_CHUNK')
      }
    }
  })

  test('an extension with a line end in its quoted string is refused', () => {
    for (const extension of [';a="\r\n"', ';a="\n"', ';a="\\\r\n"', ';a="b', ';a="\0"']) {
      expect(refusal(chunkedPost(`2${extension}\r\nxx\r\n0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
  })

  test('an extension outside the grammar is refused; one inside it changes nothing', () => {
    for (const extension of [';', '; a', ' ;a', ';a ', ';=b', ';a=', ';a="b"c', ';\xff', ';a\0']) {
      expect(refusal(chunkedPost(`5${extension}\r\nhello\r\n0\r\n\r\n`))).toBe('HTTP_CHUNK')
    }
    expect(
      requests(clientSends(chunkedPost(`5;a;b=c;d="e;\\"f"\r\nhello\r\n0;g\r\n\r\n${smuggled}`))),
    ).toEqual([
      ['POST /', 'hello'],
      ['GET /smuggled', ''],
    ])
  })

  test('SPILL: data longer than its size is refused where the CRLF should be, not skipped', () => {
    expect(refusal(chunkedPost(`5\r\nhelloXX0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    expect(refusal(chunkedPost(`5\r\nhello world\r\n0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
  })

  test('ONE.TWO and TWO.ONE: one byte is never taken for the two of a CRLF after data, nor two for one', () => {
    for (const end of ['\n', '\r', '', '\r\r\n', 'X\n', '\rX']) {
      expect(refusal(chunkedPost(`5\r\nhello${end}0\r\n\r\n${smuggled}`))).toBe('HTTP_CHUNK')
    }
  })

  test('the end of a chunked body is CRLF, in the last line as well', () => {
    for (const end of ['\n', '\r\r\n', '\rX', '\n\r\n']) {
      expect(refusal(chunkedPost(`0\r\n${end}${smuggled}`))).toBe('HTTP_FIELD')
    }
  })

  test('a chunked body inside a body stays data', () => {
    const inner = chunkedPost('0\r\n\r\n')
    expect(
      requests(clientSends(chunkedPost(`${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`))),
    ).toEqual([['POST /', inner]])
  })
})

describe('trailers', () => {
  test('trailer injection: framing, routing and connection fields are refused there', () => {
    for (const line of [
      'Content-Length: 35',
      'Transfer-Encoding: chunked',
      'Host: b',
      'Connection: close',
      'Upgrade: h2c',
      'Expect: 100-continue',
    ]) {
      expect(refusal(chunkedPost(`0\r\n${line}\r\n\r\n${smuggled}`))).toBe('HTTP_FIELD')
    }
  })

  test('trailer merging: a trailer is never among the fields of the head', () => {
    const seen = clientSends(chunkedPost(`0\r\nX-User: admin\r\n\r\n${smuggled}`))
    expect(requests(seen)).toEqual([
      ['POST /', ''],
      ['GET /smuggled', ''],
    ])
    expect(seen.messages[0]?.fields).toEqual(['host', 'a', 'transfer-encoding', 'chunked'])
    expect(seen.messages[0]?.trailers).toEqual(['x-user', 'admin'])
  })

  test('a bare LF or CR, a folded line, a blank before the colon or a control character is refused', () => {
    for (const line of ['X: a\nY: b', 'X: a\rY: b', 'X: a\r\n b', ' X: a', 'X : a', 'X: a\0', 'X']) {
      expect(refusal(chunkedPost(`0\r\n${line}\r\n\r\n${smuggled}`))).toBe('HTTP_FIELD')
    }
  })

  test('a request line in the trailers is no request', () => {
    expect(refusal(chunkedPost(`0\r\n${smuggled}`))).toBe('HTTP_FIELD')
  })
})

describe('lines and names', () => {
  test('a bare LF ends no line: not the request line, not a field, not the head', () => {
    expect(refusal(`GET / HTTP/1.1\nHost: a\n\n${smuggled}`)).toBe('HTTP_FIELD')
    expect(refusal(`GET / HTTP/1.1\nHost: a\r\n\r\n`)).toBe('HTTP_FIELD')
    expect(refusal(post(['X: y\nContent-Length: 5'], 'hello'))).toBe('HTTP_FIELD')
    expect(refusal('GET / HTTP/1.1\r\nHost: a\r\n\n')).toBe('HTTP_FIELD')
    expect(refusal('GET / HTTP/1.1\r\nHost: a\n\r\n')).toBe('HTTP_FIELD')
  })

  test('a bare CR ends no line and is in none', () => {
    expect(refusal(`GET / HTTP/1.1\rHost: a\r\r\n\r\n`)).toBe('HTTP_FIELD')
    expect(refusal(post(['X: y\rContent-Length: 5'], 'hello'))).toBe('HTTP_FIELD')
    expect(refusal(post(['X: y\r'], ''))).toBe('HTTP_FIELD')
    expect(refusal('GET / HTTP/1.1\r\r\nHost: a\r\n\r\n')).toBe('HTTP_FIELD')
  })

  test('obs-fold: a folded line is refused, in a coding, a length and anywhere else', () => {
    for (const fold of ['\r\n ', '\r\n\t', '\r\n  \t']) {
      expect(refusal(post([`Transfer-Encoding:${fold}chunked`], '0\r\n\r\n'))).toBe('HTTP_FIELD')
      expect(refusal(post([`Transfer-Encoding: chunked${fold}x`], '0\r\n\r\n'))).toBe('HTTP_FIELD')
      expect(refusal(post([`Content-Length: 5${fold}0`], 'hello'))).toBe('HTTP_FIELD')
      expect(refusal(post([`X: y${fold}Transfer-Encoding: chunked`], '0\r\n\r\n'))).toBe('HTTP_FIELD')
    }
    expect(refusal(`GET / HTTP/1.1\r\n Host: a\r\n\r\n`)).toBe('HTTP_FIELD')
  })

  test('a blank before the colon is refused', () => {
    for (const line of ['Transfer-Encoding : chunked', 'Content-Length\t: 5', 'Host : a', 'X : y']) {
      expect(refusal(post([line], '0\r\n\r\n'))).toBe('HTTP_FIELD')
    }
  })

  test('NUL and other control characters are refused in names, values and the request line', () => {
    for (const control of ['\0', '\x01', '\x08', '\x0b', '\x0c', '\x0e', '\x1f', '\x7f']) {
      expect(refusal(post([`X: a${control}b`]))).toBe('HTTP_FIELD')
      expect(refusal(post([`X${control}: a`]))).toBe('HTTP_FIELD')
      expect(refusal(`GET /${control} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe('HTTP_FIELD')
      expect(refusal(`GET${control} / HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe('HTTP_FIELD')
      expect(refusal(`GET / HTTP/1.1${control}\r\nHost: a\r\n\r\n`)).toBe('HTTP_FIELD')
    }
  })

  test('a name with a separator, a byte above 0x7F, or no character at all is refused', () => {
    for (const name of [
      'X(y)',
      'X/y',
      'X@y',
      'X[y]',
      'X{y}',
      'X,y',
      'X;y',
      'X=y',
      'X"y',
      'X\\y',
      'X y',
      '\xe9',
      'X\xa0',
      '',
    ]) {
      expect(refusal(post([`${name}: z`]))).toBe('HTTP_FIELD')
    }
  })

  test('a line without a colon is refused', () => {
    expect(refusal(post(['Transfer-Encoding chunked'], '0\r\n\r\n'))).toBe('HTTP_FIELD')
    expect(refusal(post(['chunked']))).toBe('HTTP_FIELD')
  })

  test('a name ends at its first colon, so a second one cannot hide a length', () => {
    expect(requests(clientSends(post(['X:Content-Length: 35'], smuggled)))).toEqual([
      ['POST /', ''],
      ['GET /smuggled', ''],
    ])
    expect(refusal(post([':Content-Length: 35'], smuggled))).toBe('HTTP_FIELD')
  })

  test('one empty line before a request is nothing; blanks and further lines are refused', () => {
    expect(requests(clientSends(`\r\n${smuggled}`))).toEqual([['GET /smuggled', '']])
    expect(requests(clientSends(`${post(['Content-Length: 5'], 'hello')}\r\n${smuggled}`))).toEqual([
      ['POST /', 'hello'],
      ['GET /smuggled', ''],
    ])
    expect(refusal(`\r\n\r\n${smuggled}`)).toBe('HTTP_START_LINE')
    expect(refusal(` ${smuggled}`)).toBe('HTTP_START_LINE')
    expect(refusal(`\n${smuggled}`)).toBe('HTTP_FIELD')
    expect(refusal(`\r${smuggled}`)).toBe('HTTP_FIELD')
  })
})

describe('versions and request lines', () => {
  test('HTTP/0.9: a request line without a version is refused', () => {
    expect(refusal(`GET /\r\n\r\n${smuggled}`)).toBe('HTTP_START_LINE')
    expect(refusal(`GET /\r\nHost: a\r\n\r\n`)).toBe('HTTP_START_LINE')
    expect(refusal(`GET / HTTP/0.9\r\nHost: a\r\n\r\n`)).toBe('HTTP_START_LINE')
  })

  test('HTTP/1.0 with a transfer coding is refused', () => {
    expect(
      refusal(`POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`),
    ).toBe('HTTP_FRAMING')
  })

  test('HTTP/1.0 without keep-alive ends the connection: what follows is not read', () => {
    const seen = clientSends(`POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello${smuggled}`)
    expect(requests(seen)).toEqual([['POST /', 'hello']])
    expect(seen.ending).toBe('closed')
  })

  test('after close nothing is read as a request', () => {
    for (const value of ['close', 'Close', 'x, close', 'keep-alive, close', 'close , x']) {
      const seen = clientSends(post([`Connection: ${value}`]) + smuggled)
      expect(requests(seen)).toEqual([['POST /', '']])
      expect(seen.ending).toBe('closed')
    }
  })

  test('another version, or a version in another spelling, is refused', () => {
    for (const version of [
      'HTTP/1.2',
      'HTTP/2.0',
      'HTTP/3',
      'HTTP/1.01',
      'HTTP/01.1',
      'http/1.1',
      'HTTP/1,1',
      'HTTP/ 1.1',
      'HTTP/1.1 HTTP/1.1',
      'HTTP/1.1 ',
    ]) {
      expect(refusal(`GET / ${version}\r\nHost: a\r\n\r\n`)).toBe('HTTP_START_LINE')
    }
  })

  test('h2c smuggling: the preface of HTTP/2 and CONNECT are no HTTP/1.1 requests', () => {
    expect(refusal('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toBe('HTTP_START_LINE')
    expect(refusal(`CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n${smuggled}`)).toBe('HTTP_START_LINE')
    expect(refusal(`CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`)).toBe('HTTP_START_LINE')
  })

  test('an upgrade that is not granted leaves the framing alone', () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
    expect(requests(clientSends(post([...upgrade, 'Content-Length: 5'], `hello${smuggled}`)))).toEqual([
      ['POST /', 'hello'],
      ['GET /smuggled', ''],
    ])
  })

  test('a request line with other or more blanks than two spaces is refused', () => {
    for (const line of [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      'GET / x HTTP/1.1',
      'GET\xa0/ HTTP/1.1',
    ]) {
      expect(refusal(`${line}\r\nHost: a\r\n\r\n`)).toBe('HTTP_START_LINE')
    }
  })
})

describe('Expect', () => {
  test('Expect: 100-continue changes nothing about the body', () => {
    expect(
      requests(clientSends(post(['Expect: 100-continue', 'Content-Length: 5'], `hello${smuggled}`))),
    ).toEqual([
      ['POST /', 'hello'],
      ['GET /smuggled', ''],
    ])
    expect(
      requests(
        clientSends(`GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`),
      ),
    ).toEqual([['GET /', 'hello']])
  })

  test('0.CL by Expect: an expectation that only some parsers know is refused', () => {
    const variants = [
      'y 100-continue',
      '100-continue, x',
      'x, 100-continue',
      '100-continue;q=1',
      '"100-continue"',
      '100-contin',
      '100',
      '200-ok',
      '',
      '100-continue\xa0',
    ]
    for (const value of variants) {
      expect(refusal(post([`Expect: ${value}`, 'Content-Length: 5'], `hello${smuggled}`))).toBe('HTTP_EXPECT')
    }
    expect(
      refusal(post(['Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 5'], 'hello')),
    ).toBe('HTTP_EXPECT')
    for (const line of [
      'Expect : 100-continue',
      ' Expect: 100-continue',
      'Expect: 100-continue\x0b',
      'Expect:\r\n 100-continue',
    ]) {
      expect(refusal(post([line, 'Content-Length: 5'], `hello${smuggled}`))).toBe('HTTP_FIELD')
    }
  })
})

describe('routing', () => {
  test('duplicate Host is refused, equal or not', () => {
    for (const second of ['a', 'b', '']) expect(refusal(post([`Host: ${second}`]))).toBe('HTTP_HOST')
  })

  test('a missing Host is refused in HTTP/1.1', () => {
    expect(refusal('GET / HTTP/1.1\r\n\r\n')).toBe('HTTP_HOST')
    expect(refusal('GET / HTTP/1.1\r\nX-Host: a\r\n\r\n')).toBe('HTTP_HOST')
  })

  test('a Host that is no host and port is refused', () => {
    for (const host of [
      'a b',
      'a/b',
      'a@b',
      'a?b',
      'a#b',
      'a:80:81',
      'a:80@b',
      'a, b',
      'a:x',
      '[::1',
      'a"',
    ]) {
      expect(refusal(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe('HTTP_HOST')
    }
  })

  test('absolute-form against Host: the target wins, and only its authority goes on', () => {
    const seen = clientSends('GET http://b/x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n')
    expect(requests(seen)).toEqual([['GET /x', '']])
    expect(seen.messages[0]?.fields).toEqual(['host', 'b', 'x', 'y'])
  })

  test('absolute-form with user information, no host, another scheme or a fragment is refused', () => {
    for (const target of [
      'http://a@b/',
      'http:///x',
      'http://:80/',
      'ftp://b/',
      'file:///etc',
      'javascript:x',
      'http://b/#x',
      'b:80',
      'http:\\\\b\\',
    ]) {
      expect(refusal(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe('HTTP_START_LINE')
    }
  })
})

describe('upstream responses', () => {
  test('response with both lengths, two lengths or another coding is refused', () => {
    for (const lines of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      'Content-Length: 5\r\nContent-Length: 5',
      'Content-Length: 5, 5',
      'Content-Length: +5',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: \tchunked',
      'Content-Length: 18446744073709551621',
    ]) {
      expect(badGateway(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)).toBe('HTTP_FRAMING')
    }
    expect(badGateway('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toBe('HTTP_FRAMING')
  })

  test('response splitting: a bare CR or LF in a value or a reason is refused', () => {
    for (const end of ['\n', '\r', '\n\n', '\r\r\n']) {
      expect(
        badGateway(`HTTP/1.1 200 OK\r\nLocation: /x${end}Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n`),
      ).toBe('HTTP_FIELD')
      expect(badGateway(`HTTP/1.1 200 OK${end}Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n`)).toBe(
        'HTTP_FIELD',
      )
    }
  })

  test('response splitting: a CRLF in a value written by us is refused, also one that only Latin-1 makes', () => {
    for (const value of ['/x\r\nSet-Cookie: a=b', '/x\u010d\u010aSet-Cookie: a=b', '/x\n', '/x\0']) {
      expect(() => serializeFields(['location', value])).toThrow(/cannot be written/)
    }
  })

  test('response splitting: a second response after the first is not read as part of it', () => {
    const second = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
    const seen = upstreamSends(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello${second}`)
    expect(seen.messages.map((message) => message.body)).toEqual(['hello'])
  })

  test('1xx: interim responses are read one by one and have no body', () => {
    const seen = upstreamSends(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    )
    expect(seen.messages.map((message) => [message.start, message.body])).toEqual([
      ['100', ''],
      ['103', ''],
      ['200', 'hello'],
    ])
  })

  test('1xx: a body after an interim response is refused as what it is, no response', () => {
    for (const line of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
      expect(badGateway(`HTTP/1.1 100 Continue\r\n${line}\r\n\r\nhello\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`)).toBe(
        'HTTP_START_LINE',
      )
    }
  })

  test('204 and 304 with a body: the body belongs to nobody, and a 204 that announced it is not reused', () => {
    const announced = upstreamSends('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello')
    expect(announced.messages).toMatchObject([{ start: '204', body: '', fields: [], keepAlive: false }])
    const chunked = upstreamSends('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    expect(chunked.messages).toMatchObject([{ start: '204', body: '', fields: [], keepAlive: false }])
    const notModified = upstreamSends('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello')
    expect(notModified.messages).toMatchObject([{ start: '304', body: '' }])
  })

  test('a HEAD response has no body, whatever its length says', () => {
    const seen = upstreamSends('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'HEAD')
    expect(seen.messages).toMatchObject([{ start: '200', body: '' }])
  })

  test('a response without a length ends with its connection and is never followed by another', () => {
    const seen = upstreamSends(`HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello`)
    expect(seen).toMatchObject({ ending: 'until-close', open: { body: 'hello', keepAlive: false } })
  })

  test('a malformed status line is refused', () => {
    for (const line of [
      'HTTP/1.1 2000 OK',
      'HTTP/1.1 20 OK',
      'HTTP/1.1  200 OK',
      'HTTP/2 200 OK',
      'ICY 200 OK',
      'HTTP/1.1 +20 OK',
      'hello',
    ]) {
      expect(badGateway(`${line}\r\nContent-Length: 0\r\n\r\n`)).toBe('HTTP_START_LINE')
    }
  })

  test('a malformed chunk, trailer or field is refused', () => {
    const start = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    expect(badGateway(`${start}5\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    expect(badGateway(`${start}0x5\r\nhello\r\n0\r\n\r\n`)).toBe('HTTP_CHUNK')
    expect(badGateway(`${start}0\r\nContent-Length: 5\r\n\r\n`)).toBe('HTTP_FIELD')
    expect(badGateway('HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello')).toBe('HTTP_FIELD')
    expect(badGateway('HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n')).toBe('HTTP_FIELD')
  })
})

test('every refusal above is in the catalogue with a fix', () => {
  for (const entry of Object.values(http1Errors)) expect(entry.fix).not.toBe('')
})
