/** What `harp certs status` and the doctor show: read from the files, whether or not a gateway runs. */
import type { X509Certificate } from 'node:crypto'
import { HarpError } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import { daysLeft, expiriesOf, judgeExpiry } from './expiry.ts'
import { attempt, type FrpFiles } from './frp-files.ts'
import type { CertificateHolder } from './holder-file.ts'
import { misfitsOf } from './misfits.ts'
import { isRollover, waitingHolders } from './rollover.ts'

export interface CertificateStatus {
  /** Both CAs are accepted: `harp certs renew` was run, `harp certs renew --finish` was not. */
  readonly isRollover: boolean
  readonly certificates: readonly CertificateEntry[]
  /** What is wrong with the files. */
  readonly problems: readonly HarpError[]
  readonly holders: readonly HolderEntry[]
}

export interface CertificateEntry {
  readonly certificate: 'ca' | 'server' | 'client'
  readonly subject: string
  readonly issuer: string
  readonly validFrom: Date
  readonly validTo: Date
  readonly daysLeft: number
  readonly serialNumber: string
  readonly fingerprint256: string
}

export interface HolderEntry extends CertificateHolder {
  /** old: accepted until the renewal is finished; refused: of a CA that is not accepted (any more). */
  readonly state: 'current' | 'old' | 'refused' | 'unknown'
}

export function readCertificateStatus(
  files: FrpFiles,
  holders: readonly CertificateHolder[],
  now: number,
): CertificateStatus {
  // A gateway that was never started has nothing wrong.
  if (files.isEmpty) {
    const unknown = holders.map((each) => ({ ...each, state: 'unknown' as const }))
    return { isRollover: false, certificates: [], problems: [], holders: unknown }
  }
  const problems: HarpError[] = [...misfitsOf(files), ...expired(files, now)]
  const take = <Result>(work: () => Result): Result | null => {
    const result = attempt(work)
    if (!(result instanceof HarpError)) return result
    if (!problems.some(({ message }) => message === result.message)) problems.push(result)
    return null
  }
  const authorities = take(() => files.certificates('ca.crt')) ?? []
  const leaves = (['server', 'client'] as const).flatMap((name) => {
    const certificate = take(() => files.certificates(`${name}.crt`))?.[0]
    take(() => files.pair(name))
    return certificate === undefined ? [] : [entry(name, certificate, now)]
  })
  const waiting = take(() => waitingHolders(files, holders))
  const accepted = new Set(authorities.map((each) => each.fingerprint256))
  return {
    isRollover: take(() => isRollover(files)) ?? false,
    certificates: [...authorities.map((each) => entry('ca', each, now)), ...leaves],
    problems,
    holders: holders.map((holder) => ({ ...holder, state: stateOf(holder, waiting, accepted) })),
  }
}

function expired(files: FrpFiles, now: number): HarpError[] {
  const verdicts = expiriesOf(files).map((each) => judgeExpiry(each, now))
  return verdicts
    .filter(({ status }) => status === 'fail')
    .map(({ detail }) => gatewayError('FRP_CERT_EXPIRED', detail))
}

function stateOf(
  holder: CertificateHolder,
  waiting: readonly CertificateHolder[] | null,
  accepted: ReadonlySet<string>,
): HolderEntry['state'] {
  if (waiting === null) return 'unknown'
  if (!waiting.includes(holder)) return 'current'
  const { issuerFingerprint } = holder.certificate
  return issuerFingerprint === null || accepted.has(issuerFingerprint) ? 'old' : 'refused'
}

function entry(name: CertificateEntry['certificate'], of: X509Certificate, now: number): CertificateEntry {
  return {
    certificate: name,
    subject: of.subject.replaceAll('\n', ', '),
    issuer: of.issuer.replaceAll('\n', ', '),
    validFrom: of.validFromDate,
    validTo: of.validToDate,
    daysLeft: daysLeft({ validTo: of.validToDate }, now),
    serialNumber: of.serialNumber,
    fingerprint256: of.fingerprint256,
  }
}
