import type { PackedManifest } from '../content/manifest.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { limits } from '../format/limits.ts'
import { hashLength, toHex, type EntryHash, type NodeId } from '../ids.ts'
import type { ItemState } from '../items/item.ts'
import type { Change } from '../replica/author.ts'
import type { HashedFile } from '../work/job.ts'
import type { ScanRun } from './scan-run.ts'

export type Readable = Extract<HashedFile, { readonly state: 'hashed' | 'symlink' }>

/** What is known of one place once the log has what is to be written. */
export interface Outcome {
  readonly changes: readonly Change[]
  readonly item: number | undefined
  readonly parent: number
  readonly name: string
  readonly logName: string
  readonly nodes: readonly NodeId[]
  /** Undefined: the entry that the change becomes. */
  readonly version: EntryHash | undefined
  readonly state: ItemState
  /** Undefined if the content is that of the item, and only what a stat tells has changed. */
  readonly file: Readable | undefined
  readonly manifest: PackedManifest | undefined
  readonly stat: FileStat
  /** It was read after this; undefined if it was not read. */
  readonly since: number | undefined
}

/** By then the system has written what programs have left to it. */
export const settledMs = 60_000

/** The log has it: says so in items and places of chunks. The caller commits. */
export function recordOutcome(run: ScanRun, outcome: Outcome, version: EntryHash | undefined): void {
  const { items } = run.parts
  const { parent, name, logName, nodes, stat, file, since } = outcome
  const print = fingerprintOf(stat)
  let id = outcome.item
  if (file === undefined) {
    if (id === undefined) return
    items.update(id, { print })
  } else {
    const kind = file.state === 'symlink' ? ('symlink' as const) : ('file' as const)
    // What its user has just saved may be lost with the power, and was neither deleted nor emptied then.
    const isFresh = since !== undefined && stat.ctimeMs > since - settledMs
    const state = isFresh ? ('unsettled' as const) : outcome.state
    const item = { parent, name, logName, kind, nodes, version, print, state }
    if (id === undefined) id = items.add(item).id
    else items.update(id, item)
    if (file.state === 'symlink') run.parts.chunks.removeFile(id)
    else run.parts.chunks.addFile(id, file.rows)
  }
  if (since !== undefined && run.racy.note(id, stat.mtimeMs, since)) run.findings.again.add(parent)
}

/** What is kept of a content besides the user's file: comes before the log tells of it. The caller commits. */
export function storeOutcome(run: ScanRun, { file, manifest, changes }: Outcome): void {
  const { chunks, suite } = run.parts
  if (file === undefined || file.state === 'symlink') return
  if (changes.length > 0 && !run.writer.isAllowed) return
  if (file.sealed !== undefined) chunks.addSealed(file.rows, file.sealed)
  if (manifest === undefined) return
  if (manifest.pieces !== undefined) chunks.addSealed(manifest.pieces.rows, manifest.pieces.sealed)
  if (manifest.chunkList.length > limits.inlineChunks * hashLength) {
    chunks.addList(toHex(suite.hash(manifest.chunkList)), manifest.chunkList)
  }
}
