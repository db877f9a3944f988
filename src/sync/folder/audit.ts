import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import { samePrint } from '../disk/file-system.ts'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ContentKeys } from '../content/content.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import { rootItem, type Item, type ItemStore } from '../items/item.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import type { HashedFile, WorkPool } from '../work/job.ts'
import type { DiskLock } from './disk-lock.ts'

export interface AuditParts {
  readonly root: string
  readonly replica: Replica
  readonly store: LogStore
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly pool: WorkPool
  readonly lock: DiskLock
  readonly keys: ContentKeys
  readonly chunker: ChunkerParameters
  /** Not 0: the folder stops here, and nothing more is read. */
  readonly halted: SharedArrayBuffer
  /** Content that is not what was put there is fetched again. */
  readonly refetch: (item: number) => void
  /** What the disk shows is not what the items say: a scan finds out. */
  readonly rescan: (directory: number) => void
}

export interface AuditReport {
  readonly entries: number
  readonly files: number
  readonly chunks: number
  readonly findings: readonly FolderProblem[]
  readonly repaired: number
}

const filesAtOnce = 128
const bytesAtOnce = 256 * 1024 * 1024
const scrubBytes = 64 * 1024 * 1024
const mostFindings = 1_000

/** Looks whether log, tree, disk and store agree. With `repair`, what others can give again is asked for. */
export async function auditFolder(parts: AuditParts, repair: boolean): Promise<AuditReport> {
  const audit = new Audit(parts, repair)
  audit.readLog()
  audit.compareTree()
  await audit.readFiles()
  audit.scrub()
  return audit.report
}

class Audit {
  readonly #parts: AuditParts
  readonly #repair: boolean
  readonly #findings: FolderProblem[] = []
  #entries = 0
  #files = 0
  #chunks = 0
  #repaired = 0

  constructor(parts: AuditParts, repair: boolean) {
    this.#parts = parts
    this.#repair = repair
  }

  get report(): AuditReport {
    const findings = this.#findings.slice(0, mostFindings)
    return {
      entries: this.#entries,
      files: this.#files,
      chunks: this.#chunks,
      findings,
      repaired: this.#repaired,
    }
  }

  /** Reads every stored record again; a damaged one throws. Then the roots are computed from the log. */
  readLog(): void {
    const { store, replica } = this.#parts
    let records = 0
    for (const { bytes } of store.records()) if (bytes.length > 0) records++
    this.#entries = replica.log.size
    const digest = replica.digest()
    if (digest.size !== replica.order.length || records === 0) {
      this.#find('SYNC_LOG_CORRUPT', '', 'the log and its order do not have the same entries')
    }
  }

