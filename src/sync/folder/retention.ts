import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import { headsOf, versionsOf, type Version } from '../tree/versions.ts'
import { idOf, idText } from './download.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

export interface RetentionParts {
  readonly root: string
  readonly replica: Replica
  readonly chunks: ChunkStore
  readonly versions: VersionSource
  readonly fs: FileSystem
  readonly clock: Clock
  readonly keep: KeepPolicy
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Up to which age one version is kept for each span; what is older than the last is dropped. */
const steps: readonly { readonly untilMs: number; readonly spanMs: number }[] = [
  { untilMs: hourMs, spanMs: minuteMs / 2 },
  { untilMs: dayMs, spanMs: hourMs },
  { untilMs: 30 * dayMs, spanMs: dayMs },
  { untilMs: 365 * dayMs, spanMs: 7 * dayMs },
]

const nodesAtOnce = 200

/**
 * Which versions the policy `staggered` keeps the content of: all that are current or concurrent, and of older ones
 * fewer the older they are. In each span the newest stays.
 */
export function staggered<E extends { readonly hlc: { readonly ms: number }; readonly hash: EntryHash }>(
  versions: readonly { readonly entry: E }[],
  heads: ReadonlySet<EntryHash>,
  nowMs: number,
): Set<EntryHash> {
  const kept = new Set<EntryHash>()
  const spans = new Set<string>()
  for (const { entry } of versions.toReversed()) {
    const age = Math.max(0, nowMs - entry.hlc.ms)
    const step = steps.find(({ untilMs }) => age < untilMs)
    const span = step === undefined ? undefined : `${step.spanMs} ${Math.floor(entry.hlc.ms / step.spanMs)}`
    const isFirst = span !== undefined && !spans.has(span)
    if (span !== undefined) spans.add(span)
    if (isFirst || heads.has(entry.hash)) kept.add(entry.hash)
  }
  return kept
}

/** Drops the content of versions that the policy does not keep, a little at a time. What the log says of them stays. */
export class Retention {
  readonly #parts: RetentionParts

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  /** Returns bytes freed. Stops early, having dropped nothing, when the log grows meanwhile or `isOver` says so. */
  async run(isOver: () => boolean): Promise<number> {
    const { replica } = this.#parts
    const { size } = replica.log
    const found = await this.#kept(() => isOver() || replica.log.size !== size)
    if (found === undefined) return 0
    let freed = this.#dropKeptFiles(found.versions)
    for (let done = false; !done && !isOver() && replica.log.size === size;) {
      const step = this.#parts.chunks.collect((id) => found.chunks.has(idText(id.subarray(0, 8))))
      freed += step.freedBytes
      done = step.done
      await new Promise(setImmediate)
    }
    this.#parts.chunks.commit()
    return freed
  }

  async #kept(isOver: () => boolean): Promise<{ versions: Set<EntryHash>; chunks: Set<string> } | undefined> {
    const { replica, versions, clock, keep } = this.#parts
    const kept = { versions: new Set<EntryHash>(), chunks: new Set<string>() }
    const now = clock.wall()
    let nodes = 0
    for (const node of replica.tree.nodes()) {
      if (node.kind !== 'content') continue
      if (++nodes % nodesAtOnce === 0) {
        await new Promise(setImmediate)
        if (isOver()) return undefined
      }
      const all: Version<LogEntry>[] = versionsOf(replica.tree.rows, [node])
      const heads = new Set(headsOf(replica.tree.rows, [node]).map(({ entry }) => entry.hash))
      for (const version of keep === 'current' ? heads : staggered(all, heads, now)) {
        kept.versions.add(version)
        const rows = versions.rows(version)
        if (rows === undefined) continue
        for (let row = 0; row < rows.lengths.length; row++) {
          kept.chunks.add(idText(idOf(rows, row).subarray(0, 8)))
        }
        for (const piece of versions.pieces(version)) kept.chunks.add(idText(piece.subarray(0, 8)))
      }
    }
    return isOver() ? undefined : kept
  }

  #dropKeptFiles(wanted: ReadonlySet<EntryHash>): number {
    const { chunks, fs, root } = this.#parts
    let freed = 0
    for (const { version, size } of chunks.kept()) {
      if (wanted.has(version)) continue
      chunks.removeKept(version)
      const path = join(root, privatePaths.kept, version)
      if (fs.stat(path) !== undefined) fs.unlink(path)
      freed += size
    }
    return freed
  }
}
