import type { NodeId } from '../ids.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { upErrors, type UpErrorCode } from './up-errors.ts'
import type { Blocked, ScanProgress, ScanReport } from './up-parts.ts'

/** More are not shown to anybody. */
const mostProblems = 200
/** From here on looking at everything is no more work. */
const mostStale = 50_000

/** What one scan has found so far. */
export class Findings {
  readonly again = new Set<number>()
  readonly damaged: number[] = []
  changed = 0
  scanned = 0
  hashed = 0
  hashedBytes = 0
  blocked: Blocked | undefined
  isComplete = false
  readonly #problems = new Map<string, FolderProblem>()
  readonly #stale = new Set<NodeId>()

  get progress(): ScanProgress {
    const { scanned, hashed, hashedBytes } = this
    return { scanned, hashed, hashedBytes }
  }

  get report(): ScanReport {
    const { changed, again, blocked, damaged, isComplete } = this
    const stale = this.#stale.size > mostStale ? 'everything' : this.#stale
    return { changed, again, problems: [...this.#problems.values()], blocked, damaged, stale, isComplete }
  }

  /** `path` is relative to the folder. */
  problem(code: UpErrorCode, path: string, message: string): void {
    if (this.#problems.size >= mostProblems) return
    this.#problems.set(`${code} ${path}`, { code, path, message, fix: upErrors[code].fix })
  }

  stale(nodes: readonly NodeId[]): void {
    if (this.#stale.size > mostStale) return
    for (const node of nodes) this.#stale.add(node)
  }
}
