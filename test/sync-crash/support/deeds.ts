/** One thing a user did, by the paths that it concerned. */
interface Deed {
  readonly device: string
  readonly paths: readonly string[]
  /** All below these is concerned as well. */
  readonly isWhole: boolean
}

/** What users did since the devices last agreed: tells which paths must be as one user left them, and which as before. */
export class Deeds {
  #deeds: Deed[] = []
  readonly #left = new Map<string, string | undefined>()
  /** Paths that were deleted, or renamed from or to, be it for a moment. */
  readonly #loose = new Set<string>()

  clear(): void {
    this.#deeds = []
    this.#left.clear()
    this.#loose.clear()
  }

  /** All that users had to do with, by its old and new names. */
  paths(): Set<string> {
    return new Set(this.#deeds.flatMap(({ paths, isWhole }) => (isWhole ? [] : paths)))
  }

  /** `left`: the content that is at the path now, undefined if nothing is. */
  file(device: string, left: Readonly<Record<string, string | undefined>>): void {
    this.#deeds.push({ device, paths: Object.keys(left), isWhole: false })
    const paths = Object.keys(left)
    for (const [path, content] of Object.entries(left)) {
      this.#left.set(path, content)
      if (content === undefined || paths.length > 1) this.#loose.add(path)
    }
  }

  whole(device: string, ...paths: readonly string[]): void {
    this.#deeds.push({ device, paths, isWhole: true })
  }

  /** Whether what was at a path may be missing at some moment: nobody did anything but save it otherwise. */
  mayBeGone(path: string): boolean {
    if (this.#loose.has(path)) return true
    return this.#deeds.some(({ isWhole, paths }) => isWhole && paths.some((one) => isBelow(path, one)))
  }

  /**
   * What must be at a path in the end, given what was before: `content` (undefined for nothing), or nothing at all if
   * more than one user, or a deed on a whole directory, had to do with it.
   */
  expected(path: string, before: string | undefined): { readonly content: string | undefined } | undefined {
    const paths = new Set([path])
    const devices = new Set<string>()
    // A rename ties two paths together, so what is found out of one may concern others.
    for (let grown = true; grown;) {
      grown = false
      for (const deed of this.#deeds) {
        const isConcerned = deed.paths.some((one) =>
          [...paths].some((mine) => mine === one || isBelow(one, mine) || isBelow(mine, one)),
        )
        if (!isConcerned) continue
        if (deed.isWhole) return undefined
        devices.add(deed.device)
        for (const one of deed.paths) {
          if (paths.has(one)) continue
          paths.add(one)
          grown = true
        }
      }
    }
    if (devices.size === 0) return { content: before }
    if (devices.size > 1) return undefined
    return { content: this.#left.has(path) ? this.#left.get(path) : before }
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`)
}
