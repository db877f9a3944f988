/** Directories that are looked at once more after a while: with something in them that was changing, or not as expected. */
export class AgainLater {
  #directories = new Set<number>()
  #at = Number.POSITIVE_INFINITY

  get isWaiting(): boolean {
    return this.#at !== Number.POSITIVE_INFINITY
  }

  /** `at`: by the monotonic clock. The earliest time counts for all. */
  add(directories: Iterable<number>, at: number): void {
    for (const directory of directories) this.#directories.add(directory)
    this.#at = Math.min(this.#at, at)
  }

  /** Undefined if it is not time yet. */
  take(now: number): ReadonlySet<number> | undefined {
    if (now < this.#at) return undefined
    this.#at = Number.POSITIVE_INFINITY
    const directories = this.#directories
    this.#directories = new Set()
    return directories
  }
}
