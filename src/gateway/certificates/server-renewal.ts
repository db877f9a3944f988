import { HarpError } from '../../base/errors.ts'
import { dayMs, isTimeToRenew } from './expiry.ts'
import type { FrpDirectory } from './frp-directory.ts'
import { attempt, type FrpFiles } from './frp-files.ts'
import { issueLeaf } from './issue.ts'

export interface ServerRenewal {
  readonly directory: FrpDirectory
  readonly now: number
  readonly validityDays: number
}

/**
 * Renews the server certificate when it is time: under the same CA, with the same key and names. Clients see no difference,
 * and one file changes. False where it is not time, or the CA cannot do it.
 */
export async function renewServer(files: FrpFiles, options: ServerRenewal): Promise<boolean> {
  const { directory, now, validityDays: days } = options
  const server = files.pair('server')
  const { validFromDate: validFrom, validToDate: validTo } = server.certificate
  if (!isTimeToRenew({ validFrom, validTo }, now)) return false
  const issuer = attempt(() => files.issuer())
  if (issuer instanceof HarpError) return false
  // In a roll-over the key of its CA is put away; clients with old files would refuse a certificate of the new CA.
  if (server.authority?.fingerprint256 !== issuer.certificate.fingerprint256) return false
  const end = Math.min(now + days * dayMs, issuer.certificate.validToDate.getTime())
  if (end <= validTo.getTime()) return false
  const { key, certificate: replaces } = server
  const pem = await issueLeaf({ kind: 'server', key, issuer, now, days, replaces })
  // Somebody else may have replaced it since.
  if (!directory.read().equals(files)) return false
  directory.replace('server.crt', pem)
  return true
}
