/** A tunnel token as it is kept, as operators see it, and as the tunnel server gets it. */
import { createHash, randomBytes } from 'node:crypto'
import { isAppId } from '../access/request-path.ts'
import { kindOfPort } from '../tunnels/tunnel-ports.ts'
import type { TunnelKind } from '../tunnels/tunnel-status.ts'

/** What is kept of a token; the token itself is not. */
export interface TokenRecord {
  /** For `harp token revoke`; tells nothing of the token. */
  readonly id: string
  readonly kind: TunnelKind
  /** The id of the app, in lower case, or the name of the engine. */
  readonly name: string
  /** The only port an engine may open with it; null: any of the engines' ports, and always for apps. */
  readonly port: number | null
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string
  readonly createdAt: string
  readonly lastUsedAt: string | null
  readonly lastPeer: string | null
}

/** One entry of `GET /tokens`. */
export type TokenEntry = Omit<TokenRecord, 'hash'>

/** What a token allows. */
export type TokenGrant = Pick<TokenRecord, 'id' | 'kind' | 'name' | 'port'>

/** What a new token is to be for. */
export type TokenRequest = Pick<TokenRecord, 'kind' | 'name' | 'port'>

const engineName = /^[a-z0-9][a-z0-9._-]{0,63}$/i

/** The request, or what is wrong with it, completing "a token …". */
export function checkTokenRequest(
  given: TokenRequest,
):
  | { readonly kind: 'ok'; readonly request: TokenRequest }
  | { readonly kind: 'wrong'; readonly problem: string } {
  const { kind, name, port } = given
  if (kind === 'app') {
    const lowerCase = name.toLowerCase()
    if (!isAppId(lowerCase)) return wrong('for an app needs its id, made of a-z, 0-9, _ and -')
    if (port !== null) return wrong('for an app takes no port: Nextcloud says which one the app has')
    return { kind: 'ok', request: { kind, name: lowerCase, port } }
  }
  if (!engineName.test(name)) {
    return wrong('for an engine needs its name, of at most 64 letters, digits, dots, _ and -')
  }
  if (port !== null && kindOfPort(port) !== 'engine') {
    return wrong('for an engine can have a port from 24000 to 24099')
  }
  return { kind: 'ok', request: { kind, name, port } }
}

function wrong(problem: string): { readonly kind: 'wrong'; readonly problem: string } {
  return { kind: 'wrong', problem }
}

const secretBytes = 24
const tokenText = /^harp_(?:app|engine)_[A-Za-z0-9_-]{32}$/

/** 192 random bits behind a prefix that tells people, and scanners for leaked secrets, what it is. */
export function makeTokenText(kind: TunnelKind): string {
  return `harp_${kind}_${randomBytes(secretBytes).toString('base64url')}`
}

export function isTokenText(text: string): boolean {
  return tokenText.test(text)
}

/**
 * SHA-256 without salt or stretching: what is hashed has 192 random bits, so there is nothing to guess. For the same
 * reason a token may be looked up by its hash: how long that takes can tell of stored hashes at most, no client can
 * choose a text by its hash, and even a known hash does not lead back to the token.
 */
export function hashOfToken(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex')
}

export function toEntry(record: TokenRecord): TokenEntry {
  const { hash: _hash, ...entry } = record
  return entry
}

export function toGrant({ id, kind, name, port }: TokenRecord): TokenGrant {
  return { id, kind, name, port }
}
