import { join, relative } from 'node:path'
import { isWithoutLinks } from '../disk/set-aside.ts'
import { fingerprintOf, samePrint, type FileStat, type Fingerprint } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { NodeId } from '../ids.ts'
import { rootItem, stashItem, type Item } from '../items/item.ts'
import type { DownParts } from './down-parts.ts'
import type { Turn } from './turn.ts'

/** Where something goes: into a directory, under a name of this disk and of the log. */
export interface Destination {
  readonly directory: Item
  readonly name: string
  readonly logName: string
  readonly nodes: readonly NodeId[]
}

export interface AttributeChange {
  readonly mtimeMs: number | undefined
  readonly exec: boolean | undefined
}

/**
 * Single changes of the disk, each with its items. Every one looks first whether the disk is what the items say; if it is
 * not, nothing is done, and the directory is to be scanned. Symlinks are never followed.
 */
export class DiskSteps {
  readonly #parts: DownParts
  turn: Turn

  constructor(parts: DownParts, turn: Turn) {
    this.#parts = parts
    this.turn = turn
  }

  path(item: number): string | undefined {
    const names = this.#parts.items.path(item)
    return names === undefined ? undefined : join(this.#parts.root, ...names)
  }

  /** Whether the directory of an item is there, itself and no other one in its place. */
  isThere(directory: Item): boolean {
    const path = this.path(directory.id) ?? this.#parts.root
    return this.turn.attempt(path, directory.parent, () => this.#isThere(directory))
  }

  #isThere(directory: Item): boolean {
    if (this.#isSame(directory)) return true
    const { items } = this.#parts
    let top = directory
    for (let at = items.get(directory.parent); at !== undefined && at.id !== at.parent;) {
      if (!this.#isSame(at)) top = at
      if (at.id === rootItem || at.parent === stashItem) break
      at = items.get(at.parent)
    }
    this.turn.mustScan(top.id === rootItem ? rootItem : top.parent)
    return false
  }

  /** The stat of what an item stands for, if it is unchanged. */
  statOf(item: Item, path: string): FileStat | undefined {
    if (item.kind === 'directory') return this.isThere(item) ? this.#parts.fs.stat(path) : undefined
    const stat = this.#parts.fs.stat(path)
    // In the private directory nobody looks for changes; there it is the thing itself, whatever is in it.
    const isSame =
      item.parent === stashItem
        ? stat?.ino === item.print.ino
        : stat !== undefined && samePrint(stat, item.print)
    if (stat?.kind === item.kind && isSame) return stat
    this.turn.mustScan(item.parent)
    return undefined
  }

  /** From wherever it is. Whatever has that name already stays. */
  move(item: Item, { directory, name, logName, nodes }: Destination): boolean {
    const { fs, items, names } = this.#parts
    const from = this.path(item.id)
    const parent = this.path(directory.id)
    if (from === undefined || parent === undefined) return false
    const to = join(parent, name)
    return this.turn.attempt(to, directory.id, () => {
      const before = this.statOf(item, from)
      if (before === undefined) return false
      const there = fs.stat(to)
      // A name that differs in case only is the thing itself, where case makes no difference.
      const isRespelt = item.parent === directory.id && names.isSame(item.name, name)
      if (there !== undefined && !(isRespelt && there.ino === before.ino && there.dev === before.dev)) {
        this.#taken(to, directory, there.kind)
        return false
      }
      if (from !== to) this.#rename(from, to, before.kind !== 'directory' && there === undefined)
      const print = this.#printAfter(item, to, directory.id)
      items.update(item.id, { parent: directory.id, name, logName, nodes, print })
      this.#namesChanged(from, to)
      if (item.kind === 'directory') this.turn.appeared.push(item.id)
      return true
    })
  }

  /** Out of the way, until its own place is free. */
  stash(item: Item): boolean {
    const { fs, items, root } = this.#parts
    const from = this.path(item.id)
    if (from === undefined) return false
    const name = `moving-${item.id}`
    const to = join(root, privatePaths.temporary, name)
    return this.turn.attempt(from, item.parent, () => {
      if (this.statOf(item, from) === undefined) return false
      // Something that a crash left there: `recover` sees to it.
      if (fs.stat(to) !== undefined) return false
      // After a crash the item must be known, so that what is found there can be put back.
      this.commit()
      fs.rename(from, to)
      items.update(item.id, { parent: stashItem, name, print: this.#printAfter(item, to, item.parent) })
      this.#namesChanged(from, to)
      return true
    })
  }

  /** Items must not outlive what they say was made, moved or removed, or a scan would take it for undone. */
  commit(): boolean {
    const { fs, items } = this.#parts
    for (const directory of this.turn.changedDirectories) {
      if (fs.stat(directory)?.kind === 'directory') fs.syncDirectory(directory)
    }
    this.turn.changedDirectories.clear()
    items.commit()
    return true
  }

  /** One that somebody has made there already is taken as it is, and what is in it is for a scan. */
  makeDirectory({ directory, name, logName, nodes }: Destination): Item | undefined {
    const { fs, items } = this.#parts
    const parent = this.path(directory.id)
    if (parent === undefined) return undefined
    const path = join(parent, name)
    let made: Item | undefined
    this.turn.attempt(path, directory.id, () => {
      const there = fs.stat(path)
      if (there === undefined) fs.makeDirectory(path)
      const stat = fs.stat(path)
      // Another disk may be mounted there.
      if (stat?.kind !== 'directory' || (there !== undefined && fs.stat(parent)?.dev !== stat.dev)) {
        this.#taken(path, directory, stat?.kind === 'directory' ? 'other' : stat?.kind)
        return false
      }
      const print = fingerprintOf(stat)
      const place = { parent: directory.id, name, logName, nodes }
      made = items.add({ ...place, kind: 'directory', version: undefined, print, state: 'synced' })
      if (there !== undefined) this.turn.mustScan(made.id)
      this.turn.appeared.push(made.id)
      this.#namesChanged(path, path)
      return true
    })
    return made
  }

  setAttributes(item: Item, change: AttributeChange): boolean {
    const { fs, items } = this.#parts
    const path = this.path(item.id)
    if (path === undefined) return false
    return this.turn.attempt(path, item.parent, () => {
      const before = this.statOf(item, path)
      if (before === undefined) return false
      if (change.exec !== undefined) fs.setExec(path, change.exec)
      if (change.mtimeMs !== undefined) fs.setTime(path, change.mtimeMs)
      const after = fs.stat(path)
      this.turn.changed()
      if (after === undefined || after.ino !== before.ino || after.size !== before.size) {
        this.turn.mustScan(item.parent)
        return false
      }
      items.update(item.id, { print: fingerprintOf(after) })
      return true
    })
  }

  /** What a scan leaves out it will not make room for either. */
  #taken(path: string, directory: Item, kind: FileStat['kind'] | undefined): void {
    const { root, isIgnored } = this.#parts
    if (kind !== 'other' && !isIgnored(relative(root, path), kind === 'directory')) {
      this.turn.mustScan(directory.id)
      return
    }
    this.turn.problem('FOLDER_NAME_TAKEN', path, 'what the log shows here cannot be put in its place')
  }

  #isSame(directory: Item): boolean {
    const path = this.path(directory.id)
    const stat = path === undefined ? undefined : this.#parts.fs.stat(path)
    if (stat?.kind !== 'directory') return false
    return stat.ino === directory.print.ino || (directory.id === rootItem && directory.print.ino === 0)
  }

  /** A second name first, where that works: it never replaces what somebody has made there in this moment. */
  #rename(from: string, to: string, isNew: boolean): void {
    const { fs } = this.#parts
    if (!isNew) {
      fs.rename(from, to)
      return
    }
    try {
      fs.link(from, to)
    } catch (error) {
      if (!isWithoutLinks(error)) throw error
      fs.rename(from, to)
      return
    }
    fs.unlink(from)
  }

  /** If it was changed while it was moved, it keeps its print, so that a scan finds the change. */
  #printAfter(item: Item, path: string, directory: number): Fingerprint {
    const stat = this.#parts.fs.stat(path)
    const isOurs =
      item.kind === 'directory'
        ? stat?.ino === item.print.ino
        : stat !== undefined && isUntouched(stat, item.print)
    if (stat !== undefined && isOurs) return fingerprintOf(stat)
    this.turn.mustScan(directory)
    return item.print
  }

  #namesChanged(...paths: string[]): void {
    this.turn.changed()
    for (const path of paths) this.turn.changedDirectories.add(join(path, '..'))
  }
}

/** All but the time that renaming changes. */
export function isUntouched(stat: Fingerprint, print: Fingerprint): boolean {
  return (
    stat.ino === print.ino &&
    stat.size === print.size &&
    stat.mtimeMs === print.mtimeMs &&
    stat.exec === print.exec
  )
}
