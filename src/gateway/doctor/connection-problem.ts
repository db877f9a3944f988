/** Why no answer came, from the system's error codes, in words that an administrator can act on. */
import { errorCode, errorMessage } from '../../base/errors.ts'

export type ConnectionStage = 'connect' | 'tls' | 'answer'

export interface ConnectionProblem {
  readonly kind:
    | 'unknown-name'
    | 'refused'
    | 'no-route'
    | 'timeout'
    | 'closed'
    | 'untrusted'
    | 'wrong-name'
    | 'expired'
    | 'not-tls'
    | 'not-http'
    | 'other'
  /** Completes "HOST …". */
  readonly text: string
}

export const timeoutCode = 'DOCTOR_TIMEOUT'

export function connectionProblem(error: unknown, stage: ConnectionStage): ConnectionProblem {
  const code = errorCode(error)
  if (code === timeoutCode) return timeout(stage)
  const known = byCode[code]
  if (known !== undefined) return known
  if (/^(?:EPROTO|ERR_SSL_)/.test(code)) {
    return /wrong.version|packet length|http.request/i.test(errorMessage(error))
      ? { kind: 'not-tls', text: 'does not speak TLS on this port' }
      : { kind: 'other', text: `refuses the TLS handshake (${code})` }
  }
  if (code.startsWith('HPE_')) return { kind: 'not-http', text: `does not speak HTTP on this port (${code})` }
  return { kind: 'other', text: `fails: ${code} ${errorMessage(error)}` }
}

function timeout(stage: ConnectionStage): ConnectionProblem {
  const texts: Readonly<Record<ConnectionStage, string>> = {
    connect: 'does not accept the connection in time (a firewall that drops packets, or a wrong address)',
    tls: 'does not finish the TLS handshake in time',
    answer: 'accepts the connection and does not answer in time',
  }
  return { kind: 'timeout', text: texts[stage] }
}

const closed: ConnectionProblem = { kind: 'closed', text: 'closes the connection without an answer' }
const untrusted = (what: string): ConnectionProblem => ({
  kind: 'untrusted',
  text: `has a certificate that is not trusted here: ${what}`,
})
const unknownName = (what: string): ConnectionProblem => ({
  kind: 'unknown-name',
  text: `has no address: ${what}`,
})

const byCode: Readonly<Record<string, ConnectionProblem>> = {
  ENOTFOUND: unknownName('the name is unknown'),
  EAI_NONAME: unknownName('the name is unknown'),
  EAI_NODATA: unknownName('the name has no IP address'),
  EAI_AGAIN: unknownName('the name server does not answer'),
  ECONNREFUSED: { kind: 'refused', text: 'refuses the connection: nothing listens on this port' },
  EHOSTUNREACH: { kind: 'no-route', text: 'cannot be reached from here: no route to the host' },
  ENETUNREACH: { kind: 'no-route', text: 'cannot be reached from here: no route to its network' },
  EADDRNOTAVAIL: { kind: 'no-route', text: 'cannot be reached from here: no local address leads there' },
  ETIMEDOUT: timeout('connect'),
  ECONNRESET: closed,
  EPIPE: closed,
  HPE_INVALID_EOF_STATE: closed,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted('it is self-signed'),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('its authority is private'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('the intermediate certificate is missing'),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('its authority is not known'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its authority is not known'),
  CERT_SIGNATURE_FAILURE: untrusted('another authority of the same name has signed it'),
  CERT_UNTRUSTED: untrusted('its authority is not trusted'),
  CERT_HAS_EXPIRED: { kind: 'expired', text: 'has a certificate that has expired' },
  CERT_NOT_YET_VALID: { kind: 'expired', text: 'has a certificate that is not valid yet' },
  ERR_TLS_CERT_ALTNAME_INVALID: { kind: 'wrong-name', text: 'has a certificate for other host names' },
}

const tlsFixes: Readonly<Partial<Record<ConnectionProblem['kind'], string>>> = {
  untrusted:
    "serve the full chain of a trusted authority; for a private one, add it to this machine's trust store or start the gateway with NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
  expired: "renew the certificate; if it is new, look at this machine's clock (`date`)",
  'wrong-name': 'use the host name that the certificate is for, or get a certificate for this one',
  'not-tls': 'the port speaks plain HTTP: write http:// in place of https://, or give the HTTPS port',
}

/** How to repair what keeps TLS from working; null where the problem is another. */
export function tlsFix(problem: ConnectionProblem): string | null {
  return tlsFixes[problem.kind] ?? null
}
