/**
 * Makes what is missing in `$HARP_CERTS_DIR/frp`, and leaves every byte of what is there. One file at a time, each derived
 * from those on the disk and created only if nobody else did meanwhile: so a set that an earlier start left half made is
 * completed, and two gateways that start at once end up with the same set.
 *
 * A private key is all that a certificate needs: one that lost its certificate gets an equivalent one.
 */
import { createPublicKey } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { errorCode, HarpError } from '../../base/errors.ts'
import { gatewayErrors, gatewayError } from '../errors.ts'
import type { FrpDirectory } from './frp-directory.ts'
import type { FrpFileName, FrpFiles } from './frp-files.ts'
import { issueAuthority, issueLeaf, makeKey, type Issuer, type LeafKind } from './issue.ts'

export interface MakingOptions {
  readonly directory: FrpDirectory
  readonly clock: Clock
  readonly validityDays: number
  readonly onMade: (path: string) => void
}

/** More steps than there are files: somebody removes them as fast as they are made. */
const maxSteps = 30

/** First the CA, which is nothing but the names of these files. */
export async function makeMissing(part: LeafKind, options: MakingOptions): Promise<void> {
  for (let step = 0; step < maxSteps; step++) {
    const files = options.directory.read()
    const isDone = (await makeAuthority(files, options)) && (await makePair(part, files, options))
    if (isDone) return
  }
  const what = `files in ${options.directory.path} vanish as fast as they are made`
  throw gatewayError('FRP_CERT_MISSING', what)
}

/** True if nothing was missing. */
async function makeAuthority(files: FrpFiles, options: MakingOptions): Promise<boolean> {
  if (files.has('ca.crt')) return true
  const leaves = (['server.crt', 'client.crt'] as const).filter((name) => files.has(name))
  if (!files.has('ca.key')) {
    if (leaves.length > 0) {
      const what = `${files.pathOf('ca.crt')} is missing, and without ca.key it cannot be made again for ${leaves.join(' and ')}`
      throw new HarpError('FRP_CERT_MISSING', what, { fix: lostAuthority })
    }
    return make('ca.key', await makeKey(), options)
  }
  const publicKey = createPublicKey(files.key('ca.key'))
  for (const name of leaves) {
    if (files.certificates(name)[0].verify(publicKey)) continue
    const what = `${files.pathOf('ca.crt')} is missing, and ${files.pathOf('ca.key')} is not the key that signed ${name}`
    throw new HarpError('FRP_CERT_MISMATCH', what, { fix: lostAuthority })
  }
  const now = options.clock.wall()
  const { validityDays: days } = options
  return make(
    'ca.crt',
    await issueAuthority({ key: files.text('ca.key'), isFurther: false, now, days }),
    options,
  )
}

const lostAuthority =
  'Every app and engine has a copy of ca.crt in /certs/frp: put one back. To begin anew, move the directory away and ' +
  'restart; every app and engine then needs the new files'

/** True if nothing was missing. */
async function makePair(part: LeafKind, files: FrpFiles, options: MakingOptions): Promise<boolean> {
  const keyName: FrpFileName = `${part}.key`
  const certName: FrpFileName = `${part}.crt`
  if (files.has(certName) && (files.has(keyName) || files.has(`${part}-next.key`))) return true
  const missing = files.has(keyName) ? certName : keyName
  const now = options.clock.wall()
  const issuer = issuerFor(missing, files, now)
  if (files.has(certName)) {
    // Of no use to anybody without its key. Away first, so that a stop right here is no mismatch at the next start.
    options.directory.keep([certName], now)
    options.directory.remove(certName)
    return false
  }
  if (missing === keyName) return make(keyName, await makeKey(), options)
  const { validityDays: days } = options
  return make(certName, await issueLeaf({ kind: part, key: files.text(keyName), issuer, now, days }), options)
}

function issuerFor(missing: FrpFileName, files: FrpFiles, now: number): Issuer {
  try {
    const issuer = files.issuer()
    if (issuer.certificate.validToDate.getTime() > now) return issuer
  } catch (error) {
    if (!(error instanceof HarpError)) throw error
    const code = errorCode(error) in gatewayErrors ? errorCode(error) : 'FRP_CERT_MISSING'
    const what = `${files.pathOf(missing)} is missing and cannot be made: ${error.message}`
    throw new HarpError(code, what, {
      cause: error,
      fix: `Put ${missing} back, or ca.key, with which it can be made. To begin anew, move the directory away and restart; every app and engine then needs the new files`,
    })
  }
  const what = `${files.pathOf(missing)} is missing, and the CA in ca.crt has expired`
  throw gatewayError('FRP_CERT_EXPIRED', what)
}

function make(name: FrpFileName, text: string, options: MakingOptions): false {
  if (options.directory.create(name, text)) options.onMade(options.directory.pathOf(name))
  return false
}
