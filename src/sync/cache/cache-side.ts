import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { CacheStatus, FolderStateName } from '../device/daemon-api.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { FolderSide } from '../folder/folder-side.ts'
import type { DeviceId } from '../ids.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { LogStore } from '../store/log-store.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { systemTimers, type Timers } from '../transfer/timers.ts'
import type { AskedChunks } from './asked-chunks.ts'
import { CacheCommits } from './cache-commits.ts'
import { CacheFiller } from './cache-filler.ts'
import type { CacheIndex } from './cache-index.ts'
import { cacheLimits as limits, cacheTimes as times } from './cache-limits.ts'
import { CacheLists } from './cache-lists.ts'
import { listBytesOf } from './cache-quota.ts'
import { CacheReport } from './cache-report.ts'
import { CacheRoom } from './cache-room.ts'
import { CacheTrouble } from './cache-trouble.ts'
import { CacheUpkeep } from './cache-upkeep.ts'
import { LogLearner } from './log-learner.ts'
import { Rounds } from './rounds.ts'
import { WantedLists } from './wanted-lists.ts'

export interface CacheSideParts {
  /** Where packs and indexes are. */
  readonly directory: string
  readonly quota: number
  /** Packs went before anything was opened. */
  readonly hasFreed: boolean
  readonly chunks: SqliteChunks
  readonly index: CacheIndex
  /** What others are answered from. */
  readonly asked: AskedChunks
  readonly fetcher: ChunkFetcher
  readonly store: LogStore
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly fs: FileSystem
  readonly log: Logger
  /** Devices that can be asked. */
  readonly connected: () => number
  /** Connected devices say that they have the same log. */
  readonly isLogIdle: () => boolean
  /** What has been received of the log is durable when it returns. */
  readonly commitLog: () => void
  /** A cache as well: which of the two fetches is for them to find out, like any two neighbours. */
  readonly isCache: (device: DeviceId) => boolean
  readonly timers?: Timers
  /** The stores have to be opened again. */
  readonly onFault: (error: unknown) => void
}

/**
 * A member without keys that holds chunks for others: learns their ids from the log, fetches the newest and what others
 * ask for, and keeps what is used most within a quota. Nothing of the log is opened here.
 */
export class CacheSide implements FolderSide {
  readonly #parts: CacheSideParts
  readonly #lists: WantedLists
  readonly #learner: LogLearner
  readonly #room: CacheRoom
  readonly #filler: CacheFiller
  readonly #longLists: CacheLists
  readonly #rounds: Rounds
  readonly #upkeep: CacheUpkeep
  readonly #commits: CacheCommits
  readonly #report: CacheReport
  readonly #startedAt: number
  /** The log has been learned at least once: what is newest is known. */
  #knowsNews = false
  #learning: Promise<void> | undefined
  #making: Promise<void> | undefined
  #trouble: CacheTrouble | undefined
  #nextLook = 0
  #isDemandDue = false
  #isStopped = false

