import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { Stretch } from '../chunks/chunk-places.ts'
import { samePrint, type FileSystem, type Fingerprint } from '../disk/file-system.ts'
import type { CheckedFile, CheckJob } from '../work/job.ts'
import { judgeFile, markDamaged, type FileDamageParts } from './file-damage.ts'
import { duePart, freshPass, readPass, type ScrubPass } from './scrub-pass.ts'

export interface ScrubParts extends FileDamageParts {
  readonly fs: FileSystem
  readonly clock: Clock
  readonly log: Logger
  /** Bytes per second at most; 0: nothing is read in the background. */
  readonly scrubRate: number
  /** Something was found damaged. */
  readonly onDamage: () => void
  /** A file is to be put in place again. */
  readonly onLost: () => void
  /** The disk shows something else than the item says. */
  readonly rescan: (directory: number) => void
}

export interface ScrubCounters {
  /** Since the start. */
  readonly bytes: number
  readonly damaged: number
  /** When everything was read last; undefined: not yet. */
  readonly lastPassAt: number | undefined
}

const note = 'scrub'
const stepBytes = 1024 * 1024
/** Small files share a step. */
const stepFiles = 64
/** What was written to a moment ago, or is mapped into a program, may differ from its stat for a while. */
const youngMs = 10 * 60_000
/** A file that looks damaged is read once more after this, before it is believed. */
const secondLookMs = 60_000
const mostSuspects = 256

interface Suspect {
  readonly print: Fingerprint
  readonly at: number
}

/**
 * Reads everything that this device holds of a folder, ever again and slowly: packs, kept versions, the user's files. In
 * steps of about a megabyte, while the folder has nothing else to do; where it is survives a restart.
 */
export class Scrub {
  readonly #parts: ScrubParts
  readonly #suspects = new Map<number, Suspect>()
  #pass: ScrubPass
  #allowance = 0
  #lastTick: number
  #bytes = 0
  #damaged = 0

  constructor(parts: ScrubParts) {
    this.#parts = parts
    this.#pass = readPass(parts.chunks.note(note)) ?? freshPass(parts.clock.wall(), undefined)
    this.#lastTick = parts.clock.monotonic()
  }

