import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import { deviceText, nodeSuite } from '../../sync/index.ts'
import { withOneBitChanged, withoutVersion, withVersionsSwapped } from './forgeries.ts'
import type { NameOf } from './history-table.ts'
import { contentHash, type StoryDevice } from './story-device.ts'
import { requireTrue, type StoryTeller } from './story-teller.ts'
import { provedRows, refusalInWords, ThirdParty, timed } from './third-party.ts'

export interface ProvedFile {
  /** Proves; both are known to the reader. */
  readonly desktop: StoryDevice
  readonly laptop: StoryDevice
  readonly path: string
  readonly versions: number
  /** What the file said at its version 3, as the reader holds it. */
  readonly third: string
  readonly now: number
}

export interface ProofPlace {
  readonly tell: StoryTeller
  /** Where the proofs are written. */
  readonly directory: string
  readonly nameOf: NameOf
}

/** A file's history, proved to somebody who knows three ids, sealed and revealed; then what a forger could try. */
export function proveToSomebody(file: ProvedFile, place: ProofPlace): void {
  const { laptop, desktop, path } = file
  const { folderId } = laptop.replica
  const texts = [laptop, desktop].map(({ keys }) => deviceText(nodeSuite, keys.deviceId))
  say(place, [
    `The desktop proves the history of ${path}. Who checks it has no key, copy or`,
    'connection, and was told three things, once:',
    `  folder   ${folderId.slice(0, 32)}`,
    `           ${folderId.slice(32)}`,
    `  laptop   ${texts[0] ?? ''}`,
    `  desktop  ${texts[1] ?? ''}`,
  ])
  const reader = new ThirdParty({ folderId, devices: texts })
  const sealed = prove(file, { place, reader, reveal: 'none' })
  prove(file, { place, reader, reveal: 'all' })
  const stranger = new ThirdParty({ folderId, devices: texts.slice(0, 1) })
  forge(sealed, { place, reader, stranger })
}

interface Proving {
  readonly place: ProofPlace
  readonly reader: ThirdParty
  readonly reveal: 'none' | 'all'
}

function prove(file: ProvedFile, { place, reader, reveal }: Proving): Uint8Array {
  const { desktop, path, now } = file
  const { nodes } = desktop.shownFile(path)
  const made = timed(() => desktop.replica.proveHistory({ nodes, reveal }, now))
  const proof = made.result
  const checked = timed(() => reader.check(proof, contentHash(new TextEncoder().encode(file.third))))
  const learned = checked.result
  if (learned.refused !== undefined) throw new HarpError('SYNC_FAULT', `proof refused: ${learned.refused}`)
  const [node] = learned.nodes
  requireTrue(node?.versions.length === file.versions, 'a proof without all versions')
  const isSealed = reveal === 'none'
  const title = isSealed
    ? 'Sealed: it tells who and when, but no names, sizes or hashes of contents:'
    : 'Revealed: with the keys of exactly these versions, and of nothing else:'
  say(place, ['', title, `${proof.length} bytes, made in ${made.text}, checked in ${checked.text}.`])
  place.tell.table(provedRows(learned, place.nameOf))
  if (isSealed) {
    say(place, ['So: these are all versions, in this order, by these devices, unchanged.'])
  } else {
    requireTrue(learned.matches?.[0]?.version === 2, 'a file at hand that is not found')
    say(place, ['A file that the reader holds is version 3, byte for byte.'])
  }
  writeFileSync(join(place.directory, isSealed ? 'history.proof' : 'history-revealed.proof'), proof)
  return proof
}

interface Forging {
  readonly place: ProofPlace
  readonly reader: ThirdParty
  /** Was told of the laptop only. */
  readonly stranger: ThirdParty
}

function forge(proof: Uint8Array, { place, reader, stranger }: Forging): void {
  say(place, ['', 'Somebody who passes the first proof on tampers with it:'])
  const attempts = [
    ['one bit changed', reader.check(withOneBitChanged(proof, proof.length - 20))],
    ['version 2 left out', reader.check(withoutVersion(proof, 1))],
    ['versions 2 and 3 swapped', reader.check(withVersionsSwapped(proof, 1))],
    ['reader knows only the laptop', stranger.check(proof)],
  ] as const
  for (const [what, result] of attempts) requireTrue(result.refused !== undefined, `accepted: ${what}`)
  place.tell.table(attempts.map(([what, result]) => [what, refusalInWords(result)]))
  let refused = 0
  for (let byte = 0; byte < proof.length; byte++) {
    if (reader.check(withOneBitChanged(proof, byte, byte & 7)).refused !== undefined) refused++
  }
  requireTrue(refused === proof.length, 'a changed proof that is accepted')
  say(place, [`One bit changed in each of its bytes in turn: ${refused} of ${proof.length} refused.`])
}

function say({ tell }: ProofPlace, lines: readonly string[]): void {
  for (const line of lines) tell.line(line)
}
