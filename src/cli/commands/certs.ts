import { HarpError } from '../../base/errors.ts'
import {
  beginRollover,
  finishRollover,
  FrpDirectory,
  holderFilePath,
  readCertificatePlace,
  readCertificateStatus,
  readEnvironment,
  readHolderFile,
  type CertificateHolder,
  type CertificateStatus,
} from '../../gateway/index.ts'
import { printError, printLine, printTable } from '../output.ts'
import { configurationError } from '../running-gateway.ts'

interface Place {
  readonly directory: FrpDirectory
  /** Path of the list of who has connected. */
  readonly holderFile: string
  readonly validityDays: number
}

/** `harp certs status`: reads the files, whether or not a gateway runs. Exit status 1 if something is wrong with them. */
export async function showCertificates(options: { readonly json: boolean }): Promise<void> {
  const place = findPlace(false)
  if (place === null) {
    printLine(options.json ? JSON.stringify({ tls: false }) : withoutTls)
    return
  }
  const { directory, holderFile } = place
  const files = directory.read()
  if (files.isEmpty && !options.json) {
    printLine(noneYet(directory))
    return
  }
  const { holders, problem } = readHolders(holderFile)
  const read = readCertificateStatus(files, holders, Date.now())
  const status = problem === null ? read : { ...read, problems: [...read.problems, problem] }
  if (status.problems.length > 0) process.exitCode = 1
  if (options.json) printLine(JSON.stringify(toJson(directory.path, status)))
  else printStatus(directory.path, status, holderFile)
}

export interface RenewOptions {
  readonly finish: boolean
  readonly force: boolean
  readonly json: boolean
}

/** `harp certs renew`, and `--finish` when everybody has the new files. */
export async function renewCertificates({ finish, force, json }: RenewOptions): Promise<void> {
  if (force && !finish) {
    printError('ERROR: --force goes with --finish')
    process.exitCode = 1
    return
  }
  const place = findPlace(true)
  if (place === null) throw new HarpError('FRP_CERT_RENEWAL_REFUSED', withoutTls)
  if (place.directory.read().isEmpty) {
    throw new HarpError('FRP_CERT_RENEWAL_REFUSED', noneYet(place.directory))
  }
  const { holders, problem } = readHolders(place.holderFile)
  if (problem !== null) throw problem
  if (finish && !force && holders.length === 0) throw nobodyKnown(place)
  const options = { ...place, holders, now: Date.now() }
  const done = finish
    ? await finishRollover({ ...options, force })
    : { kind: 'begun' as const, ...(await beginRollover(options)) }
  if (done.kind === 'refused') process.exitCode = 1
  if (json) {
    printLine(JSON.stringify({ kind: done.kind, kept: done.kept, waiting: done.waiting }))
    return
  }
  const path = place.directory.path
  if (done.kind === 'begun') printBegun(path, done, place.holderFile)
  else if (done.kind === 'finished') printFinished(path, done)
  else {
    printError('ERROR: nothing was changed: these connected in the last 30 days, and still have old files:')
    printHolders(done.waiting)
    printLine('Bring them the new files (see `harp certs renew`), or cut them off with --force.')
  }
}

const withoutTls = 'Tunnels are without TLS (HP_FRP_DISABLE_TLS=true): there are no certificates.'

function noneYet({ path }: FrpDirectory): string {
  return `There are no certificates in ${path}: a gateway makes them when it starts.`
}

/** With the state directory of another user, everybody would be cut off unasked. */
function nobodyKnown({ holderFile }: Place): HarpError {
  const what = `${holderFile} names nobody who has connected: it is not known who would be cut off`
  const fix = "Give this command the gateway's HARP_STATE_DIR; if there are no tunnels yet, use --force"
  return new HarpError('FRP_CERT_RENEWAL_REFUSED', what, { fix })
}

/** null: without TLS. */
function findPlace(toMake: boolean): Place | null {
  const answer = readCertificatePlace(readEnvironment(), toMake)
  if (answer.kind === 'wrong') {
    throw configurationError(answer.problems)
  }
  const { certsDir, stateDir, tls, validityDays } = answer.place
  if (!tls) return null
  return { directory: new FrpDirectory(certsDir), holderFile: holderFilePath(stateDir), validityDays }
}

