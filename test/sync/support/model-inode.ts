import type { FileStat } from '../../../src/sync/disk/file-system.ts'

export type ModelKind = Exclude<FileStat['kind'], 'other'> | 'other'

/** What a loss of power leaves of an inode: as it was when it was synced last. */
interface DurableInode {
  readonly bytes: Uint8Array
  readonly mtimeMs: number
  readonly exec: boolean
}

export interface ModelEntry {
  readonly name: string
  readonly inode: ModelInode
}

const blockLength = 4096

/** A file, directory or symlink of the model, as programs see it and as it is on the platter. */
export class ModelInode {
  readonly ino: number
  readonly kind: ModelKind
  readonly birthtimeMs: number
  readonly target: string
  readonly entries = new Map<string, ModelEntry>()
  /** Of a directory: the entries that survive for sure. */
  readonly durableEntries = new Map<string, ModelEntry>()
  #bytes: Uint8Array
  size: number
  mtimeMs: number
  ctimeMs: number
  exec: boolean
  links = 0
  /** Undefined: all of it is on the platter. */
  #durable: DurableInode | undefined

  constructor(ino: number, kind: ModelKind, now: number, target = '') {
    this.ino = ino
    this.kind = kind
    this.birthtimeMs = now
    this.mtimeMs = now
    this.ctimeMs = now
    this.target = target
    this.exec = kind === 'symlink' || kind === 'directory'
    this.#bytes = new Uint8Array(0)
    this.size = kind === 'symlink' ? new TextEncoder().encode(target).length : 0
    this.#durable = kind === 'file' ? { bytes: this.#bytes, mtimeMs: now, exec: false } : undefined
  }

  /** As it stands, all of it durable. */
  static restored(
    from: ModelInode,
    bytes: Uint8Array,
    times: { mtimeMs: number; exec: boolean },
  ): ModelInode {
    const inode = new ModelInode(from.ino, from.kind, from.birthtimeMs, from.target)
    inode.#bytes = bytes
    inode.#durable = undefined
    if (from.kind === 'file') inode.size = bytes.length
    inode.mtimeMs = times.mtimeMs
    inode.ctimeMs = from.ctimeMs
    inode.exec = times.exec
    return inode
  }

  content(): Uint8Array {
    return this.#bytes.subarray(0, this.size)
  }

  resize(size: number): void {
    this.touch()
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, Math.min(this.#bytes.length * 2, size + 1024 * 1024)))
      grown.set(this.content())
      this.#bytes = grown
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size)
    this.size = size
  }

  write(bytes: Uint8Array, position: number): void {
    this.touch()
    if (position + bytes.length > this.size) this.resize(position + bytes.length)
    this.#bytes.set(bytes, position)
  }

  /** Before the first change since the last sync: what is there now is what survives. */
  touch(): void {
    if (this.#durable !== undefined || this.kind !== 'file') return
    this.#durable = { bytes: this.content().slice(), mtimeMs: this.mtimeMs, exec: this.exec }
  }

  /** A bit changes on the platter, and nobody is told: no time says so. */
  rot(position: number, bit: number): void {
    for (const bytes of [this.#bytes, this.#durable?.bytes]) {
      if (bytes === undefined || position >= bytes.length) continue
      bytes[position] = (bytes[position] ?? 0) ^ (1 << bit)
    }
  }

  sync(): void {
    this.#durable = undefined
  }

  /**
   * One of the things that a loss of power may leave of a file that was not synced. `random` gives 0 … below 1.
   * `keepsTimes`: times and bits come to the disk no later than names do.
   */
  afterCrash(random: () => number, keepsTimes: boolean): ModelInode {
    const durable = this.#durable
    if (durable === undefined) return ModelInode.restored(this, this.content().slice(), this)
    const times = random() < 0.5 || keepsTimes ? this : durable
    const fate = random()
    if (fate < 0.25) return ModelInode.restored(this, this.content().slice(), times)
    if (fate < 0.5) return ModelInode.restored(this, durable.bytes.slice(), times)
    return ModelInode.restored(this, this.#torn(durable.bytes, random), times)
  }

  /** Each block as it was, as it should be, or zeros where nothing was before; an end somewhere between. */
  #torn(old: Uint8Array, random: () => number): Uint8Array {
    const fresh = this.content()
    const sizes = [old.length, fresh.length]
    for (let at = 0; at < Math.max(...sizes); at += blockLength) {
      if (at > Math.min(old.length, fresh.length)) sizes.push(at)
    }
    const torn = new Uint8Array(sizes[Math.floor(random() * sizes.length)] ?? 0)
    for (let at = 0; at < torn.length; at += blockLength) {
      const fate = random()
      if (fate < 0.2 && at >= old.length) continue
      const source = fate < 0.6 ? old : fresh
      torn.set(source.subarray(at, Math.min(at + blockLength, torn.length)), at)
    }
    return torn
  }
}
