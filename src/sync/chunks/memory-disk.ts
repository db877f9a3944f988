import type { PackDisk } from './pack-files.ts'

interface MemoryFile {
  bytes: Uint8Array
  size: number
}

/** Packs in memory, for simulators that run thousands of folders: no directories, no crashes. */
export class MemoryDisk implements PackDisk {
  readonly #files = new Map<string, MemoryFile>()
  readonly #open: (MemoryFile | undefined)[] = []

  list(path: string): { name: string; isText: boolean }[] {
    const start = `${path}/`
    return [...this.#files.keys()]
      .filter((name) => name.startsWith(start))
      .map((name) => ({ name: name.slice(start.length), isText: true }))
  }

  open(path: string, mode: 'read' | 'create' | 'update'): number {
    let file = this.#files.get(path)
    if ((file === undefined) !== (mode === 'create')) throw fault(mode === 'create' ? 'EEXIST' : 'ENOENT')
    file ??= { bytes: new Uint8Array(0), size: 0 }
    this.#files.set(path, file)
    const free = this.#open.indexOf(undefined)
    const number = free < 0 ? this.#open.length : free
    this.#open[number] = file
    return number
  }

  read(file: number, into: Uint8Array, position: number): number {
    const { bytes, size } = this.#file(file)
    const part = bytes.subarray(position, Math.max(position, Math.min(size, position + into.length)))
    into.set(part)
    return part.length
  }

  write(file: number, bytes: Uint8Array, position: number): void {
    const target = this.#file(file)
    const end = position + bytes.length
    if (end > target.bytes.length) {
      const grown = new Uint8Array(Math.max(end, target.bytes.length * 2))
      grown.set(target.bytes.subarray(0, target.size))
      target.bytes = grown
    }
    target.bytes.set(bytes, position)
    target.size = Math.max(target.size, end)
  }

  statFile(file: number): { size: number } {
    return { size: this.#file(file).size }
  }

  truncate(file: number, size: number): void {
    const target = this.#file(file)
    target.bytes.fill(0, size)
    target.size = size
  }

  sync(): void {}

  close(file: number): void {
    this.#open[file] = undefined
  }

  unlink(path: string): void {
    if (!this.#files.delete(path)) throw fault('ENOENT')
  }

  makeDirectory(): void {}

  syncDirectory(): void {}

  #file(number: number): MemoryFile {
    const file = this.#open[number]
    if (file === undefined) throw fault('EBADF')
    return file
  }
}

function fault(code: string): Error {
  return Object.assign(new Error(code), { code })
}
