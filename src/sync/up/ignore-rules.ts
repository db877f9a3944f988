import { join } from 'node:path'
import ignore from 'ignore'
import { samePrint, type FileSystem, type FileStat } from '../disk/file-system.ts'
import { privateName } from '../disk/private-directory.ts'
import { readText } from './marker.ts'

export const ignoreFileName = '.harpignore'
const mostBytes = 1024 * 1024

/** What editors and desktops leave behind. */
const always = ['.DS_Store', 'Thumbs.db', '~$*', '.~lock.*#', '.*.sw?']
const alwaysPattern = /^(?:\.DS_Store|Thumbs\.db|~\$.*|\.~lock\..*#|\..*\.sw.)$/su

/** The library remembers every path that it was asked about: after so many it is made anew. */
const questionsPerMatcher = 20_000

/**
 * What is not synced, by a file at the top of the folder in the syntax of .gitignore, which may also take back the
 * rules that hold without it. Nothing of the private directory's name is ever synced, whatever that file says.
 */
export class IgnoreRules {
  readonly #text: string | undefined
  #matcher: ReturnType<typeof ignore> | undefined
  #questions = 0

  constructor(text?: string) {
    this.#text = text
  }

  isSame(other: IgnoreRules): boolean {
    return this.#text === other.#text
  }

  /** `path`: relative to the folder, with `/` between names. Directories above it are not ignored. */
  isIgnored(path: string, isDirectory: boolean): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (name === privateName) return true
    if (this.#text === undefined) return alwaysPattern.test(name)
    if (this.#matcher === undefined || this.#questions++ > questionsPerMatcher) {
      this.#questions = 0
      this.#matcher = ignore({ ignorecase: false, allowRelativePaths: true }).add(always).add(this.#text)
    }
    return this.#matcher.ignores(isDirectory ? `${path}/` : path)
  }
}

/** The rules as the file says them now; read anew only when it has changed. */
export class IgnoreFile {
  #print: FileStat | undefined
  #rules: IgnoreRules | undefined

  get rules(): IgnoreRules | undefined {
    return this.#rules
  }

  /** Whether the rules are others than before. Throws if the file is there and cannot be read: the old rules stay. */
  load(fs: FileSystem, root: string): boolean {
    const path = join(root, ignoreFileName)
    const stat = fs.stat(path)
    const print = stat?.kind === 'file' ? stat : undefined
    const before = this.#rules
    if (before !== undefined && isSame(print, this.#print)) return false
    const rules = new IgnoreRules(print === undefined ? undefined : readText(fs, path, mostBytes))
    this.#rules = rules
    this.#print = print
    return before !== undefined && !before.isSame(rules)
  }
}

function isSame(left: FileStat | undefined, right: FileStat | undefined): boolean {
  return left === undefined || right === undefined ? left === right : samePrint(left, right)
}
