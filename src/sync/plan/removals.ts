import { join, relative } from 'node:path'
import { errorCode } from '../../base/errors.ts'
import { privatePaths } from '../disk/private-directory.ts'
import { rootItem, stashItem, type Item } from '../items/item.ts'
import { isUntouched, type DiskSteps } from './disk-steps.ts'
import type { DownParts } from './down-parts.ts'
import type { InView } from './in-view.ts'
import { giveBack, keepOrDrop } from './keep-removed.ts'

/**
 * Items that stand for nothing any more, or may do so: each is judged when its turn comes, and removed from the disk if
 * nothing that is shown needs it. Directories go after what is in them.
 */
export class Removals {
  readonly #parts: DownParts
  readonly #steps: DiskSteps
  readonly #inView: InView
  /** Item ids; of directories whose content had its turn, negative. */
  readonly #waiting: number[] = []

  constructor(parts: DownParts, steps: DiskSteps, inView: InView) {
    this.#parts = parts
    this.#steps = steps
    this.#inView = inView
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  add(item: number): void {
    this.#waiting.push(item)
  }

  addStashed(): void {
    for (const { id } of this.#parts.items.children(stashItem)) this.#waiting.push(id)
  }

  /** Judges the next one. */
  next(): void {
    const { items } = this.#parts
    const waiting = this.#waiting.pop()
    if (waiting === undefined) return
    const item = items.get(Math.abs(waiting))
    this.#steps.turn.spend(0.1)
    if (item === undefined || item.id === rootItem || item.id === stashItem) return
    if (this.#inView.isNeeded(item)) {
      if (item.parent === stashItem) this.#steps.turn.postpone(item.nodes)
    } else if (item.kind !== 'directory') this.removeContent(item)
    else if (waiting < 0) this.#removeDirectory(item)
    else {
      this.#waiting.push(-item.id)
      for (const { id } of items.children(item.id)) this.#waiting.push(id)
    }
  }

  /** A file or symlink whose content is a known version. */
  removeContent(item: Item): boolean {
    const { fs, items, chunks, root } = this.#parts
    const { turn } = this.#steps
    const path = this.#steps.path(item.id)
    if (path === undefined) return false
    const isGone = turn.attempt(path, item.parent, () => {
      if (fs.stat(path) === undefined) return this.#isParentThere(item)
      const before = this.#steps.statOf(item, path)
      if (before === undefined) return false
      if (!isUntouched(before, item.print)) {
        // Written to through an open file while it was between two places.
        this.#bringBack(item)
        return false
      }
      // Aside first: what a user saves to its name from now on is not what is removed.
      const aside = join(root, privatePaths.temporary, `removing-${item.id}`)
      fs.rename(path, aside)
      turn.changed()
      turn.changedDirectories.add(join(path, '..'))
      // Also what becomes of it there, or a loss of power brings it back when no item tells what it is.
      turn.changedDirectories.add(join(aside, '..'))
      const after = fs.stat(aside)
      if (after !== undefined && !isUntouched(after, item.print)) {
        // Saved in this very moment: back with it, beside what may have the name by now.
        giveBack(fs, aside, path)
        turn.mustScan(item.parent)
        return false
      }
      try {
        keepOrDrop(this.#parts, item, aside)
      } catch (error) {
        giveBack(fs, aside, path)
        throw error
      }
      return true
    })
    if (!isGone) {
      turn.postpone(item.nodes)
      return false
    }
    chunks.removeFile(item.id)
    items.remove(item.id)
    return true
  }

  /** If not, what is missing may be where its directory is now. */
  #isParentThere({ parent }: Item): boolean {
    const directory = this.#parts.items.get(parent)
    return parent === stashItem || (directory !== undefined && this.#steps.isThere(directory))
  }

  #removeDirectory(item: Item): void {
    const { fs, items } = this.#parts
    const { turn } = this.#steps
    const path = this.#steps.path(item.id)
    if (path === undefined || items.hasChildren(item.id)) {
      turn.postpone(item.nodes)
      if (item.parent === stashItem) this.#bringBack(item)
      return
    }
    let isFull = false
    const isGone = turn.attempt(path, item.parent, () => {
      if (fs.stat(path) === undefined) return this.#isParentThere(item)
      if (!this.#steps.isThere(item)) return false
      try {
        fs.removeDirectory(path)
      } catch (error) {
        if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error
        isFull = true
        return false
      }
      turn.changed()
      turn.changedDirectories.add(join(path, '..'))
      return true
    })
    if (isGone) items.remove(item.id)
    else if (isFull) this.#leave(item, path)
    else turn.postpone(item.nodes)
  }

  /** Something is in it that is in no log: it stays, and if that is not ignored, a scan has to find it. */
  #leave(item: Item, path: string): void {
    const { fs, items } = this.#parts
    const { turn } = this.#steps
    turn.attempt(path, item.id, () => {
      if (this.#holdsIgnoredOnly(path)) {
        if (item.state !== 'leftover') items.update(item.id, { state: 'leftover' })
      } else {
        turn.mustScan(item.id)
        turn.postpone(item.nodes)
      }
      if (item.parent === stashItem) this.#bringBack(item)
      else if (fs.stat(path) === undefined) turn.mustScan(item.parent)
      return true
    })
  }

  #holdsIgnoredOnly(path: string): boolean {
    const { fs, root, isIgnored } = this.#parts
    const directory = relative(root, path)
    return fs.list(path).every(({ name, isText }) => {
      if (!isText) return false
      const isDirectory = fs.stat(join(path, name))?.kind === 'directory'
      return isIgnored(`${directory}/${name}`, isDirectory)
    })
  }

  /** Out of the private directory, so that its user finds what is in it: beside what has its name now. */
  #bringBack(item: Item): void {
    const { items } = this.#parts
    const directory = this.#inView.placeFor(item)
    const path = directory === undefined ? undefined : this.#steps.path(directory.id)
    if (directory === undefined || path === undefined) return
    for (let number = 1; number < 1000; number++) {
      const name = `${item.logName}~left${number}`
      if (items.child(directory.id, name) !== undefined) continue
      if (this.#parts.fs.stat(join(path, name)) !== undefined) continue
      this.#steps.move(item, { directory, name, logName: name, nodes: item.nodes })
      this.#steps.turn.attempt(path, directory.id, () => this.#steps.commit())
      return
    }
  }
}
