import { errorMessage, HarpError } from '../../base/errors.ts'
import type { DownSync } from '../plan/down-sync.ts'
import type { ScanProgress, ScanReport, UpSync } from '../up/up-sync.ts'
import type { FolderWatcher } from '../up/watcher.ts'
import type { ContentSideParts } from './content-side-parts.ts'
import { prepareRoot } from './folder-root.ts'
import { scannedPaths } from './looked-paths.ts'
import type { PendingLooks } from './pending-looks.ts'
import type { Problems } from './problems.ts'

export interface ScanTurnParts extends Pick<
  ContentSideParts,
  'root' | 'fs' | 'items' | 'clock' | 'log' | 'rescanMs'
> {
  readonly up: UpSync
  readonly down: DownSync
  readonly watcher: FolderWatcher
  readonly looks: PendingLooks
  readonly problems: Problems
  readonly signal: AbortSignal
}

const noProgress: ScanProgress = { scanned: 0, hashed: 0, hashedBytes: 0 }

/** Scans what is marked; and what that comes to for problems, watches and later looks. One at a time. */
export class ScanTurn {
  readonly #parts: ScanTurnParts
  #isRunning = false
  #progress = noProgress
  #acceptsDeletions = false

  constructor(parts: ScanTurnParts) {
    this.#parts = parts
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** What is going on, in a few words. */
  get activity(): string {
    const { scanned, hashed } = this.#progress
    return hashed > 0 ? `reading ${hashed} changed files` : `looking at ${scanned} files`
  }

  noteProgress(progress: ScanProgress): void {
    this.#progress = progress
  }

  /** For the next scan of everything: a person means what looks like a mistake, or does not. */
  acceptDeletions(isMeant: boolean): void {
    this.#acceptsDeletions = isMeant
  }

  /** Holding the disk's lock. What is blocked or damaged is for the caller. */
  async run(): Promise<ScanReport> {
    const { root, fs, items, clock, log, rescanMs, down, watcher, looks, problems } = this.#parts
    const what = looks.takeDirty()
    if (what === 'everything') {
      prepareRoot(fs, root, items)
      // Before anything is compared: what a crash left between two places would be taken for deleted.
      down.recover()
    }
    const report = await this.#scan(what)
    if (what === 'everything') {
      this.#acceptsDeletions = false
      if (report.isComplete) this.#forgetIntents()
      looks.rescanAt(clock.monotonic() + rescanMs * (0.75 + Math.random() / 2))
    }
    problems.replace('scan', report.problems, scannedPaths(items, what))
    if (report.changed > 0) log.debug({ changed: report.changed }, 'local changes')
    looks.scanned(report, clock.monotonic())
    watcher.sync()
    return report
  }

  async #scan(what: 'everything' | ReadonlySet<number>): Promise<ScanReport> {
    const { up, signal } = this.#parts
    this.#isRunning = true
    this.#progress = noProgress
    try {
      return await up.scan(what, { acceptDeletions: this.#acceptsDeletions, signal })
    } catch (error) {
      if (error instanceof HarpError || signal.aborted) throw error
      throw new HarpError('FOLDER_FAULT', `the scan failed: ${errorMessage(error)}`, { cause: error })
    } finally {
      this.#isRunning = false
    }
  }

  /** All places have been looked at while nothing was being put in place: those of an earlier run have been found. */
  #forgetIntents(): void {
    const { items } = this.#parts
    const intents = items.intents()
    if (intents.length === 0) return
    items.clearIntents(intents.map(({ temporaryName }) => temporaryName))
    items.commit()
  }
}
