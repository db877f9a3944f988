import { Http1Error } from './errors.ts'
import {
  isToken,
  listOptions,
  nominatedFields,
  parseFields,
  refuseControlCharacters,
  type Fields,
} from './fields.ts'
import type { Http1Limits } from './limits.ts'

/** How long a request body is (RFC 9112 section 6). */
export type RequestFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }

export interface RequestHead {
  readonly method: string
  /** Request target as received, Latin-1; absolute-form is already reduced to origin-form. */
  readonly target: string
  readonly minorVersion: 0 | 1
  readonly fields: Fields
  readonly framing: RequestFraming
  readonly keepAlive: boolean
  /** Lower-case connection options, without close, keep-alive, and the fields that no hop may drop. */
  readonly connectionOptions: readonly string[]
  /** Value of Upgrade where Connection nominates it, else null. */
  readonly upgrade: string | null
  readonly expectsContinue: boolean
}

const noBody: RequestFraming = { kind: 'none' }
export const chunkedBody = { kind: 'chunked' } as const
const noOptions: readonly string[] = []
// Printable ASCII without space and `#`, and bytes above 0x7F, which the original re-encodes (row 18).
const targetText = /^[!"$-~\x80-\xff]+$/
// uri-host [ ":" port ] of RFC 3986, without user information; the name may be empty.
const hostText = /^(?:[A-Za-z0-9\-._~%!$&'()*+,;=]*|\[[A-Za-z0-9\-._~%!$&'()*+,;=:]+\])(?::\d*)?$/
const decimal = /^\d{1,15}$/

/** Parses a complete head (see HeadCollector.take). Throws Http1Error: answer 400 and close. */
export function parseRequestHead(text: string, limits: Http1Limits): RequestHead {
  refuseControlCharacters(text)
  const lineEnd = text.indexOf('\r\n')
  const methodEnd = text.indexOf(' ')
  const minorVersion = parseVersion(text, lineEnd)
  const targetEnd = lineEnd - 9
  if (methodEnd <= 0 || methodEnd >= targetEnd) {
    throw new Http1Error('HTTP_START_LINE', 'malformed request line')
  }
  const method = text.slice(0, methodEnd)
  const target = text.slice(methodEnd + 1, targetEnd)
  if (!isToken(method)) throw new Http1Error('HTTP_START_LINE', 'method is not a token')
  // Both would end HTTP/1.1 framing on this connection: a tunnel, and the preface of HTTP/2.
  if (method === 'CONNECT' || method === 'PRI') {
    throw new Http1Error('HTTP_START_LINE', `${method} is not a request to an origin`)
  }
  if (!targetText.test(target)) throw new Http1Error('HTTP_START_LINE', 'illegal character in the target')
  const fields = parseFields(text, lineEnd + 2, text.length, limits)
  const head = interpret(method, target, minorVersion, fields)
  if (head.framing.kind === 'chunked') refuseTabbedCoding(text)
  return head
}

function parseVersion(text: string, lineEnd: number): 0 | 1 {
  if (text.startsWith(' HTTP/1.1', lineEnd - 9)) return 1
  if (text.startsWith(' HTTP/1.0', lineEnd - 9)) return 0
  throw new Http1Error('HTTP_START_LINE', 'not an HTTP/1.0 or HTTP/1.1 request line')
}

