import { errorMessage } from '../../base/errors.ts'
import { fingerprintOf } from '../disk/file-system.ts'
import { rootItem, type ApplyIntent } from '../items/item.ts'
import { Findings } from './findings.ts'
import { IgnoreFile, IgnoreRules, ignoreFileName } from './ignore-rules.ts'
import { LogWriter } from './log-writer.ts'
import { whyMissing } from './marker.ts'
import { pooledRandom } from './pooled-random.ts'
import { RacyItems } from './racy-items.ts'
import { intentKey, type ScanRun } from './scan-run.ts'
import { Scanner } from './scanner.ts'
import { ShownDirectories } from './shown-directories.ts'
import type { ScanOptions, ScanReport, UpParts } from './up-parts.ts'
import { hasBooted, readBootId, verifyUnsettled } from './verify-unsettled.ts'
import { WriteAhead } from './write-ahead.ts'

export type { Blocked, ScanOptions, ScanProgress, ScanReport, UpParts } from './up-parts.ts'

/**
 * From the disk to the log: looks for what the user did and writes it down. One scan at a time, and nothing else may
 * change the disk's items meanwhile; the log may grow.
 */
export class UpSync {
  readonly #parts: UpParts
  readonly #ignoreFile = new IgnoreFile()
  readonly #ahead: WriteAhead
  readonly #writer: LogWriter
  readonly #racy: RacyItems
  #isVerified = false

  constructor(parts: UpParts) {
    this.#parts = {
      ...parts,
      // Changes with what others keep.
      get keep() {
        return parts.keep
      },
      random: pooledRandom(parts.random),
    }
    this.#ahead = new WriteAhead(parts)
    this.#writer = new LogWriter(parts, this.#ahead)
    this.#racy = RacyItems.load(parts.items)
  }

  /** `path`: relative to the folder. By the rules as the last scan found them. */
  isIgnored(path: string, isDirectory: boolean): boolean {
    const { fs, root } = this.#parts
    try {
      if (this.#ignoreFile.rules === undefined) this.#ignoreFile.load(fs, root)
    } catch {
      // The scan says so.
    }
    return (this.#ignoreFile.rules ?? new IgnoreRules()).isIgnored(path, isDirectory)
  }

  /** `what`: directory items. After an abort the report says what was done until then. */
  async scan(what: 'everything' | ReadonlySet<number>, options: ScanOptions): Promise<ScanReport> {
    const parts = this.#parts
    const findings = new Findings()
    const missing = whyMissing(parts.fs, parts.root, parts.replica.folderId)
    if (missing !== undefined) {
      findings.blocked = { code: 'FOLDER_DISK_MISSING', message: missing }
      return findings.report
    }
    this.#ahead.replay(this.#racy)
    const hasNewRules = this.#loadRules(findings)
    const { rules } = this.#ignoreFile
    const stat = parts.fs.stat(parts.root)
    // Without its rules nothing is taken in: they may be there to keep something secret.
    if (rules === undefined || stat === undefined) return findings.report
    // The marker says that it is the folder, whichever directory it is in.
    parts.items.update(rootItem, { print: fingerprintOf(stat) })
    const { signal, acceptDeletions } = options
    const run: ScanRun = {
      parts,
      findings,
      rules,
      racy: this.#racy,
      writer: this.#writer,
      shown: new ShownDirectories(parts.replica),
      intents: this.#intents(),
      isAfterBoot: hasBooted(parts),
      signal,
    }
    await this.#verify(run)
    const isFull = what === 'everything' || hasNewRules
    const directories = what === 'everything' || isFull ? [rootItem] : this.#topDown(what)
    await new Scanner(run, stat.dev, isFull, acceptDeletions).scan(directories)
    if (isFull && !signal.aborted) this.#racy.settle()
    findings.isComplete = isFull && !signal.aborted && findings.blocked === undefined
    this.#racy.store(parts.items)
    parts.items.commit()
    return findings.report
  }

  async #verify(run: ScanRun): Promise<void> {
    const boot = readBootId(this.#parts)
    if (boot === undefined && this.#isVerified) return
    await verifyUnsettled(run, boot)
    this.#isVerified = !run.signal.aborted
  }

  #loadRules(findings: Findings): boolean {
    try {
      return this.#ignoreFile.load(this.#parts.fs, this.#parts.root)
    } catch (error) {
      const text = `${ignoreFileName} cannot be read: ${errorMessage(error)}`
      findings.problem('FOLDER_FILE_UNREADABLE', ignoreFileName, text)
      return false
    }
  }

  #intents(): ReadonlyMap<string, ApplyIntent> {
    const found = new Map<string, ApplyIntent>()
    for (const intent of this.#parts.items.intents()) found.set(intentKey(intent.parent, intent.name), intent)
    return found
  }

  /** Parents first: what is moved in them is known when those below are looked at. */
  #topDown(directories: ReadonlySet<number>): number[] {
    const depths: { readonly id: number; readonly depth: number }[] = []
    for (const id of directories) {
      const path = this.#parts.items.path(id)
      if (path !== undefined) depths.push({ id, depth: path.length })
    }
    return depths.sort((left, right) => left.depth - right.depth).map(({ id }) => id)
  }
}
