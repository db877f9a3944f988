/** What is in the folders: the same bytes for all programs and rounds, and nothing that could be compressed. */
import { createCipheriv, type Cipheriv } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

const mib = 1_048_576
/** For the programs themselves. */
const spareMiB = 512
const largeName = 'large.bin'
const folderNames = ['many', 'renamed'] as const
const filesInDirectory = 200
const smallBytes = 4_096
/** Of one file for memory: different in each. */
const tinyBytes = 16

export class Content {
  readonly #sizeMiB: number
  /** On the same file system as the folders: what is to replace a file is written here. */
  readonly #aside: string

  constructor(sizeMiB: number, aside: string) {
    this.#sizeMiB = sizeMiB
    this.#aside = aside
  }

  writeLarge(directory: string): void {
    const noise = new Noise(1)
    const file = openSync(join(directory, largeName), 'w')
    for (let written = 0; written < this.#sizeMiB; written++) writeSync(file, noise.next(mib))
    closeSync(file)
  }

  /**
   * Uses as much memory of the system as a case may need, and gives it back: the host of a virtual machine takes back
   * what is free, and each page that it has to give again costs several times the writing of it. So all begin alike.
   */
  warmPages(): void {
    const aside = join(this.#aside, 'warm')
    const part = Buffer.alloc(mib)
    const file = openSync(aside, 'w')
    for (let written = 0; written < this.#sizeMiB + spareMiB; written++) writeSync(file, part)
    closeSync(file)
    rmSync(aside)
  }

  /** As most programs save: a new file takes the place of the old one. */
  insertAtFront(directory: string, bytes: number): void {
    const path = join(directory, largeName)
    const aside = join(this.#aside, largeName)
    const source = openSync(path, 'r')
    const file = openSync(aside, 'w')
    writeSync(file, new Noise(2).next(bytes))
    const part = Buffer.alloc(mib)
    for (let read = readSync(source, part); read > 0; read = readSync(source, part)) {
      writeSync(file, part, 0, read)
    }
    closeSync(file)
    closeSync(source)
    renameSync(aside, path)
  }

  /** In place. */
  overwriteByte(directory: string): void {
    const file = openSync(join(directory, largeName), 'r+')
    const position = Math.floor(this.#sizeMiB / 2) * mib + 4_711
    const byte = Buffer.alloc(1)
    readSync(file, byte, 0, 1, position)
    writeSync(file, Buffer.of(byte.readUInt8() ^ 0xff), 0, 1, position)
    closeSync(file)
  }

  hasLarge(from: string, to: string): boolean {
    return isSame(join(from, largeName), join(to, largeName))
  }

  writeSmall(directory: string, files: number): void {
    writeMany(join(directory, folderNames[0]), { first: 0, count: files, bytes: smallBytes })
  }

  renameFolder(directory: string): void {
    const [before, after] = folderNames
    renameSync(join(directory, before), join(directory, after))
  }

  /** The first, the last, and nothing under the other name. */
  hasSmall(from: string, to: string, files: number): boolean {
    return folderNames.every((name) => {
      if (!existsSync(join(from, name))) return !existsSync(join(to, name))
      return [0, files - 1].every((file) => {
        const path = join(name, smallPath(file))
        return isSame(join(from, path), join(to, path))
      })
    })
  }

  writeTiny(directory: string, first: number, count: number): void {
    writeMany(join(directory, folderNames[0]), { first, count, bytes: tinyBytes })
  }
}

/** The first path at which two folders differ, in kinds or bytes; null if they are the same. */
export function findDifference(left: string, right: string, path = ''): string | null {
  const names = visibleNames(join(left, path))
  const others = visibleNames(join(right, path))
  if (names.length !== others.length) return `${path}: ${names.length} and ${others.length} names`
  for (const [index, { name, isDirectory }] of names.entries()) {
    const at = join(path, name)
    const other = others[index]
    if (other?.name !== name || other.isDirectory !== isDirectory) return at
    const difference = isDirectory
      ? findDifference(left, right, at)
      : hasSameBytes(join(left, at), join(right, at))
        ? null
        : at
    if (difference !== null) return difference
  }
  return null
}

/** What the programs keep for themselves begins with a dot. */
function visibleNames(directory: string): { name: string; isDirectory: boolean }[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

function hasSameBytes(left: string, right: string): boolean {
  const files = [openSync(left, 'r'), openSync(right, 'r')] as const
  const parts = [Buffer.alloc(mib), Buffer.alloc(mib)] as const
  try {
    for (;;) {
      const read = readSync(files[0], parts[0])
      if (read !== readSync(files[1], parts[1])) return false
      if (read === 0) return true
      if (!parts[0].subarray(0, read).equals(parts[1].subarray(0, read))) return false
    }
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** Size and time: all that are measured here carry over both. */
function isSame(from: string, to: string): boolean {
  const source = statSync(from, { throwIfNoEntry: false })
  const target = statSync(to, { throwIfNoEntry: false })
  if (source === undefined || target === undefined) return false
  return source.size === target.size && Math.floor(source.mtimeMs) === Math.floor(target.mtimeMs)
}

function writeMany(folder: string, files: { first: number; count: number; bytes: number }): void {
  const { first, count, bytes } = files
  const noise = new Noise(3 + first)
  for (let file = first; file < first + count; file++) {
    const path = join(folder, smallPath(file))
    if (file % filesInDirectory === 0 || file === first) mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, noise.next(bytes))
  }
}

function smallPath(file: number): string {
  return join(`d${Math.floor(file / filesInDirectory)}`, `f${file}`)
}

/** Bytes as a cipher makes them of zeros. */
class Noise {
  readonly #cipher: Cipheriv
  #zeros = Buffer.alloc(0)

  constructor(seed: number) {
    const key = Buffer.alloc(16)
    key.writeUInt32LE(seed)
    this.#cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  }

  next(length: number): Buffer {
    if (this.#zeros.length < length) this.#zeros = Buffer.alloc(length)
    return this.#cipher.update(this.#zeros.subarray(0, length))
  }
}
