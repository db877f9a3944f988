import tls from 'node:tls'

/** Certificates of the authorities that we trust: Node's own list, NODE_EXTRA_CA_CERTS, and the system's. */
export function trustedAuthorities(): string[] {
  return [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])]
}
