import type { ModelInode } from './model-inode.ts'

export interface ModelOptions {
  /** Default: true. */
  readonly isCaseSensitive?: boolean
  /** Of accented letters; see DiskNames. Default: `exact`. */
  readonly forms?: 'exact' | 'same' | 'decomposed'
  /** Whether files can have second names. Default: true. */
  readonly hasLinks?: boolean
  /** Characters that no name may have. Default: none. */
  readonly refuses?: RegExp
  /** Of a loss of power: times are in the journal with the names, as on most disks. Default: false. */
  readonly keepsTimes?: boolean
  /** Milliseconds since 1970. Default: one more at every change. */
  readonly now?: () => number
}

/** Where a path ends. */
export interface Place {
  /** The directories from the top to the one that it is in. */
  readonly way: readonly ModelInode[]
  readonly directory: ModelInode
  readonly key: string
  readonly name: string
  readonly inode: ModelInode | undefined
}

const encoder = new TextEncoder()
const maximumLinks = 40

/** Finds what a path names, in the manner of a disk with these options. */
export class ModelPaths {
  readonly #root: ModelInode
  readonly #options: ModelOptions

  constructor(root: ModelInode, options: ModelOptions) {
    this.#root = root
    this.#options = options
  }

  existing(path: string): Place & { readonly inode: ModelInode } {
    const place = this.locate(path)
    if (place.inode === undefined) throw failure('ENOENT', path)
    return { ...place, inode: place.inode }
  }

  directory(path: string): ModelInode {
    if (path === '/') return this.#root
    const { inode } = this.existing(path)
    if (inode.kind !== 'directory') throw failure('ENOTDIR', path)
    return inode
  }

  /** Follows symlinks on the way, and not the last step. */
  locate(path: string): Place {
    const steps = path.split('/').filter((step) => step !== '')
    const way = [this.#root]
    let links = 0
    for (;;) {
      const directory = way.at(-1) ?? this.#root
      const name = steps.shift()
      if (name === undefined) throw failure('EBUSY', path)
      if (name === '.') continue
      if (name === '..') {
        if (way.length > 1) way.pop()
        continue
      }
      if (encoder.encode(name).length > 255) throw failure('ENAMETOOLONG', path)
      if (this.#options.refuses?.test(name) === true) throw failure('EINVAL', path)
      const key = this.#keyOf(name)
      const inode = directory.entries.get(key)?.inode
      if (steps.length === 0) return { way, directory, key, name, inode }
      if (inode === undefined) throw failure('ENOENT', path)
      if (inode.kind === 'symlink') {
        if (++links > maximumLinks) throw failure('ELOOP', path)
        if (inode.target.startsWith('/')) way.length = 1
        steps.unshift(...inode.target.split('/').filter((step) => step !== ''))
      } else if (inode.kind === 'directory') way.push(inode)
      else throw failure('ENOTDIR', path)
    }
  }

  #keyOf(name: string): string {
    const formed = (this.#options.forms ?? 'exact') === 'exact' ? name : name.normalize('NFC')
    return this.#options.isCaseSensitive === false ? formed.toLowerCase() : formed
  }

  listed(name: string): string {
    return this.#options.forms === 'decomposed' ? name.normalize('NFD') : name
  }
}

export function failure(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code })
}
