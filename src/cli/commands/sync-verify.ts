import { createReadStream } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { errorCode } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import { nodeSuite, verifyHistory, type ProvedHistory } from '../../sync/index.ts'
import { refusalInWords } from '../demo-sync/third-party.ts'
import { printLine, printTable } from '../output.ts'
import { readProof } from '../proof-file.ts'
import { DetailedError, type OutputOptions } from '../report-error.ts'
import { cliError, shownDevice } from '../running-daemon.ts'
import { findTrust, type NameOf } from '../trust-root.ts'
import { formatSize } from './tunnels.ts'

export interface VerifyOptions extends OutputOptions {
  readonly proof: string
  readonly folder?: string | undefined
  readonly trust?: readonly string[] | undefined
  readonly content?: string | undefined
}

/** `harp verify`: judges a proof by what its reader believes, and says what it shows. */
export async function verifyProof(options: VerifyOptions): Promise<void> {
  const proof = readProof(options.proof)
  const { trust, nameOf } = await findTrust(options, proof)
  const contentHash = options.content === undefined ? undefined : await hashOf(options.content)
  const result = verifyHistory(
    nodeSuite,
    proof,
    contentHash === undefined ? trust : { ...trust, contentHash },
  )
  if (result.refused !== undefined) throw refusal(result)
  const content = contentHash === undefined ? null : { hash: contentHash, numbers: numbersOf(result) }
  if (content?.numbers.length === 0) throw noMatch(result)
  const verdict = { ...verdictOf(result, nameOf), content }
  if (options.json === true) printLine(JSON.stringify(verdict))
  else printVerdict(verdict)
}

interface ProvedVersion {
  readonly number: number
  /** Which creation of the file, where there are several. */
  readonly node: number
  readonly version: string
  readonly device: string
  readonly deviceName: string | null
  readonly time: string | null
  readonly head: boolean
  readonly revealed: RevealedVersion | null
}

interface RevealedVersion {
  readonly name: string
  readonly size: number | null
  readonly modified: string | null
  readonly exec: boolean
  readonly hash: string | null
  readonly target: string | null
}

function verdictOf(result: ProvedHistory, nameOf: NameOf) {
  const { statement, final } = result
  return {
    folder: statement.folderId,
    issuer: shownDevice(statement.issuer),
    issuerName: nameOf(statement.issuer) ?? null,
    time: timeText(statement.hlc.ms),
    entries: statement.size,
    final,
    versions: versionsOf(result, nameOf),
  }
}

type Verdict = ReturnType<typeof verdictOf> & {
  readonly content: { readonly hash: string; readonly numbers: readonly number[] } | null
}

function versionsOf({ nodes }: ProvedHistory, nameOf: NameOf): ProvedVersion[] {
  const all: ProvedVersion[] = []
  for (const [node, { versions, heads }] of nodes.entries()) {
    for (const [index, { hash, deviceId, hlc, opened }] of versions.entries()) {
      all.push({
        number: all.length + 1,
        node,
        version: hash,
        device: shownDevice(deviceId),
        deviceName: nameOf(deviceId) ?? null,
        time: timeText(hlc.ms),
        head: heads.includes(index),
        revealed: opened === undefined ? null : revealedOf(opened),
      })
    }
  }
  return all
}

type Opened = NonNullable<ProvedHistory['nodes'][number]['versions'][number]['opened']>

function revealedOf(opened: Opened): RevealedVersion {
  const { name } = opened
  if (opened.type === 'symlink') {
    return { name, size: null, modified: null, exec: false, hash: null, target: opened.target }
  }
  const { size, mtime, exec, hash } = opened.content
  const modified = timeText(mtime.seconds * 1000 + Math.floor(mtime.nanos / 1_000_000))
  return { name, size, modified, exec, hash, target: null }
}

/** Counted as `versionsOf` counts. */
function numbersOf({ nodes, matches }: ProvedHistory): number[] {
  return (matches ?? []).map(({ node, version }) => {
    const before = nodes.slice(0, node).reduce((sum, { versions }) => sum + versions.length, 0)
    return before + version + 1
  })
}

/** Null for what the author wrote and no calendar has. */
function timeText(ms: number): string | null {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

function printVerdict({
  folder,
  issuer,
  issuerName,
  time,
  entries,
  final,
  versions,
  content,
}: Verdict): void {
  const who = issuerName === null ? issuer : `${printable(issuerName)} (${issuer})`
  printLine(`The proof is right: these are all versions, in this order, by these devices, unchanged.`)
  printLine(`Folder ${folder}`)
  printLine(`As of ${time ?? 'an unknown time'}, signed by ${who} over ${entries} entries`)
  printLine(
    final ? 'Final: this order will not change.' : 'Not final: later entries may come before some of these.',
  )
  printLine('')
  printTable([['', 'TIME', 'DEVICE', 'VERSION', 'WHAT'], ...versions.map((version) => row(version))])
  if (content === null) return
  printLine('')
  printLine(`The content at hand is version ${content.numbers.join(' and version ')}, byte for byte.`)
}

function row({ number, time, device, deviceName, version, head, revealed }: ProvedVersion): string[] {
  const who = deviceName === null ? device.slice(0, 15) : printable(deviceName)
  return [
    String(number),
    time ?? '-',
    who,
    version.slice(0, 12),
    `${whatText(revealed)}${head ? ', head' : ''}`,
  ]
}

function whatText(revealed: RevealedVersion | null): string {
  if (revealed === null) return 'sealed'
  const { name, size, hash, target } = revealed
  if (size === null || hash === null) return `${printable(name)} -> ${printable(target ?? '')}`
  return `${printable(name)}, ${formatSize(size)}, hash ${hash.slice(0, 12)}…`
}

function refusal(result: Parameters<typeof refusalInWords>[0]): DetailedError {
  const { code, fix } = { code: 'SYNC_PROOF_REFUSED', fix: 'do not believe it; ask for it again' } as const
  return new DetailedError(code, refusalInWords(result), fix, { reason: result.refused ?? '' })
}

function noMatch({ nodes }: ProvedHistory): Error {
  const isSealed = nodes.every(({ versions }) => versions.every(({ opened }) => opened === undefined))
  const why = isSealed
    ? 'the proof is right but sealed: it does not tell the contents'
    : 'the proof is right, and this file is none of the versions that it reveals'
  return cliError('SYNC_PROOF_CONTENT', why)
}

/** BLAKE3, as versions have it. */
async function hashOf(file: string): Promise<string> {
  const hasher = new Blake3Hasher()
  try {
    for await (const bytes of createReadStream(file, { highWaterMark: 1_048_576 })) {
      hasher.update(bytes as Buffer)
    }
  } catch (error) {
    throw cliError('SYNC_FILE', `${file} cannot be read: ${errorCode(error)}`, error)
  }
  return hasher.digest('hex')
}
