import { HarpError, type ErrorEntry } from '../../base/errors.ts'

/** Why a message was refused. A request that meets one is answered 400 and closed, a response 502. */
export const http1Errors = {
  HTTP_START_LINE: {
    summary: 'The first line is not `METHOD target HTTP/1.x` or `HTTP/1.x status reason`.',
    fix: 'Check that the peer speaks HTTP/1.0 or 1.1 on this port, without TLS where none is configured.',
  },
  HTTP_FIELD: {
    summary:
      'A header or trailer line breaks RFC 9112: a control character, a bare CR or LF, a folded line, a space before the colon, no colon, or a framing field among the trailers.',
    fix: 'Fix the program that writes the header; such lines are how request smuggling works, so they are never repaired.',
  },
  HTTP_FRAMING: {
    summary:
      'The body length is ambiguous: both Content-Length and Transfer-Encoding, two lengths, a malformed length, or a transfer coding other than chunked.',
    fix: 'Send exactly one of Content-Length or `Transfer-Encoding: chunked`.',
  },
  HTTP_HOST: {
    summary: 'An HTTP/1.1 request has no Host, several, or a malformed one.',
    fix: 'Send exactly one Host header.',
  },
  HTTP_EXPECT: {
    summary: 'A request has an Expect other than one `100-continue`.',
    fix: 'Send `Expect: 100-continue` once, or no Expect: peers disagree on what any other value does to the body.',
  },
  HTTP_HEAD_TOO_LARGE: {
    summary: 'The head (or trailer section) is larger or has more fields than the limit.',
    fix: 'Remove large cookies or headers; the limit is 15 KiB and 101 fields, as with the original.',
  },
  HTTP_CHUNK: {
    summary:
      'A chunked body breaks its framing: bad size, missing CRLF, or a malformed or oversized extension.',
    fix: 'Fix the program that writes the body.',
  },
} as const satisfies Record<string, ErrorEntry>

export type Http1ErrorCode = keyof typeof http1Errors

export class Http1Error extends HarpError {
  override readonly name = 'Http1Error'

  constructor(code: Http1ErrorCode, message: string) {
    super(code, message, { fix: http1Errors[code].fix })
  }
}
