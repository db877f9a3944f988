import { Http1Error } from './errors.ts'
import { listOptions, parseFields, refuseControlCharacters, type Fields } from './fields.ts'
import type { Http1Limits } from './limits.ts'
import { parseContentLength } from './request-head.ts'

/** How a response body ends (RFC 9112 section 6.3). */
export type ResponseFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly minorVersion: 0 | 1
  readonly fields: Fields
  readonly framing: ResponseFraming
  /** False where the sender closes afterwards: by version, Connection, or close-delimited framing. */
  readonly keepAlive: boolean
  readonly connectionOptions: readonly string[]
  readonly upgrade: string | null
  /** Seconds of `Keep-Alive: timeout=N`, if said. */
  readonly keepAliveSeconds: number | null
}

const none = { kind: 'none' } as const
const chunked = { kind: 'chunked' } as const
const untilClose = { kind: 'close' } as const
const noOptions: readonly string[] = []
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/

/** Parses a complete head; the framing depends on the request's method. Throws Http1Error: answer 502. */
export function parseResponseHead(text: string, requestMethod: string, limits: Http1Limits): ResponseHead {
  refuseControlCharacters(text)
  const lineEnd = text.indexOf('\r\n')
  const match = statusLine.exec(text.slice(0, lineEnd))
  if (match === null) throw new Http1Error('HTTP_START_LINE', 'malformed status line')
  const minorVersion = match[1] === '1' ? 1 : 0
  const status = Number(match[2])
  const fields = parseFields(text, lineEnd + 2, text.length, limits)
  let length: string | undefined
  let coding: string | undefined
  let connection: string | undefined
  let upgrade: string | null = null
  let keepAliveSeconds: number | null = null
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? ''
    switch (fields[index] ?? '') {
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
        upgrade = value
        break
      case 'keep-alive':
        keepAliveSeconds = parseKeepAlive(value)
        break
      default:
    }
  }
  const options = connection === undefined ? noOptions : listOptions(connection)
  const framing = responseFraming(status, requestMethod, minorVersion, length, coding)
  const persistent = options.includes('close') ? false : minorVersion === 1 || options.includes('keep-alive')
  return {
    status,
    reason: match[3] ?? '',
    minorVersion,
    fields,
    framing,
    keepAlive: persistent && framing.kind !== 'close',
    connectionOptions: options,
    upgrade,
    keepAliveSeconds,
  }
}

// oxlint-disable-next-line max-params -- the five facts of RFC 9112 section 6.3, nothing else
function responseFraming(
  status: number,
  requestMethod: string,
  minorVersion: 0 | 1,
  length: string | undefined,
  coding: string | undefined,
): ResponseFraming {
  if (length !== undefined && coding !== undefined) {
    throw new Http1Error('HTTP_FRAMING', 'both Content-Length and Transfer-Encoding')
  }
  const bytes = length === undefined ? undefined : parseContentLength(length)
  if (status < 200 || status === 204 || status === 304 || requestMethod === 'HEAD') return none
  if (coding !== undefined) {
    if (minorVersion === 0) throw new Http1Error('HTTP_FRAMING', 'Transfer-Encoding in an HTTP/1.0 message')
    if (coding.toLowerCase() !== 'chunked') {
      throw new Http1Error('HTTP_FRAMING', 'transfer coding other than chunked')
    }
    return chunked
  }
  return bytes === undefined ? untilClose : { kind: 'length', bytes }
}

function parseKeepAlive(value: string): number | null {
  const match = /(?:^|[,\s])timeout\s*=\s*(\d{1,6})/i.exec(value)
  return match === null ? null : Number(match[1])
}
