/** The certificate of the gateway's own HTTPS listener, as a file and as it is served. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import { reachable } from '../admin/heartbeat.ts'
import type { GatewayConfig } from '../config/config.ts'
import { gatewayErrors } from '../errors.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'

export interface CertificateCheckOptions {
  readonly config: GatewayConfig
  readonly publicUrl: URL | null
  /** A gateway runs here, so its HTTPS listener is asked too. */
  readonly isUp: boolean
  readonly clock: Clock
  readonly timeoutMs: number
}

const name = 'certificate'
const dayMs = 86_400_000
const warnDays = 30

export async function checkCertificate(options: CertificateCheckOptions): Promise<Check> {
  const { config, publicUrl, isUp, clock } = options
  const path = join(config.certsDir, 'cert.pem')
  let certificate: X509Certificate
  try {
    const pem = readFileSync(path, 'utf8')
    tls.createSecureContext({ cert: pem, key: pem })
    certificate = new X509Certificate(pem)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return skip(name, `no ${path}, so HTTPS is off`)
    return fail(name, `${path} cannot be used: ${errorMessage(error)}`, gatewayErrors.CERT_UNREADABLE.fix)
  }
  const judged = judgeValidity(certificate, clock.wall(), publicUrl)
  if (judged.status === 'fail' || !isUp) return judged
  const served = await servedFingerprint(config.listen.https, options.timeoutMs)
  if (served.kind === 'failed') {
    const address = formatHostPort(config.listen.https)
    return fail(
      name,
      `${path} is there, but HTTPS at ${address} does not answer (${served.code})`,
      'look into the log of the gateway for CERT_UNREADABLE or LISTEN_FAILED',
    )
  }
  if (served.fingerprint !== certificate.fingerprint256) {
    return warn(name, 'the gateway still serves another certificate', 'send SIGHUP to the gateway')
  }
  return judged
}

/** Dates, and the name of the public URL. */
export function judgeValidity(certificate: X509Certificate, now: number, publicUrl: URL | null): Check {
  const until = certificate.validTo
  const days = Math.floor((Date.parse(until) - now) / dayMs)
  if (Date.parse(certificate.validFrom) > now) {
    return fail(name, `not valid before ${certificate.validFrom}`, gatewayErrors.CERT_EXPIRED.fix)
  }
  if (days < 0) return fail(name, `expired ${until}`, gatewayErrors.CERT_EXPIRED.fix)
  if (days < warnDays) return warn(name, `expires ${until}, in ${days} days`, 'renew it')
  if (publicUrl?.protocol === 'https:' && !isFor(certificate, publicUrl.hostname)) {
    return warn(
      name,
      `is not for ${publicUrl.hostname}: it is for ${certificate.subjectAltName ?? certificate.subject}`,
      'get a certificate for that name, unless a reverse proxy ends TLS and does not check this one',
    )
  }
  return ok(name, `valid until ${until}`)
}

function isFor(certificate: X509Certificate, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  const matches = isIP(address) === 0 ? certificate.checkHost(hostname) : certificate.checkIP(address)
  return matches !== undefined
}

type Served =
  | { readonly kind: 'served'; readonly fingerprint: string | undefined }
  | { readonly kind: 'failed'; readonly code: string }

async function servedFingerprint(listening: HostPort, timeoutMs: number): Promise<Served> {
  const { promise, resolve } = Promise.withResolvers<Served>()
  const { host, port } = reachable(listening)
  const socket = tls.connect({ host, port, rejectUnauthorized: false })
  const timer = setTimeout(() => resolve({ kind: 'failed', code: 'timeout' }), timeoutMs)
  socket.once('secureConnect', () => {
    resolve({ kind: 'served', fingerprint: socket.getPeerX509Certificate()?.fingerprint256 })
  })
  socket.on('error', (error) => resolve({ kind: 'failed', code: errorCode(error) }))
  socket.once('close', () => resolve({ kind: 'failed', code: 'closed' }))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
