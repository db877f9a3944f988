import type { ItemStore } from '../items/item.ts'

const fact = 'racy-since'
/** Clocks of file systems tick every few milliseconds, those of old ones every two seconds. */
const fineMs = 100
const coarseMs = 2_000
const farMs = 600_000
const mostItems = 100_000

/**
 * Files that were changed a moment before they were read: another write within the same tick of the file system's clock
 * would leave all that a stat tells as it is. They are read once more when that moment has passed.
 */
export class RacyItems {
  readonly #items = new Map<number, number>()
  /** Of the run before, which may have ended before it read them again. */
  #before: number | undefined

  constructor(before: string | undefined) {
    this.#before = before === undefined ? undefined : Number(before)
  }

  /** It was read after `since`. Returns whether it has to be read again. */
  note(item: number, mtimeMs: number, since: number): boolean {
    const window = Number.isInteger(mtimeMs / 1000) ? coarseMs : fineMs
    // A time in the future was set by somebody: a write will set it back.
    const isOld = mtimeMs < since - window || mtimeMs > since + farMs
    if (isOld || this.#items.size >= mostItems) {
      this.#items.delete(item)
      return false
    }
    this.#items.set(item, mtimeMs)
    return true
  }

  has(item: number, mtimeMs: number): boolean {
    return this.#items.has(item) || (this.#before !== undefined && mtimeMs >= this.#before)
  }

  /** After a full scan all of the run before have been read. */
  settle(): void {
    this.#before = undefined
  }

  store(items: ItemStore): void {
    let least = this.#before ?? Number.POSITIVE_INFINITY
    for (const mtimeMs of this.#items.values()) least = Math.min(least, mtimeMs)
    const value = Number.isFinite(least) ? String(least) : undefined
    if (items.fact(fact) !== value) items.setFact(fact, value)
  }

  static load(items: ItemStore): RacyItems {
    return new RacyItems(items.fact(fact))
  }
}
