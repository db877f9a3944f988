/** When the tunnel certificates end, and what to say about it. Pure. */
import { gatewayErrors } from '../errors.ts'
import { attempt, type FrpFiles } from './frp-files.ts'
import { HarpError } from '../../base/errors.ts'

export const dayMs = 86_400_000
const warnDays = 90
const longestRenewalMs = 30 * dayMs

export interface CertificateExpiry {
  /** `ca`: whichever CA in use ends first; there are two during a roll-over. */
  readonly certificate: 'ca' | 'server' | 'client'
  readonly validFrom: Date
  readonly validTo: Date
}

/** Of the certificates that are there and readable. */
export function expiriesOf(files: FrpFiles): CertificateExpiry[] {
  const found: CertificateExpiry[] = []
  for (const certificate of ['server', 'client'] as const) {
    const pair = attempt(() => files.pair(certificate))
    if (pair instanceof HarpError) continue
    found.push(period(certificate, pair.certificate))
    if (pair.authority !== null) found.push(period('ca', pair.authority))
  }
  const authorities = found.filter((each) => each.certificate === 'ca')
  const first = authorities.toSorted((one, other) => one.validTo.getTime() - other.validTo.getTime())[0]
  const leaves = found.filter((each) => each.certificate !== 'ca')
  return first === undefined ? leaves : [first, ...leaves]
}

function period(
  certificate: CertificateExpiry['certificate'],
  { validFromDate, validToDate }: { readonly validFromDate: Date; readonly validToDate: Date },
): CertificateExpiry {
  return { certificate, validFrom: validFromDate, validTo: validToDate }
}

/** Whole days; negative once it is over. */
export function daysLeft({ validTo }: Pick<CertificateExpiry, 'validTo'>, now: number): number {
  return Math.floor((validTo.getTime() - now) / dayMs)
}

export interface ExpiryVerdict {
  readonly certificate: CertificateExpiry['certificate']
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** null where there is nothing to do. */
  readonly fix: string | null
}

/** For the log and the doctor: fails once tunnels do not connect, warns from 90 days before. */
export function judgeExpiry(expiry: CertificateExpiry, now: number): ExpiryVerdict {
  const { certificate, validFrom, validTo } = expiry
  const until = validTo.toISOString().slice(0, 10)
  if (validFrom.getTime() > now) {
    const detail = `the ${certificate} certificate of the tunnels is not valid before ${validFrom.toISOString()}`
    return { certificate, status: 'fail', detail, fix: gatewayErrors.FRP_CERT_EXPIRED.fix }
  }
  if (validTo.getTime() <= now) {
    const detail = `the ${certificate} certificate of the tunnels expired on ${until}`
    return { certificate, status: 'fail', detail, fix: gatewayErrors.FRP_CERT_EXPIRED.fix }
  }
  const days = daysLeft(expiry, now)
  if (days < warnDays) {
    const detail = `the ${certificate} certificate of the tunnels expires on ${until}, in ${days} days`
    return { certificate, status: 'warn', detail, fix: gatewayErrors.FRP_CERT_EXPIRES.fix }
  }
  const detail = `the ${certificate} certificate of the tunnels is valid until ${until}`
  return { certificate, status: 'ok', detail, fix: null }
}

/** In the last 30 days, or the last third of a short life. */
export function isTimeToRenew(
  { validFrom, validTo }: Omit<CertificateExpiry, 'certificate'>,
  now: number,
): boolean {
  const life = validTo.getTime() - validFrom.getTime()
  return validTo.getTime() - now < Math.min(longestRenewalMs, life / 3)
}
