import { cacheProblems, requireKeys } from '../cache/cache-place.ts'
import { noQuota } from '../cache/cache-quota.ts'
import type { CacheSide } from '../cache/cache-side.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { FolderStateName } from '../device/daemon-api.ts'
import type { FolderMode, Role } from '../format/membership.ts'
import type { FolderId } from '../ids.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { FolderPresence } from '../presence/folder-presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { ContentSide } from './content-side.ts'
import type { FolderCounts } from './folder-counts.ts'
import type { FolderPeers } from './folder-peers.ts'
import { foundedLog, joinedLog, knownLog, type FolderLog } from './folder-log.ts'
import type { FolderOptions } from './folder-options.ts'
import { openParts, type FolderParts } from './folder-parts.ts'
import type { Invited, OwnMembership } from './own-membership.ts'
import type { KeepPolicy } from './version-source.ts'

export type { Invited }

const tickMs = 1_000
const commitDelayMs = 40

/**
 * One folder on this device, from its log to the disk: owns the stores, the sessions with other devices, and the side
 * that reads and writes the user's files, which begins as soon as the folder's keys are here; or the one of a cache.
 */
export class Folder {
  readonly store: LogStore
  readonly replica: Replica
  readonly own: OwnMembership
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  readonly fetcher: ChunkFetcher
  /** What other members say of themselves, and hold. */
  readonly presence: FolderPresence
  readonly peers: FolderPeers
  readonly #options: FolderOptions
  readonly #parts: FolderParts
  #timer: NodeJS.Timeout | undefined
  #commitTimer: NodeJS.Timeout | undefined
  #isPaused: boolean
  #stopping: Promise<void> | undefined
  #lastQuietRound = 0

  /** Founds a folder over a directory. */
  static found(options: FolderOptions, mode: FolderMode): Folder {
    return Folder.#over(options, foundedLog(options, mode))
  }

  /** A folder as this device left it; or, if its home is older than what it has sent, with a new chain. */
  static open(options: FolderOptions, folderId: FolderId): Folder {
    const log = knownLog(options, folderId)
    const folder = Folder.#over(options, log)
    for (const note of log.notes) folder.#parts.repairs.note(note)
    if (log.isRolledBack) folder.#parts.repairs.forgetAhead(folder.items)
    return folder
  }

  /** A folder that this device was invited to, for the first time or again: its log comes from the inviter. */
  static join(options: FolderOptions, folderId: FolderId, invited: Invited): Folder {
    return Folder.#over(options, joinedLog(options, folderId, invited))
  }

