import { relative } from 'node:path'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { rootItem, stashItem } from '../items/item.ts'
import type { NodeId } from '../ids.ts'
import type { DownReport } from './down-parts.ts'
import { planErrors } from './plan-errors.ts'
import type { FolderProblem, WantedContent } from './wanted.ts'

/** Something is there that was not expected, or is not there that was: what a scan will tell. */
const surprises = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'ELOOP', 'EINVAL'])
/** Nobody reads more. */
const mostProblems = 1_000
const systemCode = /^E[A-Z0-9]+$/

/** What one call finds and does, within its budget. */
export class Turn {
  /** By place: one that is looked at again says it again. */
  readonly #wanted = new Map<string, WantedContent>()
  readonly dirty = new Set<number>()
  readonly #problems = new Map<string, FolderProblem>()
  readonly appeared: number[] = []
  readonly changedDirectories = new Set<string>()
  /** What could not be done: their nodes are looked at again next time. */
  readonly postponed = new Set<NodeId>()
  /** Changes of the disk. */
  changes = 0
  readonly #root: string
  #left: number

  constructor(root: string, budget: number) {
    this.#root = root
    this.#left = budget
  }

  get isSpent(): boolean {
    return this.#left <= 0
  }

  spend(steps: number): void {
    this.#left -= steps
  }

  /** A step that changed the disk. */
  changed(): void {
    this.changes++
    this.#left--
  }

  want(wanted: WantedContent): void {
    this.#wanted.set(keyOf(wanted.parent, wanted.name), wanted)
  }

  /** Something else stands there now. */
  unwant(directory: number, name: string): void {
    this.#wanted.delete(keyOf(directory, name))
  }

  postpone(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.postponed.add(node)
  }

  mustScan(directory: number): void {
    this.dirty.add(directory === stashItem ? rootItem : directory)
  }

  problem(code: keyof typeof planErrors, path: string, message: string): void {
    const name = relative(this.#root, path)
    if (this.#problems.size >= mostProblems) return
    this.#problems.set(`${code} ${name}`, { code, path: name, message, fix: planErrors[code].fix })
  }

  /** Does something to a path in a directory. False if the system refused; what is no business of the disk goes on up. */
  attempt(path: string, directory: number, act: () => boolean): boolean {
    try {
      return act()
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (surprises.has(errorCode(error))) this.mustScan(directory)
      else this.problem('FOLDER_DISK_FAULT', path, errorMessage(error))
      return false
    }
  }

  report(done: boolean): DownReport {
    const { dirty, appeared, changedDirectories } = this
    const problems = [...this.#problems.values()]
    return { wanted: [...this.#wanted.values()], dirty, problems, done, appeared, changedDirectories }
  }
}

export function isSystemError(error: unknown): boolean {
  return !(error instanceof HarpError) && systemCode.test(errorCode(error))
}

function keyOf(directory: number, name: string): string {
  return `${directory}/${name}`
}
