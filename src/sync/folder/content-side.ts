import type { ContentKeys } from '../content/content.ts'
import type { FolderStateName } from '../device/daemon-api.ts'
import { canWrite } from '../log/membership.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { whyMissing } from '../up/marker.ts'
import type { Blocked } from '../up/up-parts.ts'
import type { FolderWatcher } from '../up/watcher.ts'
import { blockedProblem } from './blocked-problem.ts'
import { contentMachinery } from './content-machinery.ts'
import type { ContentSideParts } from './content-side-parts.ts'
import { DiskLock } from './disk-lock.ts'
import type { Downloads } from './downloads.ts'
import { markDamaged } from './file-damage.ts'
import { PendingLooks } from './pending-looks.ts'
import { Problems } from './problems.ts'
import { relearnPlaces } from './relearn-places.ts'
import { runPlan } from './run-plan.ts'
import { ScanTurn } from './scan-turn.ts'
import { ShownTotals } from './shown-totals.ts'
import { Steps } from './steps.ts'
import { adoptKept, removeRestores, rescuedEdits } from './temporaries.ts'
import type { Upkeep, UpkeepCounters } from './upkeep.ts'
import type { VersionBook } from './version-book.ts'

/** Wanted versions that are on their way at a time; the plan goes on when there is room for more. */
const downloadsAtOnce = 4_096
const blockedCheckMs = 5_000

/**
 * The user's files and the log, kept in agreement: scans what the watcher marks and writes it to the log, plans what the
 * log shows and carries it out. One turn after the other; each looks anew at what is there, no queue is believed.
 */
export class ContentSide {
  readonly parts: ContentSideParts
  readonly keys: ContentKeys
  readonly versions: VersionBook
  readonly downloads: Downloads
  readonly lock = new DiskLock()
  readonly #watcher: FolderWatcher
  readonly #upkeep: Upkeep
  readonly #shown: ShownTotals
  readonly #problems = new Problems()
  readonly #looks = new PendingLooks()
  readonly #scans: ScanTurn
  readonly #steps: Steps
  readonly #stopping = new AbortController()
  readonly #halted = new SharedArrayBuffer(1)
  #blocked: FolderProblem | undefined
  #blockedAt = 0

