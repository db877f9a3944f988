/** A directory whose content shall be what the view shows. */
export interface Work {
  /** Its item. */
  readonly directory: number
  /** All that is in it; else only what has these names in the log. */
  isWhole: boolean
  /** And all that is below. */
  isDeep: boolean
  readonly names: Set<string>
}

/**
 * Directories to look at, those at the top first: so what is above is in its place when something is put below it. A
 * directory is there once, however much of it there is to do.
 */
export class WorkQueue {
  readonly #levels: (Map<number, Work> | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  name(directory: number, depth: number, name: string): void {
    this.#at(directory, depth).names.add(name)
  }

  whole(directory: number, depth: number, isDeep: boolean): void {
    const work = this.#at(directory, depth)
    work.isWhole = true
    if (isDeep) work.isDeep = true
  }

  next(): { readonly work: Work; readonly depth: number } | undefined {
    if (this.#size === 0) return undefined
    for (let depth = 0; depth < this.#levels.length; depth++) {
      for (const [directory, work] of this.#levels[depth] ?? []) {
        this.#levels[depth]?.delete(directory)
        this.#size--
        return { work, depth }
      }
    }
    return undefined
  }

  clear(): void {
    this.#levels.length = 0
    this.#size = 0
  }

  #at(directory: number, depth: number): Work {
    while (this.#levels.length <= depth) this.#levels.push(undefined)
    const level = (this.#levels[depth] ??= new Map<number, Work>())
    let work = level.get(directory)
    if (work === undefined) {
      work = { directory, isWhole: false, isDeep: false, names: new Set() }
      level.set(directory, work)
      this.#size++
    }
    return work
  }
}
