import type { OutgoingHttpHeaders } from 'node:http2'
import type { Fields } from '../../codec/http1/fields.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import { responseFields } from './response-fields.ts'

/**
 * Fields between the gateway's flat lists and what Node's HTTP/2 takes and gives. It throws on fields that
 * HTTP/2 forbids, and an app may send any: what comes out of here never makes it throw.
 */

/** The fields of an app's answer, name and value alternating. */
export function http2Fields(head: ResponseHead): readonly string[] {
  const fields = responseFields(head)
  if (!fields.some(isForbidden)) return fields
  return fields.filter((_, index) => !isForbidden(fields[index - (index % 2)] ?? ''))
}

/** The same for interim answers and trailers, which take no list. */
export function toHeaders(fields: Fields): OutgoingHttpHeaders {
  // NOTE: no prototype: a field may be named `constructor`.
  const headers = Object.create(null) as Record<string, string[]>
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (!isForbidden(name)) (headers[name] ??= []).push(fields[index + 1] ?? '')
  }
  return headers
}

/** Request trailers; a value that HTTP/1.1 could not carry is left out. */
export function toFields(trailers: Readonly<Record<string, string | string[] | undefined>>): Fields {
  return Object.entries(trailers).flatMap(([name, value]) => {
    if (value === undefined || name.startsWith(':')) return []
    return (Array.isArray(value) ? value : [value]).flatMap((each) =>
      /^[\t\x20-\x7e\x80-\xff]*$/.test(each) ? [name, each] : [],
    )
  })
}

/** Forbidden beyond HTTP/1's own hop-by-hop fields, which end earlier (RFC 9113 section 8.2.2). */
function isForbidden(name: string): boolean {
  return name === 'te' || name === 'http2-settings'
}