function interpret(method: string, target: string, minorVersion: 0 | 1, fields: string[]): RequestHead {
  let length: string | undefined
  let coding: string | undefined
  let hosts = 0
  let connection: string | undefined
  let upgrade: string | null = null
  let expectsContinue = false
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? ''
    switch (fields[index] ?? '') {
      case 'host':
        hosts++
        if (!isHost(value)) throw new Http1Error('HTTP_HOST', 'illegal character in Host')
        break
      case 'content-length':
        if (length !== undefined) throw new Http1Error('HTTP_FRAMING', 'two Content-Length lines')
        length = value
        break
      case 'transfer-encoding':
        if (coding !== undefined) throw new Http1Error('HTTP_FRAMING', 'two Transfer-Encoding lines')
        coding = value
        break
      case 'connection':
        connection = connection === undefined ? value : `${connection},${value}`
        break
      case 'upgrade':
        upgrade = upgrade === null ? value : `${upgrade}, ${value}`
        break
      case 'expect':
        if (expectsContinue || value.toLowerCase() !== '100-continue') {
          throw new Http1Error('HTTP_EXPECT', 'Expect is not one 100-continue')
        }
        expectsContinue = true
        break
      default:
    }
  }
  if (hosts > 1 || (hosts === 0 && minorVersion === 1)) {
    throw new Http1Error('HTTP_HOST', hosts === 0 ? 'no Host' : 'several Host lines')
  }
  const framing = requestFraming(minorVersion, length, coding)
  const options = connection === undefined ? noOptions : listOptions(connection)
  const keepAlive = options.includes('close') ? false : minorVersion === 1 || options.includes('keep-alive')
  const origin = toOriginForm(method, target)
  return {
    method,
    target: origin.target,
    minorVersion,
    fields: origin.authority === null ? fields : replaceHost(fields, origin.authority),
    framing,
    keepAlive,
    connectionOptions: options.length === 0 ? noOptions : nominatedFields(options),
    upgrade: minorVersion === 1 && upgrade !== '' && options.includes('upgrade') ? upgrade : null,
    expectsContinue: expectsContinue && minorVersion === 1,
  }
}

function requestFraming(
  minorVersion: 0 | 1,
  length: string | undefined,
  coding: string | undefined,
): RequestFraming {
  if (coding !== undefined) {
    if (length !== undefined) {
      throw new Http1Error('HTTP_FRAMING', 'both Content-Length and Transfer-Encoding')
    }
    requireChunked(minorVersion, coding)
    return chunkedBody
  }
  if (length === undefined) return noBody
  return { kind: 'length', bytes: parseContentLength(length) }
}

/** A Host field's value: a name or address with an optional port, or nothing. */
export function isHost(text: string): boolean {
  return hostText.test(text)
}

/** Digits only: no sign, blank, list or hexadecimal; below 10^15. Throws Http1Error. */
export function parseContentLength(value: string): number {
  if (!decimal.test(value)) throw new Http1Error('HTTP_FRAMING', 'malformed Content-Length')
  return Number(value)
}

/** Throws Http1Error where a message with this Transfer-Encoding has no certain end. */
export function requireChunked(minorVersion: 0 | 1, coding: string): void {
  if (minorVersion === 0) throw new Http1Error('HTTP_FRAMING', 'Transfer-Encoding in an HTTP/1.0 message')
  if (coding.toLowerCase() !== 'chunked') {
    throw new Http1Error('HTTP_FRAMING', 'transfer coding other than chunked')
  }
}

/**
 * Throws Http1Error where a tab stands beside the coding in the head it came in. RFC 9110 section 5.5 allows it,
 * but llhttp reads such a coding as no chunked at all, and others do as well.
 */
export function refuseTabbedCoding(head: string): void {
  if (/\r\ntransfer-encoding:[^\r]*\t/i.test(head)) {
    throw new Http1Error('HTTP_FRAMING', 'tab beside the transfer coding')
  }
}

/** RFC 9112 section 3.2.2: a server accepts absolute-form, and its authority replaces Host. */
function toOriginForm(method: string, target: string): { target: string; authority: string | null } {
  if (target.startsWith('/')) return { target, authority: null }
  if (target === '*' && method === 'OPTIONS') return { target, authority: null }
  const absolute = /^https?:\/\/([^/?]*)(.*)$/is.exec(target)
  const authority = absolute?.[1]
  // An http URL has a host name; an empty one is an error (RFC 9110 section 4.2.1).
  if (
    absolute === null ||
    authority === undefined ||
    /^(?::|$)/.test(authority) ||
    !hostText.test(authority)
  ) {
    throw new Http1Error('HTTP_START_LINE', 'target is neither a path nor an http URL')
  }
  const rest = absolute[2] ?? ''
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority }
}

function replaceHost(fields: readonly string[], authority: string): string[] {
  const replaced = ['host', authority]
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== 'host') replaced.push(fields[index] ?? '', fields[index + 1] ?? '')
  }
  return replaced
}
