/** Whether a client accepts the tunnel server it has reached; the client's side of what `tls.connect` would check. */
import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import { isIssuedBy } from './frp-files.ts'

export interface ExpectedServer {
  /** Whatever the address is. */
  readonly name: string
  /** PEM, one or more. */
  readonly authorities: string
  /** Milliseconds of the wall clock. */
  readonly now: number
}

/** For `tls.connect`: the handshake goes on, and `serverProblem` judges. */
export const judgedAfterHandshake: Pick<tls.ConnectionOptions, 'rejectUnauthorized' | 'checkServerIdentity'> =
  { rejectUnauthorized: false, checkServerIdentity: () => undefined }

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/**
 * Why not, with OpenSSL's or Node's code; null: accepted. Ask on `secureConnect` of a socket that was opened with
 * `judgedAfterHandshake`, and before anything is written to it.
 *
 * NOTE: one kind of certificate is accepted that OpenSSL refuses, and Go does not. The server's has the same subject as
 * its CA; if it does not name its issuer's key either, OpenSSL takes it for self-signed without looking at the
 * signature. So for this one error, the signature is looked at here.
 */
export function serverProblem(socket: tls.TLSSocket, expected: ExpectedServer): Error | null {
  // NOTE: once only; a second look may find nothing.
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return new Error('the server has no certificate')
  const code = verifyCode(socket)
  if (code !== null && !(code === 'DEPTH_ZERO_SELF_SIGNED_CERT' && isOfNamesake(leaf, expected))) {
    return Object.assign(new Error(`the server's certificate is refused (${code})`), { code })
  }
  return tls.checkServerIdentity(expected.name, leaf.toLegacyObject()) ?? null
}

/** OpenSSL's verdict on the chain; its type says Error, but it is the name of one. */
function verifyCode({ authorized, authorizationError }: tls.TLSSocket): string | null {
  return authorized ? null : String(authorizationError)
}

function isOfNamesake(leaf: X509Certificate, { authorities, now }: ExpectedServer): boolean {
  if (leaf.ca || !isValidAt(leaf, now)) return false
  return (authorities.match(pemCertificate) ?? [])
    .map((pem) => new X509Certificate(pem))
    .some((authority) => authority.ca && isValidAt(authority, now) && isIssuedBy(leaf, authority))
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now < validToDate.getTime()
}
