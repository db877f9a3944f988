/**
 * `harp certs renew`: a new CA in two steps, with both CAs accepted between them.
 *
 * Step 1: ca.crt has the new CA and then the old one, the client files are of the new CA, the server's certificate stays under
 * the old CA. Old files go on working, and new files (which have both CAs) work at once. Step 2, when everybody has new files:
 * the server's certificate comes from the new CA, and the old CA is dropped.
 *
 * Every state between two writes works and is completed by the next run: a new private key is first put aside as `-next`, where
 * it is found as soon as its certificate is there; it takes the old key's place last.
 */
import type { X509Certificate } from 'node:crypto'
import { HarpError } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import type { FrpDirectory } from './frp-directory.ts'
import { attempt, isIssuedBy, type FrpFileName, type FrpFiles, type FrpPart } from './frp-files.ts'
import type { CertificateHolder } from './holder-file.ts'
import { issueAuthority, issueLeaf, makeKey } from './issue.ts'

export interface RolloverOptions {
  readonly directory: FrpDirectory
  /** Milliseconds of the wall clock. */
  readonly now: number
  readonly validityDays: number
  readonly holders: readonly CertificateHolder[]
}

/** Who was not seen for so long does not hold up the end. */
const seenWithinMs = 30 * 86_400_000

export interface RolloverBegun {
  /** False: an earlier run did it all. */
  readonly isNew: boolean
  /** Who has files of the old CA, the longest unseen first. */
  readonly waiting: readonly CertificateHolder[]
  /** Where the old files are; null: nothing was replaced. */
  readonly kept: string | null
}

/** Step 1, or what an interrupted one has left to do. */
export async function beginRollover(options: RolloverOptions): Promise<RolloverBegun> {
  const { directory, now, validityDays: days } = options
  const before = directory.read()
  const old = serverAuthority(before)
  let kept: string | null = null
  if (!hasOtherIssuer(before, old.fingerprint256)) {
    kept = directory.keep(['ca.crt', 'ca.key', 'client.crt', 'client.key'], now)
    if (!before.has('ca-next.key')) directory.create('ca-next.key', await makeKey())
    const files = directory.read()
    const authority = await issueAuthority({ key: files.text('ca-next.key'), isFurther: true, now, days })
    directory.replace('ca.crt', authority + files.text('ca.crt'))
  }
  settle('ca', directory)
  const isClientNew = isUnderIssuer('client', directory.read())
  if (!isClientNew) kept ??= directory.keep(['client.crt', 'client.key'], now)
  await replacePair('client', options)
  return { isNew: !isClientNew, waiting: waitingHolders(directory.read(), options.holders), kept }
}

export interface RolloverFinish {
  /** refused: somebody seen in the last 30 days would be cut off; nothing was changed. */
  readonly kind: 'finished' | 'refused'
  readonly waiting: readonly CertificateHolder[]
  readonly kept: string | null
}

/** Step 2, or what an interrupted one has left to do. */
export async function finishRollover(
  options: RolloverOptions & { readonly force: boolean },
): Promise<RolloverFinish> {
  const { directory, now } = options
  const files = directory.read()
  const issuer = files.issuer().certificate
  const old = serverAuthority(files)
  if (!isUnderIssuer('client', files)) {
    throw gatewayError(
      'FRP_CERT_RENEWAL_REFUSED',
      '`harp certs renew` was not run, or was interrupted: run it first',
    )
  }
  if (old.fingerprint256 === issuer.fingerprint256 && files.certificates('ca.crt').length === 1) {
    throw gatewayError('FRP_CERT_RENEWAL_REFUSED', 'no renewal is under way: there is one CA')
  }
  const waiting = waitingHolders(files, options.holders)
  const isDead = (end: Date): boolean => end.getTime() <= now
  const inUse = waiting.filter(
    ({ lastSeen, certificate }) =>
      now - Date.parse(lastSeen) <= seenWithinMs && !isDead(new Date(certificate.validTo)),
  )
  const isOldDead = isDead(old.validToDate) || isDead(files.pair('server').certificate.validToDate)
  if (inUse.length > 0 && !isOldDead && !options.force) return { kind: 'refused', waiting: inUse, kept: null }
  const kept = directory.keep(['ca.crt', 'server.crt', 'server.key'], now)
  await replacePair('server', options)
  directory.replace('ca.crt', issuer.toString())
  return { kind: 'finished', waiting, kept }
}

/** Those whose certificate ends with the old CA. */
export function waitingHolders(
  files: FrpFiles,
  holders: readonly CertificateHolder[],
): readonly CertificateHolder[] {
  const issuer = files.issuer().certificate.fingerprint256
  const current = files.pair('client').certificate.fingerprint256
  return holders.filter(
    ({ certificate }) => certificate.issuerFingerprint !== issuer && certificate.fingerprint256 !== current,
  )
}

/** Between the two steps: the server's certificate is of another CA than the one that signs. */
export function isRollover(files: FrpFiles): boolean {
  return hasOtherIssuer(files, serverAuthority(files).fingerprint256)
}

/** A new key and certificate of the CA that signs, unless they are that already. */
async function replacePair(part: 'server' | 'client', options: RolloverOptions): Promise<void> {
  const { directory, now, validityDays: days } = options
  settle(part, directory)
  const before = directory.read()
  if (isUnderIssuer(part, before)) return
  if (!before.has(`${part}-next.key`)) directory.create(`${part}-next.key`, await makeKey())
  const files = directory.read()
  const issuer = files.issuer()
  if (issuer.certificate.validToDate.getTime() <= now) {
    throw gatewayError('FRP_CERT_EXPIRED', `${files.pathOf('ca.crt')}: the CA that signs has expired`)
  }
  const key = files.text(`${part}-next.key`)
  // The names of the server stay as they are, in case an operator has chosen them.
  const replaces = part === 'server' ? { replaces: files.certificates('server.crt')[0] } : {}
  directory.replace(`${part}.crt`, await issueLeaf({ kind: part, key, issuer, now, days, ...replaces }))
  settle(part, directory)
}

/** The last write of a replacement: the key takes the place of the old one once its certificate is there. */
function settle(part: FrpPart, directory: FrpDirectory): void {
  const files = directory.read()
  const next: FrpFileName = `${part}-next.key`
  if (!files.has(next) || !files.has(`${part}.crt`)) return
  const key = files.key(next)
  if (files.certificates(`${part}.crt`).some((each) => each.checkPrivateKey(key))) directory.adopt(part)
}

function isUnderIssuer(part: 'server' | 'client', files: FrpFiles): boolean {
  return (
    files.has(`${part}.crt`) && isIssuedBy(files.certificates(`${part}.crt`)[0], files.issuer().certificate)
  )
}

function hasOtherIssuer(files: FrpFiles, fingerprint: string): boolean {
  const issuer = attempt(() => files.issuer())
  return !(issuer instanceof HarpError) && issuer.certificate.fingerprint256 !== fingerprint
}

function serverAuthority(files: FrpFiles): X509Certificate {
  const { authority } = files.pair('server')
  if (authority !== null) return authority
  throw gatewayError('FRP_CERT_MISMATCH', `${files.pathOf('server.crt')} does not verify under ca.crt`)
}
