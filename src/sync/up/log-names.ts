import { limits } from '../format/limits.ts'
import type { Item } from '../items/item.ts'
import { isName } from '../tree/spots.ts'
import type { DiskEntry } from '../work/job.ts'

/**
 * What the names of one directory are called in the log. Two names on the disk may be one there, if they differ only in
 * how accents are encoded: the one that was first keeps it.
 */
export class LogNames {
  readonly #onDisk = new Set<string>()
  readonly #taken = new Map<string, string>()
  readonly #logName: (diskName: string) => string

  constructor(entries: readonly DiskEntry[], items: readonly Item[], logName: (diskName: string) => string) {
    this.#logName = logName
    for (const { name } of entries) this.#onDisk.add(name)
    for (const { name, logName: taken } of items) if (name !== taken) this.#taken.set(taken, name)
  }

  hasName(diskName: string): boolean {
    return this.#onDisk.has(diskName)
  }

  /** `bad`: the log cannot hold it; `clash`: another name is the same there. */
  of(diskName: string): { readonly logName: string } | 'bad' | 'clash' {
    const logName = this.#logName(diskName)
    if (!isName(logName)) return 'bad'
    const owner = this.#taken.get(logName)
    if (owner !== undefined && owner !== diskName && this.#onDisk.has(owner)) return 'clash'
    if (logName === diskName) return { logName }
    if (this.#onDisk.has(logName)) return 'clash'
    this.#taken.set(logName, diskName)
    return { logName }
  }
}

export function describeBadName(path: string): string {
  return `${path}: names are UTF-8 text of at most ${limits.nameBytes} bytes`
}
