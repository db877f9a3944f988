import { join } from 'node:path'
import { isNowhere } from '../disk/disk-fault.ts'
import { fingerprintOf } from '../disk/file-system.ts'
import { rootItem, stashItem, type Item } from '../items/item.ts'
import type { DiskEntry, DiskFault, Listing, ListResult } from '../work/job.ts'
import { compareDirectory, type Comparison } from './comparing.ts'
import { Deletions } from './deletions.ts'
import { HashQueue } from './hash-queue.ts'
import { describeBadName, LogNames } from './log-names.ts'
import { isSameDirectory, movedItem, statOr } from './same-inode.ts'
import { pathOf, removeItem, type ScanRun } from './scan-run.ts'
import { Structure } from './structure.ts'
import { Uploader } from './uploader.ts'

const directoriesAtOnce = 64
const listsAtOnce = 2
/** Each settles what is in the way of another; more than a few come from somebody who moves directories all the time. */
const mostRounds = 16

interface Batch {
  readonly directories: readonly { readonly item: Item; readonly path: readonly string[] }[]
  readonly listed: Promise<ListResult>
}

interface Displaced {
  readonly parent: number
  readonly entry: DiskEntry
}

/**
 * One scan: lists directories, compares them with the items, and has the differences written. What is moved is decided
 * before what is deleted, top down, so that whatever is looked at has its parents in the log.
 */
export class Scanner {
  readonly #run: ScanRun
  readonly #isFull: boolean
  readonly #dev: number
  readonly #structure: Structure
  readonly #uploader: Uploader
  readonly #queue: HashQueue
  readonly #deletions: Deletions
  /** Directories to be listed; the last one first. */
  readonly #waiting: number[] = []
  /** Of those, what is being listed: a second look at once would find the same things new again. */
  readonly #started = new Set<number>()
  /** In a scan of some directories: those that were listed, and those that were not where they should be. */
  readonly #listed = new Set<number>()
  readonly #lost = new Set<number>()
  #vanished: number[] = []
  #displaced: Displaced[] = []

  constructor(run: ScanRun, dev: number, isFull: boolean, acceptDeletions: boolean) {
    this.#run = run
    this.#dev = dev
    this.#isFull = isFull
    this.#structure = new Structure(run)
    this.#uploader = new Uploader(run)
    this.#queue = new HashQueue(run, (task, file, since) => this.#uploader.take(task, file, since))
    this.#deletions = new Deletions(run, acceptDeletions)
  }