  /** Every file that the log shows has an item of that version, and every item is shown. */
  compareTree(): void {
    const { items, replica } = this.#parts
    let shown = 0
    const places = new Map<string, number>([['', rootItem]])
    for (const { path, shown: thing } of replica.view.walk()) {
      const parent = places.get(path.slice(0, -1).join('/'))
      const item = parent === undefined ? undefined : this.#childNamed(parent, thing.name)
      if (thing.kind === 'directory') {
        if (item !== undefined) places.set(path.join('/'), item.id)
        else {
          this.#find(
            'FOLDER_AUDIT_MISSING',
            path.join('/'),
            'the directory is in the log and not on this disk',
          )
        }
        continue
      }
      shown++
      if (item === undefined) this.#find('FOLDER_AUDIT_MISSING', path.join('/'), 'not on this disk yet')
      else if (item.version !== thing.current.entry.hash) {
        this.#find('FOLDER_AUDIT_OLD', path.join('/'), 'the disk has another version than the log shows')
      }
    }
    const { files } = items.totals()
    if (files > shown) {
      this.#find('FOLDER_AUDIT_EXTRA', '', `${files - shown} files on the disk are not in the log yet`)
    }
  }

  /** Hashes all files again, a few at a time, so that syncing goes on between. */
  async readFiles(): Promise<void> {
    let batch: { item: Item; path: string }[] = []
    let bytes = 0
    for (const found of this.#allFiles()) {
      batch.push(found)
      bytes += found.item.print.size
      if (batch.length < filesAtOnce && bytes < bytesAtOnce) continue
      await this.#read(batch)
      batch = []
      bytes = 0
    }
    await this.#read(batch)
  }

  scrub(): void {
    const { chunks } = this.#parts
    for (let done = false; !done;) {
      const step = chunks.scrub(scrubBytes)
      this.#chunks += step.checked
      for (const id of step.damaged) {
        const text = Buffer.from(id).toString('hex').slice(0, 16)
        this.#find('FOLDER_AUDIT_CHUNK', '', `a stored chunk is damaged (${text}…); it is not used any more`)
        if (this.#repair) this.#repaired++
      }
      done = step.done
    }
  }

  #goOn(): void {
    if (new Uint8Array(this.#parts.halted)[0] === 0) return
    throw new HarpError('SYNC_FOLDER_NOT_READY', 'the folder was stopped while it was looked at', {
      fix: 'see harp status: resume it, and try again',
      retryable: true,
    })
  }

  async #read(batch: readonly { item: Item; path: string }[]): Promise<void> {
    if (batch.length === 0) return
    const { pool, lock, keys, chunker, halted } = this.#parts
    const files = batch.map(({ path }) => ({ path }))
    await lock.run(async () => {
      const result = await pool.run('hash', { keys, chunker, files, keepUpTo: 0, halted })
      this.#goOn()
      for (const [index, { item, path }] of batch.entries()) this.#judge(item, path, result.files[index])
    })
  }

  #judge(item: Item, path: string, found: HashedFile | undefined): void {
    const { replica, root, rescan, refetch } = this.#parts
    this.#files++
    const relative = path.slice(root.length + 1)
    if (found?.state !== 'hashed') {
      this.#find('FOLDER_AUDIT_UNREADABLE', relative, `cannot be read: ${found?.state ?? 'unknown'}`)
      rescan(item.parent)
      return
    }
    const operation = item.version === undefined ? undefined : replica.log.entry(item.version)?.operation
    if (operation?.type !== 'put' || operation.content.hash === found.hash) return
    if (!samePrint(item.print, found.stat)) {
      this.#find('FOLDER_AUDIT_CHANGED', relative, 'changed on this disk since the last scan')
      rescan(item.parent)
      return
    }
    this.#find(
      'FOLDER_CONTENT_DAMAGED',
      relative,
      'its bytes changed without being written: damage on the disk',
    )
    if (!this.#repair) return
    refetch(item.id)
    this.#repaired++
  }

  *#allFiles(): Generator<{ item: Item; path: string }> {
    const { items, root } = this.#parts
    const waiting = [{ id: rootItem, path: root }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (const item of items.children(next.id)) {
        const path = join(next.path, item.name)
        if (item.kind === 'directory') waiting.push({ id: item.id, path })
        else if (item.kind === 'file') yield { item, path }
      }
    }
  }

  #childNamed(parent: number, logName: string): Item | undefined {
    const { items } = this.#parts
    const direct = items.child(parent, logName)
    if (direct?.logName === logName) return direct
    return items.children(parent).find((item) => item.logName === logName)
  }

  #find(code: string, path: string, message: string): void {
    if (this.#findings.length <= mostFindings) this.#findings.push({ code, path, message, fix: fixOf(code) })
  }
}

function fixOf(code: string): string {
  if (code === 'FOLDER_CONTENT_DAMAGED') {
    return 'harp audit --repair fetches it again; look at the disk, it loses data'
  }
  if (code === 'FOLDER_AUDIT_CHUNK') {
    return 'it is fetched again when it is needed; look at the disk, it loses data'
  }
  if (code === 'SYNC_LOG_CORRUPT') {
    return 'restore the home from a backup, or remove the folder and join it again'
  }
  return 'syncing puts it right by itself; look at harp status'
}
