import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { toHex } from '../../../src/sync/ids.ts'
import type { DiskDevice } from './disk-device.ts'
import { Violation } from '../violation.ts'

/** Names that the process gives to files besides their place. */
const secondName = /^\/folder\/\.harp\/tmp\/[0-9a-f]{64}(?:\.old)?$/

export function hashOf(bytes: Uint8Array): string {
  return toHex(nodeContentSuite.hash(bytes))
}

/** Knows what the users of a device wrote, and sees what its process is about to do to it. */
export class Oracle {
  readonly #device: DiskDevice
  /** Hashes of contents, and targets of symlinks, that stood on this disk because a user wanted it so. */
  readonly contents = new Set<string>()
  /** Files that users wrote to, by inode. */
  readonly inodes = new Set<number>()
  /** Also those that have lost their name, which they may have again after a loss of power. */
  readonly #everWritten = new Set<number>()
  /** Files that users removed or replaced, by inode. */
  readonly #dropped = new Set<number>()
  /** Files whose times or bits users changed, by inode. */
  readonly #handled = new Set<number>()
  /** Names that users removed, moved away or replaced here. */
  readonly removed = new Set<string>()
  /** Times that a user changed bits or times, or made a directory. */
  touched = 0
  readonly #known = new Set<string>()
  #seen = 0
  violation: Violation | undefined

  constructor(device: DiskDevice) {
    this.#device = device
  }

  /** A user takes its name from it, which a loss of power may give back, with a time that says that it was changed. */
  drops(path: string): void {
    const ino = this.#device.disk.model.stat(path)?.ino
    if (ino === undefined) return
    this.#everWritten.add(ino)
    this.#dropped.add(ino)
  }

  /**
   * A user changes its time or bits, so that nothing tells that nobody wrote to it. After a loss of power a mixture of
   * what was there and what should be looks like an edit then; nothing, or nothing but zeros, must not.
   */
  handles(path: string): void {
    this.touched++
    const ino = this.#device.disk.model.stat(path)?.ino
    if (ino !== undefined) this.#handled.add(ino)
    const content = this.contentAt(path)
    if (content !== undefined) this.contents.add(content)
  }

  /** A user moves it: who looks for it after a loss of power where it was cannot tell what it is. */
  moves(path: string): void {
    this.drops(path)
    this.#dropped.delete(this.#device.disk.model.stat(path)?.ino ?? 0)
    const content = this.contentAt(path)
    if (content !== undefined) this.contents.add(content)
  }

  /** A user has written to this file. */
  wrote(path: string): void {
    const { model } = this.#device.disk
    const stat = model.stat(path)
    if (stat === undefined || stat.kind === 'directory') return
    this.inodes.add(stat.ino)
    this.#everWritten.add(stat.ino)
    const content = this.contentAt(path)
    if (content !== undefined) this.contents.add(content)
  }

  contentAt(path: string): string | undefined {
    const { model } = this.#device.disk
    const stat = model.stat(path)
    if (stat?.kind === 'symlink') return `-> ${model.readSymlink(path)}`
    return stat?.kind === 'file' ? hashOf(this.#bytesAt(path, stat.size)) : undefined
  }

  #bytesAt(path: string, size: number): Uint8Array {
    const { model } = this.#device.disk
    const file = model.open(path, 'read')
    const bytes = new Uint8Array(size)
    model.read(file, bytes, 0)
    model.close(file)
    return bytes
  }

  /** I7: bytes of a user go only when a version has them. */
  destroying(call: string, path: string): void {
    const { model } = this.#device.disk
    if (path.startsWith('/home')) return
    const stat = model.stat(path)
    if (stat === undefined || stat.kind === 'directory' || !this.inodes.has(stat.ino)) return
    if ((call === 'unlink' || call === 'rename') && stat.links > 1) return
    // A process that ended while it put a file in its place left a second name of that, or of what was there: who removes
    // the file knows of no other.
    if (secondName.test(path) && this.#dropped.has(stat.ino)) return
    const content = this.contentAt(path)
    if (content === undefined || this.isCommitted(content)) return
    this.violation ??= new Violation(
      'I7',
      `${this.#device.name}: ${call} ${path} destroys ${content.slice(0, 12)}, which no version has`,
    )
  }

  isCommitted(content: string): boolean {
    const replica = this.#device.folder?.replica
    if (replica === undefined) return true
    const { order } = replica
    // What is not final may come in another order: all of it is looked at again when it has grown.
    const { fencedOut } = replica
    if (order.length !== this.#seen || fencedOut.length > 0) {
      this.#seen = order.length
      // What was written after a revocation is no version of anything.
      const fenced = new Set(fencedOut)
      if (fenced.size > 0) this.#known.clear()
      for (const entry of order) {
        const { operation } = entry
        if (fenced.has(entry)) continue
        if (operation?.type === 'put') this.#known.add(operation.content.hash)
        else if (operation?.type === 'symlink') this.#known.add(`-> ${operation.target}`)
      }
    }
    return this.#known.has(content)
  }

  /** What stands there now is nobody's: the disk did it. */
  rotted(path: string): void {
    const ino = this.#device.disk.model.stat(path)?.ino
    if (ino !== undefined) this.inodes.delete(ino)
  }

  /** All that is there is the user's: it is united with a folder. */
  adopt(): void {
    this.#walk((path, ino) => {
      const content = this.contentAt(path)
      if (content === undefined) return
      this.contents.add(content)
      this.inodes.add(ino)
    })
  }

  /** Contents of users' files, by inode: to be compared after a loss of power. */
  saved(): Map<number, string> {
    const saved = new Map<number, string>()
    this.#walk((path, ino) => {
      const content = this.contentAt(path)
      if (content !== undefined && this.inodes.has(ino)) saved.set(ino, content)
    })
    return saved
  }

  /**
   * What a loss of power made of files that users wrote and never synced may be taken for what they wrote, and may be
   * put right: also what its user emptied a moment before, as nothing tells that from what the power took. What was put
   * aside had its version before.
   */
  lostPower(saved: ReadonlyMap<number, string>): void {
    this.inodes.clear()
    this.#walk((path, ino) => {
      const content = this.contentAt(path)
      if (content === undefined) return
      const isBlank = this.#isBlank(path)
      const isUsers = this.#everWritten.has(ino)
      if (isUsers || (this.#handled.has(ino) && !isBlank)) this.contents.add(content)
      if (isUsers && !isBlank && content === saved.get(ino)) this.inodes.add(ino)
    })
  }

  #isBlank(path: string): boolean {
    const stat = this.#device.disk.model.stat(path)
    return stat?.kind === 'file' && this.#bytesAt(path, stat.size).every((byte) => byte === 0)
  }

  #walk(visit: (path: string, ino: number) => void): void {
    const { model } = this.#device.disk
    const walk = (directory: string): void => {
      for (const { name } of model.list(directory)) {
        const path = `${directory}/${name}`
        const stat = model.stat(path)
        if (name === '.harp' || stat === undefined) continue
        if (stat.kind === 'directory') walk(path)
        else visit(path, stat.ino)
      }
    }
    walk('/folder')
  }
}