  get counters(): ScrubCounters {
    return { bytes: this.#bytes, damaged: this.#damaged, lastPassAt: this.#pass.lastPassAt }
  }

  /** At most one step, and mostly none. */
  async tick(): Promise<void> {
    const { clock, scrubRate } = this.#parts
    const now = clock.monotonic()
    const elapsedMs = Math.min(10_000, Math.max(0, now - this.#lastTick))
    this.#lastTick = now
    if (scrubRate === 0) return
    this.#allowance = Math.min(
      this.#allowance + (scrubRate * elapsedMs) / 1_000,
      Math.max(stepBytes, scrubRate),
    )
    if (this.#allowance <= 0) return
    const suspect = this.#ripe(now)
    if (suspect !== undefined) await this.#lookAgain(suspect)
    else if (this.#isDue()) await this.step()
  }

  /** The next part, whether or not it is time for it. True: that was the end of a pass. */
  async step(): Promise<boolean> {
    const { chunks } = this.#parts
    const before = this.#pass
    const isEnd = before.phase === 'packs' ? this.#packs() : await this.#files()
    if (isEnd && before.phase === 'packs') this.#pass = { ...this.#pass, phase: 'files' }
    const isPassEnd = isEnd && before.phase === 'files'
    if (isPassEnd) this.#pass = this.#nextPass()
    chunks.setNote(note, JSON.stringify(this.#pass))
    chunks.commit(false)
    return isPassEnd
  }

  /** A pass that took less than its time is followed by the next when that is over. */
  #nextPass(): ScrubPass {
    const { clock, log } = this.#parts
    const { done } = this.#pass
    log.info({ bytes: done, damaged: this.#damaged }, 'all content was read')
    return freshPass(clock.wall(), clock.wall())
  }

  #isDue(): boolean {
    const { items, chunks, clock } = this.#parts
    const { packBytes, keptBytes } = chunks.stats()
    const all = items.totals().bytes + packBytes + keptBytes
    const due = duePart(this.#pass, clock.wall())
    return due >= 1 || this.#pass.done < due * all
  }

  #read(bytes: number): void {
    this.#allowance -= bytes
    this.#bytes += bytes
    this.#pass = { ...this.#pass, done: this.#pass.done + bytes }
  }

  #packs(): boolean {
    const { bytes, damaged, done } = this.#parts.chunks.scrub(stepBytes)
    this.#read(bytes)
    if (damaged.length > 0) this.#found(damaged.length, 'pack')
    return done
  }

  async #files(): Promise<boolean> {
    const { pool, keys, halted } = this.#parts
    const stretches = this.#nextStretches()
    if (stretches.length === 0) return true
    const read: Stretch[] = []
    const parts: CheckJob['files'][number][] = []
    for (const stretch of stretches) {
      const { rows, path, offset } = stretch
      if (path === undefined || !this.#isWorthReading(stretch)) continue
      read.push(stretch)
      parts.push({ path, offset, keys: rows.keys, lengths: rows.lengths })
    }
    if (parts.length === 0) return false
    const { files } = await pool.run('check', { keys, files: parts, halted })
    for (const [index, stretch] of read.entries()) {
      const file = files[index]
      if (file === undefined || new Uint8Array(halted)[0] !== 0) return false
      if (stretch.holder < 0) this.#judgeKept(stretch, file)
      else this.#judgeItem(stretch.holder, file)
    }
    return false
  }

  /** As much of one large file, or as many small ones, as a step reads. */
  #nextStretches(): Stretch[] {
    const { chunks } = this.#parts
    const stretches: Stretch[] = []
    let left = stepBytes
    while (stretches.length < stepFiles && left > 0) {
      const { holder, number } = this.#pass
      const stretch = chunks.stretchAfter(holder, number, left)
      if (stretch === undefined || (stretches.length > 0 && stretch.bytes > left)) break
      this.#pass = {
        ...this.#pass,
        holder: stretch.holder,
        number: stretch.number + stretch.rows.lengths.length - 1,
      }
      this.#read(stretch.bytes)
      left -= stretch.bytes
      stretches.push(stretch)
    }
    return stretches
  }

  /** A user's file that no program may be at work in. */
  #isWorthReading({ holder }: Stretch): boolean {
    if (holder < 0) return true
    const item = this.#parts.items.get(holder)
    if (item?.kind !== 'file' || item.version === undefined) return false
    return this.#parts.clock.wall() - Math.max(item.print.mtimeMs, item.print.ctimeMs) > youngMs
  }

  #judgeKept({ holder, version, number, rows }: Stretch, file: CheckedFile): void {
    const { chunks } = this.#parts
    const isGone = file.state === 'missing'
    if (!isGone && file.state !== 'read') return
    const damaged = isGone ? Array.from(rows.lengths.keys()) : file.damaged
    for (const row of damaged) chunks.losePlace(holder, number + row)
    // All that the index said of it has to be fetched; the rest of its rows come with the next steps.
    if (isGone && version !== undefined && chunks.stretchAfter(holder, number, 1)?.holder !== holder) {
      chunks.removeKept(version)
    }
    if (damaged.length > 0) this.#found(damaged.length, 'kept version')
  }

  #judgeItem(id: number, file: CheckedFile): void {
    const { items, clock } = this.#parts
    const item = items.get(id)
    if (item?.kind !== 'file' || file.state !== 'read' || file.damaged.length === 0) return
    if (!samePrint(item.print, file.stat) || this.#suspects.size >= mostSuspects) return
    if (!this.#suspects.has(id)) this.#suspects.set(id, { print: item.print, at: clock.monotonic() })
  }

  #ripe(now: number): number | undefined {
    for (const [id, { at }] of this.#suspects) if (now - at >= secondLookMs) return id
    return undefined
  }

  /** All of it, against the hash of its version: where a chunk lies in a file is only what the index says. */
  async #lookAgain(id: number): Promise<void> {
    const { items, replica, chunks, pool, keys, chunker, halted, root, rescan } = this.#parts
    const { print } = this.#suspects.get(id) ?? {}
    this.#suspects.delete(id)
    const item = items.get(id)
    const path = items.path(id)
    if (item?.kind !== 'file' || path === undefined || print === undefined) return
    if (!samePrint(item.print, print)) return
    const files = [{ path: join(root, ...path) }]
    const [found] = (await pool.run('hash', { keys, chunker, files, keepUpTo: 0, halted })).files
    this.#allowance -= item.print.size
    const now = items.get(id)
    if (found?.state !== 'hashed' || now?.version === undefined) return
    if (now.version !== item.version || !samePrint(now.print, print)) return
    const verdict = judgeFile(replica, item, found)
    if (verdict === 'changed') rescan(item.parent)
    else if (verdict === 'whole') chunks.addFile(id, found.rows)
    else if (await markDamaged(this.#parts, id)) {
      this.#found(1, 'file', path.join('/'))
      this.#parts.onLost()
    }
  }

  #found(count: number, where: string, path?: string): void {
    const { log, onDamage } = this.#parts
    this.#damaged += count
    log.warn({ count, where, path }, 'content is not what was written: damage on the disk')
    onDamage()
  }
}
