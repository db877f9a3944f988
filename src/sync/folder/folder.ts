import { errorMessage, HarpError } from '../../base/errors.ts'
import { auditCache } from '../cache/audit-cache.ts'
import { cacheProblems, requireKeys, type CachePlace } from '../cache/cache-place.ts'
import { CacheSide } from '../cache/cache-side.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { CacheStatus, FolderStateName } from '../device/daemon-api.ts'
import type { Role } from '../format/membership.ts'
import type { DeviceId, FolderId } from '../ids.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { FolderPresence } from '../presence/folder-presence.ts'
import { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { AuditReport } from './audit.ts'
import { ArrivingChunks } from './arriving-chunks.ts'
import { auditOf, restoringOf } from './content-requests.ts'
import { ContentSide } from './content-side.ts'
import type { FolderCounts } from './folder-counts.ts'
import { folderErrors } from './folder-errors.ts'
import { folderNetwork } from './folder-network.ts'
import type { FolderPeers } from './folder-peers.ts'
import { knownLog, newLog, type FolderLog } from './folder-log.ts'
import type { FolderOptions } from './folder-options.ts'
import type { FolderSide } from './folder-side.ts'
import { openStores } from './folder-stores.ts'
import { LogProblems } from './log-problems.ts'
import { OwnMembership, type Invited } from './own-membership.ts'
import { Publisher } from './publisher.ts'
import type { Restoring } from './restoring.ts'
import { RollbackMark } from './rollback-mark.ts'
import { isDamage, StoreRepairs } from './store-repairs.ts'
import type { KeepPolicy } from './version-source.ts'

export type { Invited }

/** Of plaintext in a chunk: what a frame of a link carries. */
const largestSealable = 1024 * 1024
const tickMs = 1_000
const commitDelayMs = 40

/**
 * One folder on this device, from its log to the disk: owns the stores, the sessions with other devices, and the side
 * that reads and writes the user's files, which begins as soon as the folder's keys are here; or the one of a cache.
 */
export class Folder {
  readonly replica: Replica
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  readonly peers: FolderPeers
  readonly fetcher: ChunkFetcher
  /** What other members say of themselves, and hold. */
  readonly presence: FolderPresence
  readonly own: OwnMembership
  readonly #options: FolderOptions
  readonly #store: LogStore
  readonly #arriving: ArrivingChunks
  readonly #mark: RollbackMark
  readonly #repairs: StoreRepairs
  readonly #publisher: Publisher
  readonly #problems: LogProblems
  readonly #cache: CachePlace | undefined
  #side: FolderSide | undefined
  #timer: NodeJS.Timeout | undefined
  #commitTimer: NodeJS.Timeout | undefined
  #isPaused: boolean
  /** What ran until this device was revoked. */
  #leaving: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #fault: FolderProblem | undefined
  #hasDamage = false
  #lastQuietRound = 0

  /** Founds a folder over a directory. */
  static found(options: FolderOptions, mode: 'peer' | 'server_authoritative'): Folder {
    const { suite, keys, random, clock } = options
    const own = { suite, keys, random }
    return Folder.#over(
      options,
      newLog(options, (store) => Replica.found({ ...own, store }, { mode }, clock.wall())),
    )
  }

  /** A folder as this device left it; or, if its home is older than what it has sent, with a new chain. */
  static open(options: FolderOptions, folderId: FolderId): Folder {
    const log = knownLog(options, folderId)
    const folder = Folder.#over(options, log)
    for (const note of log.notes) folder.#repairs.note(note)
    if (log.isRolledBack) folder.#repairs.forgetAhead(folder.items)
    return folder
  }

  /** A folder that this device was invited to, for the first time or again: its log comes from the inviter. */
  static join(options: FolderOptions, folderId: FolderId, invited: Invited): Folder {
    const { suite, keys, random, isRestored } = options
    const log = newLog(options, (store) => {
      OwnMembership.note(store, invited)
      return Replica.open({ suite, keys, random, store, folderId, isRestored })
    })
    return Folder.#over(options, log)
  }

  static #over(options: FolderOptions, { store, replica }: FolderLog): Folder {
    try {
      return new Folder(options, store, replica)
    } catch (error) {
      store.close()
      throw error
    }
  }

  private constructor(options: FolderOptions, store: LogStore, replica: Replica) {
    const { log, suite, clock } = options
    this.#options = options
    this.#store = store
    this.replica = replica
    this.own = new OwnMembership(store, replica)
    this.#publisher = new Publisher(replica)
    const words = { suite, nameOf: (device: DeviceId) => options.nameOf?.(device) }
    const { own } = this
    this.#problems = new LogProblems({ replica, own, publisher: this.#publisher, words, clock })
    this.#isPaused = options.isPaused
    this.#mark = new RollbackMark(options.fs, options.root)
    this.#repairs = new StoreRepairs({ store, replica, clock, log, name: options.name })
    const { items, chunks, cache } = openStores(options, this.#repairs)
    this.items = items
    this.chunks = chunks
    this.#cache = cache
    this.#arriving = new ArrivingChunks(chunks)
    const network = folderNetwork(options, {
      replica,
      store,
      own: this.own,
      served: cache?.before(chunks) ?? this.#arriving,
      has: (id) => this.#hasIn(this.#arriving, id),
      keeps: (id) => this.#hasIn(this.chunks, id),
      ownPresence: () => this.#ownPresence(),
      isRecovering: () => this.#repairs.isRecovering,
      onGrown: (acceptance) => this.#grown(acceptance),
      onSource: () => this.#side?.retry(),
      guard: (act) => this.#guard(act),
    })
    this.fetcher = network.fetcher
    this.presence = network.presence
    this.peers = network.peers
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
    return this.role === 'cache' || this.#cache !== undefined ? 'cache' : this.#options.keep
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
    return this.#fault !== undefined
  }

  /** It is a store, and damaged: whoever opens it again looks at it first. */
  get hasDamage(): boolean {
    return this.#hasDamage
  }

  /** Undefined until the folder's keys are here, and on a cache. */
  get content(): ContentSide | undefined {
    return this.#side instanceof ContentSide ? this.#side : undefined
  }

  /** Undefined unless this device is a cache, and runs. */
  get cacheStatus(): CacheStatus | undefined {
    return this.#side instanceof CacheSide ? this.#side.status : undefined
  }

  /** Undefined unless this device was set up as a cache. */
  get quota(): number | undefined {
    return this.#cache?.quota
  }

  get state(): FolderStateName {
    if (this.#isPaused) return 'paused'
    if (this.#fault !== undefined || this.isOut) return 'blocked'
    if (this.#repairs.isRecovering) return this.peers.connected > 0 ? 'syncing' : 'blocked'
    if (this.replica.role === 'cache' && this.#cache === undefined) return 'blocked'
    const side = this.#side?.state ?? 'syncing'
    if (side !== 'idle') return side
    // What has just come shows itself to the plan when it is durable.
    if (this.#commitTimer !== undefined) return 'syncing'
    return this.peers.isIdle ? 'idle' : 'syncing'
  }

  get problems(): readonly FolderProblem[] {
    const own = this.#fault === undefined ? [] : [this.#fault]
    const wrongSide = cacheProblems(this.replica.role, this.#cache)
    const side = this.#side?.problems ?? []
    const log = [...this.#repairs.problems, ...this.#problems.all]
    return [...own, ...wrongSide, ...log, ...this.peers.problems, ...side]
  }

  /** What is going on, for people. */
  get activity(): string {
    if (this.#fault !== undefined) return this.#fault.message
    if (this.#isPaused) return ''
    if (this.isOut) return 'this device was revoked'
    if (this.#repairs.isRecovering) return 'the log was damaged: waits for what is missing'
    return this.#side?.activity ?? 'waiting for the log of the folder'
  }

  /** Files and bytes of the log that are not on this disk. */
  need(): { readonly files: number; readonly bytes: number } {
    return this.#side?.need() ?? { files: 0, bytes: 0 }
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
    this.#problems.noteLink(problem)
  }

  start(): void {
    if (this.#timer !== undefined || this.#stopping !== undefined) return
    this.#timer = setInterval(() => this.#guard(() => this.#tick()), tickMs)
    if (this.#isPaused || this.isOut) this.peers.stop()
    this.#guard(() => this.#beginContent())
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    this.peers.stop()
    const side = this.#side
    await side?.stop()
    // Meanwhile it may have been resumed, with another one.
    if (this.#side === side) this.#side = undefined
  }

  /** Not of a folder with a fault: it has to be opened again first. */
  resume(acceptDeletions: boolean): void {
    if (this.#fault !== undefined || this.#stopping !== undefined) return
    // Of a folder that runs: its user says that this restored authority has met all others.
    if (!this.#isPaused) this.replica.confirmStatements()
    this.#isPaused = false
    if (this.isOut) return
    // Its user says that nobody else can be reached who knows more of a damaged log.
    this.#guard(() => this.#repairs.end(this.items))
    this.peers.start()
    this.#guard(() => this.#beginContent())
    this.#side?.unblock(acceptDeletions)
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
    await Promise.all([this.#leaving, this.#side?.stop()])
    this.#side = undefined
    clearTimeout(this.#commitTimer)
    this.#guard(() => this.presence.close())
    this.fetcher.close()
    this.#guard(() => {
      this.replica.commit()
      this.#mark.note(this.replica)
    })
    for (const store of [this.items, this.chunks, this.#cache, this.#store]) {
      try {
        store?.close()
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Looks whether log, tree, disk and store agree. */
  async audit(repair: boolean): Promise<AuditReport> {
    const side = this.#side
    if (side instanceof CacheSide) {
      const { replica, chunks } = this
      return auditCache({ store: this.#store, replica, chunks }, () => side.takeLost())
    }
    return auditOf(this.#readable(), this.#store, repair)
  }

  restoring(): Restoring {
    return restoringOf(this.#readable())
  }

  /** Throws HarpError `CACHE_NO_KEYS` on a cache. */
  requireKeys(): void {
    requireKeys(this.role === 'cache' || this.#cache !== undefined, this.name)
  }

  #readable(): ContentSide {
    const { content } = this
    if (content !== undefined) return content
    this.requireKeys()
    if (this.isOut) {
      const { fix } = folderErrors.FOLDER_REVOKED
      throw new HarpError('SYNC_FOLDER_NOT_READY', 'this device was revoked: all stays as it is', { fix })
    }
    throw new HarpError('SYNC_FOLDER_NOT_READY', 'the folder is paused, or its keys are not here yet', {
      fix: 'see harp status: resume it, or wait until a device that has it is connected',
      retryable: true,
    })
  }

  /** This device has written to the log. */
  announce(): void {
    this.peers.changed()
    this.#side?.logChanged()
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
    if (this.#repairs.tick(this.peers, this.items)) this.announce()
    if (this.#repairs.isRecovering) return
    if (this.#publisher.tick(now)) this.peers.changed()
    if (clock.monotonic() - this.#lastQuietRound > 30_000) {
      this.#lastQuietRound = clock.monotonic()
      if (this.peers.isIdle && this.replica.shareKeys(now).length > 0) this.announce()
    }
    this.#beginContent()
    this.#side?.tick()
    this.#mark.note(this.replica)
  }

  #grown(acceptance: Acceptance | undefined): void {
    // Before anything looks at what the log shows now: what this device wrote too late is not in it any more.
    if (this.isOut) this.#leave()
    for (const { source, detail } of acceptance?.refusedLater ?? []) this.peers.charge(source, detail)
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined
      this.#guard(() => {
        this.replica.commit()
        this.peers.changed()
        this.#beginContent()
        this.#side?.logChanged()
      })
    }, commitDelayMs)
  }

  /** As soon as this device can read the folder; or knows itself as its cache. */
  #beginContent(): void {
    if (this.#side !== undefined || this.#isPaused || this.#fault !== undefined) return
    if (this.own.isExpected || this.isOut || this.#repairs.isRecovering) return
    if (this.replica.role === 'cache' || this.#cache !== undefined) {
      this.#beginCache()
      return
    }
    const { firstEpochKey, role, log } = this.replica
    if (firstEpochKey === undefined || role === undefined || log.genesis === undefined) return
    if (log.genesis.chunker.maximum > largestSealable) {
      this.#fail(
        new HarpError('FOLDER_CHUNKS_TOO_LARGE', 'the folder was begun with chunks that no link carries'),
      )
      return
    }
    this.#side = new ContentSide({
      ...this.#options,
      replica: this.replica,
      items: this.items,
      chunks: this.chunks,
      arriving: this.#arriving,
      presence: () => this.presence,
      fetcher: this.fetcher,
      chunker: log.genesis.chunker,
      firstEpochKey,
      announce: () => this.peers.changed(),
      isConnected: (device) => this.peers.linkOf(device) !== undefined,
      onFault: (error: unknown) => this.#fail(error),
    })
    this.#side.start()
  }

  #beginCache(): void {
    const { replica, chunks, fetcher, peers } = this
    if (this.#cache === undefined || replica.role === undefined) return
    const parts = { ...this.#options, replica, chunks, fetcher, peers, store: this.#store }
    this.#side = this.#cache.begin({ ...parts, onFault: (error: unknown) => this.#fail(error) })
    this.#side.start()
  }

  /** Revoked: the files stay as they are, nothing is fetched or sent. What was taken in is still made durable. */
  #leave(): void {
    this.peers.stop()
    const side = this.#side
    if (side === undefined) return
    this.#side = undefined
    this.#leaving = side.stop()
    this.#options.log.warn({ folder: this.name }, 'this device was revoked')
  }

  #hasIn(chunks: { has(id: Uint8Array): boolean }, id: Uint8Array): boolean {
    let isHere = false
    this.#guard(() => {
      isHere = this.#stopping === undefined && chunks.has(id)
    })
    return isHere
  }

  #ownPresence(): { keep: KeepPolicy | 'cache'; isComplete: boolean; chunkBytes: number } {
    const { packBytes, keptBytes } = this.chunks.stats()
    const chunkBytes = packBytes + keptBytes + this.items.totals().bytes
    return { keep: this.keeps, isComplete: this.state === 'idle' && this.need().bytes === 0, chunkBytes }
  }

  /** A store that failed has dropped what it remembers: nothing more may be done with it until it is opened again. */
  #guard(act: () => void): void {
    try {
      if (this.#fault === undefined) act()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#fault !== undefined) return
    this.#hasDamage = isDamage(error)
    const code = error instanceof HarpError ? error.code : 'FOLDER_FAULT'
    const fix =
      (error instanceof HarpError ? error.fix : undefined) ?? 'start harp again; report it if it stays'
    this.#fault = { code, path: '', message: errorMessage(error), fix }
    this.#options.log.error({ code, error: errorMessage(error) }, 'folder stopped')
    this.peers.stop()
  }
}
