import { errorMessage, HarpError } from '../../base/errors.ts'
import { contentKeysOf } from '../content/content-keys.ts'
import type { ContentKeys } from '../content/content.ts'
import type { FolderStateName } from '../device/daemon-api.ts'
import type { NodeId } from '../ids.ts'
import { DownSync } from '../plan/down-sync.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Presence } from '../presence/presence.ts'
import { whyMissing } from '../up/marker.ts'
import { UpSync, type ScanReport } from '../up/up-sync.ts'
import { FolderWatcher } from '../up/watcher.ts'
import { AgainLater } from './again-later.ts'
import { blockedProblem } from './blocked-problem.ts'
import type { ContentSideParts } from './content-side-parts.ts'
import { DiskLock } from './disk-lock.ts'
import { namesOf, prepareRoot } from './folder-root.ts'
import { Downloads } from './downloads.ts'
import { markDamaged } from './file-damage.ts'
import { plannedPaths, scannedPaths } from './looked-paths.ts'
import { OtherPolicies } from './other-policies.ts'
import { Placing } from './placing.ts'
import { Problems } from './problems.ts'
import { relearnPlaces } from './relearn-places.ts'
import { ShownTotals } from './shown-totals.ts'
import { adoptKept, removeRestores, rescuedEdits } from './temporaries.ts'
import { Upkeep, type UpkeepCounters } from './upkeep.ts'
import { VersionBook } from './version-book.ts'

/** Wanted versions that are on their way at a time; the plan goes on when there is room for more. */
const downloadsAtOnce = 4_096
const againMs = 1_000
const firstDirtyMs = 100
const longestDirtyMs = 60_000
const blockedCheckMs = 5_000

/**
 * The user's files and the log, kept in agreement: scans what the watcher marks and writes it to the log, plans what the
 * log shows and carries it out. One turn after the other; each looks anew at what is there, no queue is believed.
 */
export class ContentSide {
  readonly versions: VersionBook
  readonly downloads: Downloads
  readonly lock = new DiskLock()
  readonly parts: ContentSideParts
  readonly keys: ContentKeys
  readonly #up: UpSync
  readonly #down: DownSync
  readonly #watcher: FolderWatcher
  readonly #problems = new Problems()
  readonly #stopping = new AbortController()
  readonly #halted = new SharedArrayBuffer(1)
  readonly #shown: ShownTotals
  readonly #upkeep: Upkeep
  #dirty: Set<number> | 'everything' = 'everything'
  readonly #again = new AgainLater()
  #touched: Set<NodeId> | 'everything' = 'everything'
  #isPlanned = false
  /** The disk was not what the plan believed: it is made anew after the next scan. */
  #isPlanWaiting = false
  /** Grows as long as scans do not help, as where this device may not write. */
  #dirtyDelayMs = firstDirtyMs
  #acceptsDeletions = false
  #blocked: FolderProblem | undefined
  #blockedAt = 0
  #nextRescan = 0
  #turn: Promise<void> | undefined
  #scanning = false
  #progress = { scanned: 0, hashed: 0, hashedBytes: 0 }

