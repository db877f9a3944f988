import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Chance } from '../../sim/chance.ts'
import type { Deeds } from './deeds.ts'
import { hashOf, type Ledger } from './ledger.ts'

export interface UserParts {
  readonly device: string
  readonly root: string
  readonly chance: Chance
  readonly ledger: Ledger
  readonly deeds: Deeds
  /** For the trace of a run. */
  readonly tell: (line: string) => void
}

/** A write of so few bytes at such a place is never seen half. */
const recordBytes = 512
const directories = ['', '', 'a', 'a/deep', 'b', 'b/c', 'd']
const directoryNames = ['a', 'b', 'c', 'd', 'deep', 'e']
const fileNames = 18

const weights = {
  create: 22,
  save: 22,
  rewrite: 6,
  patch: 10,
  append: 8,
  rename: 10,
  remove: 5,
  exec: 3,
  mkdir: 4,
  moveDirectory: 3,
  removeDirectory: 1,
  link: 3,
}
type Deed = keyof typeof weights

/** Works in a folder as people and their programs do, and writes down what it wrote and did away with. */
export class User {
  readonly #parts: UserParts
  #number = 0

  constructor(parts: UserParts) {
    this.#parts = parts
  }

  /** One deed, as chance has it. What is not possible as the disk is, is left. */
  act(): void {
    const deed: Deed = this.#parts.chance.weighted(weights)
    try {
      this.#do(deed)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (!['ENOENT', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'EINVAL'].includes(code ?? '')) throw error
    }
  }

