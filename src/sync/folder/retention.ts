import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { EntryHash } from '../ids.ts'
import type { ItemStore } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { TreeNode } from '../tree/node.ts'
import { headsOf, versionsOf, type Version } from '../tree/versions.ts'
import { ChunkSet } from './chunk-set.ts'
import { idOf } from './download.ts'
import { HolderCheck, type HolderCheckParts } from './holder-check.ts'
import type { OtherPolicies, OtherPolicy } from './other-policies.ts'
import { staggered } from './staggered.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

export interface RetentionParts extends HolderCheckParts {
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly versions: VersionSource
  readonly fs: FileSystem
  readonly clock: Clock
  readonly keep: KeepPolicy
  readonly others: OtherPolicies
}

export interface RetentionReport {
  readonly freedBytes: number
  /** Versions that this device does not want, and others do who do not have them yet or are away. */
  readonly heldForOthers: number
  /** False: cut short, because the log grew or the folder has something else to do. Nothing was decided wrongly by it. */
  readonly isWhole: boolean
}

/** Looked at before others have their turn. */
const versionsAtOnce = 200
/** Of versions that others want, in one run: the next one goes on behind them. */
const claimedAtOnce = 20_000

const dayMs = 86_400_000

interface Wanted {
  readonly chunks: ChunkSet
  /** Kept files that go, if nobody is found to want them. */
  readonly unwantedFiles: Map<EntryHash, number>
  heldForOthers: number
  /** Something may be dropped later though neither log nor policies change. */
  isWaiting: boolean
}

/** After which nothing more is to be found, until something of it changes. */
interface Settled {
  readonly size: number
  readonly policies: string
  readonly at: number
}

/**
 * Drops content that nobody needs here, a little at a time. What the log says of versions stays. Content goes only if
 * this device's policy does not want it, and every other member whose policy does says right now that it has it.
 */
export class Retention {
  readonly #parts: RetentionParts
  /** How many claimed versions are passed over, being asked about in other runs. */
  #claimedBefore = 0
  #settled: Settled | undefined

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  /** Costs nothing, other than a run: which is of no use as long as log and policies are what they were. */
  get mayFind(): boolean {
    const { replica, clock } = this.#parts
    const settled = this.#settled
    if (settled === undefined || settled.size !== replica.log.size) return true
    return settled.policies !== this.#policies() || clock.wall() - settled.at > dayMs
  }

  async run(isOver: () => boolean): Promise<RetentionReport> {
    const { replica, chunks } = this.#parts
    const { size } = replica.log
    const isStale = (): boolean => isOver() || replica.log.size !== size
    const wanted = await this.#survey(isStale)
    if (wanted === undefined) return { freedBytes: 0, heldForOthers: 0, isWhole: false }
    let freedBytes = this.#dropKeptFiles(wanted)
    let isDone = false
    while (!isDone && !isStale()) {
      const step = chunks.collect((id) => wanted.chunks.has(id))
      freedBytes += step.freedBytes
      isDone = step.done
      await new Promise(setImmediate)
    }
    if (isDone) this.#forgetDamage(wanted)
    chunks.commit()
    const isSettled = isDone && !wanted.isWaiting && wanted.heldForOthers === 0
    const at = this.#parts.clock.wall()
    this.#settled = isSettled ? { size, policies: this.#policies(), at } : undefined
    return { freedBytes, heldForOthers: wanted.heldForOthers, isWhole: isDone }
  }

  async #survey(isStale: () => boolean): Promise<Wanted | undefined> {
    const { replica, chunks, others } = this.#parts
    const unwantedFiles = new Map(chunks.kept().map(({ version, size }) => [version, size]))
    const wanted: Wanted = { chunks: new ChunkSet(), unwantedFiles, heldForOthers: 0, isWaiting: false }
    const run = new SurveyRun(this.#parts, wanted, others.all, this.#claimedBefore)
    let looked = 0
    for (const node of replica.tree.nodes()) {
      if (node.kind !== 'content') continue
      looked += node.versionCount
      if (looked >= versionsAtOnce) {
        looked = 0
        await new Promise(setImmediate)
        if (isStale()) return undefined
      }
      const asked = run.look(node)
      // Mostly nobody has to be asked, and nothing is waited for.
      if (asked !== undefined) await asked
      if (isStale()) return undefined
    }
    await run.end()
    this.#claimedBefore =
      run.claimed > this.#claimedBefore + claimedAtOnce ? this.#claimedBefore + claimedAtOnce : 0
    return isStale() ? undefined : wanted
  }

  #policies(): string {
    return this.#parts.others.all.map(({ device, keep }) => `${device} ${keep}`).join()
  }

  #dropKeptFiles({ unwantedFiles }: Wanted): number {
    const { chunks, fs, root } = this.#parts
    let freed = 0
    for (const [version, size] of unwantedFiles) {
      chunks.removeKept(version)
      const path = join(root, privatePaths.kept, version)
      if (fs.stat(path) !== undefined) fs.unlink(path)
      freed += size
    }
    return freed
  }

  /** Nobody looks for a damaged chunk that would be dropped if it came. */
  #forgetDamage({ chunks: wanted }: Wanted): void {
    const { chunks } = this.#parts
    for (let after = new Uint8Array(0); ;) {
      const damaged = chunks.damagedChunks(after, 256)
      for (const { id } of damaged) if (!wanted.has(id)) chunks.forgetDamage(id)
      const last = damaged.at(-1)
      if (last === undefined) return
      after = new Uint8Array(last.id)
    }
  }
}

