import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { FilePlaces } from '../chunks/chunk-store.ts'
import { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { FolderStateName } from '../device/daemon-api.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import { roles, type Role } from '../format/membership.ts'
import { fromHex, toHex, type DeviceId, type EntryHash, type FolderId } from '../ids.ts'
import { SqliteItems } from '../items/sqlite-items.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { ChunkServer } from '../transfer/chunk-server.ts'
import type { RateLimit } from '../transfer/rate-limit.ts'
import type { WatchDirectory } from '../up/watch-directory.ts'
import type { WorkPool } from '../work/job.ts'
import type { AuditReport } from './audit.ts'
import { auditOf, restoringOf } from './content-requests.ts'
import { ContentSide } from './content-side.ts'
import { FolderPeers } from './folder-peers.ts'
import type { Restoring } from './restoring.ts'
import { RollbackMark } from './rollback-mark.ts'
import type { KeepPolicy } from './version-source.ts'

export interface FolderOptions {
  /** Where this device keeps the folder's log, items and packs. */
  readonly directory: string
  /** The user's files. */
  readonly root: string
  readonly name: string
  readonly isPaused: boolean
  readonly keys: DeviceKeys
  readonly suite: CryptoSuite
  readonly random: RandomBytes
  readonly clock: Clock
  readonly log: Logger
  readonly fs: FileSystem
  readonly pool: WorkPool
  readonly keep: KeepPolicy
  readonly rescanMs: number
  readonly upload: RateLimit
  readonly download: RateLimit
  /** The device's state may be older than what it has sent. */
  readonly isRestored: boolean
  /** Instead of files in `directory`. */
  readonly stores?: FolderStores
  readonly watch?: WatchDirectory
  readonly bootId?: () => string | undefined
}

/** Where a folder keeps what it knows: whoever simulates devices has it in memory. */
export interface FolderStores {
  readonly log: () => LogStore
  readonly items: () => SqliteItems
  readonly chunks: (places: FilePlaces) => SqliteChunks
}

/** By whom this device was invited, and as what: believed until the log says who is a member. */
export interface Invited {
  readonly by: DeviceId
  readonly role: Role
}

const inviterFact = 'inviter'
const invitedRoleFact = 'invited-role'
/** Of plaintext in a chunk: what a frame of a link carries. */
const largestSealable = 1024 * 1024
const tickMs = 1_000
const linkProblemMs = 600_000
const commitDelayMs = 40
const publishMs = 2_000

/**
 * One folder on this device, from its log to the disk: owns the stores, the sessions with other devices, and the side
 * that reads and writes the user's files, which begins as soon as the folder's keys are here.
 */
export class Folder {
  readonly replica: Replica
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  readonly peers: FolderPeers
  readonly fetcher: ChunkFetcher
  readonly #options: FolderOptions
  readonly #store: LogStore
  readonly #mark: RollbackMark
  #content: ContentSide | undefined
  #timer: NodeJS.Timeout | undefined
  #commitTimer: NodeJS.Timeout | undefined
  #isPaused: boolean
  #stopping: Promise<void> | undefined
  #fault: FolderProblem | undefined
  #authorityProblem: FolderProblem | undefined
  #linkProblem: { readonly problem: FolderProblem; readonly until: number } | undefined
  #lastPublished = 0
  #lastQuietRound = 0

  /** Founds a folder over a directory. */
  static found(options: FolderOptions, mode: 'peer' | 'server_authoritative'): Folder {
    return Folder.#with(options, (store) => {
      const { suite, keys, random, clock } = options
      return Replica.found({ suite, keys, random, store }, { mode }, clock.wall())
    })
  }

  /** A folder as this device left it; or, if its home is older than what it has sent, with a new chain. */
  static open(options: FolderOptions, folderId: FolderId): Folder {
    const { suite, keys, random, fs, root } = options
    const mark = new RollbackMark(fs, root)
    return Folder.#with(options, (store) => {
      const replica = Replica.open({ suite, keys, random, store, folderId })
      if (!mark.isRolledBack(replica)) return replica
      options.log.warn({ folder: options.name }, 'the home is older than what this device has sent')
      return Replica.open({ suite, keys, random, store, folderId, isRestored: true })
    })
  }

  /** A folder that this device was invited to: its log comes from the inviter. */
  static join(options: FolderOptions, folderId: FolderId, invited: Invited): Folder {
    return Folder.#with(options, (store) => {
      const { suite, keys, random, isRestored } = options
      store.setFact(inviterFact, fromHex(invited.by))
      store.setFact(invitedRoleFact, new TextEncoder().encode(invited.role))
      store.commit()
      return Replica.open({ suite, keys, random, store, folderId, isRestored })
    })
  }

  static #with(options: FolderOptions, make: (store: LogStore) => Replica): Folder {
    const { stores, directory } = options
    const store = stores?.log() ?? new SqliteStore(join(directory, 'log.sqlite'))
    try {
      return new Folder(options, store, make(store))
    } catch (error) {
      store.close()
      throw error
    }
  }

  private constructor(options: FolderOptions, store: LogStore, replica: Replica) {
    const { directory, root, log, pool, suite, clock, upload, download, stores } = options
    this.#options = options
    this.#store = store
    this.replica = replica
    this.#isPaused = options.isPaused
    this.#mark = new RollbackMark(options.fs, root)
    this.items = stores?.items() ?? new SqliteItems(join(directory, 'items.sqlite'))
    const places = {
      itemPath: (item: number): string | undefined => {
        const path = this.items.path(item)
        return path === undefined ? undefined : join(root, ...path)
      },
      keptPath: (version: EntryHash): string => join(root, privatePaths.kept, version),
    }
    const onProblem = (message: string): void => log.warn({ message }, 'chunk store')
    this.chunks =
      stores?.chunks(places) ??
      new SqliteChunks({ directory, places, onProblem, now: () => clock.monotonic() })
    this.fetcher = new ChunkFetcher({
      clock,
      rate: download,
      hash: (bytes: Uint8Array) => suite.hash(bytes),
      onStrike: (peer: DeviceId, detail: string) => this.peers.struck(peer, detail),
      onPeerGone: (peer: DeviceId, reason: string) => this.peers.sourceGone(peer, reason),
    })
    this.peers = new FolderPeers({
      folderId: replica.folderId,
      replica,
      suite,
      clock,
      log,
      fetcher: this.fetcher,
      server: new ChunkServer({
        store: this.chunks,
        pool,
        rate: upload,
        log,
        onStrike: (peer: DeviceId, detail: string) => this.peers.struck(peer, detail),
      }),
      trusted: this.#inviter(),
      onGrown: (acceptance) => this.#grown(acceptance),
      onSource: () => this.#content?.retry(),
      guard: (act) => this.#guard(act),
    })
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
    const { role, log } = this.replica
    if (role !== undefined || log.size > 0) return role
    const invited = this.#store.fact(invitedRoleFact)
    const text = invited === undefined ? '' : new TextDecoder().decode(invited)
    return roles.find((known) => known === text)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** A store or a thread failed: it has to be opened again. */
  get hasFault(): boolean {
    return this.#fault !== undefined
  }

  /** Undefined until the folder's keys are here. */
  get content(): ContentSide | undefined {
    return this.#content
  }

  get state(): FolderStateName {
    if (this.#isPaused) return 'paused'
    if (this.#fault !== undefined) return 'blocked'
    // A device without keys has nothing on its disk: it is at rest when it has the log.
    const content = this.#content?.state ?? (this.role === 'cache' ? 'idle' : 'syncing')
    if (content !== 'idle') return content
    // What has just come shows itself to the plan when it is durable.
    if (this.#commitTimer !== undefined) return 'syncing'
    return this.peers.isIdle ? 'idle' : 'syncing'
  }

  get problems(): readonly FolderProblem[] {
    const own = this.#fault === undefined ? [] : [this.#fault]
    return [...own, ...this.#logProblems(), ...this.peers.problems, ...(this.#content?.problems ?? [])]
  }

  /** What is going on, for people. */
  get activity(): string {
    if (this.#fault !== undefined) return this.#fault.message
    if (this.#isPaused) return ''
    if (this.role === 'cache') return 'keeps the log; content is not cached yet'
    return this.#content?.activity ?? 'waiting for the log of the folder'
  }

  /** Files and bytes of the log that are not on this disk. */
  need(): { readonly files: number; readonly bytes: number } {
    return this.#content?.need() ?? { files: 0, bytes: 0 }
  }

  /** Of a link with another device, for a while. */
  noteLinkProblem(problem: FolderProblem): void {
    this.#linkProblem = { problem, until: this.#options.clock.monotonic() + linkProblemMs }
  }

  start(): void {
    if (this.#timer !== undefined || this.#stopping !== undefined) return
    this.#timer = setInterval(() => this.#guard(() => this.#tick()), tickMs)
    if (this.#isPaused) this.peers.stop()
    this.#guard(() => this.#beginContent())
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    this.peers.stop()
    const content = this.#content
    await content?.stop()
    // Meanwhile it may have been resumed, with another one.
    if (this.#content === content) this.#content = undefined
  }

  /** Not of a folder with a fault: it has to be opened again first. */
  resume(acceptDeletions: boolean): void {
    if (this.#fault !== undefined || this.#stopping !== undefined) return
    // Of a folder that runs: its user says that this restored authority has met all others.
    if (!this.#isPaused) this.replica.confirmStatements()
    this.#isPaused = false
    this.peers.start()
    this.#guard(() => this.#beginContent())
    this.#content?.unblock(acceptDeletions)
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
    await this.#content?.stop()
    this.#content = undefined
    clearTimeout(this.#commitTimer)
    this.fetcher.close()
    this.#guard(() => {
      this.replica.commit()
      this.#mark.note(this.replica)
    })
    for (const store of [this.items, this.chunks, this.#store]) {
      try {
        store.close()
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Looks whether log, tree, disk and store agree. */
  async audit(repair: boolean): Promise<AuditReport> {
    const content = this.#readable()
    return auditOf(content, this.#store, repair)
  }

  restoring(): Restoring {
    return restoringOf(this.#readable())
  }

  #readable(): ContentSide {
    if (this.#content !== undefined) return this.#content
    throw new HarpError('SYNC_FOLDER_NOT_READY', 'the folder is paused, or its keys are not here yet', {
      fix: 'see harp status: resume it, or wait until a device that has it is connected',
      retryable: true,
    })
  }

  /** This device has written to the log. */
  announce(): void {
    this.peers.changed()
    this.#content?.logChanged()
  }

  #tick(): void {
    const { clock } = this.#options
    const now = clock.wall()
    if (!this.#isPaused) this.peers.tick()
    const settled = this.replica.settle(now)
    if (settled.accepted.length > 0) this.#grown(settled)
    this.#publish(now)
    if (clock.monotonic() - this.#lastQuietRound > 30_000) {
      this.#lastQuietRound = clock.monotonic()
      if (this.peers.isIdle && this.replica.shareKeys(now).length > 0) this.announce()
    }
    this.#beginContent()
    this.#content?.tick()
    this.#mark.note(this.replica)
  }

  /** The authority's statements make the order final; what came within two seconds shares one. */
  #publish(now: number): void {
    const { replica } = this
    if (replica.mode !== 'server_authoritative' || now - this.#lastPublished < publishMs) return
    if (replica.finalLength === replica.order.length) return
    this.#lastPublished = now
    try {
      if (replica.publish(now) !== undefined) this.peers.changed()
      this.#authorityProblem = undefined
    } catch (error) {
      if (!(error instanceof HarpError) || error.code.startsWith('SYNC_STORE')) throw error
      if (error.code === 'SYNC_NOT_AUTHORITY') return
      const isRestored = error.code === 'SYNC_AUTHORITY_RESTORED'
      const fix = isRestored ? 'connect all other devices, then: harp folder resume' : (error.fix ?? '')
      this.#authorityProblem = { code: error.code, path: '', message: error.message, fix }
    }
  }

  #grown(acceptance: Acceptance | undefined): void {
    for (const { source, detail } of acceptance?.refusedLater ?? []) this.peers.charge(source, detail)
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined
      this.#guard(() => {
        this.replica.commit()
        this.peers.changed()
        this.#beginContent()
        this.#content?.logChanged()
      })
    }, commitDelayMs)
  }

  /** As soon as this device can read the folder. */
  #beginContent(): void {
    if (this.#content !== undefined || this.#isPaused || this.#fault !== undefined) return
    const { firstEpochKey, role, log } = this.replica
    if (firstEpochKey === undefined || role === undefined || log.genesis === undefined) return
    if (log.genesis.chunker.maximum > largestSealable) {
      this.#fail(
        new HarpError('FOLDER_CHUNKS_TOO_LARGE', 'the folder was begun with chunks that no link carries'),
      )
      return
    }
    this.#content = new ContentSide({
      ...this.#options,
      replica: this.replica,
      items: this.items,
      chunks: this.chunks,
      fetcher: this.fetcher,
      chunker: log.genesis.chunker,
      firstEpochKey,
      announce: () => this.peers.changed(),
      onFault: (error: unknown) => this.#fail(error),
    })
    this.#content.start()
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
    const code = error instanceof HarpError ? error.code : 'FOLDER_FAULT'
    const fix =
      (error instanceof HarpError ? error.fix : undefined) ?? 'start harp again; report it if it stays'
    this.#fault = { code, path: '', message: errorMessage(error), fix }
    this.#options.log.error({ code, error: errorMessage(error) }, 'folder stopped')
    this.peers.stop()
  }

  #inviter(): DeviceId | undefined {
    const stored = this.#store.fact(inviterFact)
    return stored === undefined ? undefined : toHex(stored)
  }

  #logProblems(): FolderProblem[] {
    const problems: FolderProblem[] = this.#authorityProblem === undefined ? [] : [this.#authorityProblem]
    const { problem, until } = this.#linkProblem ?? {}
    if (problem !== undefined && this.#options.clock.monotonic() < (until ?? 0)) problems.push(problem)
    const { held } = this.replica.log
    if (held.entries > 0) {
      problems.push({
        code: 'FOLDER_CLOCK_AHEAD',
        path: '',
        message: `${held.entries} changes are held back: the clock of their device is more than 5 minutes ahead`,
        fix: 'set the clocks of the devices right',
      })
    }
    return problems
  }
}