  async scan(directories: readonly number[]): Promise<void> {
    const { signal, findings, parts } = this.#run
    for (const id of directories.toReversed()) this.#waiting.push(id)
    try {
      for (let round = 0; round < mostRounds; round++) {
        await this.#listAll()
        if (signal.aborted || findings.blocked !== undefined) break
        if (this.#vanished.length === 0 && this.#displaced.length === 0) break
        this.#settle()
        if (this.#waiting.length === 0) break
      }
    } finally {
      await this.#queue.drain()
    }
    this.#uploader.flush()
    // Their parents were looked at before they went.
    for (const id of this.#lost) {
      const item = parts.items.get(id)
      if (item !== undefined) findings.again.add(item.parent)
    }
  }

  async #listAll(): Promise<void> {
    const { signal, parts, findings } = this.#run
    const started: Batch[] = []
    try {
      for (;;) {
        while (started.length < listsAtOnce && this.#waiting.length > 0 && !signal.aborted) {
          started.push(this.#start())
        }
        const batch = started.shift()
        if (batch === undefined) return
        const { listings } = await batch.listed
        for (const [index, { item, path }] of batch.directories.entries()) {
          this.#started.delete(item.id)
          const listing = listings[index]
          if (listing === undefined || signal.aborted) continue
          if (!('entries' in listing)) this.#unlisted(item, path, listing)
          else if (this.#isThere(item, path)) await this.#take(item, path, listing)
          else this.#lose(item)
        }
        this.#place()
        parts.report(findings.progress)
      }
    } finally {
      await Promise.allSettled(started.map(({ listed }) => listed))
    }
  }

  #start(): Batch {
    const { items, pool, root } = this.#run.parts
    const directories: Batch['directories'][number][] = []
    while (directories.length < directoriesAtOnce) {
      const id = this.#waiting.pop()
      if (id === undefined) break
      if (this.#started.has(id)) continue
      const item = items.get(id)
      const path = items.path(id)
      if (item?.kind !== 'directory' || item.parent === stashItem || path === undefined) continue
      this.#started.add(id)
      if (!this.#isFull) this.#listed.add(id)
      this.#run.parts.visit?.(item, path)
      directories.push({ item, path })
    }
    const paths = directories.map(({ path }) => join(root, ...path))
    return { directories, listed: pool.run('list', { directories: paths }) }
  }

  async #take(directory: Item, path: readonly string[], listing: Listing): Promise<void> {
    const { parts, findings, rules } = this.#run
    const start = path.length === 0 ? '' : `${path.join('/')}/`
    const items = parts.items.children(directory.id)
    this.#lost.delete(directory.id)
    findings.scanned += listing.entries.length
    for (const name of listing.badNames) {
      findings.problem('FOLDER_BAD_NAME', start + name, describeBadName(start + name))
    }
    const found = compareDirectory(listing.entries, items, {
      dev: this.#dev,
      isIgnored: (name, isDirectory) => rules.isIgnored(start + name, isDirectory),
    })
    this.#report(found, start)
    for (const item of found.vanished) this.#vanished.push(item.id)
    for (const { entry } of found.displaced) this.#displaced.push({ parent: directory.id, entry })
    if (this.#isFull) for (const { id } of found.directories) this.#waiting.push(id)
    this.#recheck(found)
    if (found.appeared.length > 0) {
      const names = new LogNames(listing.entries, items, (name) => parts.names.logName(name))
      for (const entry of found.appeared) {
        this.#appeared(directory, entry, names)
        await this.#queue.room()
      }
    }
    for (const { item, entry } of found.changed) {
      this.#changed(item, entry, false)
      await this.#queue.room()
    }
  }

  #report(found: Comparison, start: string): void {
    const { findings } = this.#run
    for (const { name } of found.special) {
      findings.problem('FOLDER_SPECIAL_FILE', start + name, `${start}${name} is a pipe, socket or device`)
    }
    for (const { name } of found.foreign) {
      findings.problem('FOLDER_OTHER_DISK', start + name, `another file system is mounted at ${start}${name}`)
    }
    for (const item of found.forgotten) {
      findings.stale(item.nodes)
      removeItem(this.#run.parts, item)
    }
  }

  /** What was read so shortly after it was written that it may have been written once more. */
  #recheck({ unchanged }: Comparison): void {
    for (const { id, kind, parent, name, print } of unchanged) {
      if (kind === 'file' && this.#run.racy.has(id, print.mtimeMs)) {
        this.#queue.add({ parent, name, size: print.size })
      }
    }
  }

  /**
   * `isMoved`: which explains that its ctime is another one, as its execute bit does. What nothing explains is read, as
   * programs may write to a file and set its time back; so is what a loss of power may have changed besides.
   */
  #changed(item: Item, { stat }: DiskEntry, isMoved: boolean): void {
    const { parent, name, print } = item
    const isInDoubt = this.#run.isAfterBoot && item.state === 'unsettled'
    const isExplained = isMoved || print.ctimeMs === stat.ctimeMs || print.exec !== stat.exec
    const isSameContent =
      isExplained &&
      !isInDoubt &&
      item.kind === stat.kind &&
      print.size === stat.size &&
      print.mtimeMs === stat.mtimeMs &&
      print.ino === stat.ino
    if (isSameContent) this.#uploader.attributes(item, stat)
    else this.#queue.add({ parent, name, size: stat.kind === 'file' ? stat.size : 0 })
  }

  #appeared(parent: Item, entry: DiskEntry, names: LogNames): void {
    const { name, stat } = entry
    const found = names.of(name)
    if (typeof found === 'string') {
      const path = pathOf(this.#run, parent.id, name)
      const text =
        found === 'bad'
          ? describeBadName(path)
          : `${path}: another name beside it differs only in its encoding`
      this.#run.findings.problem('FOLDER_BAD_NAME', path, text)
      return
    }
    const spot = { parent, name, logName: found.logName, stat }
    const moved = this.#movedTo(parent, entry, (other) => names.hasName(other))
    if (moved !== undefined) this.#structure.move(moved, spot)
    else if (stat.kind === 'directory') this.#structure.make(spot)
    else this.#queue.add({ parent: parent.id, name, size: stat.kind === 'file' ? stat.size : 0 })
  }

  #movedTo(parent: Item, entry: DiskEntry, hasName: (name: string) => boolean): Item | undefined {
    const to = { parent: parent.id, entry, hasName }
    return movedItem(this.#run.parts, to, (item) => this.#structure.isClaimed(item))
  }

  /** Everything below finds new directories, and what was moved, in the log and in the items. */
  #place(): void {
    const { made, moved } = this.#structure.flush()
    for (const { id } of made) this.#waiting.push(id)
    let isLostFound = false
    for (const { item, stat } of moved) {
      if (item.kind !== 'directory') this.#changed(item, { name: item.name, stat }, true)
      else if (this.#isFull) this.#waiting.push(item.id)
      else isLostFound = true
    }
    if (!isLostFound) return
    for (const id of this.#lost) this.#waiting.push(id)
    this.#lost.clear()
  }

  /** It is not where it was, or may not be read: nothing in it is taken for deleted. */
  #unlisted(directory: Item, path: readonly string[], fault: DiskFault): void {
    const { findings } = this.#run
    if (!isNowhere(fault.code)) {
      const text = path.join('/')
      findings.problem('FOLDER_FILE_UNREADABLE', text, `${text}: ${fault.message}`)
    } else if (directory.id === rootItem) {
      findings.blocked = { code: 'FOLDER_DISK_MISSING', message: fault.message }
    } else this.#lose(directory)
  }

  #lose(directory: Item): void {
    this.#lost.add(directory.id)
    if (!this.#isFull && !this.#listed.has(directory.parent)) this.#waiting.push(directory.parent)
  }

  /** Not another directory that has its place now. */
  #isThere({ print }: Item, path: readonly string[]): boolean {
    const { parts } = this.#run
    const stat = statOr(parts, join(parts.root, ...path))
    return stat !== undefined && stat !== 'unreadable' && isSameDirectory(print, stat)
  }

  /** When all is listed: what was not found anywhere is gone, and what takes the place of something else gets it. */
  #settle(): void {
    const { items } = this.#run.parts
    const vanished = this.#vanished
    const displaced = this.#displaced
    this.#vanished = []
    this.#displaced = []
    const moves = new Map<Displaced, Item>()
    for (const place of displaced) {
      const parent = items.get(place.parent)
      if (parent === undefined) continue
      const moved = this.#movedTo(parent, place.entry, () => true)
      if (moved === undefined || [...moves.values()].some(({ id }) => id === moved.id)) continue
      moves.set(place, moved)
    }
    const movers = new Set([...moves.values()].map(({ id }) => id))
    const replaced: Item[] = []
    for (const place of displaced) {
      const item = items.child(place.parent, place.entry.name)
      if (item === undefined || movers.has(item.id)) continue
      // A directory made anew under its name is the same one; for something else it has to give way.
      if (moves.has(place) || item.kind !== place.entry.stat.kind) replaced.push(item)
    }
    if (!this.#deletions.write(vanished, replaced, movers)) return
    for (const [place, moved] of moves) this.#moveTo(place, moved)
    this.#place()
    for (const place of displaced) if (!moves.has(place)) this.#takePlace(place)
    this.#place()
  }

  #moveTo({ parent, entry }: Displaced, moved: Item): void {
    const { items, names } = this.#run.parts
    const { name, stat } = entry
    const directory = items.get(parent)
    if (directory !== undefined) {
      this.#structure.move(moved, { parent: directory, name, logName: names.logName(name), stat })
    }
  }

  #takePlace({ parent, entry }: Displaced): void {
    const { items, names } = this.#run.parts
    const directory = items.get(parent)
    const occupant = items.child(parent, entry.name)
    if (directory === undefined) return
    if (occupant === undefined) {
      this.#appeared(directory, entry, new LogNames([entry], [], (name) => names.logName(name)))
    } else if (occupant.kind === 'directory' && entry.stat.kind === 'directory') {
      items.update(occupant.id, { print: fingerprintOf(entry.stat) })
      this.#waiting.push(occupant.id)
    }
  }
}