/** A list that cannot be read does not hide the certificates. */
function readHolders(path: string): {
  readonly holders: readonly CertificateHolder[]
  readonly problem: HarpError | null
} {
  try {
    return { holders: readHolderFile(path), problem: null }
  } catch (error) {
    if (error instanceof HarpError) return { holders: [], problem: error }
    throw error
  }
}

function printStatus(path: string, status: CertificateStatus, holderFile: string): void {
  printLine(path)
  printTable([
    ['CERTIFICATE', 'SUBJECT', 'FROM', 'UNTIL', 'DAYS LEFT', 'SHA-256'],
    ...status.certificates.map((each) => [
      each.certificate,
      each.subject,
      day(each.validFrom),
      day(each.validTo),
      String(each.daysLeft),
      each.fingerprint256,
    ]),
  ])
  for (const { code, message, fix } of status.problems) printError(`ERROR: ${message}. Fix: ${fix} [${code}]`)
  if (status.isRollover) {
    printLine('A renewal is under way: both CAs are accepted until `harp certs renew --finish`.')
  }
  printLine('')
  if (status.holders.length === 0) {
    printLine(`No app or engine has connected with a certificate yet (${holderFile}).`)
  } else printHolders(status.holders)
}

function printHolders(holders: readonly (CertificateHolder & { readonly state?: string })[]): void {
  printTable([
    ['HOLDER', 'KIND', 'PORT', 'ADDRESS', 'LAST SEEN', 'UNTIL', 'CERTIFICATE'],
    ...holders.map(({ name, port, address, lastSeen, certificate, state = 'old' }) => {
      const until = day(new Date(certificate.validTo))
      return [name, kindOf(port), String(port), address, `${lastSeen.slice(0, 16)}Z`, until, state]
    }),
  ])
}

function printBegun(
  path: string,
  { isNew, waiting, kept }: { isNew: boolean; waiting: readonly CertificateHolder[]; kept: string | null },
  holderFile: string,
): void {
  printLine(
    isNew
      ? `New client files are in ${path}. The old CA and its certificates stay accepted.`
      : `A renewal is under way already; the new client files are in ${path}.`,
  )
  if (kept !== null) printLine(`The old files, private keys among them, are in ${kept}.`)
  printLine('A running gateway uses the new files within seconds.')
  printLine('')
  const engines = waiting.filter(({ port }) => kindOf(port) === 'engine')
  const apps = waiting.filter(({ port }) => kindOf(port) === 'app')
  if (waiting.length === 0) printLine(`Nobody is known to have old files (${holderFile}).`)
  else {
    printLine('These have old files:')
    printHolders(waiting)
    printLine('')
  }
  if (apps.length > 0) {
    printLine('Apps: deploy each again in Nextcloud (an update, or remove and install it, keeping its data).')
  }
  if (engines.length > 0) {
    printLine(`Engines: copy ca.crt, client.crt and client.key from ${path} to each, and restart its frpc.`)
  }
  printLine('Who never connected through this gateway is not known here.')
  printLine('Then: harp certs renew --finish')
}

function printFinished(
  path: string,
  { waiting, kept }: { waiting: readonly CertificateHolder[]; kept: string | null },
): void {
  printLine(`The old CA is not accepted any more; the server's certificate in ${path} is of the new one.`)
  if (kept !== null) printLine(`The old files are in ${kept}.`)
  printLine(
    'Files handed out before now trust the old CA, too: if its key was stolen, hand them out once more.',
  )
  if (waiting.length === 0) return
  printLine('')
  printLine('These had old files when they were seen last, and cannot connect until they have new ones:')
  printHolders(waiting)
}

function toJson(directory: string, { problems, ...status }: CertificateStatus): object {
  return {
    tls: true,
    directory,
    ...status,
    problems: problems.map(({ code, message, fix }) => ({ code, message, fix })),
  }
}

/** AppAPI gives apps the ports from 23000 on; 24000 and above are Docker engines. */
function kindOf(port: number): 'app' | 'engine' {
  return port >= 24_000 ? 'engine' : 'app'
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
