import { Http1Error } from './errors.ts'
import type { Http1Limits } from './limits.ts'

/**
 * Header and trailer fields as a flat list: name, value, name, value… Names are lower case, values are
 * Latin-1 text without surrounding blanks. Order and duplicates are kept.
 */
export type Fields = readonly string[]

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const neverNominated = new Set(['close', 'keep-alive', 'content-length', 'transfer-encoding', 'host'])
// Lines of printable bytes and tabs, each ended by CRLF. One pass without look-around: it runs on every head.
const cleanLines = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
const unsafeInValue = /[^\t\x20-\x7e\x80-\xff]/

/** Spellings seen on every connection, so that the hot path neither validates nor lower-cases them again. */
const knownNames = new Map<string, string>()
for (const name of [
  'Host User-Agent Accept Accept-Encoding Accept-Language Connection Cookie Authorization Content-Type Content-Length',
  'Transfer-Encoding Upgrade Expect TE Trailer Range If-None-Match If-Modified-Since Cache-Control Pragma Referer Origin',
  'X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port X-Real-IP Forwarded Requesttoken OCS-APIRequest',
  'Sec-WebSocket-Key Sec-WebSocket-Version Sec-WebSocket-Extensions Sec-WebSocket-Protocol Sec-WebSocket-Accept',
  'Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Upgrade-Insecure-Requests DNT Priority',
  'AA-VERSION EX-APP-ID EX-APP-VERSION EX-APP-HOST EX-APP-PORT AUTHORIZATION-APP-API AA-REQUEST-ID harp-shared-key',
  'docker-engine-port Date Server ETag Last-Modified Vary Set-Cookie Location Keep-Alive Content-Encoding',
]
  .join(' ')
  .split(' ')) {
  knownNames.set(name, name.toLowerCase())
  knownNames.set(name.toLowerCase(), name.toLowerCase())
}

/**
 * Throws where `text` (a whole head or trailer section, Latin-1, each line with its CRLF) has a control
 * character, a bare CR or a bare LF.
 */
export function refuseControlCharacters(text: string): void {
  if (!cleanLines.test(text)) {
    throw new Http1Error('HTTP_FIELD', 'control character, bare CR or bare LF in the head')
  }
}

/**
 * Parses field lines between `start` and `end`; each line ends in CRLF, `end` is the offset after the last
 * one. `refuseControlCharacters` must have passed.
 */
export function parseFields(text: string, start: number, end: number, limits: Http1Limits): string[] {
  const fields: string[] = []
  let position = start
  while (position < end) {
    const lineEnd = text.indexOf('\r\n', position)
    const colon = text.indexOf(':', position)
    if (colon === -1 || colon > lineEnd) throw new Http1Error('HTTP_FIELD', 'field line without a colon')
    const rawName = text.slice(position, colon)
    let name = knownNames.get(rawName)
    if (name === undefined) {
      // A folded line starts with a blank and a name with a blank before the colon ends in one: neither is a token.
      if (!token.test(rawName)) throw new Http1Error('HTTP_FIELD', 'malformed field name or folded line')
      name = rawName.toLowerCase()
    }
    if (fields.length >= limits.maxFields * 2) {
      throw new Http1Error('HTTP_HEAD_TOO_LARGE', `more than ${limits.maxFields} fields`)
    }
    fields.push(name, trimmed(text, colon + 1, lineEnd))
    position = lineEnd + 2
  }
  return fields
}

/** The text between two offsets without surrounding blanks. Not `trim()`: that also takes U+00A0. */
function trimmed(text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

export function isToken(text: string): boolean {
  return token.test(text)
}

/** The value of the last line with this (lower-case) name. */
export function lastValue(fields: Fields, name: string): string | undefined {
  for (let index = fields.length - 2; index >= 0; index -= 2) {
    if (fields[index] === name) return fields[index + 1]
  }
  return undefined
}

/**
 * Field lines as they go on the wire, each ended by CRLF. Throws Http1Error where a value would end its line or
 * is no Latin-1: written as bytes, U+010A is a line feed.
 */
export function serializeFields(fields: Fields): string {
  let text = ''
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? ''
    if (unsafeInValue.test(value)) {
      throw new Http1Error('HTTP_FIELD', `the value of ${fields[index]} cannot be written as a field`)
    }
    text += `${fields[index]}: ${value}\r\n`
  }
  return text
}

/** The comma-separated options of a Connection (or similar) field, lower case. */
export function listOptions(value: string): string[] {
  if (!value.includes(',')) return value === '' ? [] : [value.toLowerCase()]
  return value
    .toLowerCase()
    .split(',')
    .map((each) => trimmed(each, 0, each.length))
    .filter((each) => each !== '')
}

/**
 * The fields that connection options name. Content-Length, Transfer-Encoding and Host are left out: a peer
 * that nominates them wants a hop to lose the framing or the routing of the message.
 */
export function nominatedFields(options: readonly string[]): string[] {
  return options.filter((each) => !neverNominated.has(each))
}
