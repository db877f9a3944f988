import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import type { Stretch } from '../chunks/chunk-places.ts'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { ContentKeys } from '../content/content.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import { rootItem, type Item, type ItemStore } from '../items/item.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import type { HashedFile, WorkPool } from '../work/job.ts'
import type { DiskLock } from './disk-lock.ts'
import { idOf } from './download.ts'
import { judgeFile } from './file-damage.ts'

export interface AuditParts {
  readonly root: string
  readonly replica: Replica
  readonly store: LogStore
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly pool: WorkPool
  readonly lock: DiskLock
  readonly keys: ContentKeys
  readonly chunker: ChunkerParameters
  /** Not 0: the folder stops here, and nothing more is read. */
  readonly halted: SharedArrayBuffer
  /** Content that is not what was put there is put there again. False: it is something else by now. */
  readonly repairFile: (item: number) => Promise<boolean>
  /** Damaged chunks were found: what can be had of them comes by itself. */
  readonly damageFound: () => void
  /** Waits until what can be repaired is, or nothing has come for a while. */
  readonly repairs: () => Promise<void>
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
const scrubBytes = 8 * 1024 * 1024
const mostFindings = 1_000
const damagedText = 'its bytes changed without being written: damage on the disk'

/** Looks whether log, tree, disk and store agree. With `repair`, what others can give again is asked for. */
export async function auditFolder(parts: AuditParts, repair: boolean): Promise<AuditReport> {
  const audit = new Audit(parts, repair)
  audit.readLog()
  audit.compareTree()
  await audit.readFiles()
  await audit.readKept()
  await audit.scrub()
  await audit.repair()
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
  readonly #damagedFiles: { readonly id: number; readonly path: string }[] = []
  readonly #damagedChunks: { readonly id: Uint8Array; readonly length: number; readonly where: string }[] = []

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

  /** Old versions that lie as files in the private directory. */
  async readKept(): Promise<void> {
    const { chunks, pool, keys, halted } = this.#parts
    let holder = Number.MIN_SAFE_INTEGER
    let number = -1
    for (;;) {
      const stretch = chunks.stretchAfter(holder, number, scrubBytes)
      if (stretch === undefined || stretch.holder > 0) return
      const { rows, path, offset } = stretch
      holder = stretch.holder
      number = stretch.number + rows.lengths.length - 1
      if (path === undefined) continue
      const part = { path, offset, keys: rows.keys, lengths: rows.lengths }
      const [file] = (await pool.run('check', { keys, files: [part], halted })).files
      this.#goOn()
      this.#chunks += rows.lengths.length
      if (file?.state === 'read') this.#lostKept(stretch, file.damaged)
      else if (file?.state === 'missing') this.#lostKept(stretch, [...rows.lengths.keys()])
    }
  }

  #lostKept({ holder, number, rows, version }: Stretch, damaged: readonly number[]): void {
    const where = `of the kept version ${version?.slice(0, 12) ?? ''}`
    for (const row of damaged) {
      this.#damagedChunks.push({ id: idOf(rows, row), length: rows.lengths[row] ?? 0, where })
      this.#parts.chunks.losePlace(holder, number + row)
    }
  }

  async scrub(): Promise<void> {
    const { chunks } = this.#parts
    for (let done = false; !done;) {
      const step = chunks.scrub(scrubBytes, 'audited')
      this.#chunks += step.checked
      for (const id of step.damaged) this.#damagedChunks.push({ id, length: 0, where: 'of a pack' })
      done = step.done
      await new Promise(setImmediate)
      this.#goOn()
    }
    chunks.commit()
    if (this.#damagedChunks.length > 0) this.#parts.damageFound()
  }

  /** What was found damaged: mended from packs and other devices, or named. */
  async repair(): Promise<void> {
    const { chunks, items, repairFile, repairs } = this.#parts
    if (this.#repair) for (const { id } of this.#damagedFiles) await repairFile(id)
    if (this.#repair && this.#damagedFiles.length + this.#damagedChunks.length > 0) await repairs()
    this.#goOn()
    for (const { id, path } of this.#damagedFiles) {
      if (this.#repair && items.get(id)?.version !== undefined) this.#repaired++
      else this.#find('FOLDER_CONTENT_DAMAGED', path, damagedText)
    }
    for (const { id, where } of this.#damagedChunks) {
      const source = chunks.find(id)
      if (this.#repair && source?.in === 'pack') {
        this.#repaired++
        continue
      }
      const text = `a stored chunk ${where} is damaged (${hexOf(id)}…) and not used any more`
      this.#find('FOLDER_AUDIT_CHUNK', '', text)
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
    const { replica, root, rescan } = this.#parts
    this.#files++
    const relative = path.slice(root.length + 1)
    if (found?.state !== 'hashed') {
      this.#find('FOLDER_AUDIT_UNREADABLE', relative, `cannot be read: ${found?.state ?? 'unknown'}`)
      rescan(item.parent)
      return
    }
    const verdict = judgeFile(replica, item, found)
    if (verdict === 'whole') return
    if (verdict === 'changed') {
      this.#find('FOLDER_AUDIT_CHANGED', relative, 'changed on this disk since the last scan')
      rescan(item.parent)
      return
    }
    this.#damagedFiles.push({ id: item.id, path: relative })
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

function hexOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex').slice(0, 16)
}

function fixOf(code: string): string {
  if (code === 'FOLDER_CONTENT_DAMAGED') {
    return 'connect a device that has it, then harp audit --repair; look at the disk, it loses data'
  }
  if (code === 'FOLDER_AUDIT_CHUNK') {
    return 'connect a device that has it: it is fetched by itself; look at the disk, it loses data'
  }
  if (code === 'SYNC_LOG_CORRUPT') {
    return 'restore the home from a backup, or remove the folder and join it again'
  }
  return 'syncing puts it right by itself; look at harp status'
}