  constructor(parts: ContentSideParts) {
    const { root, replica, items, chunks, fetcher, pool, fs, clock, keep, suite, firstEpochKey } = parts
    this.parts = parts
    const keys = contentKeysOf(suite, replica.folderId, firstEpochKey)
    this.keys = keys
    const { lock } = this
    prepareRoot(fs, root, items)
    const names = namesOf(fs, root)
    const presence = (): Presence | undefined => parts.presence?.()
    const others = new OtherPolicies({ replica, presence, clock })
    this.versions = new VersionBook({ replica, chunks, keys, fs, maximum: parts.chunker.maximum })
    const placing = new Placing({
      root,
      replica,
      items,
      chunks,
      versions: this.versions,
      get keep() {
        return others.whenReplaced(keep)
      },
      keys,
    })
    this.downloads = new Downloads({
      root,
      items,
      chunks,
      arriving: parts.arriving,
      fs,
      pool,
      fetcher,
      versions: this.versions,
      placing,
      lock,
      clock,
      signal: this.#stopping.signal,
      onDirty: (directories) => this.scanSoon(directories),
      onStale: () => this.#planAgain(),
      onProblem: (problem) =>
        this.#problems.add(problem.code === 'FOLDER_EDIT_RESCUED' ? 'rescued' : 'download', problem),
      onSettled: (path) => this.#problems.clear('download', path),
      onProgress: () => this.#wake(),
      onFault: (error) => this.#fault(error),
    })
    this.#up = new UpSync({
      ...parts,
      halted: this.#halted,
      keys,
      names,
      rows: (version) => this.versions.rows(version),
      get keep() {
        return others.whenReplaced(keep)
      },
      announce: () => {
        parts.announce()
        this.logChanged()
      },
      report: (progress) => {
        this.#progress = progress
      },
      // Before a directory is listed, or what changes between is missed.
      visit: (item, path) => this.#watcher.add(item, path),
    })
    this.#down = new DownSync({
      root,
      view: () => replica.view,
      items,
      chunks,
      versions: this.versions,
      fs,
      names,
      get keep() {
        return others.whenReplaced(keep)
      },
      isIgnored: (path, isDirectory) => this.#up.isIgnored(path, isDirectory),
    })
    this.#shown = new ShownTotals(replica, clock)
    this.#upkeep = new Upkeep({
      ...parts,
      versions: this.versions,
      lock,
      keys,
      others,
      presence,
      halted: this.#halted,
      scrubRate: parts.scrubRate ?? 0,
      isConnected: (device) => parts.isConnected?.(device) === true,
      onFault: (error) => this.#fault(error),
      onProblems: (problems) => this.#problems.set('damage', problems),
      onLost: () => this.#planAgain(),
      rescan: (directory) => this.scanSoon([directory]),
      // Not while parts of large files wait for a device that has the rest.
      takeLeft: () => this.downloads.files === 0 && this.downloads.takeLeft(),
      isOver: () => !this.#isQuiet || this.#stopping.signal.aborted,
    })
    this.#watcher = new FolderWatcher({
      root,
      items,
      clock,
      onDirty: (directories) => this.scanSoon(directories),
      onProblem: (problem) => this.#problems.set('watcher', problem === undefined ? [] : [problem]),
      ...(parts.watch !== undefined && { watch: parts.watch }),
    })
  }

  /** Nothing goes on, though something may wait: for its time, or for a device that has it. */
  get #isQuiet(): boolean {
    if (this.#blocked !== undefined || this.#scanning || this.#turn !== undefined) return false
    if (this.#dirty === 'everything' || this.#dirty.size > 0 || !this.#isPlanned) return false
    return this.downloads.files === this.downloads.failed && !this.#watcher.isHearing
  }

  get state(): FolderStateName {
    if (this.#blocked !== undefined) return 'blocked'
    if (this.#scanning || this.#dirty === 'everything' || this.#dirty.size > 0) return 'scanning'
    if (this.#turn !== undefined || !this.#isPlanned || this.downloads.files > 0) return 'syncing'
    return this.#again.isWaiting || this.#watcher.isHearing ? 'scanning' : 'idle'
  }

  /** Directories that are watched for changes. */
  get watched(): number {
    return this.#watcher.size
  }

  /** What is going on, in a few words. */
  get activity(): string {
    if (this.#blocked !== undefined) return this.#blocked.message
    const { scanned, hashed } = this.#progress
    if (this.#scanning) return hashed > 0 ? `reading ${hashed} changed files` : `looking at ${scanned} files`
    const { files } = this.downloads
    if (files === 0) return ''
    const { wantedIds, missingIds } = this.parts.fetcher.stats()
    const isMissing = wantedIds > 0 && missingIds === wantedIds
    return isMissing ? `${files} files are on no connected device` : `fetching ${files} files`
  }

  /** Of the log and not on this disk; while a plan goes on, what the view shows besides what the disk has. */
  need(): { readonly files: number; readonly bytes: number } {
    const { files, bytes } = this.downloads
    if (this.#isPlanned) return { files, bytes }
    const shown = this.#shown.count()
    const here = this.parts.items.totals()
    return {
      files: Math.max(files, shown.files - here.files),
      bytes: Math.max(bytes, shown.bytes - here.bytes),
    }
  }

  get problems(): readonly FolderProblem[] {
    return this.#blocked === undefined ? this.#problems.all : [this.#blocked, ...this.#problems.all]
  }

  start(): void {
    const { fs, root, chunks } = this.parts
    removeRestores(fs, root)
    adoptKept(fs, root, chunks, this.versions)
    this.#problems.set('rescued', rescuedEdits(fs, root))
    if (!chunks.isComplete) {
      this.#guard(this.lock.run(() => relearnPlaces({ ...this.parts, versions: this.versions })))
    }
    this.#watcher.start()
    this.#wake()
  }

  /** What upkeep has come to since the start. */
  get upkeep(): UpkeepCounters {
    return this.#upkeep.counters
  }

  /** Never rejects: what failed has been told to `onFault`, or does not matter any more. */
  async stop(): Promise<void> {
    this.#halt()
    await Promise.allSettled([this.downloads.stop(), this.#turn])
    await this.lock.run(() => undefined)
  }

  #halt(): void {
    this.#stopping.abort()
    this.#upkeep.stop()
    new Uint8Array(this.#halted).fill(1)
    this.#watcher.stop()
  }

  /** Aborted when nothing goes on here any more. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  /** For jobs in threads: not 0 when nothing goes on here any more. */
  get halted(): SharedArrayBuffer {
    return this.#halted
  }

  scanSoon(directories: Iterable<number> | 'everything'): void {
    if (directories === 'everything' || this.#dirty === 'everything') this.#dirty = 'everything'
    else for (const directory of directories) this.#dirty.add(directory)
    this.#wake()
  }

  /** The log shows something else now. */
  logChanged(): void {
    this.#wake()
  }

  /** A device came that may have what was not to be had. */
  retry(): void {
    this.downloads.retry()
    this.#upkeep.retry()
  }

  unblock(acceptDeletions: boolean): void {
    this.#blocked = undefined
    this.#acceptsDeletions = acceptDeletions
    this.scanSoon('everything')
  }

  tick(): void {
    const now = this.parts.clock.monotonic()
    if (this.#blocked !== undefined) {
      if (this.#blocked.code !== 'FOLDER_DISK_MISSING' || now - this.#blockedAt < blockedCheckMs) return
      this.#blockedAt = now
      const { fs, root, replica } = this.parts
      if (whyMissing(fs, root, replica.folderId) !== undefined) return
      this.#blocked = undefined
      this.scanSoon('everything')
      return
    }
    const again = this.#again.take(now)
    if (again !== undefined) this.scanSoon(again)
    if (this.#nextRescan > 0 && now >= this.#nextRescan) this.scanSoon('everything')
    this.downloads.tick()
    this.#watcher.tick()
    this.#guard(this.#upkeep.heal())
    if (this.#isQuiet) this.#guard(this.#upkeep.tick())
  }

  /** Waits until what is marked has been scanned and written to the log. */
  async scanNow(directories: Iterable<number> | 'everything'): Promise<void> {
    this.scanSoon(directories)
    while (this.#turn !== undefined && this.#blocked === undefined) await this.#turn
  }

  #wake(): void {
    if (this.#turn !== undefined || this.#stopping.signal.aborted) return
    if (!this.#hasWork()) return
    const turn = this.#work().finally(() => {
      if (this.#turn === turn) this.#turn = undefined
      this.#wake()
    })
    this.#turn = turn
    this.#guard(turn)
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fault(error))
  }

  /** Nothing goes on here until the folder is opened again. */
  #fault(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#halt()
    this.parts.onFault(error)
  }

  #hasWork(): boolean {
    if (this.#blocked !== undefined) return false
    this.#takeTouched()
    if (this.#dirty === 'everything' || this.#dirty.size > 0) return true
    if (this.downloads.files - this.downloads.failed >= downloadsAtOnce) return false
    return !this.#isPlanned || this.#touched === 'everything' || this.#touched.size > 0
  }

  async #work(): Promise<void> {
    while (this.#hasWork() && !this.#stopping.signal.aborted) {
      if (this.#dirty === 'everything' || this.#dirty.size > 0) await this.lock.run(() => this.#scan())
      else await this.lock.run(() => this.#plan())
      // Links and commands have their turn between two steps.
      await new Promise(setImmediate)
    }
  }

  async #scan(): Promise<void> {
    const what = this.#dirty
    this.#dirty = new Set()
    if (what === 'everything') {
      prepareRoot(this.parts.fs, this.parts.root, this.parts.items)
      // Before anything is compared: what a crash left between two places would be taken for deleted.
      this.#down.recover()
    }
    this.#scanning = true
    this.#progress = { scanned: 0, hashed: 0, hashedBytes: 0 }
    const { clock, rescanMs, log } = this.parts
    let report: ScanReport
    try {
      const signal = this.#stopping.signal
      report = await this.#up.scan(what, { acceptDeletions: this.#acceptsDeletions, signal })
    } catch (error) {
      if (error instanceof HarpError || this.#stopping.signal.aborted) throw error
      throw new HarpError('FOLDER_FAULT', `the scan failed: ${errorMessage(error)}`, { cause: error })
    } finally {
      this.#scanning = false
    }
    if (what === 'everything') {
      this.#acceptsDeletions = false
      if (report.isComplete) this.#forgetIntents()
      this.#nextRescan = clock.monotonic() + rescanMs * (0.75 + Math.random() / 2)
    }
    this.#problems.replace('scan', report.problems, scannedPaths(this.parts.items, what))
    if (report.blocked !== undefined) this.#block(report.blocked)
    for (const item of report.damaged) this.refetch(item)
    if (report.again.size > 0) this.#again.add(report.again, clock.monotonic() + againMs)
    if (report.changed > 0) log.debug({ changed: report.changed }, 'local changes')
    if (report.changed > 0) this.#dirtyDelayMs = firstDirtyMs
    this.#noteTouched(this.#isPlanWaiting ? 'everything' : report.stale)
    this.#isPlanWaiting = false
    this.#watcher.sync()
  }

  /** All places have been looked at while nothing was being put in place: those of an earlier run have been found. */
  #forgetIntents(): void {
    const { items } = this.parts
    const intents = items.intents()
    if (intents.length === 0) return
    items.clearIntents(intents.map(({ temporaryName }) => temporaryName))
    items.commit()
  }

  async #plan(): Promise<void> {
    // What the log shows may be what this side was stopped for.
    if (this.#stopping.signal.aborted) return
    const { replica, items, chunks, clock, pool } = this.parts
    const what = this.#touched
    this.#touched = new Set()
    replica.commit()
    // What the plan drops because it is in packs must be there for good.
    chunks.commit()
    const report = this.#down.reconcile(what)
    // Items that say a thing was moved must not outlive the move, or a scan after a loss of power would take it for undone.
    if (report.changedDirectories.size > 0) {
      await pool.run('settle', { files: [], directories: [...report.changedDirectories] })
    }
    items.commit()
    for (const wanted of report.wanted) this.downloads.offer(wanted)
    this.#isPlanned = report.done
    this.#problems.replace('plan', report.problems, plannedPaths(replica, what))
    if (report.appeared.length > 0) this.#watcher.sync(report.appeared)
    if (report.dirty.size > 0) {
      this.#again.add(report.dirty, clock.monotonic() + this.#dirtyDelayMs)
      this.#dirtyDelayMs = Math.min(2 * this.#dirtyDelayMs, longestDirtyMs)
      this.#isPlanWaiting = true
    } else if (report.done) this.#dirtyDelayMs = firstDirtyMs
  }

  /** What the log or the disk did meanwhile made a part of the plan useless. */
  #planAgain(): void {
    this.#touched = 'everything'
    this.#wake()
  }

  #takeTouched(): void {
    this.#noteTouched(this.parts.replica.takeTouched())
  }

  #noteTouched(touched: ReadonlySet<NodeId> | 'everything'): void {
    if (touched === 'everything' || this.#touched === 'everything') this.#touched = 'everything'
    else for (const node of touched) this.#touched.add(node)
  }

  #block(blocked: NonNullable<ScanReport['blocked']>): void {
    this.#blocked = blockedProblem(blocked)
    this.#blockedAt = this.parts.clock.monotonic()
  }

  /** Its content is not what was put there: fetched again, and what is there is replaced. */
  refetch(id: number): void {
    const { items, chunks } = this.parts
    items.update(id, { version: undefined })
    chunks.removeFile(id)
    chunks.setFileDamaged(id, true)
    items.commit()
    this.#upkeep.damageFound()
    this.#planAgain()
  }

  /** As `refetch`, of a file that an audit has read; what is whole in it is used. */
  async repair(id: number): Promise<boolean> {
    const { keys, lock } = this
    const isMarked = await markDamaged({ ...this.parts, keys, lock, halted: this.#halted }, id)
    if (!isMarked) return false
    this.#upkeep.damageFound()
    this.#planAgain()
    return true
  }

  /** An audit found chunks damaged. */
  damageFound(): void {
    this.#upkeep.damageFound()
  }
}
