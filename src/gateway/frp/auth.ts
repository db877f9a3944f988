import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * What proves that a client knows the server's `auth.token`; `timestamp` is the message's, in Unix seconds.
 * NOTE: with the empty token that HaRP uses it proves nothing; there the shared key in `metas.token` does.
 */
export function privilegeKey(authToken: string, timestamp: number): string {
  return createHash('md5').update(`${authToken}${timestamp}`).digest('hex')
}

/** In constant time; the timestamp's age says nothing, as in frp. */
export function verifyPrivilegeKey(authToken: string, timestamp: number, candidate: string): boolean {
  const expected = Buffer.from(privilegeKey(authToken, timestamp))
  const given = Buffer.from(candidate)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
