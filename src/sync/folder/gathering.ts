import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { DeviceId, EntryHash } from '../ids.ts'
import type { Presence } from '../presence/presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { headsOf, versionsOf } from '../tree/versions.ts'
import { idOf } from './download.ts'
import type { OtherPolicies } from './other-policies.ts'
import { PackFetch } from './pack-fetch.ts'
import { staggered } from './staggered.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

export interface GatheringParts {
  readonly root: string
  readonly replica: Replica
  readonly chunks: SqliteChunks
  readonly versions: VersionSource
  readonly fs: FileSystem
  readonly fetcher: ChunkFetcher
  readonly clock: Clock
  readonly log: Logger
  readonly keep: KeepPolicy
  readonly others: OtherPolicies
  readonly presence: () => Presence | undefined
  readonly isConnected: (device: DeviceId) => boolean
  readonly onFault: (error: unknown) => void
}

interface Missing {
  readonly id: Uint8Array
  readonly length: number
}

const byAmount: readonly KeepPolicy[] = ['current', 'staggered', 'all']
/** Looked at before others have their turn. */
const versionsAtOnce = 50
const chunksAtOnce = 4_096
const bytesAtOnce = 64 * 1024 * 1024
const mostRounds = 16
const deadlineMs = 10_000
const patienceMs = 60_000
const checkMs = 250
const spareBytes = 1024 * 1024 * 1024

/**
 * Takes over old content from members that keep it for us only: what this device's policy wants, was written while it
 * was away, and is held by somebody whose policy does not want it. Without this, they would keep it for ever.
 */
export class Gathering {
  readonly #parts: GatheringParts
  /** After which nothing is missing that those who were asked have, as long as the log is what it was. */
  #settled = ''
  /** Missing chunks that earlier runs have asked about: nobody may have the first ones any more. */
  #askedBefore = 0

  constructor(parts: GatheringParts) {
    this.#parts = parts
  }

  /** Returns bytes that came. Stops as soon as the folder has something else to do. */
  async run(isOver: () => boolean): Promise<number> {
    const { presence, others, keep, isConnected, replica } = this.#parts
    const reluctant = others.all.filter(
      ({ device, keep: theirs }) => keepsLess(theirs, keep) && isConnected(device),
    )
    if (keep === 'current' || reluctant.length === 0 || presence() === undefined) return 0
    const from = reluctant.map(({ device }) => device)
    const state = `${replica.log.size} ${from.toSorted().join()}`
    if (state === this.#settled) return 0
    const run = { asked: 0, bytes: 0, rounds: 0 }
    let batch: Missing[] = []
    let batchBytes = 0
    for await (const missing of this.#missing(isOver)) {
      if (run.asked++ < this.#askedBefore) continue
      batch.push(missing)
      batchBytes += missing.length
      if (batch.length < chunksAtOnce && batchBytes < bytesAtOnce) continue
      run.bytes += await this.#takeOver(batch, from, isOver)
      batch = []
      batchBytes = 0
      if (++run.rounds < mostRounds && !isOver()) continue
      this.#askedBefore = isOver() ? this.#askedBefore : run.asked
      return run.bytes
    }
    run.bytes += await this.#takeOver(batch, from, isOver)
    if (isOver()) return run.bytes
    // Began in the middle: what comes before is looked at once more, and what came is looked for no more.
    this.#settled = this.#askedBefore === 0 && run.bytes === 0 ? state : ''
    this.#askedBefore = 0
    return run.bytes
  }

  /** Chunks of old versions that this device wants and has nowhere. */
  async *#missing(isOver: () => boolean): AsyncGenerator<Missing> {
    const { replica, clock, keep, chunks } = this.#parts
    const { size } = replica.log
    const now = clock.wall()
    let looked = 0
    for (const node of replica.tree.nodes()) {
      looked += node.versionCount > node.headCount ? node.versionCount : 0.1
      if (looked >= versionsAtOnce) {
        looked = 0
        await new Promise(setImmediate)
      }
      if (isOver() || replica.log.size !== size) return
      if (node.kind !== 'content' || node.versionCount <= node.headCount) continue
      const all = versionsOf(replica.tree.rows, [node])
      const heads = new Set(headsOf(replica.tree.rows, [node]).map(({ entry }) => entry.hash))
      const wanted = keep === 'all' ? undefined : staggered(all, heads, now)
      for (const { entry } of all) {
        if (heads.has(entry.hash) || wanted?.has(entry.hash) === false || chunks.isKept(entry.hash)) continue
        yield* this.#missingOf(entry.hash)
        if (replica.log.size !== size) return
      }
    }
  }

  *#missingOf(version: EntryHash): Generator<Missing> {
    const { versions, chunks } = this.#parts
    const rows = versions.rows(version)
    if (rows === undefined) return
    for (const [row, length] of rows.lengths.entries()) {
      const id = idOf(rows, row)
      if (!chunks.has(id)) yield { id, length }
    }
  }

  async #takeOver(
    batch: readonly Missing[],
    from: readonly DeviceId[],
    isOver: () => boolean,
  ): Promise<number> {
    const { presence, fs, root } = this.#parts
    const total = batch.reduce((sum, { length }) => sum + length, 0)
    if (batch.length === 0 || isOver() || fs.free(root) < total + spareBytes) return 0
    const asked = batch.map(({ id }) => id)
    const holders = await presence()?.holders(asked, deadlineMs)
    const held = batch.filter((_, index) => from.some((device) => holders?.get(device)?.[index] === true))
    if (held.length === 0 || isOver()) return 0
    return this.#fetch(held, isOver)
  }

  async #fetch(held: readonly Missing[], isOver: () => boolean): Promise<number> {
    const { clock, chunks } = this.#parts
    let bytes = 0
    let lastAt = clock.monotonic()
    const fetch = new PackFetch(this.#parts, (_, length) => {
      bytes += length
      lastAt = clock.monotonic()
    })
    for (const { id, length } of held) fetch.want(id, length)
    while (fetch.size > 0 && !isOver() && clock.monotonic() - lastAt < patienceMs) {
      await new Promise((resolve) => setTimeout(resolve, checkMs))
    }
    fetch.cancel()
    if (!isOver()) chunks.commit()
    return bytes
  }
}

function keepsLess(theirs: KeepPolicy, ours: KeepPolicy): boolean {
  return byAmount.indexOf(theirs) < byAmount.indexOf(ours)
}