  constructor(parts: CacheSideParts) {
    this.#parts = parts
    const { chunks, index, fetcher, clock, store, suite, hasFreed } = parts
    this.#startedAt = clock.monotonic()
    this.#lists = new WantedLists(index.file)
    this.#commits = new CacheCommits({ chunks, index, clock })
    const now = (): number => clock.wall()
    const guard = (act: () => void): void => this.#guard(act)
    this.#learner = new LogLearner({
      suite,
      store,
      index,
      lists: this.#lists,
      now,
      isHere: (id) => chunks.has(id),
      list: (hash) => chunks.list(hash),
    })
    this.#room = new CacheRoom({ ...parts, lists: this.#lists })
    this.#rounds = new Rounds(index, clock)
    const round = (): number => this.#rounds.number
    const { packBytes, chunks: count } = chunks.stats()
    this.#filler = new CacheFiller(
      {
        index,
        chunks,
        fetcher,
        room: this.#room,
        now,
        round,
        mayFetchNews: () => this.#mayFetchNews(),
        guard,
        onFull: (bytes, heat) => this.#makeRoom(bytes, heat),
        isWaiting: () => this.#making !== undefined,
        onStored: (bytes) => this.#stored(bytes),
      },
      count === 0 ? limits.usualChunk : packBytes / count,
    )
    this.#longLists = new CacheLists({
      lists: this.#lists,
      chunks,
      fetcher,
      clock,
      round,
      most: () => listBytesOf(this.#room.quota),
      guard,
      onList: (bytes) => {
        this.#stored(bytes)
        this.logChanged()
      },
    })
    this.#upkeep = new CacheUpkeep({
      chunks,
      index,
      clock,
      hasFreed,
      onChange: () => this.#commits.changed(),
    })
    this.#report = new CacheReport({
      ...parts,
      room: this.#room,
      filler: this.#filler,
      longLists: this.#longLists,
      upkeep: this.#upkeep,
      now: () => ({
        isLearning: this.#learning !== undefined,
        isMakingRoom: this.#making !== undefined,
        trouble: this.#trouble,
      }),
    })
  }

  get state(): FolderStateName {
    return this.#report.state
  }

  get activity(): string {
    return this.#report.activity
  }

  get problems(): readonly FolderProblem[] {
    return this.#report.problems
  }

  need(): { readonly files: number; readonly bytes: number } {
    return this.#report.need()
  }

  get status(): CacheStatus {
    return this.#report.status
  }

  start(): void {
    this.#parts.asked.listen({
      meanBytes: () => this.#filler.meanBytes,
      onMany: () => this.#guard(() => this.#noteUses()),
      onMiss: () => this.#demandSoon(),
      onLost: () => this.#guard(() => this.#upkeep.takeLost()),
    })
    this.#parts.fetcher.sharing.onClaimed = (ids, device) => this.#claimed(ids, device)
    this.logChanged()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#filler.stop(this.#trouble !== undefined)
    this.#longLists.stop()
    this.#parts.asked.listen(undefined)
    this.#parts.fetcher.sharing.onClaimed = () => undefined
    this.#guard(() => {
      this.#noteUses()
      this.#upkeep.setClean()
      this.#commits.changed()
      this.#commits.commit()
    })
    this.#isStopped = true
    await Promise.allSettled([this.#learning, this.#making])
  }

  logChanged(): void {
    this.#learner.wake()
    if (this.#learning !== undefined || this.#isStopped || this.#trouble !== undefined) return
    if (this.#room.isDiskSpent) return
    this.#learning = this.#learn()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#learning = undefined
        if (this.#learner.isBehind) this.logChanged()
        else this.#refill()
      })
  }

  retry(): void {
    this.#rounds.ask()
    this.#refill()
  }

  /** A person says that there is room, or that the disk is well. */
  unblock(): void {
    if (this.#trouble !== undefined) this.#parts.onFault(this.#trouble.error)
    this.#nextLook = 0
    this.#refill()
  }

  tick(): void {
    const { fs, directory, onFault } = this.#parts
    if (this.#isStopped) return
    if (this.#trouble === undefined) this.#guard(() => this.#tick())
    else if (this.#trouble.isOver(fs, directory)) onFault(this.#trouble.error)
  }

  /** What is too much goes in small steps, beginning now; what fits now is fetched. */
  setQuota(bytes: number): void {
    this.#room.quota = bytes
    this.#rounds.ask()
    this.#guard(() => this.#lookAtDisk())
    this.#refill()
  }

  /** For an audit: what it found damaged is fetched again. */
  takeLost(): void {
    this.#guard(() => this.#upkeep.takeLost())
  }

  #tick(): void {
    const { clock } = this.#parts
    const isConnected = this.#parts.connected() > 0
    if (clock.monotonic() >= this.#nextLook) this.#lookAtDisk()
    if (this.#room.isDiskSpent) return
    if (this.#learner.isBehind) this.logChanged()
    this.#noteUses()
    if (this.#rounds.tick()) {
      this.#longLists.newRound()
      this.#filler.wake()
      this.#commits.changed()
    }
    this.#filler.tick(isConnected)
    this.#longLists.tick(isConnected)
    if (isConnected) this.#filler.fill()
    this.#upkeep.tick(this.state === 'idle')
    this.#commits.tick()
  }

  #lookAtDisk(): void {
    this.#nextLook = this.#parts.clock.monotonic() + times.diskMs
    const wasTight = this.#room.isDiskTight
    this.#room.look()
    const { isDiskLow, left } = this.#room
    // Also after the quota was made smaller.
    if (isDiskLow || left < 0) this.#makeRoom(this.#room.quota / 64, Number.POSITIVE_INFINITY)
    // As much as a round of making room gains, so that it is not begun for each file of others that goes.
    else if (wasTight && left > this.#room.quota / 64) {
      this.#room.forgetFloor()
      this.#filler.wake()
    }
  }

  #mayFetchNews(): boolean {
    if (this.#knowsNews) return true
    const { clock, isLogIdle } = this.#parts
    const isLearned = !this.#learner.isBehind && isLogIdle()
    this.#knowsNews = isLearned || clock.monotonic() - this.#startedAt > times.patienceMs
    return this.#knowsNews
  }

  async #learn(): Promise<void> {
    for (let goesOn = true; goesOn && !this.#isStopped && this.#trouble === undefined;) {
      this.#parts.commitLog()
      goesOn = this.#learner.step()
      this.#commits.changed()
      // Links and other folders have their turn between two steps.
      await new Promise(setImmediate)
    }
  }

  #refill(): void {
    if (this.#isStopped || this.#trouble !== undefined) return
    this.#filler.wake()
    if (this.#parts.connected() > 0) this.#guard(() => this.#filler.fill())
  }

  #noteUses(): void {
    const { asked, index, clock } = this.#parts
    if (asked.isEmpty || this.#trouble !== undefined) return
    const now = clock.wall()
    let isMissed = false
    for (const [id, uses] of asked.take()) {
      isMissed = index.used(id, uses, now, this.#rounds.number) || isMissed
    }
    // What somebody needs may take the place of something else.
    if (isMissed) this.#filler.wake()
    this.#commits.changed()
  }

  /** Not at the next tick: by then whoever asked has had it from far, and it would come a second time. */
  #demandSoon(): void {
    if (this.#isDemandDue || this.#isStopped || this.#trouble !== undefined) return
    this.#isDemandDue = true
    const timers = this.#parts.timers ?? systemTimers
    timers.after(times.demandMs, () => {
      this.#isDemandDue = false
      this.#guard(() => {
        if (this.#room.isDiskSpent) return
        this.#noteUses()
        if (this.#parts.connected() > 0) this.#filler.fill()
      })
    })
  }

  /** A reader is about to fetch from far what is not here. */
  #claimed(ids: Uint8Array, device: DeviceId): Uint8Array | undefined {
    let forBoth: Uint8Array | undefined
    this.#guard(() => {
      if (!this.#parts.isCache(device)) forBoth = this.#filler.demand(ids)
    })
    return forBoth
  }

  #makeRoom(bytes: number, below: number): void {
    if (this.#making !== undefined || this.#isStopped || this.#trouble !== undefined) return
    const before = this.#room.left
    this.#making = this.#room
      .make(bytes, below, () => this.#isStopped || this.#trouble !== undefined)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#making = undefined
        if (this.#room.left > before) this.#refill()
      })
  }

  #stored(bytes: number): void {
    this.#room.took(bytes)
    this.#commits.stored(bytes)
  }

  #guard(act: () => void): void {
    if (this.#trouble !== undefined || this.#isStopped) return
    try {
      act()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#trouble !== undefined || this.#isStopped) return
    this.#trouble = new CacheTrouble(error, this.#parts.clock)
    this.#parts.log.warn({ code: this.#trouble.problem.code }, 'a cache cannot store more')
    this.#filler.stop(true)
    this.#longLists.stop()
  }
}