  /** A file that is written beside and renamed to its place. */
  save(path: string, size: number, isSilent = false): void {
    const { ledger, device, deeds } = this.#parts
    const bytes = this.#bytes(size)
    const beside = join(dirname(this.#at(path)), `.${this.#number}.saving`)
    const hash = ledger.written(bytes, device, `save ${path}`)
    mkdirSync(dirname(beside), { recursive: true })
    writeFileSync(beside, bytes)
    const before = this.#hashAt(path)
    renameSync(beside, this.#at(path))
    ledger.destroyed(before, device)
    deeds.file(device, { [path]: hash })
    if (!isSilent) this.#tell(`save ${path} ${size} ${hash.slice(0, 8)}`)
  }

  /** 512 bytes of a file, in place. */
  patch(path: string): void {
    const { chance, ledger, device, deeds } = this.#parts
    const file = openSync(this.#at(path), 'r+')
    try {
      const { ino, size } = fstatSync(file)
      if (size < recordBytes) return
      const bytes = readFileSync(file)
      const before = hashOf(bytes)
      const offset = chance.below(Math.floor(size / recordBytes)) * recordBytes
      const record = this.#bytes(recordBytes)
      bytes.set(record, offset)
      const hash = ledger.written(bytes, device, `patch ${path} at ${offset}`)
      writeSync(file, record, 0, recordBytes, offset)
      this.#wroteInPlace({ path, ino, before, hash })
      deeds.file(device, { [path]: hash })
      this.#tell(`patch ${path} at ${offset} ${before.slice(0, 8)} -> ${hash.slice(0, 8)}`)
    } finally {
      closeSync(file)
    }
  }

  #do(deed: Deed): void {
    const { chance } = this.#parts
    if (deed === 'create') this.save(this.#newPath(), this.#size())
    else if (deed === 'mkdir') this.#mkdir()
    else if (deed === 'moveDirectory') this.#moveDirectory()
    else if (deed === 'removeDirectory') this.#removeDirectory()
    else if (deed === 'link') this.#link()
    else {
      const path = this.#anyFile()
      if (path === undefined) return
      if (deed === 'save') this.save(path, this.#size())
      else if (deed === 'rewrite') this.#rewrite(path)
      else if (deed === 'patch') this.patch(path)
      else if (deed === 'append') this.#append(path)
      else if (deed === 'rename') this.#rename(path, this.#newPath())
      else if (deed === 'remove') this.#remove(path)
      else this.#exec(path, chance.percent(60))
    }
  }

  /** As simple editors save: made empty, then written. */
  #rewrite(path: string): void {
    const { ledger, device, deeds } = this.#parts
    const before = this.#hashAt(path)
    const { ino } = statSync(this.#at(path))
    const bytes = this.#bytes(recordBytes)
    const hash = ledger.written(bytes, device, `rewrite ${path}`)
    writeFileSync(this.#at(path), bytes)
    this.#wroteInPlace({ path, ino, before, hash })
    deeds.file(device, { [path]: hash })
    this.#tell(`rewrite ${path} ${hash.slice(0, 8)}`)
  }

  #append(path: string): void {
    const { ledger, device, deeds } = this.#parts
    const file = openSync(this.#at(path), 'a+')
    try {
      const { ino, size } = fstatSync(file)
      if (size % recordBytes !== 0 || size > 4 * 1024 * 1024) return
      const bytes = readFileSync(this.#at(path))
      const before = hashOf(bytes)
      const record = this.#bytes(recordBytes)
      const hash = ledger.written(Buffer.concat([bytes, record]), device, `append to ${path}`)
      appendFileSync(file, record)
      this.#wroteInPlace({ path, ino, before, hash })
      deeds.file(device, { [path]: hash })
      this.#tell(`append ${path} ${before.slice(0, 8)} -> ${hash.slice(0, 8)}`)
    } finally {
      closeSync(file)
    }
  }

  /** Another file may have taken the place between opening and writing: then nobody can tell what became of it. */
  #wroteInPlace(done: { path: string; ino: number; before: string | undefined; hash: string }): void {
    const { ledger, device } = this.#parts
    ledger.destroyed(done.before, device)
    const found = lstatSync(this.#at(done.path), { throwIfNoEntry: false })
    if (found?.ino !== done.ino) ledger.doubtful(done.hash)
  }

  #rename(from: string, to: string): void {
    const { ledger, device, deeds } = this.#parts
    if (from === to || lstatSync(this.#at(to), { throwIfNoEntry: false })?.isDirectory() === true) return
    mkdirSync(dirname(this.#at(to)), { recursive: true })
    const before = this.#hashAt(to)
    const moved = this.#hashAt(from)
    renameSync(this.#at(from), this.#at(to))
    ledger.destroyed(before, device)
    deeds.file(device, { [from]: undefined, [to]: moved })
    this.#tell(`rename ${from} -> ${to}`)
  }

  #remove(path: string): void {
    const { ledger, device, deeds } = this.#parts
    const before = this.#hashAt(path)
    unlinkSync(this.#at(path))
    ledger.destroyed(before, device)
    deeds.file(device, { [path]: undefined })
    this.#tell(`remove ${path}`)
  }

  #exec(path: string, isExec: boolean): void {
    const { device, deeds } = this.#parts
    chmodSync(this.#at(path), isExec ? 0o755 : 0o644)
    deeds.file(device, { [path]: this.#hashAt(path) })
    this.#tell(`exec ${path} ${isExec}`)
  }

  #link(): void {
    const { device, deeds } = this.#parts
    const path = `${this.#newPath()}.link`
    symlinkSync(`f${this.#number++}`, this.#at(path))
    deeds.file(device, { [path]: 'link' })
    this.#tell(`link ${path}`)
  }

  #mkdir(): void {
    const { chance } = this.#parts
    const path = this.#newDirectory(chance.pick(['', 'a', 'b', 'd']))
    mkdirSync(this.#at(path), { recursive: true })
    this.#tell(`mkdir ${path}`)
  }

  #moveDirectory(): void {
    const { chance, device, deeds } = this.#parts
    const from = this.#anyDirectory()
    if (from === undefined) return
    const into = chance.percent(50) ? dirname(from) : (this.#anyDirectory() ?? '')
    const to = this.#newDirectory(into === '.' ? '' : into)
    if (to === from || to.startsWith(`${from}/`) || existsSync(this.#at(to))) return
    renameSync(this.#at(from), this.#at(to))
    deeds.whole(device, from, to)
    this.#tell(`move ${from}/ -> ${to}/`)
  }

  #removeDirectory(): void {
    const { ledger, device, deeds } = this.#parts
    const path = this.#anyDirectory()
    if (path === undefined) return
    const files = this.#files(path)
    if (files.length > 6) return
    for (const file of files) ledger.destroyed(this.#hashAt(file), device)
    rmSync(this.#at(path), { recursive: true })
    deeds.whole(device, path)
    this.#tell(`remove ${path}/ with ${files.length} files`)
  }

  #newPath(): string {
    const { chance } = this.#parts
    const directory = chance.percent(70) ? chance.pick(directories) : (this.#anyDirectory() ?? '')
    return `${directory === '' ? '' : `${directory}/`}f${chance.below(fileNames)}`
  }

  #newDirectory(parent: string): string {
    const name = this.#parts.chance.pick(directoryNames)
    return parent === '' ? name : `${parent}/${name}`
  }

  #anyFile(): string | undefined {
    const files = this.#files('')
    return files.length === 0 ? undefined : this.#parts.chance.pick(files)
  }

  #anyDirectory(): string | undefined {
    const found = this.#list('').filter(({ isDirectory }) => isDirectory)
    return found.length === 0 ? undefined : this.#parts.chance.pick(found).path
  }

  #files(directory: string): string[] {
    return this.#list(directory)
      .filter(({ isFile }) => isFile)
      .map(({ path }) => path)
  }

  #list(directory: string): { path: string; isFile: boolean; isDirectory: boolean }[] {
    const found: { path: string; isFile: boolean; isDirectory: boolean }[] = []
    for (const entry of readdirSync(this.#at(directory), { withFileTypes: true })) {
      if (entry.name === '.harp' || entry.name.startsWith('big')) continue
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      found.push({ path, isFile: entry.isFile(), isDirectory: entry.isDirectory() })
      if (entry.isDirectory()) found.push(...this.#list(path))
    }
    return found
  }

  /** Mostly small, in whole records. */
  #size(): number {
    const { chance } = this.#parts
    const records = chance.weighted({ small: 70, middle: 25, large: 5 })
    const most = { small: 12, middle: 700, large: 5_000 }[records]
    return chance.between(1, most) * recordBytes
  }

  /** Never the same twice. */
  #bytes(size: number): Buffer {
    const { device, chance } = this.#parts
    const head = Buffer.from(`${device} wrote number ${++this.#number} ${chance.below(1_000_000_000)}\n`)
    const bytes = Buffer.alloc(size)
    const noise = chance.bytes(Math.min(size, 65_536))
    for (let at = 0; at < size; at += noise.length) {
      bytes.set(noise.subarray(0, Math.min(noise.length, size - at)), at)
      bytes.writeUInt32LE(at, at)
    }
    head.copy(bytes)
    return bytes
  }

  #hashAt(path: string): string | undefined {
    const stat = lstatSync(this.#at(path), { throwIfNoEntry: false })
    return stat?.isFile() === true ? hashOf(readFileSync(this.#at(path))) : undefined
  }

  #at(path: string): string {
    return join(this.#parts.root, path)
  }

  #tell(line: string): void {
    const { tell, device } = this.#parts
    tell(`${device}: ${line}`)
  }
}
