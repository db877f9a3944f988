import type { IncomingHttpHeaders } from 'node:http'
import type { Secret } from '../base/secret.ts'

/**
 * How an ExApp knows who calls: `AUTHORIZATION-APP-API` is base64 of `user:secret`, set by the gateway on
 * every request. Only the gateway and Nextcloud know the secret, so a right one makes the user true.
 */
export type Caller =
  /** An empty user is a visitor who is not signed in. */
  { readonly kind: 'verified'; readonly user: string } | { readonly kind: 'refused' }

export function verifyCaller(headers: IncomingHttpHeaders, secret: Secret): Caller {
  const value = headers['authorization-app-api']
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return { kind: 'refused' }
  const text = Buffer.from(value, 'base64').toString('utf8')
  // NOTE: user names hold no colon, secrets may.
  const colon = text.indexOf(':')
  if (colon === -1 || !secret.equals(text.slice(colon + 1))) return { kind: 'refused' }
  return { kind: 'verified', user: text.slice(0, colon) }
}

/** What the app may show of a request to the visitor who sent it: no cookie, no secret. */
export function presentableHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {}
  for (const name of [
    'ex-app-id',
    'ex-app-version',
    'aa-version',
    'host',
    'x-forwarded-for',
    'x-forwarded-proto',
  ]) {
    const value = headers[name]
    if (typeof value === 'string') shown[name] = value
  }
  return shown
}
