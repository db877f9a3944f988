import { compareIds } from '../ids.ts'
import { unlinkQuietly } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'
import { escapeReserved, unescapeReserved } from './reserved-names.ts'
import { privateName } from './private-directory.ts'

/** What names a disk can hold. */
export interface DiskNames {
  /** `a` and `A` are two names. */
  readonly isCaseSensitive: boolean
  /**
   * Of an accented letter as one character and as two: `exact` they are two names, `same` one, `decomposed` one that is
   * listed as two characters.
   */
  readonly forms: 'exact' | 'same' | 'decomposed'
  /** Names that Windows reserves cannot be used. */
  readonly isReserving: boolean
}

const nameBytes = 255
const encoder = new TextEncoder()

/** What names of the log are called on one disk. The log never changes for it. */
export class LocalNames {
  readonly #disk: DiskNames

  constructor(disk: DiskNames) {
    this.#disk = disk
  }

  /**
   * For all names that the log shows in one directory. Of names that are one on this disk the first keeps its own, the
   * others get `~case2`, `~case3` … behind it; so does one that is ours on every disk. Depends on nothing but the names.
   */
  placeNames(shownNames: readonly string[]): Map<string, string> {
    const placed = new Map<string, string>()
    const taken = new Set([this.#keyOf(privateName)])
    const clashing: string[] = []
    for (const name of this.#inOrder(shownNames)) {
      const local = this.#spell(name)
      const key = this.#keyOf(local)
      if (taken.has(key) || isTooLong(local)) {
        clashing.push(name)
      } else {
        taken.add(key)
        placed.set(name, local)
      }
    }
    for (const name of clashing) {
      const local = this.#numbered(this.#spell(name), taken)
      taken.add(this.#keyOf(local))
      placed.set(name, local)
    }
    return placed
  }

  /** What the log calls something that was made on this disk under a name of its own. */
  logName(diskName: string): string {
    const name = this.#disk.isReserving ? unescapeReserved(diskName) : diskName
    return name.normalize('NFC')
  }

  /** Whether two names are one on this disk. */
  isSame(left: string, right: string): boolean {
    return left === right || this.#keyOf(left) === this.#keyOf(right)
  }

  /** Bytewise; on a disk where every name is its own the order says nothing. */
  #inOrder(names: readonly string[]): readonly string[] {
    const { isCaseSensitive, forms, isReserving } = this.#disk
    return isCaseSensitive && forms === 'exact' && !isReserving ? names : names.toSorted(compareIds)
  }

  /** As the disk will list it. */
  #spell(name: string): string {
    const escaped = this.#disk.isReserving ? escapeReserved(name) : name
    return this.#disk.forms === 'decomposed' ? escaped.normalize('NFD') : escaped
  }

  /** Up and down again: letters that are one in capitals are one. More of them than on any disk, which does no harm. */
  #keyOf(name: string): string {
    const formed = this.#disk.forms === 'exact' ? name : name.normalize('NFC')
    if (this.#disk.isCaseSensitive) return formed
    const folded = formed.toUpperCase().toLowerCase()
    return this.#disk.forms === 'exact' ? folded : folded.normalize('NFC')
  }

  #numbered(name: string, taken: ReadonlySet<string>): string {
    for (let number = 2; ; number++) {
      const ending = `~case${number}`
      const numbered = shorten(name, nameBytes - ending.length) + ending
      if (!taken.has(this.#keyOf(numbered))) return numbered
    }
  }
}

function isTooLong(name: string): boolean {
  // No character has more than three bytes for each of its units.
  return name.length * 3 > nameBytes && encoder.encode(name).length > nameBytes
}

function shorten(name: string, most: number): string {
  let short = ''
  let bytes = 0
  for (const character of name) {
    bytes += encoder.encode(character).length
    if (bytes > most) break
    short += character
  }
  return short
}

/** Finds out by trying, in a directory that is ours. */
export function probeDisk(fs: FileSystem, privateDir: string): DiskNames {
  const composed = `${privateDir}/probe-\u00e9`
  const decomposed = `${privateDir}/probe-e\u0301`
  const reserved = `${privateDir}/probe-a:b`
  const probes = [`${privateDir}/probe-case`, composed, decomposed, reserved]
  for (const path of probes) unlinkQuietly(fs, path)
  try {
    fs.close(fs.open(`${privateDir}/probe-case`, 'create'))
    const isCaseSensitive = fs.stat(`${privateDir}/PROBE-CASE`) === undefined

    fs.close(fs.open(composed, 'create'))
    let forms: DiskNames['forms'] = 'exact'
    if (fs.stat(decomposed) !== undefined) {
      const isKept = fs.list(privateDir).some(({ name }) => `${privateDir}/${name}` === composed)
      forms = isKept ? 'same' : 'decomposed'
    }
    return { isCaseSensitive, forms, isReserving: !canMake(fs, reserved, privateDir) }
  } finally {
    for (const path of probes) unlinkQuietly(fs, path)
  }
}

/** Some take the name, and make something else of it. */
function canMake(fs: FileSystem, path: string, directory: string): boolean {
  try {
    fs.close(fs.open(path, 'create'))
  } catch {
    return false
  }
  return fs.list(directory).some(({ name }) => `${directory}/${name}` === path)
}
