import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { systemFiles } from '../config/system-files.ts'
import { gatewayError } from '../errors.ts'
import type { TlsConfig } from './tunnel-config.ts'

export interface TlsMaterial {
  readonly context: tls.SecureContext
  readonly serverName: string
  /** PEM of trustedCaFile; null: the server is not verified. */
  readonly authorities: string | null
  /** When the client's certificate ends; null without one. */
  readonly validTo: Date | null
}

/** Reads the files of the configuration; throws TUNNEL_CLIENT_TLS_FILES with the one that cannot be used. */
export function readTlsMaterial(config: TlsConfig): TlsMaterial {
  const ca = read('trustedCaFile', config.authorityFile)
  const cert = read('certFile', config.certFile)
  const key = read('keyFile', config.keyFile)
  try {
    if (ca !== null) new X509Certificate(ca)
    const validTo = cert === null ? null : new Date(new X509Certificate(cert).validTo)
    const context = tls.createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
    })
    return { context, serverName: config.serverName, authorities: ca, validTo }
  } catch (error) {
    throw gatewayError(
      'TUNNEL_CLIENT_TLS_FILES',
      `the TLS files are not certificates and a key that belong together: ${errorMessage(error)}`,
      { cause: error },
    )
  }
}

function read(key: string, path: string | null): string | null {
  if (path === null) return null
  let text: string | undefined
  try {
    text = systemFiles.readFile(path)
  } catch (error) {
    throw gatewayError('TUNNEL_CLIENT_TLS_FILES', `transport.tls.${key} ${path}: ${errorCode(error)}`, {
      cause: error,
    })
  }
  if (text === undefined) {
    throw gatewayError('TUNNEL_CLIENT_TLS_FILES', `transport.tls.${key} ${path}: no such file`)
  }
  return text
}
