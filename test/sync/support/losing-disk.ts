import type { PackDisk } from '../../../src/sync/chunks/pack-files.ts'

interface LosingFile {
  path: string
  bytes: Buffer
  synced: Buffer
}

/** A disk in memory for packs. `crash` takes what a loss of power may take: bytes and names that were not synced. */
export class LosingDisk implements PackDisk {
  readonly files = new Map<string, LosingFile>()
  #named = new Map<string, LosingFile>()
  readonly #open = new Map<number, LosingFile>()
  #next = 3
  /** Calls that write or sync, until one fails. */
  budget = Infinity

  /** `torn`: of what was not synced some is there, and some is zeros. */
  crash(torn: boolean): void {
    this.files.clear()
    for (const [path, file] of this.#named) {
      const half = Math.floor((file.synced.length + file.bytes.length) / 2)
      const bytes =
        torn && half > file.synced.length ? Buffer.alloc(file.bytes.length) : Buffer.from(file.synced)
      if (bytes.length > file.synced.length) file.bytes.copy(bytes, 0, 0, half)
      file.synced.copy(bytes)
      this.files.set(path, { path, bytes, synced: Buffer.from(bytes) })
    }
    this.#named = new Map(this.files)
    this.#open.clear()
    this.budget = Infinity
  }

  at(path: string): Buffer {
    return this.files.get(path)?.bytes ?? Buffer.alloc(0)
  }

  list(path: string): { name: string }[] {
    return [...this.files.keys()]
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => ({ name: name.slice(path.length + 1) }))
  }

  open(path: string, mode: 'read' | 'create' | 'update'): number {
    let file = this.files.get(path)
    if ((file === undefined) !== (mode === 'create')) throw fault(file ? 'EEXIST' : 'ENOENT')
    if (mode === 'create') this.#spend()
    file ??= { path, bytes: Buffer.alloc(0), synced: Buffer.alloc(0) }
    this.files.set(path, file)
    this.#open.set(this.#next, file)
    return this.#next++
  }

  read(number: number, into: Uint8Array, position: number): number {
    return this.#file(number).bytes.copy(into, 0, position, position + into.length)
  }

  write(number: number, bytes: Uint8Array, position: number): void {
    this.#spend()
    const file = this.#file(number)
    const grown = Buffer.alloc(Math.max(file.bytes.length, position + bytes.length))
    file.bytes.copy(grown)
    grown.set(bytes, position)
    file.bytes = grown
  }

  statFile(number: number): { size: number } {
    return { size: this.#file(number).bytes.length }
  }

  truncate(number: number, size: number): void {
    const file = this.#file(number)
    file.bytes = file.bytes.subarray(0, size)
  }

  sync(number: number): void {
    this.#spend()
    const file = this.#file(number)
    file.synced = Buffer.from(file.bytes)
  }

  close(number: number): void {
    this.#file(number)
    this.#open.delete(number)
  }

  unlink(path: string): void {
    if (!this.files.delete(path)) throw fault('ENOENT')
  }

  makeDirectory(): void {}

  syncDirectory(): void {
    this.#spend()
    this.#named = new Map(this.files)
  }

  get openFiles(): number {
    return this.#open.size
  }

  #spend(): void {
    if (--this.budget < 0) throw fault('ENOSPC')
  }

  #file(number: number): LosingFile {
    const file = this.#open.get(number)
    if (file === undefined) throw fault('EBADF')
    return file
  }
}

function fault(code: string): Error {
  return Object.assign(new Error(code), { code })
}
