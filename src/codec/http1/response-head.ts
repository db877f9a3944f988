import { Http1Error } from './errors.ts'
import { listOptions, nominatedFields, parseFields, refuseControlCharacters, type Fields } from './fields.ts'
import type { Http1Limits } from './limits.ts'
import { parseContentLength, refuseTabbedCoding, requireChunked } from './request-head.ts'

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
  /** A 1xx or 204 has no Content-Length or Transfer-Encoding here, whatever was sent (RFC 9110 section 8.6). */
  readonly fields: Fields
  readonly framing: ResponseFraming
  /**
   * False where the sender closes afterwards (by version, Connection, or close-delimited framing) or where a
   * 1xx or 204 announced a body, so that nobody knows what its next bytes are.
   */
  readonly keepAlive: boolean
  /** Lower-case connection options, without close, keep-alive, and the fields that no hop may drop. */
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
  if (minorVersion === 0 && status < 200 && status !== 101) {
    throw new Http1Error('HTTP_START_LINE', 'interim response in HTTP/1.0')
  }
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
  const announced = announcedFraming(minorVersion, length, coding)
  if (announced.kind === 'chunked') refuseTabbedCoding(text)
  const isBodiless = status < 200 || status === 204
  const framing = isBodiless || status === 304 || requestMethod === 'HEAD' ? none : announced
  const persistent = options.includes('close') ? false : minorVersion === 1 || options.includes('keep-alive')
  return {
    status,
    reason: match[3] ?? '',
    minorVersion,
    fields: isBodiless && announced.kind !== 'close' ? withoutFraming(fields) : fields,
    framing,
    keepAlive: persistent && framing.kind !== 'close' && !(isBodiless && announcesBody(announced)),
    connectionOptions: options.length === 0 ? noOptions : nominatedFields(options),
    upgrade,
    keepAliveSeconds,
  }
}

/** What the fields say, before the status and the method have their say. */
function announcedFraming(
  minorVersion: 0 | 1,
  length: string | undefined,
  coding: string | undefined,
): ResponseFraming {
  if (coding === undefined) {
    return length === undefined ? untilClose : { kind: 'length', bytes: parseContentLength(length) }
  }
  if (length !== undefined) throw new Http1Error('HTTP_FRAMING', 'both Content-Length and Transfer-Encoding')
  requireChunked(minorVersion, coding)
  return chunked
}

function announcesBody(framing: ResponseFraming): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
}

function withoutFraming(fields: Fields): string[] {
  return fields.filter((_text, index) => {
    const name = fields[index - (index % 2)]
    return name !== 'content-length' && name !== 'transfer-encoding'
  })
}

function parseKeepAlive(value: string): number | null {
  const match = /(?:^|[,\s])timeout\s*=\s*(\d{1,6})/i.exec(value)
  return match === null ? null : Number(match[1])
}
