import type { FolderProblem } from '../plan/wanted.ts'

const most = 200

/** What a person should know of a folder, by who found it: a full look replaces what was found before. */
export class Problems {
  readonly #bySource = new Map<string, Map<string, FolderProblem>>()

  get all(): readonly FolderProblem[] {
    return [...this.#bySource.values()].flatMap((problems) => [...problems.values()]).slice(0, most)
  }

  /** One more, or one again. */
  add(source: string, problem: FolderProblem): void {
    const problems = this.#of(source)
    if (problems.size < most) problems.set(`${problem.code} ${problem.path}`, problem)
  }

  /** All of one source. */
  set(source: string, problems: readonly FolderProblem[]): void {
    this.#bySource.delete(source)
    for (const problem of problems) this.add(source, problem)
  }

  /** What a look found; of the paths that it looked at, it forgets what was found before. */
  replace(
    source: string,
    problems: readonly FolderProblem[],
    looked: 'everything' | ((path: string) => boolean),
  ): void {
    if (looked === 'everything') this.set(source, problems)
    else {
      const known = this.#of(source)
      for (const [key, { path }] of known) if (looked(path)) known.delete(key)
      for (const problem of problems) this.add(source, problem)
    }
  }

  /** A path is well again. */
  clear(source: string, path: string): void {
    const problems = this.#bySource.get(source)
    for (const [key, problem] of problems ?? []) if (problem.path === path) problems?.delete(key)
  }

  #of(source: string): Map<string, FolderProblem> {
    const known = this.#bySource.get(source) ?? new Map<string, FolderProblem>()
    this.#bySource.set(source, known)
    return known
  }
}
