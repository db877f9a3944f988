import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { hashOf } from './ledger.ts'

export interface Standing {
  readonly kind: 'file' | 'directory' | 'symlink'
  /** The hash of a file, the target of a symlink. */
  readonly content: string
  readonly size: number
  readonly exec: boolean
  readonly mtimeMs: number
}

export type DiskTree = Map<string, Standing>

interface Remembered extends Standing {
  readonly print: string
}

/** Reads what stands in a folder, again only what changed. Whatever vanishes meanwhile is left out. */
export class TreeReader {
  readonly #root: string
  #before = new Map<string, Remembered>()

  constructor(root: string) {
    this.#root = root
  }

  read(): DiskTree {
    const found = new Map<string, Remembered>()
    this.#list('', found)
    this.#before = found
    return found
  }

  #list(directory: string, found: Map<string, Remembered>): void {
    for (const name of orNothing(() => readdirSync(join(this.#root, directory))) ?? []) {
      if (directory === '' && name === '.harp') continue
      const path = directory === '' ? name : `${directory}/${name}`
      const one = orNothing(() => this.#look(path))
      if (one === undefined) continue
      found.set(path, one)
      if (one.kind === 'directory') this.#list(path, found)
    }
  }

  #look(path: string): Remembered | undefined {
    const absolute = join(this.#root, path)
    const stat = lstatSync(absolute)
    const rest = { exec: false, mtimeMs: 0, size: 0, print: '' }
    if (stat.isDirectory()) return { ...rest, kind: 'directory', content: '' }
    if (stat.isSymbolicLink()) return { ...rest, kind: 'symlink', content: readlinkSync(absolute) }
    const file = openSync(absolute, 'r')
    try {
      const { ino, size, mtimeMs, ctimeMs, mode } = fstatSync(file)
      const print = `${ino} ${size} ${mtimeMs} ${ctimeMs}`
      const before = this.#before.get(path)
      const content = before?.print === print ? before.content : hashOf(readFileSync(file))
      return { kind: 'file', content, size, exec: (mode & 0o100) !== 0, mtimeMs, print }
    } finally {
      closeSync(file)
    }
  }
}

/** What two trees do not agree in; empty if they are the same. */
export function differences(left: DiskTree, right: DiskTree): string[] {
  const found: string[] = []
  for (const [path, one] of left) {
    const other = right.get(path)
    if (other === undefined) found.push(`${path}: ${one.kind} only on the left`)
    else if (one.kind !== other.kind) found.push(`${path}: ${one.kind} and ${other.kind}`)
    else if (one.content !== other.content) found.push(`${path}: other content`)
    else if (one.exec !== other.exec) found.push(`${path}: exec ${one.exec} and ${other.exec}`)
    else if (Math.abs(one.mtimeMs - other.mtimeMs) > 1) found.push(`${path}: other time`)
  }
  for (const [path, { kind }] of right) if (!left.has(path)) found.push(`${path}: ${kind} only on the right`)
  return found
}

function orNothing<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'EISDIR') return undefined
    throw error
  }
}
