import { join } from 'node:path'
import { errorCode } from '../../base/errors.ts'
import type { FileStat, FileSystem } from '../disk/file-system.ts'
import {
  packHead,
  packHeadLength,
  packName,
  packNumber,
  recordHead,
  recordHeadLength,
} from './pack-format.ts'

/** What packs need of a file system: all of one will do. */
export interface PackDisk extends Pick<
  FileSystem,
  'open' | 'read' | 'write' | 'truncate' | 'sync' | 'close' | 'unlink' | 'makeDirectory' | 'syncDirectory'
> {
  list(path: string): readonly { readonly name: string }[]
  statFile(file: number): Pick<FileStat, 'size'>
}

/** Records are gathered up to this many bytes, so that small ones cost no system call each. */
const gatheredBytes = 1024 * 1024

interface CurrentPack {
  readonly number: number
  readonly file: number
  size: number
  parts: Uint8Array[]
  gathered: number
}

/** The files of packs: written at the end of one of them, read anywhere. What they hold is the index's to know. */
export class PackFiles {
  readonly #disk: PackDisk
  readonly #directory: string
  #current: CurrentPack | undefined
  #isDirty = false
  #hasNewName = false

  constructor(disk: PackDisk, directory: string) {
    this.#disk = disk
    this.#directory = directory
    try {
      disk.makeDirectory(directory)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }

  /** Of the packs that are there, in order. */
  numbers(): number[] {
    return this.#disk
      .list(this.#directory)
      .flatMap(({ name }) => packNumber(name) ?? [])
      .toSorted((left, right) => left - right)
  }

  path(number: number): string {
    return join(this.#directory, packName(number))
  }

  /** The pack that grows, and how long it is with what was gathered. */
  get current(): { readonly number: number; readonly size: number } | undefined {
    return this.#current
  }

  begin(number: number): void {
    this.end()
    const file = this.#disk.open(this.path(number), 'create')
    this.#current = { number, file, size: 0, parts: [packHead()], gathered: packHeadLength }
    this.#current.size = packHeadLength
    this.#isDirty = true
    this.#hasNewName = true
  }

  /** Goes on with a pack; what a crash left behind its end is cut off. */
  resume(number: number, size: number): void {
    const file = this.#disk.open(this.path(number), 'update')
    this.#current = { number, file, size, parts: [], gathered: 0 }
    this.#disk.truncate(file, size)
  }

  /** Of a pack that does not grow: what is behind that end goes. */
  cut(number: number, size: number): void {
    const file = this.#disk.open(this.path(number), 'update')
    try {
      this.#disk.truncate(file, size)
    } finally {
      this.#disk.close(file)
    }
  }

  /** Answers where the sealed chunk will be in the current pack; the bytes must stay as they are until `flush`. */
  append(id: Uint8Array, sealed: Uint8Array): number {
    const current = this.#current
    if (current === undefined) throw new Error('no pack has been begun')
    const offset = current.size + recordHeadLength
    current.parts.push(recordHead(id, sealed.length), sealed)
    current.size = offset + sealed.length
    current.gathered += recordHeadLength + sealed.length
    if (current.gathered >= gatheredBytes) this.flush()
    return offset
  }

  /** Everything that was appended can be read from the file when it returns. */
  flush(): void {
    const current = this.#current
    if (current === undefined || current.gathered === 0) return
    const { parts, gathered } = current
    current.parts = []
    current.gathered = 0
    this.#isDirty = true
    this.#disk.write(current.file, Buffer.concat(parts, gathered), current.size - gathered)
  }

  /** And survives a loss of power. */
  sync(): void {
    this.flush()
    if (this.#current === undefined || !this.#isDirty) return
    this.#disk.sync(this.#current.file)
    if (this.#hasNewName) this.#disk.syncDirectory(this.#directory)
    this.#isDirty = false
    this.#hasNewName = false
  }

  /** No pack grows any more. */
  end(): void {
    if (this.#current === undefined) return
    this.sync()
    const { file } = this.#current
    this.#current = undefined
    this.#disk.close(file)
  }

  remove(number: number): void {
    try {
      this.#disk.unlink(this.path(number))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }

  /** Undefined if it cannot be opened. */
  size(number: number): number | undefined {
    return this.#with(number, (file) => this.#disk.statFile(file).size)
  }

  /** Fewer bytes than asked for if the file ends before, or cannot be read. */
  read(number: number, offset: number, length: number): Uint8Array {
    const into = new Uint8Array(length)
    const count = this.#with(number, (file) => this.#disk.read(file, into, offset)) ?? 0
    return into.subarray(0, count)
  }

  /** Of what was not synced nobody may rely on anything. */
  close(): void {
    const current = this.#current
    this.#current = undefined
    if (current !== undefined) this.#disk.close(current.file)
  }

  #with(number: number, act: (file: number) => number): number | undefined {
    try {
      const file = this.#disk.open(this.path(number), 'read')
      try {
        return act(file)
      } finally {
        this.#disk.close(file)
      }
    } catch {
      return undefined
    }
  }
}