/** One look at all versions. */
class SurveyRun {
  /** Versions that this device does not want, and others do. */
  claimed = 0
  readonly #parts: RetentionParts
  readonly #wanted: Wanted
  readonly #others: readonly OtherPolicy[]
  readonly #askFrom: number
  readonly #holders: HolderCheck
  readonly #now: number

  constructor(parts: RetentionParts, wanted: Wanted, others: readonly OtherPolicy[], askFrom: number) {
    this.#parts = parts
    this.#wanted = wanted
    this.#others = others
    this.#askFrom = askFrom
    this.#holders = new HolderCheck(parts)
    this.#now = parts.clock.wall()
  }

  look(node: TreeNode): Promise<void> | undefined {
    const { rows } = this.#parts.replica.tree
    const all: Version<LogEntry>[] = versionsOf(rows, [node])
    const heads = new Set(headsOf(rows, [node]).map(({ entry }) => entry.hash))
    const some = staggered(all, heads, this.#now)
    const own = this.#wantedBy(this.#parts.keep, heads, some)
    let asked: Promise<void> | undefined
    for (const { entry } of all) {
      const version = entry.hash
      const isCopy = own.has(version) && this.#isInPlace(node, version)
      if (own.has(version)) {
        this.#wanted.unwantedFiles.delete(version)
        if (!isCopy) {
          // Of what shall be current alone: it is not in its place for good yet.
          if (this.#parts.keep === 'current') this.#wanted.isWaiting = true
          this.#want(version)
          continue
        }
        // Its content is in the user's file. In packs it is only for those who keep what is replaced.
        for (const piece of this.#parts.versions.pieces(version)) this.#wanted.chunks.add(piece)
      }
      const by = this.#others.filter(({ keep }) =>
        isCopy ? keep !== 'current' : this.#wantedBy(keep, heads, some).has(version),
      )
      if (by.length > 0) asked = chain(asked, () => this.#claim(version, by))
    }
    return asked
  }

  async end(): Promise<void> {
    await this.#holders.flush()
  }

  #wantedBy(
    keep: KeepPolicy,
    heads: ReadonlySet<EntryHash>,
    some: ReadonlySet<EntryHash>,
  ): { has(version: EntryHash): boolean } {
    return keep === 'all' ? everything : keep === 'staggered' ? some : heads
  }

  /** Whether the user's file has it, durably. Of who keeps old content the packs have it as well, for an edit to come. */
  #isInPlace({ id }: TreeNode, version: EntryHash): boolean {
    const { items, keep } = this.#parts
    if (keep !== 'current') return false
    return items.ofNode(id).some((item) => item.version === version && item.state === 'synced')
  }

  async #claim(version: EntryHash, by: readonly OtherPolicy[]): Promise<void> {
    const index = this.claimed
    const ids = this.#here(version)
    if (ids.length === 0) return
    this.claimed++
    const keep = (): void => {
      this.#wanted.heldForOthers++
      this.#wanted.unwantedFiles.delete(version)
      this.#want(version)
    }
    if (index < this.#askFrom || index >= this.#askFrom + claimedAtOnce) keep()
    else {
      const answer = (isHeld: boolean): void => void (isHeld || keep())
      await this.#holders.add({ ids, by: by.map(({ device }) => device), answer })
    }
  }

  /** What this device has of a version, outside the user's files. */
  #here(version: EntryHash): Uint8Array[] {
    const { chunks, versions } = this.#parts
    const isKept = this.#wanted.unwantedFiles.has(version)
    const ids = new Map<string, Uint8Array>()
    for (const id of this.#idsOf(version, versions.rows(version) === undefined && isKept)) {
      const isHere = isKept || chunks.find(id)?.in === 'pack'
      if (isHere) ids.set(Buffer.from(id).toString('latin1'), id)
    }
    return [...ids.values()]
  }

  #want(version: EntryHash): void {
    for (const id of this.#idsOf(version, false)) this.#wanted.chunks.add(id)
  }

  *#idsOf(version: EntryHash, mustKnow: boolean): Generator<Uint8Array> {
    const { versions } = this.#parts
    const rows = versions.rows(version)
    // A kept file whose chunks are not known: nobody can be asked about it by a chunk, and nobody is known to have it.
    if (rows === undefined && mustKnow) yield unknownChunk
    for (let row = 0; row < (rows?.lengths.length ?? 0); row++) if (rows !== undefined) yield idOf(rows, row)
    yield* versions.pieces(version)
  }
}

const everything = { has: (): boolean => true }
const unknownChunk = new Uint8Array(32)

function chain(before: Promise<void> | undefined, act: () => Promise<void>): Promise<void> {
  return before === undefined ? act() : before.then(act)
}