  constructor(parts: ContentSideParts) {
    this.parts = parts
    const { signal } = this
    const fault = (error: unknown): void => this.#fault(error)
    const machinery = contentMachinery(parts, {
      lock: this.lock,
      problems: this.#problems,
      signal,
      halted: this.#halted,
      isQuiet: () => this.#isQuiet,
      scanSoon: (directories) => this.scanSoon(directories),
      planAgain: () => this.#planAgain(),
      wake: () => this.#steps.wake(),
      scanning: (progress) => this.#scans.noteProgress(progress),
      fault,
    })
    this.keys = machinery.keys
    this.versions = machinery.versions
    this.downloads = machinery.downloads
    this.#watcher = machinery.watcher
    this.#upkeep = machinery.upkeep
    this.#shown = new ShownTotals(parts.replica, parts.clock)
    const turnParts = { ...parts, ...machinery, looks: this.#looks, problems: this.#problems, signal }
    this.#scans = new ScanTurn(turnParts)
    this.#steps = new Steps({
      hasWork: () => this.#hasWork(),
      step: async () => {
        const turn = this.#looks.needsScan ? () => this.#scan() : () => runPlan(turnParts)
        await this.lock.run(turn)
      },
      signal,
      onFault: fault,
    })
  }

  /** Nothing goes on, though something may wait: for its time, or for a device that has it. */
  get #isQuiet(): boolean {
    if (this.#blocked !== undefined || this.#scans.isRunning || this.#steps.turn !== undefined) return false
    if (this.#looks.needsScan || !this.#looks.isPlanned) return false
    // A file that is being written may not hold any more what the items say; who may not write waits for ever.
    if (this.#looks.isWaiting && canWrite(this.parts.replica.role ?? 'read')) return false
    return this.downloads.files === this.downloads.failed && !this.#watcher.isHearing
  }

  get state(): FolderStateName {
    if (this.#blocked !== undefined) return 'blocked'
    if (this.#scans.isRunning || this.#looks.needsScan) return 'scanning'
    if (this.#steps.turn !== undefined || !this.#looks.isPlanned || this.downloads.files > 0) return 'syncing'
    return this.#looks.isWaiting || this.#watcher.isHearing ? 'scanning' : 'idle'
  }

  /** Directories that are watched for changes. */
  get watched(): number {
    return this.#watcher.size
  }

  /** What is going on, in a few words. */
  get activity(): string {
    if (this.#blocked !== undefined) return this.#blocked.message
    if (this.#scans.isRunning) return this.#scans.activity
    const { files } = this.downloads
    if (files === 0) return ''
    const { wantedIds, missingIds } = this.parts.fetcher.stats()
    const isMissing = wantedIds > 0 && missingIds === wantedIds
    return isMissing ? `${files} files are on no connected device` : `fetching ${files} files`
  }

  /** Of the log and not on this disk; while a plan goes on, what the view shows besides what the disk has. */
  need(): { readonly files: number; readonly bytes: number } {
    const { files, bytes } = this.downloads
    if (this.#looks.isPlanned) return { files, bytes }
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
    this.#steps.wake()
  }

  /** What upkeep has come to since the start. */
  get upkeep(): UpkeepCounters {
    return this.#upkeep.counters
  }

  /** Never rejects: what failed has been told to `onFault`, or does not matter any more. */
  async stop(): Promise<void> {
    this.#halt()
    await Promise.allSettled([this.downloads.stop(), this.#steps.turn])
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
    this.#looks.markDirty(directories)
    this.#steps.wake()
  }

  /** The log shows something else now. */
  logChanged(): void {
    this.#steps.wake()
  }

  /** A device came that may have what was not to be had. */
  retry(): void {
    this.downloads.retry()
    this.#upkeep.retry()
  }

  unblock(acceptDeletions: boolean): void {
    this.#blocked = undefined
    this.#scans.acceptDeletions(acceptDeletions)
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
    if (this.#looks.tick(now)) this.#steps.wake()
    this.downloads.tick()
    this.#watcher.tick()
    this.#guard(this.#upkeep.heal())
    if (this.#isQuiet) this.#guard(this.#upkeep.tick())
  }

  /** Waits until what is marked has been scanned and written to the log. */
  async scanNow(directories: Iterable<number> | 'everything'): Promise<void> {
    this.scanSoon(directories)
    while (this.#steps.turn !== undefined && this.#blocked === undefined) await this.#steps.turn
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
    this.#looks.markTouched(this.parts.replica.takeTouched())
    if (this.#looks.needsScan) return true
    return this.downloads.files - this.downloads.failed < downloadsAtOnce && this.#looks.needsPlan
  }

  async #scan(): Promise<void> {
    const { blocked, damaged } = await this.#scans.run()
    if (blocked !== undefined) this.#block(blocked)
    for (const item of damaged) this.#refetch(item)
  }

  /** What the log or the disk did meanwhile made a part of the plan useless. */
  #planAgain(): void {
    this.#looks.markTouched('everything')
    this.#steps.wake()
  }

  #block(blocked: Blocked): void {
    this.#blocked = blockedProblem(blocked)
    this.#blockedAt = this.parts.clock.monotonic()
  }

  /** Its content is not what was put there: fetched again, and what is there is replaced. */
  #refetch(id: number): void {
    const { items, chunks } = this.parts
    items.update(id, { version: undefined })
    chunks.removeFile(id)
    chunks.setFileDamaged(id, true)
    items.commit()
    this.#upkeep.damageFound()
    this.#planAgain()
  }

  /** As `#refetch`, of a file that an audit has read; what is whole in it is used. */
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
