import { Http1Error } from '../../codec/http1/errors.ts'
import { isToken } from '../../codec/http1/fields.ts'
import {
  isHost,
  parseContentLength,
  type RequestFraming,
  type RequestHead,
} from '../../codec/http1/request-head.ts'

/** An HTTP/2 request as the HTTP/1.1 head that means the same (RFC 9113 section 8, RFC 8441). */
export interface Http2Request {
  readonly head: RequestHead
  /** Extended CONNECT: a WebSocket that ends in this stream. */
  readonly isTunnel: boolean
}

const maxFields = 101
const maxBytes = 15_360
const targetText = /^[!"$-~\x80-\xff]+$/
const valueText = /^[\t\x20-\x7e\x80-\xff]*$/
const connectionSpecific = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/**
 * `rawHeaders` alternates names and values as received. Everything is checked again here although the
 * HTTP/2 layer checks much: what goes on in HTTP/1.1 must not gain a line (downgrade smuggling).
 * Throws Http1Error.
 */
export function readHttp2Request(
  rawHeaders: readonly string[],
  endsStream: boolean,
  webSocketKey: () => string,
): Http2Request {
  const pseudo = new Map<string, string>()
  const fields: string[] = []
  let cookie = ''
  let length: string | undefined
  let host: string | undefined
  let bytes = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = (rawHeaders[index + 1] ?? '').replace(/^[ \t]+|[ \t]+$/g, '')
    bytes += name.length + value.length + 4
    if (!valueText.test(value)) throw new Http1Error('HTTP_FIELD', 'control character in a field')
    if (name.startsWith(':')) {
      if (pseudo.has(name)) throw new Http1Error('HTTP_FIELD', 'duplicate pseudo-header')
      pseudo.set(name, value)
      continue
    }
    if (!isToken(name) || connectionSpecific.has(name)) {
      throw new Http1Error('HTTP_FIELD', 'field not allowed in HTTP/2')
    }
    if (name === 'cookie') cookie = cookie === '' ? value : `${cookie}; ${value}`
    else if (name === 'content-length') {
      if (length !== undefined) throw new Http1Error('HTTP_FRAMING', 'two Content-Length fields')
      length = value
    } else if (name === 'host') {
      if (host !== undefined) throw new Http1Error('HTTP_HOST', 'several Host fields')
      host = value
    } else {
      if (name === 'expect' && value.toLowerCase() !== '100-continue') {
        throw new Http1Error('HTTP_EXPECT', 'unknown expectation')
      }
      fields.push(name, value)
    }
  }
  if (bytes > maxBytes || fields.length > maxFields * 2) {
    throw new Http1Error('HTTP_HEAD_TOO_LARGE', 'too many fields')
  }
  if (cookie !== '') fields.push('cookie', cookie)
  const authority = pseudo.get(':authority') ?? host
  if (authority === undefined || !isHost(authority)) {
    throw new Http1Error('HTTP_HOST', 'no authority or a malformed one')
  }
  fields.unshift('host', authority)
  const isTunnel = pseudo.get(':method') === 'CONNECT' && pseudo.get(':protocol') === 'websocket'
  if (isTunnel) fields.push('sec-websocket-key', webSocketKey())
  const framing = isTunnel || endsStream ? ({ kind: 'none' } as const) : bodyFraming(length)
  return { head: toHead(pseudo, fields, framing, isTunnel), isTunnel }
}

function bodyFraming(length: string | undefined): RequestFraming {
  return length === undefined ? { kind: 'chunked' } : { kind: 'length', bytes: parseContentLength(length) }
}

function toHead(
  pseudo: ReadonlyMap<string, string>,
  fields: string[],
  framing: RequestFraming,
  isTunnel: boolean,
): RequestHead {
  const method = pseudo.get(':method') ?? ''
  const target = pseudo.get(':path') ?? ''
  if (!isToken(method) || method === 'PRI' || (method === 'CONNECT' && !isTunnel)) {
    throw new Http1Error('HTTP_START_LINE', 'method not allowed')
  }
  if (!targetText.test(target) || !(target.startsWith('/') || (target === '*' && method === 'OPTIONS'))) {
    throw new Http1Error('HTTP_START_LINE', 'malformed path')
  }
  return {
    method: isTunnel ? 'GET' : method,
    target,
    minorVersion: 1,
    fields,
    framing,
    keepAlive: true,
    connectionOptions: [],
    upgrade: isTunnel ? 'websocket' : null,
    expectsContinue: false,
  }
}
