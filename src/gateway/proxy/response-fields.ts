import type { Fields } from '../../codec/http1/fields.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import { gatewayOwnedFields } from './request-fields.ts'

/** Response fields that end at the gateway (RFC 9110 section 7.6.1); framing is written anew by the front. */
function isHopByHop(name: string): boolean {
  switch (name) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
      return true
    default:
      return false
  }
}

/** Fields for the client, name and value alternating; Content-Length stays as the upstream wrote it. */
export function responseFields(head: ResponseHead): string[] {
  const kept: string[] = []
  const { fields, connectionOptions } = head
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (isHopByHop(name) || (connectionOptions.length > 0 && isNominated(name, connectionOptions))) continue
    kept.push(name, fields[index + 1] ?? '')
  }
  return kept
}

/** The same as wire text, without an intermediate list: the hot path. */
export function serializeResponseFields(head: ResponseHead): string {
  let text = ''
  const { fields, connectionOptions } = head
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (isHopByHop(name) || (connectionOptions.length > 0 && isNominated(name, connectionOptions))) continue
    text += `${name}: ${fields[index + 1]}\r\n`
  }
  return text
}

/** Connection cannot nominate away what frames the message. */
function isNominated(name: string, connectionOptions: readonly string[]): boolean {
  return name !== 'content-length' && connectionOptions.includes(name)
}

const forbiddenTrailers: ReadonlySet<string> = new Set([
  ...gatewayOwnedFields,
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-real-ip',
])

/** Trailers may not smuggle in what only a head may carry (RFC 9110 section 6.5.1). */
export function allowedTrailers(trailers: Fields): Fields {
  if (trailers.length === 0) return trailers
  const kept: string[] = []
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] ?? ''
    if (!forbiddenTrailers.has(name) && !gatewayOwnedFields.has(name.replaceAll('_', '-'))) {
      kept.push(name, trailers[index + 1] ?? '')
    }
  }
  return kept
}