  static #over(options: FolderOptions, log: FolderLog): Folder {
    try {
      return new Folder(options, log)
    } catch (error) {
      log.store.close()
      throw error
    }
  }

  private constructor(options: FolderOptions, { store, replica }: FolderLog) {
    this.#options = options
    this.#isPaused = options.isPaused
    this.#parts = openParts(options, store, replica, {
      ownPresence: () => this.#ownPresence(),
      isStopping: () => this.#stopping !== undefined,
      onGrown: (acceptance) => this.#grown(acceptance),
    })
    this.store = store
    this.replica = replica
    const { own, items, chunks, fetcher, presence, peers } = this.#parts
    this.own = own
    this.items = items
    this.chunks = chunks
    this.fetcher = fetcher
    this.presence = presence
    this.peers = peers
  }

  get id(): FolderId {
    return this.replica.folderId
  }

  get name(): string {
    return this.#options.name
  }

  get root(): string {
    return this.#options.root
  }

  /** As the log has it; as it was granted, until the log is here. */
  get role(): Role | undefined {
    return this.own.role
  }

  /** What this device does with old content. */
  get keeps(): KeepPolicy | 'cache' {
    return this.role === 'cache' || this.#parts.cachePlace !== undefined ? 'cache' : this.#options.keep
  }

  /** This device was revoked, and is not let in again. */
  get isOut(): boolean {
    return this.own.exclusion !== undefined
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** A store or a thread failed: it has to be opened again. */
  get hasFault(): boolean {
    return this.#parts.fault.problem !== undefined
  }

  /** It is a store, and damaged: whoever opens it again looks at it first. */
  get hasDamage(): boolean {
    return this.#parts.fault.isDamage
  }

  /** Undefined until the folder's keys are here, and on a cache. */
  get content(): ContentSide | undefined {
    return this.#parts.running.content
  }

  /** Undefined unless this device is a cache, and runs. */
  get cache(): CacheSide | undefined {
    return this.#parts.running.cache
  }

  /** Undefined unless this device was set up as a cache. */
  get quota(): number | undefined {
    return this.#parts.cachePlace?.quota
  }

  /** Throws HarpError `CACHE_QUOTA`. */
  setQuota(bytes: number): void {
    if (this.#parts.cachePlace === undefined) throw noQuota(`${this.name} is no cache on this device`)
    this.#parts.cachePlace.setQuota(bytes)
  }

  get state(): FolderStateName {
    if (this.#isPaused) return 'paused'
    if (this.hasFault || this.isOut) return 'blocked'
    if (this.#parts.repairs.isRecovering) return this.peers.connected > 0 ? 'syncing' : 'blocked'
    if (this.replica.role === 'cache' && this.#parts.cachePlace === undefined) return 'blocked'
    const side = this.#parts.running.current?.state ?? 'syncing'
    if (side !== 'idle') return side
    // What has just come shows itself to the plan when it is durable.
    if (this.#commitTimer !== undefined) return 'syncing'
    return this.peers.isIdle ? 'idle' : 'syncing'
  }

  get problems(): readonly FolderProblem[] {
    const { problem } = this.#parts.fault
    const own = problem === undefined ? [] : [problem]
    const wrongSide = cacheProblems(this.replica.role, this.#parts.cachePlace)
    const side = this.#parts.running.current?.problems ?? []
    const log = [...this.#parts.repairs.problems, ...this.#parts.logProblems.all]
    return [...own, ...wrongSide, ...log, ...this.peers.problems, ...side]
  }

  /** What is going on, for people. */
  get activity(): string {
    if (this.#parts.fault.problem !== undefined) return this.#parts.fault.problem.message
    if (this.#isPaused) return ''
    if (this.isOut) return 'this device was revoked'
    if (this.#parts.repairs.isRecovering) return 'the log was damaged: waits for what is missing'
    return this.#parts.running.current?.activity ?? 'waiting for the log of the folder'
  }

  /** Files and bytes of the log that are not on this disk. */
  need(): { readonly files: number; readonly bytes: number } {
    return this.#parts.running.current?.need() ?? { files: 0, bytes: 0 }
  }

  counts(): FolderCounts {
    const { receivedBytes, nearBytes } = this.fetcher.stats()
    return {
      entries: this.replica.log.size,
      watched: this.content?.watched ?? 0,
      received: receivedBytes,
      near: nearBytes,
      sent: this.peers.sentBytes,
      strikes: this.peers.strikes,
      upkeep: this.content?.upkeep,
    }
  }

  /** Of a link with another device, for a while. */
  noteLinkProblem(problem: FolderProblem): void {
    this.#parts.logProblems.noteLink(problem)
  }

  start(): void {
    if (this.#timer !== undefined || this.#stopping !== undefined) return
    this.#timer = setInterval(() => this.#parts.fault.guard(() => this.#tick()), tickMs)
    if (this.#isPaused || this.isOut) this.peers.stop()
    this.#parts.fault.guard(() => this.#beginSide())
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    this.peers.stop()
    await this.#parts.running.pause()
  }

  /** Not of a folder with a fault: it has to be opened again first. */
  resume(acceptDeletions: boolean): void {
    if (this.hasFault || this.#stopping !== undefined) return
    // Of a folder that runs: its user says that this restored authority has met all others.
    if (!this.#isPaused) this.replica.confirmStatements()
    this.#isPaused = false
    if (this.isOut) return
    // Its user says that nobody else can be reached who knows more of a damaged log.
    this.#parts.fault.guard(() => this.#parts.repairs.end(this.items))
    this.peers.start()
    this.#parts.fault.guard(() => this.#beginSide())
    this.#parts.running.current?.unblock(acceptDeletions)
  }

  /**
   * What was received is durable, what is under way in threads has ended. Never rejects: a store that fails now is opened
   * again like one that failed before.
   */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    await this.#stopping
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer)
    this.peers.stop()
    await this.#parts.running.stop()
    clearTimeout(this.#commitTimer)
    this.#parts.fault.guard(() => this.presence.close())
    this.fetcher.close()
    this.#parts.fault.guard(() => {
      this.replica.commit()
      this.#parts.mark.note(this.replica)
    })
    for (const store of [this.items, this.chunks, this.#parts.cachePlace, this.store]) {
      try {
        store?.close()
      } catch (error) {
        this.#parts.fault.note(error)
      }
    }
  }

  /** Throws HarpError `CACHE_NO_KEYS` on a cache. */
  requireKeys(): void {
    requireKeys(this.role === 'cache' || this.#parts.cachePlace !== undefined, this.name)
  }

  /** This device has written to the log. */
  announce(): void {
    this.peers.changed()
    this.#parts.running.current?.logChanged()
  }

  #tick(): void {
    const { clock } = this.#options
    const now = clock.wall()
    if (!this.#isPaused) this.peers.tick()
    const settled = this.replica.settle(now)
    if (settled.accepted.length > 0) this.#grown(settled)
    if (this.isOut) {
      this.#leave()
      return
    }
    if (this.#parts.repairs.tick(this.peers, this.items)) this.announce()
    if (this.#parts.repairs.isRecovering) return
    if (this.#parts.publisher.tick(now)) this.peers.changed()
    if (clock.monotonic() - this.#lastQuietRound > 30_000) {
      this.#lastQuietRound = clock.monotonic()
      if (this.peers.isIdle && this.replica.shareKeys(now).length > 0) this.announce()
    }
    this.#beginSide()
    this.#parts.running.current?.tick()
    this.#parts.mark.note(this.replica)
  }

  #grown(acceptance: Acceptance | undefined): void {
    // Before anything looks at what the log shows now: what this device wrote too late is not in it any more.
    if (this.isOut) this.#leave()
    for (const { source, detail } of acceptance?.refusedLater ?? []) this.peers.charge(source, detail)
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined
      this.#parts.fault.guard(() => {
        this.replica.commit()
        this.peers.changed()
        this.#beginSide()
        this.#parts.running.current?.logChanged()
      })
    }, commitDelayMs)
  }

  #beginSide(): void {
    if (this.#isPaused || this.hasFault || this.own.isExpected || this.isOut) return
    if (!this.#parts.repairs.isRecovering) this.#parts.running.begin()
  }

  /** Revoked: the files stay as they are, nothing is fetched or sent. What was taken in is still made durable. */
  #leave(): void {
    this.peers.stop()
    if (this.#parts.running.leave()) {
      this.#options.log.warn({ folder: this.name }, 'this device was revoked')
    }
  }

  #ownPresence(): { keep: KeepPolicy | 'cache'; isComplete: boolean; chunkBytes: number } {
    const { packBytes, keptBytes } = this.chunks.stats()
    const chunkBytes = packBytes + keptBytes + this.items.totals().bytes
    return { keep: this.keeps, isComplete: this.state === 'idle' && this.need().bytes === 0, chunkBytes }
  }
}
