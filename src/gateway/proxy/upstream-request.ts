import { lastValue } from '../../codec/http1/fields.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import { formatHostPort } from '../../net/address.ts'
import type { Forward } from '../access/decision.ts'
import type { RequestFields } from './request-fields.ts'

export interface UpstreamRequestOptions {
  readonly forward: Forward
  /** With its question mark, or empty. */
  readonly query: string
  readonly aaVersion: string
  /** Upgrade protocols to ask for, or null. */
  readonly upgrade: string | null
}

/**
 * The head that an app gets: the client's fields less those that end here, then the gateway's own exactly
 * once, then framing (contract section 3.7).
 */
export function upstreamRequestHead(
  head: RequestHead,
  fields: RequestFields,
  options: UpstreamRequestOptions,
): string {
  const { forward, query, aaVersion, upgrade } = options
  let text =
    `${head.method} ${forward.targetPath}${query} HTTP/1.1\r\n${fields.forwarded}` +
    `ex-app-id: ${forward.appId}\r\nex-app-version: ${forward.version}\r\n` +
    `authorization-app-api: ${forward.authorization}\r\naa-version: ${aaVersion}\r\n`
  if (head.minorVersion === 0 && lastValue(head.fields, 'host') === undefined) {
    text += `host: ${formatHostPort(forward)}\r\n`
  }
  if (head.framing.kind === 'chunked') text += 'transfer-encoding: chunked\r\n'
  else if (head.framing.kind === 'length') text += `content-length: ${head.framing.bytes}\r\n`
  if (upgrade !== null) text += `upgrade: ${upgrade}\r\nconnection: upgrade\r\n`
  return `${text}\r\n`
}

/**
 * The protocols that a client may switch to, or null for none. HTTP itself is never among them: a second
 * HTTP connection inside a tunnel would pass every route check (h2c smuggling). A request with a body is
 * not upgraded either, because the body's end and the tunnel's begin could be disputed.
 */
export function tunnelProtocols(head: RequestHead): string | null {
  if (head.upgrade === null || head.framing.kind === 'chunked') return null
  if (head.framing.kind === 'length' && head.framing.bytes > 0) return null
  const protocols = head.upgrade
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !/^(?:h2c?|http|tls)(?:\/|$)/i.test(each))
  return protocols.length === 0 ? null : protocols.join(', ')
}
